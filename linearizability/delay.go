package linearizability

// Does a delayed message wait?

// checkDelay applies delay.
func (c *checker) checkDelay(q *queue) {
	for _, m := range q.messages {
		delay := m.delayAtLeast()
		if delay == 0 || len(m.receipts) == 0 || m.arrived { // what moved here had its delay before
			continue
		}
		c.judged(Delay)
		first := m.receipts[0]
		for _, r := range m.receipts[1:] {
			if r.op.Return < first.op.Return {
				first = r
			}
		}
		if first.op.Return+c.slack < m.bornFrom+delay {
			c.broken(Delay, first.ids(m.creators), "%s was sent at %s with a delay of %.3f s and received by %s",
				m.title(), at(m.bornFrom), float64(delay)/float64(second), at(first.op.Return))
		}
	}
}

// delayAtLeast is the shortest delay that the message may have had, in nanoseconds.
func (m *message) delayAtLeast() int64 {
	if len(m.creators) == 0 {
		return 0
	}
	if m.queue.fifo { // its messages have the queue's delay, which may be changed while they wait
		return m.queue.delayMin
	}
	delay := forever
	for _, op := range m.creators {
		delay = min(delay, int64(op.DelaySeconds)*second)
	}
	return delay
}

// delayAtMost is the longest delay that the message may have had, in nanoseconds.
func (m *message) delayAtMost() int64 {
	delay := m.queue.delayMax
	for _, op := range m.creators {
		delay = max(delay, int64(op.DelaySeconds)*second)
	}
	return delay
}
