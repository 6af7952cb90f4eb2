package linearizability

// Does a delete delete what it may delete, and nothing else?

// checkDeletes applies deleted-returns-fifo, deleted-returns and expired-handle-deletes.
func (c *checker) checkDeletes(q *queue) {
	for _, m := range q.messages {
		switch {
		case q.fifo:
			c.checkDeleted(DeletedReturnsFIFO, m)
		case c.options.StrictStandard:
			c.checkDeleted(DeletedReturns, m)
		}
		if q.exact {
			c.checkFence(m)
		}
	}
}

// checkDeleted checks that a message is not received after a delete of it returned.
func (c *checker) checkDeleted(rule Rule, m *message) {
	var final *Operation // the acknowledged delete that returned first
	for _, op := range m.deletes {
		if op.Outcome == OK && (final == nil || op.Return < final.Return) {
			final = op
		}
	}
	if final == nil {
		return
	}
	c.judged(rule)
	for _, r := range m.receipts {
		if r.op.Call >= final.Return {
			c.broken(rule, []int{final.ID, r.op.ID}, "the delete of %s was acknowledged at %s, and the receive called at %s got it from %s",
				m.title(), at(final.Return), at(r.op.Call), m.queue.name)
			return
		}
	}
}

// checkFence checks that deletes were refused whose handle had certainly lost the message, while that was certainly there.
func (c *checker) checkFence(m *message) {
	if m.queue.deadLetter != nil || len(m.queue.movesTo) > 0 || m.queue.once {
		return // it may have moved, and then every handle deletes nothing and is fine
	}
	soonest := soonestReturns(m)
	for i, op := range m.deletes {
		r := m.queue.handles[op.Handle]
		if op.Outcome != OK || r == nil || r.message != m {
			continue
		}
		c.judged(ExpiredHandleDeletes)
		other := min(m.queue.clears.begin(m.bornFrom), m.bornFrom+m.queue.retentionMin-c.slack)
		if i > 0 {
			other = min(other, m.deletes[0].Call)
		} else if len(m.deletes) > 1 {
			other = min(other, m.deletes[1].Call)
		}
		if other <= op.Return {
			continue // it may have been gone
		}
		if held := r.heldUntilAtMost(op.Return); held+c.slack < op.Call {
			c.broken(ExpiredHandleDeletes, []int{r.op.ID, op.ID}, "the receive at %s hid %s until %s at the latest, and a delete with its handle was accepted at %s",
				at(r.op.Call), m.title(), at(held), at(op.Call))
			continue
		}
		if next := soonest.after(r); next != nil && next.op.Return <= op.Call && next.out.Handle != r.out.Handle {
			c.broken(ExpiredHandleDeletes, []int{r.op.ID, next.op.ID, op.ID}, "%s was received at %s, received again by %s, and deleted with the first handle at %s",
				m.title(), at(r.op.Call), at(next.op.Return), at(op.Call))
		}
	}
}

// successors finds, for a receipt, the receipt that followed it and returned first.
type successors struct {
	// receipts are in order of Call; soonest[i] is the one that returned first among receipts[i:].
	receipts []*receipt
	soonest  []*receipt
}

func soonestReturns(m *message) successors {
	s := successors{receipts: m.receipts, soonest: make([]*receipt, len(m.receipts))}
	for i := len(m.receipts) - 1; i >= 0; i-- {
		s.soonest[i] = m.receipts[i]
		if i+1 < len(m.receipts) && s.soonest[i+1].op.Return < m.receipts[i].op.Return {
			s.soonest[i] = s.soonest[i+1]
		}
	}
	return s
}

// after returns the receipt that was certainly given out after r and returned first, or nil.
func (s successors) after(r *receipt) *receipt {
	low, high := 0, len(s.receipts)
	for low < high {
		if middle := (low + high) / 2; s.receipts[middle].op.Call >= r.op.Return {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low == len(s.receipts) {
		return nil
	}
	return s.soonest[low]
}
