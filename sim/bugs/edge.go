package bugs

// edge returns the bugs of frontends, of their client of the backend, and of balancers.
func edge() []Bug {
	return []Bug{
		{
			Name: "send-retried-without-id",
			Says: "A frontend that gets no answer to a command repeats it as another command, with a session of its own. If only the " +
				"answer was lost, one SendMessage has stored two messages.",
			Edits: []Edit{{
				File: "backend/client.go",
				Old:  "			c.setLeader(slot, hint)\n			if hint",
				New: `			if again, err := queue.DecodeCommand(body[min(len(body), executeHeaderBytes):]); err == nil && method == methodExecute && unknown {
				again.Session = c.host.Random.Uint64() | 1
				for i := range again.Sends {
					again.Sends[i].MessageID[0]++
				}
				body = appendExecute(nil, slot, again.Kind, again.Encode())
			}
			c.setLeader(slot, hint)
			if hint`,
			}},
			Needs: []string{"kill", "kill-at-call", "power", "power-at-call", "reset", "half-open", "cut", "cut-one-way", "ring", "pause", "lag", "slow-disk"},
			Rule:  "duplicate-send",
			Also:  []string{"hold-overlap", "drains"},
		},
		{
			Name: "low-water-too-high",
			Says: "A frontend tells the backend that it awaits no answer but the latest. The results of its other commands are forgotten, " +
				"and one that is repeated takes effect again: a message is stored twice.",
			Edits: []Edit{{
				File: "backend/session.go",
				Old:  "	return s.low + uint64(len(s.done)) - 1, s.low\n",
				New:  "	return s.low + uint64(len(s.done)) - 1, s.low + uint64(len(s.done)) - 1\n",
			}},
			Needs: []string{"kill", "kill-at-call", "power", "power-at-call", "reset", "half-open", "cut", "cut-one-way", "ring", "pause", "lag", "slow-disk"},
			Rule:  "receive-count",
			Also:  []string{"message-id", "duplicate-send", "hold-overlap", "handle-reuse", "deleted-returns"},
		},
		{
			Name: "batch-entry-answered-for-its-neighbour",
			Says: "The entries of a batch get each other's answers: a producer notes the message ID and sequence number of another " +
				"of its messages.",
			Edits: []Edit{{
				File: "frontend/send.go",
				Old:  "		sent := &result.Sent[next]\n",
				New:  "		sent := &result.Sent[len(result.Sent)-1-next]\n",
			}},
			Rule: "corrupted",
			Also: []string{"sequence-order", "sequence", "message-id", "invented"},
		},
		{
			Name: "balancer-keeps-a-drained-frontend",
			Says: "A balancer goes on sending new connections to a frontend that has said that it is about to stop. Requests are cut " +
				"off in the middle of an orderly restart.",
			Edits: []Edit{{
				File: "frontend/balancer/pool.go",
				Old:  "		u.healthy, u.failures = false, 0\n",
				New:  "		u.failures = 0\n",
			}},
			Needs: []string{"stop"},
			Rule:  "drained-gets-nothing",
		},
		{
			Name: "two-holders-of-the-virtual-ip",
			Says: "A balancer that finds its peer holding the virtual IP too keeps it. After a cut between the two both hold it for ever, " +
				"and which one a client reaches is left to chance.",
			Edits: []Edit{{
				File: "frontend/balancer/decide.go",
				Old:  "		if v.condition == peerAnswers && v.peer.Holding && v.peer.outranks(v.self) {\n			return release\n		}\n",
				New:  "",
			}},
			Needs: []string{"no-peer"},
			Rule:  "one-vip-holder",
		},
	}
}
