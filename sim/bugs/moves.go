package bugs

import "slices"

// moves returns the bugs of messages that move between queues, and of deliveries other than at least once.
func moves() []Bug {
	return []Bug{
		{
			Name: "transfer-stored-twice",
			Says: "The dead-letter queue does not look whether a message that is transferred has come before. One whose transfer is repeated, " +
				"because its answer was lost or the source has another leader, is there twice.",
			Edits: []Edit{{
				File: "backend/queue/transfer.go",
				Old:  "		if m.Number <= last.number {\n			continue\n		}\n",
				New:  "",
			}},
			Needs: brokenCalls,
			Rule:  "moved-twice",
			Also:  []string{"applied-result", "receive-count", "sequence", "hold-overlap", "fifo-hold-overlap", "deleted-returns", "deleted-returns-fifo"},
		},
		{
			Name: "settled-before-the-transfer",
			Says: "A move is settled first and transferred then: what is not transferred, because its host ends or something fails, is in no " +
				"queue any more.",
			Edits: []Edit{{
				File: "backend/leader/redrive.go",
				Old:  "	through, returned, err := r.carrier.Carry(ctx, messages)\n	if err != nil {\n		return err\n	}\n",
				New:  "	through, returned := messages[len(messages)-1].Moved.Number, false\n",
			}, {
				File: "backend/leader/redrive.go",
				Old:  "	_, err = r.slot.replica.Propose(ctx, settle.Encode())\n	return err\n",
				New: "	if _, err := r.slot.replica.Propose(ctx, settle.Encode()); err != nil {\n		return err\n	}\n" +
					"	_, _, err := r.carrier.Carry(ctx, messages)\n	return err\n",
			}},
			Rule: "applied-result",
			Also: []string{"lost", "applied-answer", "drains", "moved-order"},
		},
		{
			Name: "one-receive-too-many",
			Says: "A message moves to its dead-letter queue after one receive more than its queue allows.",
			Edits: []Edit{{
				File: "backend/queue/redrive.go",
				Old:  "	return most > 0 && m.receives >= most\n",
				New:  "	return most > 0 && m.receives > most\n",
			}},
			Rule: "dead-letter",
			Also: []string{"applied-result"},
		},
		{
			Name: "moves-after-the-first-receive-that-fails",
			Says: "The number of receives that a queue allows is not looked at: a message that comes back once is a dead letter.",
			Edits: []Edit{{
				File: "backend/queue/redrive.go",
				Old:  "	return most > 0 && m.receives >= most\n",
				New:  "	return most > 0 && m.receives >= 1\n",
			}},
			Rule: "dead-letter",
			Also: []string{"applied-result"},
		},
		{
			Name: "dead-letter-begins-anew",
			Says: "A message is as good as sent anew in its dead-letter queue: it says that it was sent when it came, and never ends if it moves " +
				"again and again.",
			Edits: []Edit{{
				File: "backend/queue/transfer.go",
				Old:  "origin{sentMs: m.SentMs,",
				New:  "origin{sentMs: p.advancedMs,",
			}},
			Rule: "moved-altered",
			Also: []string{"applied-result"},
		},
		{
			Name: "dead-letters-spread-by-number",
			Says: "The messages of a group are spread over the partitions of a FIFO dead-letter queue. Each has its own numbers there, and " +
				"the group its order no more.",
			Edits: []Edit{{
				File: "backend/redrive.go",
				Old:  "	if record.FIFO {\n",
				New:  "	if record.FIFO && len(record.Slots) == 1 {\n",
			}},
			Rule: "moved-order",
			Also: []string{"sequence", "sequence-order", "fifo-order", "applied-result"},
		},
		{
			Name: "arrivals-lost-in-snapshot",
			Says: "A snapshot leaves out which moves have come from where. A transfer that is repeated at a host which came back from it is " +
				"stored twice.",
			Edits: []Edit{{
				File: "backend/queue/snapshot.go",
				Old:  "	for _, id := range slices.SortedFunc(maps.Keys(p.arrivals), PartitionID.compare) {\n",
				New:  "	for _, id := range slices.SortedFunc(maps.Keys(p.arrivals), PartitionID.compare)[:0] {\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"moved-twice", "applied-result"},
		},
		{
			Name: "tasks-lost-in-snapshot",
			Says: "A snapshot leaves out message move tasks. One that a host which came back from it should go on with is never heard of again.",
			Edits: []Edit{{
				File: "backend/queue/snapshot.go",
				Old:  "	for i := range p.tasks {\n",
				New:  "	for i := range p.tasks[:0] {\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "applied-alike",
			Also:  []string{"equal-state", "move-task", "applied-result", "applied-answer"},
		},
		{
			Name: "task-pays-for-time-twice",
			Says: "A message move task counts the time since its start again with each step, and soon moves faster than it was asked to.",
			Edits: []Edit{{
				File: "backend/queue/task.go",
				Old:  "	t.stepMs = nowMs\n	return",
				New:  "	return",
			}},
			Rule: "move-rate",
			Also: []string{"applied-result"},
		},
		{
			Name: "delivered-at-most-once-and-again",
			Says: "A queue that delivers at most once hides what it delivers and does not remove it. What nobody deletes comes again.",
			Edits: []Edit{{
				File: "backend/queue/receive.go",
				Old:  "		if p.settings.Delivery == AtMostOnce {\n			p.remove(m)\n",
				New:  "		if p.settings.Delivery == AtMostOnce && visibilityMs == 0 {\n			p.remove(m)\n",
			}},
			Rule: "at-most-once",
			Also: []string{"applied-result", "drains"},
		},
		{
			Name: "exactly-once-only-on-fifo-queues",
			Says: "A standard queue that was created to deliver exactly once neither deduplicates what is sent nor refuses outdated handles.",
			Edits: []Edit{{
				File: "backend/queue/delivery.go",
				Old:  "return s.FIFO || s.Delivery == ExactlyOnce }",
				New:  "return s.FIFO }",
			}},
			Rule: "dedup",
			Also: []string{"duplicate-send-fifo", "expired-handle-deletes", "applied-result"},
		},
	}
}
