package linearizability

import "slices"

// orderMutators break what is promised about copies, order, holders and time.
var orderMutators = []mutator{
	{"store a FIFO send twice", DuplicateSendFIFO, func(m *mutation) bool { return m.duplicate(true) }},
	{"store a send twice", DuplicateSend, func(m *mutation) bool { return m.duplicate(false) }},
	{"forget a deduplication ID", Deduplication, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.queue.exact && one.queue.quiet() && len(one.answers) > 1 && one.answers[0].Body != one.answers[len(one.answers)-1].Body &&
				one.answers[len(one.answers)-1].Return-m.firstSend(one)+m.known.slack < deduplicationInterval
		})
		if one == nil {
			return false
		}
		op := &m.h[one.answers[len(one.answers)-1].ID]
		op.MessageID, op.SequenceNumber = "unexpected", "99999999999999999999"
		return true
	}},
	{"remember a deduplication ID for too long", Deduplication, func(m *mutation) bool {
		old := pick(m, m.messages(), func(one *message) bool { return one.queue.exact && m.reusedLater(one) != nil })
		if old == nil {
			return false
		}
		op := &m.h[m.reusedLater(old).ID]
		op.MessageID, op.SequenceNumber = old.id, old.number
		return true
	}},
	{"forge the number of a receipt", Sequence, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			return r.message.queue.fifo && !r.message.queue.revisited && len(r.message.answers)+len(r.message.receipts) > 1
		})
		if r == nil {
			return false
		}
		m.out(r).SequenceNumber += "1"
		return true
	}},
	{"number two messages alike", Sequence, func(m *mutation) bool {
		a, b := m.ordered()
		if a == nil {
			return false
		}
		m.renumber(b, a.number)
		return true
	}},
	{"swap two numbers", SequenceOrder, func(m *mutation) bool {
		a, b := m.ordered()
		if a == nil {
			return false
		}
		m.renumber(a, b.number)
		m.renumber(b, a.number)
		return true
	}},
	{"turn an answer around", FIFOOrder, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			first, last := r.op.Messages[0], r.op.Messages[len(r.op.Messages)-1]
			return r.message.queue.fifo && first.MessageID != last.MessageID && first.Group == last.Group && m.lined(r.message) &&
				m.lined(r.message.queue.stay(&first)) && m.lined(r.message.queue.stay(&last))
		})
		if r == nil {
			return false
		}
		slices.Reverse(m.h[r.op.ID].Messages)
		return true
	}},
	{"deliver the second message first", FIFOOrder, func(m *mutation) bool {
		a, b := m.inLine()
		if a == nil {
			return false
		}
		x, y := m.out(a), m.out(b)
		*x, *y = *y, *x
		return true
	}},
	{"hand out a held FIFO message", FIFOHoldOverlap, func(m *mutation) bool { return m.overlap(true) }},
	{"hand out a held message", HoldOverlap, func(m *mutation) bool { return m.overlap(false) }},
	{"accept an expired handle", ExpiredHandleDeletes, func(m *mutation) bool {
		for _, i := range m.rng.Perm(len(m.h)) {
			op := &m.known.history[i]
			q := m.known.byName[op.Queue]
			r := q.handles[op.Handle]
			if op.Kind != Delete || op.Outcome != Failed || !q.exact || !q.simple() || op.Tries > 1 || r == nil || !q.quiet() {
				continue
			}
			if r.heldUntilAtMost(op.Return)+m.known.slack >= op.Call ||
				slices.ContainsFunc(r.message.deletes, func(other *Operation) bool { return other.Call <= op.Return }) {
				continue
			}
			m.h[i].Outcome = OK
			return true
		}
		return false
	}},
	{"accept the handle of the former holder", ExpiredHandleDeletes, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			after := soonestReturns(r.message).after(r)
			return r.message.queue.exact && r.message.queue.simple() && r.message.queue.quiet() && after != nil && after.out.Handle != r.out.Handle &&
				!slices.ContainsFunc(r.message.deletes, func(op *Operation) bool { return op.Call <= after.op.Return+1 })
		})
		if r == nil {
			return false
		}
		next := soonestReturns(r.message).after(r)
		m.h = append(m.h, Operation{
			Client: "mutant", Kind: Delete, Queue: r.op.Queue, Call: next.op.Return, Return: next.op.Return + 1, Outcome: OK,
			Handle: r.out.Handle, MessageID: r.message.id,
		})
		return true
	}},
	{"deliver before the delay is over", Delay, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.delayAtLeast() > m.known.slack+2*second/10 && acknowledged(one) && len(one.receipts) > 0
		})
		if one == nil {
			return false
		}
		op := &m.h[one.receipts[0].op.ID]
		op.Call, op.Return = one.answers[0].Return+1, one.answers[0].Return+2
		return true
	}},
	{"reset a receive count", ReceiveCount, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			first := r.message.receipts[0]
			return first.out.ReceiveCount == 1 && r != first && first.op.Return < r.op.Call
		})
		if r == nil {
			return false
		}
		m.out(r).ReceiveCount = 1
		return true
	}},
	{"turn receive counts around", ReceiveCount, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			first := r.message.receipts[0]
			return r != first && first.op.Return < r.op.Call
		})
		if r == nil {
			return false
		}
		a, b := m.out(r.message.receipts[0]), m.out(r)
		a.ReceiveCount, b.ReceiveCount = b.ReceiveCount, a.ReceiveCount
		return true
	}},
	{"count receives that never were", ReceiveCount, func(m *mutation) bool {
		m.out(pick(m, m.receipts(), func(*receipt) bool { return true })).ReceiveCount += 10_000
		return true
	}},
	{"move to the dead-letter queue too early", DeadLetter, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.message.queue.name == "dead" })
		if r == nil {
			return false
		}
		m.out(r).ReceiveCount = 2
		return true
	}},
	{"receive once too often", DeadLetter, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.message.queue.name == "work" })
		if r == nil {
			return false
		}
		m.out(r).ReceiveCount = 4
		return true
	}},
	{"come back from the dead-letter queue", DeadLetter, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			return r.message.queue.name == "dead" && m.known.byName["work"].like(r.message) != nil
		})
		if r == nil {
			return false
		}
		m.insert("work", m.known.end, again(r))
		return true
	}},
	{"miss a message", EmptyLongPoll, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.queue.name == "plain" && acknowledged(one) && one.delayAtMost() == 0 && m.waited(one) > 2*second
		})
		if one == nil {
			return false
		}
		m.h = append(m.h, Operation{
			Client: "mutant", Kind: Receive, Queue: "plain", Call: one.bornBy, Return: one.bornBy + second, Outcome: OK, Max: 1, WaitSeconds: 1,
		})
		return true
	}},
	{"wake up too late", EmptyLongPoll, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.queue.name == "plain" && acknowledged(one) && one.delayAtMost() == 0 && m.waited(one) > 2*second+m.known.slack && one.bornBy > 18*second
		})
		if one == nil {
			return false
		}
		until := one.bornBy + 2*second + m.known.slack
		m.h = append(m.h, Operation{
			Client: "mutant", Kind: Receive, Queue: "plain", Call: until - 18*second, Return: until, Outcome: OK, Max: 1, WaitSeconds: 18,
		})
		return true
	}},
}
