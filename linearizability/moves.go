package linearizability

import (
	"cmp"
	"slices"
)

// Is a message that moves between queues always one message, and the same one?

// checkMoves applies moved-altered, moved-twice and moved-order to what arrives in a queue.
func (c *checker) checkMoves(q *queue) {
	if len(q.from) == 0 && q.deadLetter == nil && len(q.movesTo) == 0 {
		return
	}
	for _, m := range q.messages {
		c.checkSource(m)
		if m.arrived {
			c.checkCopy(m)
		}
		c.checkGone(m)
		stays := q.stays[m.id]
		if i := slices.Index(stays, m); i > 0 {
			c.checkTurns(stays[i-1], m)
		}
	}
	if q.fifo && !q.revisited {
		for _, source := range q.sources {
			c.checkMovedOrder(source, q)
		}
	}
}

// checkSource checks that a dead letter names the queue that it comes from, and is what it was there.
func (c *checker) checkSource(m *message) {
	q := m.queue
	for _, r := range m.receipts {
		c.judged(MovedAltered)
		source := r.out.Source
		if !m.arrived || len(q.sources) == 0 {
			if source != "" {
				c.broken(MovedAltered, []int{r.op.ID}, "%s was received from %s at %s as a dead letter of %q, and is none", m.title(), q.name, at(r.op.Return), source)
			}
			continue
		}
		i := slices.IndexFunc(q.sources, func(s *queue) bool { return s.name == source && len(s.sendsOf(r.out.Body)) > 0 })
		if i < 0 {
			c.broken(MovedAltered, []int{r.op.ID}, "%s was received from %s at %s as a dead letter of %q, where it never was", m.title(), q.name, at(r.op.Return), source)
			continue
		}
		before := q.sources[i].like(m)
		if before == nil || len(before.receipts) == 0 {
			continue
		}
		was := before.receipts[0].out
		if was.Body != r.out.Body || was.Group != r.out.Group || was.SentMs != r.out.SentMs && was.SentMs > 0 && r.out.SentMs > 0 {
			c.broken(MovedAltered, []int{before.receipts[0].op.ID, r.op.ID}, "%s was %q of group %q, sent at %d ms, in %s, and %q of group %q, sent at %d ms, in %s",
				m.title(), was.Body, was.Group, was.SentMs, source, r.out.Body, r.out.Group, r.out.SentMs, q.name)
		}
	}
}

// checkCopy checks that a message that arrived is there once: two copies would be counted apart.
func (c *checker) checkCopy(m *message) {
	receipts := m.counted()
	for i, r := range receipts {
		c.judged(MovedTwice)
		if i > 0 && receipts[i-1].out.ReceiveCount == r.out.ReceiveCount {
			c.broken(MovedTwice, []int{receipts[i-1].op.ID, r.op.ID}, "%s moved to %s and was received there at %s and at %s, both times with receive count %d: there are two",
				m.title(), m.queue.name, at(receipts[i-1].op.Return), at(r.op.Return), r.out.ReceiveCount)
			return
		}
	}
}

// checkGone checks that a message is nowhere after a delete by its certain holder returned.
func (c *checker) checkGone(m *message) {
	gone := m.certainlyDeleted(c.slack)
	if gone == nil {
		return
	}
	c.judged(MovedTwice)
	for _, q := range m.queue.destinations() {
		for _, other := range q.stays[m.id] {
			for _, r := range other.receipts {
				if r.op.Call >= gone.Return && other != m {
					c.broken(MovedTwice, []int{gone.ID, r.op.ID}, "%s was deleted from %s by its holder at %s, and the receive called at %s got it from %s",
						m.title(), m.queue.name, at(gone.Return), at(r.op.Call), q.name)
					return
				}
			}
		}
	}
}

// certainlyDeleted returns a delete that was accepted while its handle's receive certainly held the message: it was not about to
// move, so that was the end of it. Nil if there is none.
func (m *message) certainlyDeleted(slack int64) *Operation {
	for _, op := range m.deletes {
		r := m.queue.handles[op.Handle]
		if op.settled() && r != nil && r.message == m && len(r.repeats) == 0 && op.Return+slack < r.heldUntilAtLeast(op, slack) {
			return op
		}
	}
	return nil
}

// checkTurns checks that two stays of a message in one queue do not overlap.
func (c *checker) checkTurns(a, b *message) {
	c.judged(MovedTwice)
	ab, ba := a.receivedAfter(b), b.receivedAfter(a)
	if ab != nil && ba != nil {
		c.broken(MovedTwice, []int{ab.op.ID, ba.op.ID}, "%s came to %s twice, and both were received there in turn, by receives called at %s and %s: there are two",
			a.title(), a.queue.name, at(ab.op.Call), at(ba.op.Call))
	}
}

// receivedAfter returns a receipt of m that was called after one of other had returned, or nil.
func (m *message) receivedAfter(other *message) *receipt {
	soonest := forever
	for _, r := range other.receipts {
		soonest = min(soonest, r.op.Return)
	}
	i := slices.IndexFunc(m.receipts, func(r *receipt) bool { return r.op.Call > soonest })
	if i < 0 {
		return nil
	}
	return m.receipts[i]
}

// checkMovedOrder checks that the messages of a group come to the dead-letter queue in the order that they had in their source: each
// locks those behind it until it moves.
func (c *checker) checkMovedOrder(source, q *queue) {
	type pair struct{ before, after *message }
	groups := map[string][]pair{}
	var names []string
	for _, m := range q.messages {
		before := source.like(m)
		if !m.arrived || m.number == "" || before == nil || before.number == "" || before.group == "" || before.incarnation < 0 {
			continue
		}
		if groups[before.group] == nil {
			names = append(names, before.group)
		}
		groups[before.group] = append(groups[before.group], pair{before, m})
	}
	for _, name := range names {
		group := groups[name]
		slices.SortStableFunc(group, func(a, b pair) int {
			return cmp.Or(cmp.Compare(a.before.incarnation, b.before.incarnation), compareNumbers(a.before.number, b.before.number))
		})
		for i, b := range group[1:] {
			c.judged(MovedOrder)
			if a := group[i]; compareNumbers(a.after.number, b.after.number) >= 0 {
				c.broken(MovedOrder, append(a.after.witness(), b.after.witness()...), "%s stood before %s in group %q of %s, and came to %s behind it, with number %s after %s",
					a.after.title(), b.after.title(), name, source.name, q.name, a.after.number, b.after.number)
			}
		}
	}
}
