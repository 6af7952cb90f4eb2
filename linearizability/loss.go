package linearizability

// Is every acknowledged message delivered, and is what was purged gone?

// checkLoss applies lost and purged-returns.
func (c *checker) checkLoss(q *queue) {
	for _, m := range q.messages {
		if c.options.Drained && !c.options.Queues[q.name].Undrained {
			c.checkLost(m)
		}
		c.checkPurged(m)
	}
}

// checkLost checks that a message that was certainly stored has left its queue in a way that may explain it.
func (c *checker) checkLost(m *message) {
	q := m.queue
	if q.once {
		return // checkOnce judges it
	}
	c.judged(Lost)
	if m.wentOn() {
		return // it moved: it is the other queue's now
	}
	if len(m.deletes) > 0 || q.clears.begin(m.bornFrom) < forever || c.end+c.slack >= m.bornFrom+q.retentionMin {
		return
	}
	if len(m.receipts) == 0 {
		c.broken(Lost, idsOf(m.answers), "%s was acknowledged by %s at %s and never received, though the queue was drained",
			m.title(), q.name, at(m.bornBy))
		return
	}
	last := m.receipts[len(m.receipts)-1]
	c.broken(Lost, last.ids(m.answers), "%s was last received from %s at %s, not deleted, and never seen again, though the queue was drained",
		m.title(), q.name, at(last.op.Return))
}

// checkPurged checks that a message is not received after a purge, or a deletion of the queue, that must have met it.
func (c *checker) checkPurged(m *message) {
	over := m.queue.purged.over(m.bornBy)
	if over == forever {
		return
	}
	c.judged(PurgedReturns)
	for _, r := range m.receipts {
		if r.op.Call >= over {
			c.broken(PurgedReturns, r.ids(m.answers), "%s was in %s by %s, the queue was emptied by %s, and the receive at %s still got it",
				m.title(), m.queue.name, at(m.bornBy), at(over), at(r.op.Call))
			return
		}
	}
}
