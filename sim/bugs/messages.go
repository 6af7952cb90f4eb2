package bugs

import "slices"

// messages returns the bugs of the queues' state machine and of those who wait for it.
func messages() []Bug {
	return []Bug{
		{
			Name: "dedup-lost-in-snapshot",
			Says: "A snapshot leaves out the deduplication IDs of FIFO queues. A producer that repeats a send after a host came back " +
				"from a snapshot has its message twice.",
			Edits: []Edit{{
				File: "backend/queue/snapshot.go",
				Old:  "	p.dedup.Ascend(func(entry dedupEntry) bool {\n",
				New:  "	p.dedup.AscendLessThan(dedupEntry{}, func(entry dedupEntry) bool {\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "duplicate-send-fifo",
			Also:  []string{"dedup", "equal-state", "sequence"},
		},
		{
			Name: "answers-lost-in-snapshot",
			Says: "A snapshot leaves out the results that are kept for repeated commands. A command that is repeated at a host which came " +
				"back from a snapshot takes effect twice: one send, two messages.",
			Edits: []Edit{{
				File: "backend/queue/snapshot.go",
				Old:  "	s.kept.Ascend(func(kept keptResult) bool {\n",
				New:  "	s.kept.AscendLessThan(keptResult{}, func(kept keptResult) bool {\n",
			}},
			Needs:    append(slices.Clone(restarts), "wipe"),
			Scenario: "unheard-backends",
			Rule:     "duplicate-send",
			Also:     []string{"receive-count", "hold-overlap", "message-id", "equal-state", "applied-alike"},
		},
		{
			Name: "busy-tenants-forgotten-on-restore",
			Says: "A host that came back from a snapshot does not know how long the messages of tenants have kept the consumers busy, so " +
				"it delivers in another order than the others.",
			Edits: []Edit{{
				File: "backend/queue/restore.go",
				Old:  "		p.spent = meter{atMs: p.advancedMs, window: window, before: before}\n",
				New:  "		p.spent = meter{atMs: p.advancedMs}\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"applied-alike"},
		},
		{
			Name: "delay-lost-on-restore",
			Says: "Delayed messages are visible at once on a host that came back from a snapshot.",
			Edits: []Edit{{
				File: "backend/queue/restore.go",
				Old:  "		m.content = &content{}\n",
				New:  "		if m.receives == 0 {\n			m.visibleAtMs = m.sentMs\n		}\n		m.content = &content{}\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "delay",
			Also:  []string{"equal-state", "fifo-order"},
		},
		{
			Name: "visibility-lost-on-restore",
			Says: "Messages in flight are visible again at once on a host that came back from a snapshot: two consumers work on " +
				"one message.",
			Edits: []Edit{{
				File: "backend/queue/restore.go",
				Old:  "		m.content = &content{}\n",
				New:  "		if m.receives > 0 {\n			m.visibleAtMs = m.lastReceiveMs\n		}\n		m.content = &content{}\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "hold-overlap",
			Also:  []string{"fifo-hold-overlap", "equal-state"},
		},
		{
			Name: "handle-not-fenced",
			Says: "A FIFO queue accepts the receipt handle of an earlier receive: a consumer that was too slow deletes the message " +
				"under the one that has it now.",
			Edits: []Edit{{
				File: "backend/queue/delete.go",
				Old:  "	case p.settings.exact() && (handle.Receive != m.receives || !m.hidden(p.advancedMs)):\n",
				New:  "	case p.settings.exact() && handle.Receive > m.receives:\n",
			}},
			Rule: "expired-handle-deletes",
		},
		{
			Name: "receive-count-reset",
			Says: "A message that a consumer gives back (visibility timeout 0) is as if it had never been received. Poison messages are " +
				"never recognised, and old receipt handles are valid again.",
			Edits: []Edit{{
				File: "backend/queue/visibility.go",
				Old:  "	changed.visibleAtMs = p.advancedMs + change.VisibilityMs\n",
				New: "	changed.visibleAtMs = p.advancedMs + change.VisibilityMs\n	if change.VisibilityMs == 0 {\n" +
					"		changed.receives, changed.firstReceiveMs = 0, 0\n	}\n",
			}},
			Rule: "receive-count",
			Also: []string{"handle-reuse", "expired-handle-deletes", "impossible-answer"},
		},
		{
			Name: "group-unlocked-too-early",
			Says: "A FIFO receive walks past messages in flight: a consumer gets a message while an earlier one of its group is " +
				"still being worked on.",
			Edits: []Edit{{
				File: "backend/queue/group.go",
				Old:  "			if len(taken) >= room || m.hidden(p.advancedMs) {\n				break\n			}\n",
				New:  "			if len(taken) >= room {\n				break\n			}\n			if m.hidden(p.advancedMs) {\n				continue\n			}\n",
			}},
			Rule: "fifo-order",
		},
		{
			Name: "group-unlocked-by-its-first-receive",
			Says: "A message in flight does not lock its group: the next consumer gets the group's next message.",
			Edits: []Edit{{
				File: "backend/queue/group.go",
				Old: `		first := p.mustGet(g.seqs[0])
`,
				New: `		first := p.mustGet(g.seqs[0])
		for _, seq := range g.seqs {
			if m := p.mustGet(seq); first.hidden(p.advancedMs) && !m.hidden(p.advancedMs) {
				first = m
			}
		}
`,
			}, {
				File: "backend/queue/group.go",
				Old:  "			if len(taken) >= room || m.hidden(p.advancedMs) {\n				break\n			}\n",
				New:  "			if len(taken) >= room {\n				break\n			}\n			if m.hidden(p.advancedMs) {\n				continue\n			}\n",
			}},
			Rule: "fifo-order",
		},
		{
			Name: "dedup-ends-with-the-delete",
			Says: "A deduplication ID is forgotten when its message is deleted, not after five minutes. A producer that repeats a send " +
				"whose message was consumed already has it consumed twice.",
			Edits: []Edit{{
				File: "backend/queue/delete.go",
				Old:  "		p.remove(m)\n",
				New: "		if entry, ok := p.dedup.Delete(dedupEntry{seq: m.seq}); ok {\n			delete(p.dedupSeqs, entry.key)\n" +
					"		}\n		p.remove(m)\n",
			}},
			Rule: "dedup",
			Also: []string{"duplicate-send-fifo"},
		},
		{
			Name: "purge-forgets-those-in-flight",
			Says: "A purge leaves messages in flight where they are. They come back when their visibility timeout ends.",
			Edits: []Edit{{
				File: "backend/queue/configure.go",
				Old:  "	fresh.lastSeq = p.lastSeq\n",
				New: `	fresh.lastSeq = p.lastSeq
	p.messages.Ascend(func(m message) bool {
		if m.receives > 0 && m.hidden(p.advancedMs) {
			fresh.add(m)
		}
		return true
	})
`,
			}},
			Rule: "purged-returns",
		},
		{
			Name: "lost-wake-up",
			Says: "A long poll does not look at the queue once more after it has lined up. A message that came in between, or one whose " +
				"visibility timeout ends, does not wake it: it waits its whole time and comes back empty.",
			Edits: []Edit{{
				File: "backend/leader/waits.go",
				Old:  "	return s.wake(nil, w.partition, p, now)\n",
				New:  "	_ = now\n	return nil\n",
			}},
			Rule: "empty-long-poll",
		},
		{
			Name: "deleted-queue-served-from-the-cache",
			Says: "The partitions of a deleted queue stay, and are not told that it was deleted. A frontend that has the queue's record in its " +
				"cache goes on handing out messages after DeleteQueue has returned.",
			Edits: []Edit{{
				File: "backend/queue/drop.go",
				Old:  "	p.adopt(keep.Settings)\n	p.dropAtMs = m.nowMs + keep.KeepMs\n",
				New:  "",
			}},
			Rule: "purged-returns",
			Also: []string{"deleted-serves"},
		},
		{
			Name: "extension-forgotten",
			Says: "ChangeMessageVisibility answers that all is well and changes nothing. A consumer that asked for more time has the " +
				"message taken away.",
			Edits: []Edit{{
				File: "backend/queue/visibility.go",
				Old:  "	p.change(m, changed)\n",
				New:  "",
			}},
			Rule: "hold-overlap",
			Also: []string{"fifo-hold-overlap"},
		},
		{
			Name: "deduplication-ends-too-soon",
			Says: "A deduplication ID is forgotten after five seconds instead of five minutes: the unit was lost.",
			Edits: []Edit{{
				File: "backend/queue/limits.go",
				Old:  "	DedupMs = 5 * 60 * 1000\n",
				New:  "	DedupMs = 5 * 1000\n",
			}},
			Rule: "dedup",
			Also: []string{"duplicate-send-fifo"},
		},
		{
			Name: "sequence-begins-anew-after-a-purge",
			Says: "A purge resets the sequence numbers. A receipt handle from before it names a message from after it, and deletes it.",
			Edits: []Edit{{
				File: "backend/queue/configure.go",
				Old:  "	fresh.lastSeq = p.lastSeq\n",
				New:  "",
			}},
			Rule: "handle-reuse",
			Also: []string{"sequence", "sequence-order", "expired-handle-deletes", "deleted-returns", "deleted-returns-fifo"},
		},
		{
			Name: "visibility-restored-too-late",
			Says: "A host that comes back from a snapshot hides messages in flight for a minute more. If it leads, a message that a " +
				"consumer gave up is stuck.",
			Edits: []Edit{{
				File: "backend/queue/restore.go",
				Old:  "		m.content = &content{}\n",
				New:  "		if m.receives > 0 {\n			m.visibleAtMs += 60_000\n		}\n		m.content = &content{}\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"drains", "empty-long-poll"},
		},
		{
			Name: "snapshot-in-the-order-of-a-map",
			Says: "A snapshot lists the clients' sessions in the order of a map. Replicas with equal states write different snapshots, and " +
				"nobody can tell any more whether they are equal.",
			Edits: []Edit{{
				File: "backend/queue/snapshot.go",
				Old:  "	slices.SortFunc(s.sessions, func(a, b sessionState) int { return cmp.Compare(a.id, b.id) })\n",
				New:  "	slices.SortFunc(s.sessions, func(a, b sessionState) int { return cmp.Compare(0, 0) })\n",
			}},
			Rule: "equal-state",
		},
		{
			Name: "time-runs-backwards",
			Says: "The replicated time follows the leader's clock when that is set back, instead of standing still. Indexes by time are wrong " +
				"then, and timeouts end late.",
			Edits: []Edit{{
				File: "backend/queue/machine.go",
				Old:  "	m.nowMs = max(m.nowMs, nowMs)\n",
				New:  "	m.nowMs = nowMs\n",
			}, {
				File: "backend/queue/partition.go",
				Old:  "	if nowMs <= p.advancedMs {\n		return\n	}\n",
				New:  "	if nowMs == p.advancedMs {\n		return\n	}\n",
			}, {
				File: "node/replication/machine.go",
				Old:  "	f.last = max(f.last, now)\n",
				New:  "	f.last = now\n",
			}},
			Needs: []string{"wall-jump", "clock-drift"},
			Rule:  "unexpected-exit",
			Also:  []string{"hold-overlap", "fifo-hold-overlap", "delay", "fifo-order", "drains", "corrupted"},
		},
		{
			Name: "visibility-by-the-clock-of-each-host",
			Says: "Replicas measure timeouts by their own wall clocks and not by the time in the log. They do not agree on what is visible.",
			Edits: []Edit{{
				File: "node/replication/machine.go",
				Old:  "	f.last = max(f.last, now)\n",
				New:  "	f.last = max(f.last, time.Now().UnixMilli())\n",
			}, {
				File: "node/replication/machine.go",
				Old:  "	\"io\"\n",
				New:  "	\"io\"\n	\"time\"\n",
			}},
			Rule: "equal-state",
		},
		{
			Name: "stale-leader-serves-a-receive",
			Says: "A host that does not lead its slot, or leads it no more, answers a receive from its own state instead of sending the frontend " +
				"on. The leader knows nothing of it and hands the same messages to somebody else.",
			Edits: []Edit{{
				File: "backend/leader/slot.go",
				Old:  "	s.replica.Submit(replication.Operation{\n		Data: operation, Deadline: deadline,\n",
				New: `	if c, err := queue.DecodeCommand(operation); err == nil && c.Kind == queue.KindReceive && !s.replica.IsLeader() {
		s.mu.Lock()
		result := s.machine.ApplyCommand(s.host.Clock.Now().UnixMilli(), &c)
		s.mu.Unlock()
		done(result, nil)
		return
	}
	s.replica.Submit(replication.Operation{
		Data: operation, Deadline: deadline,
`,
			}},
			Needs: slices.Concat(separations, restarts),
			Rule:  "hold-overlap",
			Also:  []string{"fifo-hold-overlap", "equal-state", "applied-answer", "receive-count", "deleted-returns", "deleted-returns-fifo", "drains"},
		},
	}
}
