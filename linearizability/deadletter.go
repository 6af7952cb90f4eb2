package linearizability

// Do messages move to the dead-letter queue when, and only when, they were received too often?

// checkDeadLetters applies dead-letter to the messages of a source queue.
func (c *checker) checkDeadLetters(q *queue) {
	if q.deadLetter == nil || q.maxReceives <= 0 {
		return
	}
	chained := len(q.sources) > 0 // counts that went on from another queue say nothing of this one
	for _, m := range q.messages {
		for _, r := range m.receipts {
			c.judged(DeadLetter)
			if !chained && r.out.ReceiveCount > q.maxReceives {
				c.broken(DeadLetter, []int{r.op.ID}, "%s was received from %s at %s with receive count %d; after %d it moves to %s",
					m.title(), q.name, at(r.op.Return), r.out.ReceiveCount, q.maxReceives, q.deadLetter.name)
			}
		}
		if moved := q.deadLetter.like(m); moved != nil && len(moved.receipts) > 0 {
			c.checkMove(m, moved, chained)
		}
	}
}

// checkMove checks a message that was received from the dead-letter queue.
func (c *checker) checkMove(m, moved *message, chained bool) {
	soonest := moved.receipts[0]
	for _, r := range moved.receipts {
		c.judged(DeadLetter)
		if count := r.out.ReceiveCount; !chained && count > 0 && count <= m.queue.maxReceives {
			c.broken(DeadLetter, []int{r.op.ID}, "%s was received from %s at %s with receive count %d, but moves there only after %d receives from %s",
				moved.title(), moved.queue.name, at(r.op.Return), count, m.queue.maxReceives, m.queue.name)
		}
		if r.op.Return < soonest.op.Return {
			soonest = r
		}
	}
	for _, r := range m.receipts {
		if r.op.Call > soonest.op.Return {
			c.broken(DeadLetter, []int{soonest.op.ID, r.op.ID}, "%s was received from %s by %s, and after that, at %s, from %s",
				m.title(), moved.queue.name, at(soonest.op.Return), at(r.op.Call), m.queue.name)
			return
		}
	}
}
