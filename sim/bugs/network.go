package bugs

// network returns the bugs of the wire between hosts.
func network() []Bug {
	return []Bug{
		{
			Name: "call-numbers-used-again",
			Says: "Calls of a connection are numbered modulo 32. The answer to one that takes long is handed to another that was given its " +
				"number meanwhile.",
			Edits: []Edit{{
				File: "node/rpc/clientconn.go",
				Old:  "	id := c.ids.Add(1)\n",
				New:  "	id := c.ids.Add(1) % 32\n",
			}},
			Rule: "impossible-answer",
			Also: []string{
				"sends-again", "drains", "invented", "corrupted", "lost", "receive-count", "message-id", "sequence", "sequence-order", "response",
				"hold-overlap", "fifo-hold-overlap", "fifo-order", "unexpected-exit", "equal-state", "handle-reuse", "empty-long-poll",
				"deleted-returns", "deleted-returns-fifo", "expired-handle-deletes", "duplicate-send", "duplicate-send-fifo", "dedup",
			},
		},
		{
			Name: "lost-connection-means-not-sent",
			Says: "When a connection ends, its calls are told that they were never sent, also those that were. What may have been done is taken " +
				"for not done.",
			Edits: []Edit{{
				File: "node/rpc/clientconn.go",
				Old:  "		if call.start >= handed {\n",
				New:  "		if call.start >= 0*handed {\n",
			}},
			Needs:    brokenCalls,
			Scenario: "flapping-leader",
			Rule:     "receive-count",
		},
	}
}
