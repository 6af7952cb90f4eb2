package bugs

import "slices"

// metadata returns the bugs of the catalog and of those who ask it.
func metadata() []Bug {
	return []Bug{
		{
			Name: "two-creates-both-win",
			Says: "A queue that was created less than two seconds ago is created again by whoever asks for it. The messages sent to the " +
				"first one are gone.",
			Edits: []Edit{{
				File: "metadata/catalog/queues.go",
				Old:  "	if q, ok := c.Queue(command.Account, command.Name); ok {\n		if name",
				New:  "	if q, ok := c.Queue(command.Account, command.Name); ok && c.nowMs > q.CreatedMs+2000 {\n		if name",
			}},
			Rule: "lost",
			Also: []string{"drains", "sends-again"},
		},
		{
			Name: "catalog-read-without-a-barrier",
			Says: "Any metadata host answers reads from its own copy of the catalog. One that lags behind says that a queue does not exist, or " +
				"has settings of the past, after a change was acknowledged.",
			Edits: []Edit{{
				File: "metadata/server.go",
				Old:  "	if err := s.replica.ReadBarrier(ctx); err != nil {\n		return s.remoteError(err, rpc.CodeUnavailable)\n	}\n",
				New:  "",
			}, {
				File: "metadata/client.go",
				Old:  "	answer, err := c.askLeader(ctx, method, body)\n",
				New:  "	ask := c.askLeader\n	if method == methodGetQueue {\n		ask = c.askAny\n	}\n	answer, err := ask(ctx, method, body)\n",
			}},
			Rule: "impossible-answer",
		},
		{
			Name: "queue-ids-begin-anew-after-a-restore",
			Says: "A metadata host that comes back from a snapshot gives queues the ids of others. Two queues share their partitions.",
			Edits: []Edit{{
				File: "metadata/catalog/snapshot.go",
				Old:  "	h.lastQueueID = r.Uint()\n",
				New:  "	h.lastQueueID = r.Uint() * 0\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"invented", "lost", "drains"},
		},
		{
			Name: "catalog-time-lost-in-snapshot",
			Says: "A snapshot of the catalog leaves out when requests were carried out. A host that comes back from it forgets them at other " +
				"times than the others do.",
			Edits: []Edit{{
				File: "metadata/catalog/snapshot.go",
				Old:  "	r.appliedMs = reader.Int()\n",
				New:  "	r.appliedMs = reader.Int() * 0\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"unexpected-exit"},
		},
		{
			Name: "slots-known-to-nobody-after-a-restore",
			Says: "A metadata host that comes back from a snapshot has forgotten where the slots are, and assigns them anew if it leads.",
			Edits: []Edit{{
				File: "metadata/catalog/snapshot.go",
				Old:  "		return c.assignment.validate()\n",
				New:  "		defer func() { c.assignment = nil }()\n		return c.assignment.validate()\n",
			}},
			Needs: append(slices.Clone(restarts), "wipe"),
			Rule:  "equal-state",
			Also:  []string{"unexpected-exit", "lost", "drains"},
		},
	}
}
