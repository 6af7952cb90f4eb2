package linearizability

// Is every receive counted?

// checkCounts applies receive-count.
func (c *checker) checkCounts(q *queue) {
	for _, m := range q.messages {
		receipts := m.counted()
		c.checkRising(m, receipts)
		c.checkGaps(m, receipts)
	}
}

// counted returns one receipt of each handle whose receive count is known, by rising count.
func (m *message) counted() []*receipt {
	var receipts []*receipt
	for _, r := range m.inTurn() {
		if r.out.ReceiveCount > 0 && m.queue.handles[r.out.Handle] == r {
			receipts = append(receipts, r)
		}
	}
	return receipts
}

// checkRising checks that no two receives count the same, and none that came later counts less.
func (c *checker) checkRising(m *message, receipts []*receipt) {
	var soonest *receipt // of those with higher counts, the one that returned first
	for i := len(receipts) - 1; i >= 0; i-- {
		r := receipts[i]
		c.judged(ReceiveCount)
		if i+1 < len(receipts) && receipts[i+1].out.ReceiveCount == r.out.ReceiveCount {
			next := receipts[i+1]
			c.broken(ReceiveCount, []int{r.op.ID, next.op.ID}, "%s was received at %s and again at %s, both times with receive count %d",
				m.title(), at(r.op.Return), at(next.op.Return), r.out.ReceiveCount)
		} else if soonest != nil && soonest.op.Return < r.op.Call {
			c.broken(ReceiveCount, []int{soonest.op.ID, r.op.ID}, "%s was received by %s with receive count %d, and after that, at %s, with %d",
				m.title(), at(soonest.op.Return), soonest.out.ReceiveCount, at(r.op.Call), r.out.ReceiveCount)
		}
		if soonest == nil || r.op.Return < soonest.op.Return {
			soonest = r
		}
	}
}

// checkGaps checks that receives, those that nobody saw the result of included, account for the counts.
func (c *checker) checkGaps(m *message, receipts []*receipt) {
	for i, r := range receipts {
		known := i + 1
		hidden := m.queue.phantoms.before(r.op.Return)
		for _, source := range m.queue.sources { // the count goes on where the message moved
			hidden += source.phantoms.before(r.op.Return)
			if moved := source.like(m); moved != nil {
				known += len(moved.receipts)
			}
		}
		c.judged(ReceiveCount)
		if r.out.ReceiveCount > known+hidden {
			c.broken(ReceiveCount, []int{r.op.ID}, "%s was received at %s with receive count %d, but there can have been only %d receives of it",
				m.title(), at(r.op.Return), r.out.ReceiveCount, known+hidden)
			return
		}
	}
}
