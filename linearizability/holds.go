package linearizability

import (
	"cmp"
	"slices"
)

// Has a message at most one holder at a time?

// checkHolds applies fifo-hold-overlap and hold-overlap.
func (c *checker) checkHolds(q *queue) {
	rule := HoldOverlap
	if q.fifo {
		rule = FIFOHoldOverlap
	} else if !c.options.StrictStandard {
		return
	}
	for _, m := range q.messages {
		receipts := m.inTurn()
		for i := range receipts[:max(0, len(receipts)-1)] {
			c.checkHandover(rule, receipts[i], receipts[i+1])
		}
	}
}

// inTurn returns the receipts in the order in which they were given out: by receive count, and by Call where that was
// not asked for.
func (m *message) inTurn() []*receipt {
	receipts := slices.Clone(m.receipts)
	slices.SortStableFunc(receipts, func(a, b *receipt) int { return cmp.Compare(a.out.ReceiveCount, b.out.ReceiveCount) })
	return receipts
}

// checkHandover checks that of two receipts of a message, given out one after the other, the later came after the earlier's
// timeout. Where their order is not certain, one possible order must allow it.
func (c *checker) checkHandover(rule Rule, a, b *receipt) {
	if a.out.Handle == b.out.Handle {
		return // a repeated receive attempt: the same holder
	}
	c.judged(rule)
	forward, backward := a.op.Call <= b.op.Return, b.op.Call <= a.op.Return
	if forward && backward && a.out.ReceiveCount < b.out.ReceiveCount {
		backward = false // the counts tell
	}
	if (forward && !c.overlaps(a, b)) || (backward && !c.overlaps(b, a)) {
		return
	}
	if !forward {
		a, b = b, a
	}
	c.broken(rule, append(idsOf(a.message.changes.settled), a.op.ID, b.op.ID),
		"%s was handed out by %s at %s for at least %.3f s, and handed out again by %s",
		a.message.title(), a.message.queue.name, at(a.op.Call), float64(a.heldUntilAtLeast(b.op, c.slack)-a.op.Call)/float64(second), at(b.op.Return))
}

// overlaps reports whether b, if given out after a, was certainly given out before a's timeout.
func (c *checker) overlaps(a, b *receipt) bool {
	return b.op.Return+c.slack < a.heldUntilAtLeast(b.op, c.slack)
}
