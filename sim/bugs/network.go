package bugs

// network returns the bugs of the wire between hosts.
func network() []Bug {
	return []Bug{
		{
			Name: "call-numbers-used-again",
			Says: "Calls of a connection are numbered modulo 32. The answer to one that takes long is handed to another that was given its " +
				"number meanwhile, and the first waits for ever: long polls, before all.",
			Edits: []Edit{{
				File: "node/rpc/clientconn.go",
				Old:  "	id := c.ids.Add(1)\n",
				New:  "	id := c.ids.Add(1) % 32\n",
			}},
			Rule: "drains",
			Also: []string{
				"sends-again", "impossible-answer", "invented", "corrupted", "lost", "receive-count", "response", "unexpected-exit", "empty-long-poll",
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
			Scenario: "resets",
			Rule:     "receive-count",
		},
	}
}
