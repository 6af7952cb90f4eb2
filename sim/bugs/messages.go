package bugs

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
				New:  "	p.dedup.DescendLessOrEqual(dedupEntry{}, func(entry dedupEntry) bool {\n",
			}},
			Needs: []string{"kill", "kill-at-call", "power", "power-at-call", "power-all", "stop", "wipe"},
			Rule:  "duplicate-send-fifo",
			Also:  []string{"dedup", "equal-state", "sequence"},
		},
		{
			Name: "answers-lost-in-snapshot",
			Says: "A snapshot leaves out the results that are kept for repeated commands. A command that is repeated at a host which came " +
				"back from a snapshot takes effect twice: one send, two messages.",
			Edits: []Edit{{
				File: "backend/queue/snapshot.go",
				Old:  "	s.kept.AscendGreaterOrEqual(keptEntry{session: session.id}, func(entry keptEntry) bool {\n",
				New:  "	s.kept.DescendLessOrEqual(keptEntry{}, func(entry keptEntry) bool {\n",
			}},
			Needs: []string{"kill", "kill-at-call", "power", "power-at-call", "power-all", "stop", "wipe"},
			Rule:  "duplicate-send",
			Also:  []string{"receive-count", "hold-overlap", "message-id", "equal-state"},
		},
		{
			Name: "delay-lost-on-restore",
			Says: "Delayed messages are visible at once on a host that came back from a snapshot.",
			Edits: []Edit{{
				File: "backend/queue/restore.go",
				Old:  "		m.content = newContent(&s, p.shareSender(s.SenderID))\n",
				New:  "		if m.receives == 0 {\n			m.visibleAtMs = m.sentMs\n		}\n		m.content = newContent(&s, p.shareSender(s.SenderID))\n",
			}},
			Needs: []string{"kill", "kill-at-call", "power", "power-at-call", "power-all", "stop", "wipe"},
			Rule:  "delay",
			Also:  []string{"equal-state", "fifo-order"},
		},
		{
			Name: "visibility-lost-on-restore",
			Says: "Messages in flight are visible again at once on a host that came back from a snapshot: two consumers work on " +
				"one message.",
			Edits: []Edit{{
				File: "backend/queue/restore.go",
				Old:  "		m.content = newContent(&s, p.shareSender(s.SenderID))\n",
				New:  "		if m.receives > 0 {\n			m.visibleAtMs = m.lastReceiveMs\n		}\n		m.content = newContent(&s, p.shareSender(s.SenderID))\n",
			}},
			Needs: []string{"kill", "kill-at-call", "power", "power-at-call", "power-all", "stop", "wipe"},
			Rule:  "hold-overlap",
			Also:  []string{"fifo-hold-overlap", "equal-state"},
		},
		{
			Name: "handle-not-fenced",
			Says: "A FIFO queue accepts the receipt handle of an earlier receive: a consumer that was too slow deletes the message " +
				"under the one that has it now.",
			Edits: []Edit{{
				File: "backend/queue/delete.go",
				Old:  "	case p.settings.FIFO && (handle.Receive != m.receives || !m.hidden(p.advancedMs)):\n",
				New:  "	case p.settings.FIFO && handle.Receive > m.receives:\n",
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
	}
}
