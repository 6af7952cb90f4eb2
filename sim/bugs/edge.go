package bugs

import "slices"

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
				body = encodeExecute(slot, &again)
			}
			c.setLeader(slot, hint)
			if hint`,
			}},
			Needs: brokenCalls,
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
			Needs: brokenCalls,
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
			Needs:    []string{"stop"},
			Scenario: "drained-frontend",
			Rule:     "drained-gets-nothing",
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
			Needs: []string{"no-peer", "stale-vip"},
			Rule:  "one-vip-holder",
		},
		{
			Name: "digest-of-another-body",
			Says: "Each message of a receive comes with the MD5 of the first one's body. Consumers that check it take good messages for " +
				"damaged ones.",
			Edits: []Edit{{
				File: "frontend/receive.go",
				Old:  "		received.BodyDigest = protocol.BodyDigest(m.Body)\n",
				New:  "		received.BodyDigest = protocol.BodyDigest(result.Messages[0].Body)\n",
			}},
			Rule: "corrupted",
		},
		{
			Name: "deletes-of-a-batch-answered-in-another-order",
			Says: "The results of a DeleteMessageBatch are told for its entries from back to front. A consumer believes that a message is gone " +
				"that is not.",
			Edits: []Edit{{
				File: "frontend/delete.go",
				Old:  "			entry.err = entryError(entry, result.Codes[i])\n",
				New:  "			entry.err = entryError(entry, result.Codes[len(addressed)-1-i])\n",
			}},
			Rule: "expired-handle-deletes",
			Also: []string{"deleted-returns-fifo"},
		},
		{
			Name: "delay-ignored",
			Says: "The delay that a message asks for is not looked at; that of its queue counts.",
			Edits: []Edit{{
				File: "frontend/send.go",
				Old:  "	if !record.FIFO && m.DelaySeconds.Set {\n",
				New:  "	if record.FIFO && m.DelaySeconds.Set {\n",
			}},
			Rule: "delay",
		},
		{
			Name: "unknown-taken-for-done",
			Says: "A send of which nobody knows whether it was stored is answered with success.",
			Edits: []Edit{{
				File: "backend/client.go",
				Old:  "	answer, err := c.call(ctx, slot, methodExecute, body, attemptTimeout)\n",
				New: `	answer, err := c.call(ctx, slot, methodExecute, body, attemptTimeout)
	if errors.Is(err, ErrUnknownOutcome) && command.Kind == queue.KindSend {
		result := &queue.Result{}
		for i := range command.Sends {
			result.Sent = append(result.Sent, queue.Sent{MessageID: command.Sends[i].MessageID, Seq: command.Seq})
		}
		return result, nil
	}
`,
			}},
			Needs: brokenCalls,
			Rule:  "lost",
			Also:  []string{"drains", "sequence", "sequence-order"},
		},
		{
			Name: "repeat-not-marked",
			Says: "A frontend does not say that it repeats a receive. A new leader that finds everything in flight answers \"nothing\", and what " +
				"the first try took stays hidden until its timeout ends.",
			Edits: []Edit{{
				File: "backend/client.go",
				Old:  "				body = repeatedExecute(body)\n",
				New:  "				body = slices.Clone(body)\n",
			}, {
				File: "backend/client.go",
				Old:  "	\"fmt\"\n",
				New:  "	\"fmt\"\n	\"slices\"\n",
			}},
			Needs:    brokenCalls,
			Scenario: "flapping-leader",
			Rule:     "receive-count",
		},
		{
			Name: "purge-of-the-first-partition-only",
			Says: "What is to happen to all partitions of a queue happens to the first. Messages in the others survive a purge.",
			Edits: []Edit{{
				File: "frontend/placement.go",
				Old:  "	return s.onPartitions(allPartitions(record), func(partition int) error {\n		_, err := s.command(ctx, record, partition, template, 0)\n",
				New:  "	return s.onPartitions(allPartitions(record)[:1], func(partition int) error {\n		_, err := s.command(ctx, record, partition, template, 0)\n",
			}},
			Rule: "purged-returns",
		},
		{
			Name: "groups-spread-over-partitions",
			Says: "A FIFO queue's messages take turns over its partitions, whatever their group. Two consumers get messages of one group in " +
				"any order.",
			Edits: []Edit{{
				File: "frontend/send.go",
				Old:  "	if !record.FIFO && !exact {\n",
				New:  "	if len(record.Slots) > 1 || !exact {\n",
			}},
			Rule: "fifo-order",
			Also: []string{"sequence", "sequence-order", "dedup", "duplicate-send-fifo"},
		},
		{
			Name: "handle-of-another-queue-accepted",
			Says: "A receipt handle is not compared with its queue, and its signature is not checked. With the handle of one queue's message " +
				"a consumer deletes another queue's.",
			Edits: []Edit{{
				File: "frontend/receipt.go",
				Old:  "	if !hmac.Equal(r.authenticate(data), token[receiptDataBytes:]) {\n",
				New:  "	if hmac.Equal(r.authenticate(data), nil) {\n",
			}, {
				File: "frontend/receipt.go",
				Old:  "	if data[0] != receiptVersion || binary.BigEndian.Uint64(data[1:]) != record.ID || partition >= len(record.Slots) {\n",
				New:  "	if data[0] != receiptVersion || partition >= len(record.Slots) {\n",
			}},
			Rule: "impossible-answer",
			Also: []string{"lost", "drains"},
		},
		{
			Name: "ip-of-a-silent-peer-left-alone",
			Says: "A balancer whose peer is silent waits for it to come back. If the holder of the virtual IP dies, nobody takes over.",
			Edits: []Edit{{
				File: "frontend/balancer/decide.go",
				Old:  "		if v.heard && !v.deaf {\n			return claim\n",
				New:  "		if v.heard && !v.deaf && false {\n			return claim\n",
			}},
			Needs: []string{"power", "cut", "cut-one-way", "stale-vip", "zone-outage"},
			Rule:  "sends-again",
			Also:  []string{"drains"},
		},
		{
			Name: "dead-frontend-chosen-again",
			Says: "A balancer does not believe its health checks, and does not try another frontend than the first it chose. It gives a client " +
				"the one with the fewest connections, and that is the dead one.",
			Edits: []Edit{{
				File: "frontend/balancer/pool.go",
				Old:  "	if u.failures < p.unhealthyAfter {\n",
				New:  "	if u.failures < p.unhealthyAfter || u.healthy {\n",
			}, {
				File: "frontend/balancer/proxy.go",
				Old:  "			b.pool.report(u, err)\n",
				New:  "			b.pool.report(u, err)\n			return nil\n",
			}},
			Needs: []string{"power", "cut", "cut-one-way", "zone-outage"},
			Rule:  "sends-again",
			Also:  []string{"drains"},
		},
		{
			Name: "retry-storm",
			Says: "A frontend that finds no leader tries again after microseconds where milliseconds are meant, and asks nobody for news. While " +
				"a slot has no leader, all frontends together keep the hosts that are left from electing one.",
			Edits: []Edit{{
				File: "backend/client.go",
				Old:  "	return node.Wait(ctx, c.host.Clock, d)\n",
				New:  "	return node.Wait(ctx, c.host.Clock, d/1000)\n",
			}, {
				File: "backend/client.go",
				Old:  "	if err := c.topology.Refresh(refresh); err != nil && ctx.Err() == nil {\n",
				New:  "	if err := refresh.Err(); err != nil && ctx.Err() == nil {\n",
			}},
			Needs: slices.Concat(separations, restarts),
			Rule:  "no-storm",
			Also:  []string{"sends-again", "drains"},
		},
	}
}
