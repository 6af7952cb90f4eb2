package linearizability

import (
	"cmp"
	"slices"
)

// Does a long poll find what is there?

// pollNotice is how long before the end of its wait, at the latest, a long poll must notice a message, in nanoseconds.
const pollNotice = 1 * second

// checkPolls applies empty-long-poll.
func (c *checker) checkPolls(q *queue) {
	if q.partitions > 1 || len(q.from) > 0 {
		return
	}
	offers := c.offersOf(q)
	slices.SortStableFunc(offers, func(a, b offer) int { return cmp.Compare(a.from, b.from) })
	longest := make([]int, len(offers)) // the offer that ends last among those up to an index
	for i := range offers {
		longest[i] = i
		if i > 0 && offers[longest[i-1]].to >= offers[i].to {
			longest[i] = longest[i-1]
		}
	}
	for _, op := range q.receives {
		if op.WaitSeconds <= 0 || len(op.Messages) > 0 || c.disturbed(op) {
			continue
		}
		c.judged(EmptyLongPoll)
		// What the service decided when it gave up is what counts; that was not before the wait ended on its clock. A poll
		// that ended early is judged by the whole time.
		need := op.Call
		if wait := int64(op.WaitSeconds) * second; op.Return-op.Call >= wait {
			need = max(need, op.Call+wait-pollNotice-c.slack)
		}
		n, _ := slices.BinarySearchFunc(offers, need, func(a offer, need int64) int { return boolCompare(a.from <= need) })
		if n == 0 || offers[longest[n-1]].to < op.Return {
			continue
		}
		missed := offers[longest[n-1]]
		c.broken(EmptyLongPoll, append(missed.message.witness(), op.ID),
			"%s could be received from %s to %s at least, and the poll of %d s from %s to %s came back empty",
			missed.message.title(), at(missed.from), at(missed.to), op.WaitSeconds, at(op.Call), at(op.Return))
	}
}

// disturbed reports whether the operation overlaps a time in which answers may be out of date.
func (c *checker) disturbed(op *Operation) bool {
	return slices.ContainsFunc(c.options.Disturbed, func(s Span) bool { return s.From <= op.Return && op.Call <= s.To })
}

// offer is a time in which a message was certainly there, visible, and held by nobody.
type offer struct {
	message  *message
	from, to int64
}

// offersOf returns the offers of the queue's messages.
func (c *checker) offersOf(q *queue) []offer {
	var offers []offer
	add := func(m *message, from, to int64) {
		if q.fifo {
			from = max(from, m.firstFrom)
		}
		if from < to {
			offers = append(offers, offer{m, from, to})
		}
	}
	if q.fifo {
		q.findFirst()
	}
	for _, m := range q.messages {
		receipts, ok := m.turns()
		if !ok || len(m.creators) == 0 {
			continue
		}
		from := m.bornBy
		if delay := m.delayAtMost(); delay > 0 {
			from += delay + c.slack
		}
		count := 0
		for i, r := range receipts {
			if r.out.ReceiveCount == count+1 { // nobody got it in between, not even by a receive that nobody saw the result of
				add(m, from, r.op.Call)
			}
			limit := c.end
			if i+1 < len(receipts) {
				limit = receipts[i+1].op.Return
			}
			from = max(from, r.heldUntilAtMost(limit)+c.slack)
			count = r.out.ReceiveCount
		}
		if q.deadLetter == nil && len(q.movesTo) == 0 { // nobody received it any more, so only the absence of unseen receives says that nobody held it
			add(m, from, min(m.thereUntil, q.phantoms.first(), c.end))
		}
	}
	return offers
}

// turns returns the receipts by receive count; false if the counts are unknown or contradict real time.
func (m *message) turns() ([]*receipt, bool) {
	receipts := m.inTurn()
	for i, r := range receipts {
		if r.out.ReceiveCount <= 0 || (i > 0 && r.op.Return < receipts[i-1].op.Call) {
			return nil, false
		}
	}
	return receipts, true
}

// findFirst sets firstFrom of the messages of a FIFO queue.
func (q *queue) findFirst() {
	lined := 0
	for _, g := range q.lineups {
		lined += len(g.messages)
	}
	for _, m := range q.messages {
		m.firstFrom = forever
	}
	if lined < len(q.messages) {
		return // a message that cannot be placed may stand before any other
	}
	unseen := q.unseenGroups()
	for _, g := range q.lineups {
		from := int64(0)
		if unseen[g.messages[0].group] {
			from = forever
		}
		for _, m := range g.messages {
			m.firstFrom = from
			from = max(from, m.goneBy)
		}
	}
}

// unseenGroups returns the groups in which there may be messages that the history does not show.
func (q *queue) unseenGroups() map[string]bool {
	received := map[string]bool{}
	for _, m := range q.messages {
		for _, r := range m.receipts {
			received[r.out.Body] = true
		}
	}
	unseen := map[string]bool{}
	for _, sends := range q.keys {
		for _, op := range sends {
			if op.Outcome != OK && !received[op.Body] {
				unseen[op.Group] = true
			}
		}
	}
	return unseen
}
