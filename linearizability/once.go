package linearizability

// Does a queue that delivers at most once do so?

// checkOnce applies at-most-once, and lost to the queues for which a receive is the end of a message.
func (c *checker) checkOnce(q *queue) {
	if !q.once {
		return
	}
	var missing []*message
	for _, m := range q.messages {
		c.judged(AtMostOnce)
		switch {
		case len(m.receipts) > 1:
			c.broken(AtMostOnce, []int{m.receipts[0].op.ID, m.receipts[1].op.ID}, "%s was received from %s at %s and again at %s, though the queue delivers at most once",
				m.title(), q.name, at(m.receipts[0].op.Return), at(m.receipts[1].op.Return))
		case len(m.receipts) == 0 && q.clears.begin(m.bornFrom) == forever && c.end+c.slack < m.bornFrom+q.retentionMin:
			missing = append(missing, m)
		}
	}
	if !c.options.Drained || c.options.Queues[q.name].Undrained {
		return
	}
	c.judged(Lost)
	if len(missing) > q.unseenMost { // a receive whose answer nobody saw is the end of what it took
		m := missing[0]
		c.broken(Lost, idsOf(m.answers), "%d messages were acknowledged by %s and never received, though the queue was drained, %s among them; receives that nobody saw the result of can have taken %d",
			len(missing), q.name, m.title(), q.unseenMost)
	}
}
