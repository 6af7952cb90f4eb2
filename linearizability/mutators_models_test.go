package linearizability

import (
	"fmt"
	"slices"
)

// modelMutators break what porcupine's models demand, in places that they judge.
var modelMutators = []mutator{
	{"porcupine: resurrect a deleted FIFO message", PorcupineFIFO, func(m *mutation) bool { return m.resurrectIn(true) }},
	{"porcupine: resurrect a deleted message", PorcupineStandard, func(m *mutation) bool { return m.resurrectIn(false) }},
	{"porcupine: hand out a held FIFO message", PorcupineFIFO, func(m *mutation) bool { return m.overlapIn(true) }},
	{"porcupine: hand out a held message", PorcupineStandard, func(m *mutation) bool { return m.overlapIn(false) }},
	{"porcupine: receive a FIFO message before its send", PorcupineFIFO, func(m *mutation) bool { return m.receiveFirst(true) }},
	{"porcupine: receive before the send", PorcupineStandard, func(m *mutation) bool { return m.receiveFirst(false) }},
	{"porcupine: deliver before the delay is over", PorcupineStandard, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return m.modelled(one.queue, false) && one.delayAtLeast() > m.known.slack+2*second/10 && acknowledged(one) && len(one.receipts) > 0
		})
		if one == nil {
			return false
		}
		op := &m.h[one.receipts[0].op.ID]
		op.Call, op.Return = one.answers[0].Return+1, one.answers[0].Return+2
		return true
	}},
	{"porcupine: count a receive down", PorcupineStandard, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			first := r.message.receipts[0]
			return m.modelled(r.message.queue, false) && first.out.ReceiveCount == 1 && r != first && first.op.Return < r.op.Call
		})
		if r == nil {
			return false
		}
		m.out(r).ReceiveCount = 1
		return true
	}},
	{"porcupine: accept the handle of the former holder", PorcupineFIFO, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			after := soonestReturns(r.message).after(r)
			return m.modelled(r.message.queue, true) && m.lined(r.message) && after != nil && after.out.Handle != r.out.Handle &&
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
	{"porcupine: swap two numbers", PorcupineFIFO, func(m *mutation) bool {
		a, b := m.ordered()
		if a == nil || !m.modelled(a.queue, true) || !acknowledged(a) || !acknowledged(b) {
			return false
		}
		m.renumber(a, b.number)
		m.renumber(b, a.number)
		return true
	}},
	{"porcupine: turn an answer around", PorcupineFIFO, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			first, last := r.op.Messages[0], r.op.Messages[len(r.op.Messages)-1]
			return m.modelled(r.message.queue, true) && first.MessageID != last.MessageID && first.Group == last.Group &&
				m.lined(r.message) && m.lined(r.message.queue.byID[first.MessageID]) && m.lined(r.message.queue.byID[last.MessageID]) &&
				m.inOneWindow(first.MessageID, last.MessageID)
		})
		if r == nil {
			return false
		}
		slices.Reverse(m.h[r.op.ID].Messages)
		return true
	}},
	{"porcupine: deliver the second message first", PorcupineFIFO, func(m *mutation) bool {
		a, b := m.inLine()
		if a == nil || !m.modelled(a.message.queue, true) {
			return false
		}
		x, y := m.out(a), m.out(b)
		*x, *y = *y, *x
		return true
	}},
	{"porcupine: forget a deduplication ID", PorcupineFIFO, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			if !m.modelled(one.queue, true) || !m.lined(one) || len(one.answers) < 2 {
				return false
			}
			last := one.answers[len(one.answers)-1]
			return one.answers[0].Body != last.Body && last.Return-m.firstSend(one)+m.known.slack < deduplicationInterval &&
				!slices.ContainsFunc(one.queue.keys[one.queue.widestKey(last)], func(op *Operation) bool { return !op.settled() || op.Group != one.group })
		})
		if one == nil {
			return false
		}
		op := &m.h[one.answers[len(one.answers)-1].ID]
		op.MessageID, op.SequenceNumber = "unexpected", "99999999999999999999"
		return true
	}},
	{"porcupine: purge without effect", PorcupineStandard, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			return m.modelled(r.message.queue, false) && r.message.queue.name == "plain" && acknowledged(r.message) && soonestReturns(r.message).after(r) != nil
		})
		if r == nil {
			return false
		}
		m.h = append(m.h, Operation{Client: "mutant", Kind: PurgeQueue, Queue: "plain", Call: r.op.Return, Return: r.op.Return + 1, Outcome: OK})
		return soonestReturns(r.message).after(r).op.Call > r.op.Return+1
	}},
}

// modelled reports whether the models judge a queue of this kind.
func (m *mutation) modelled(q *queue, fifo bool) bool {
	return q.fifo == fifo && q.exact == fifo && q.quiet() && !expires(m, q) && q.simple()
}

// inOneWindow reports whether a window has both messages.
func (m *mutation) inOneWindow(a, b string) bool {
	return slices.ContainsFunc(windowsOf(m.known.history, &m.options), func(w window) bool {
		model, ok := w.specification.(*messageModel)
		return ok && slices.Contains(model.names, a) && slices.Contains(model.names, b)
	})
}

func (m *mutation) resurrectIn(fifo bool) bool {
	r := pick(m, m.receipts(), func(r *receipt) bool {
		return m.modelled(r.message.queue, fifo) && (!fifo || m.lined(r.message)) &&
			slices.ContainsFunc(r.message.deletes, func(op *Operation) bool { return op.Outcome == OK })
	})
	if r == nil {
		return false
	}
	m.insert(r.message.queue.name, m.known.end, again(r))
	return true
}

func (m *mutation) overlapIn(fifo bool) bool {
	r := pick(m, m.receipts(), func(r *receipt) bool {
		changed := r.message.changes.wild || len(r.message.changes.settled) > 0
		return m.modelled(r.message.queue, fifo) && (!fifo || m.lined(r.message)) && !changed && r.op.Return+1+m.known.slack < r.op.Call+timeout(r.op)
	})
	if r == nil {
		return false
	}
	m.insert(r.message.queue.name, r.op.Return, again(r))
	return true
}

func (m *mutation) receiveFirst(fifo bool) bool {
	one := pick(m, m.messages(), func(one *message) bool {
		return m.modelled(one.queue, fifo) && (!fifo || m.lined(one)) && acknowledged(one) && len(one.receipts) > 0
	})
	if one == nil {
		return false
	}
	op := &m.h[one.answers[0].ID]
	op.Call, op.Return = m.known.end+1, m.known.end+2
	return true
}

// registerMutators break the metadata.
var registerMutators = []mutator{
	{"metadata: read an old value", PorcupineMetadata, func(m *mutation) bool {
		get := m.reads(steady, func(get *Operation) bool {
			set := m.lastSet(get)
			return set != nil && m.lastSet(set) != nil
		})
		if get == nil {
			return false
		}
		m.setValue(get, m.lastSet(m.lastSet(get)).Attributes[period])
		return true
	}},
	{"metadata: read a value of the future", PorcupineMetadata, func(m *mutation) bool {
		get := m.reads(steady, func(get *Operation) bool { return m.lastSet(get) != nil && m.nextSet(get) != nil })
		if get == nil {
			return false
		}
		m.setValue(get, m.nextSet(get).Attributes[period])
		return true
	}},
	{"metadata: read what nobody set", PorcupineMetadata, func(m *mutation) bool {
		get := m.reads(steady, func(get *Operation) bool { return m.lastSet(get) != nil })
		if get == nil {
			return false
		}
		m.setValue(get, "777777")
		return true
	}},
	{"metadata: forget a change", PorcupineMetadata, func(m *mutation) bool {
		get := m.reads(steady, func(get *Operation) bool {
			set := m.lastSet(get)
			return set != nil && m.lastSet(set) != nil && get.Values[period] == set.Attributes[period]
		})
		if get == nil {
			return false
		}
		m.remove([]*Operation{m.lastSet(get)})
		return true
	}},
	{"metadata: swap two reads", PorcupineMetadata, func(m *mutation) bool {
		second := m.reads(steady, func(second *Operation) bool {
			set := m.lastSet(second)
			first := m.readBefore(set)
			return first != nil && m.lastSet(first) != nil && first.Values[period] != second.Values[period] && second.Values[period] == set.Attributes[period]
		})
		if second == nil {
			return false
		}
		first := m.readBefore(m.lastSet(second))
		a, b := first.Values[period], second.Values[period]
		m.setValue(first, b)
		m.setValue(second, a)
		return true
	}},
	{"metadata: lose a queue", PorcupineMetadata, func(m *mutation) bool {
		get := m.reads(steady, func(get *Operation) bool { return m.lastSet(get) != nil })
		if get == nil {
			return false
		}
		op := &m.h[get.ID]
		op.Outcome, op.Values, op.Error = Failed, nil, "QueueDoesNotExist"
		return true
	}},
	{"metadata: change a queue that is not there", PorcupineMetadata, func(m *mutation) bool {
		return m.onMissing(Operation{Kind: SetAttributes, Attributes: map[string]string{period: "700000"}})
	}},
	{"metadata: read a queue that is not there", PorcupineMetadata, func(m *mutation) bool {
		return m.onMissing(Operation{Kind: GetAttributes, Values: map[string]string{period: "345600"}})
	}},
	{"metadata: delete a queue twice", PorcupineMetadata, func(m *mutation) bool {
		return m.onMissing(Operation{Kind: DeleteQueue})
	}},
	{"metadata: purge a queue that is not there", PorcupineMetadata, func(m *mutation) bool {
		return m.onMissing(Operation{Kind: PurgeQueue})
	}},
	{"metadata: create a queue that is there and different", PorcupineMetadata, func(m *mutation) bool {
		return m.onPresent(Operation{Kind: CreateQueue, Attributes: map[string]string{hidden: "99"}})
	}},
	{"metadata: refuse to create a queue that is there and equal", PorcupineMetadata, func(m *mutation) bool {
		get := m.reads(steady, func(get *Operation) bool { return m.lastSet(get) != nil })
		if get == nil {
			return false
		}
		m.h = append(m.h, Operation{
			Client: "mutant", Kind: CreateQueue, Queue: steady, Call: get.Return + 1, Return: get.Return + 2, Outcome: Failed, Error: "QueueNameExists",
			Attributes: map[string]string{hidden: get.Values[hidden]},
		})
		return true
	}},
	{"metadata: a name is free though the queue is there", PorcupineMetadata, func(m *mutation) bool {
		return m.onPresent(Operation{Kind: CreateQueue, Outcome: Failed, Error: "QueueDeletedRecently", Attributes: map[string]string{hidden: "30"}})
	}},
}

// reads returns an answered read of a queue's attributes.
func (m *mutation) reads(queue string, fit func(get *Operation) bool) *Operation {
	return pick(m, m.operations(), func(op *Operation) bool {
		return op.Kind == GetAttributes && op.Queue == queue && op.settled() && fit(op)
	})
}

// lastSet returns the latest change that certainly came before op, and that no later one can have been turned over by; nil if
// there is none, or if changes that may still be on their way leave it open.
func (m *mutation) lastSet(op *Operation) *Operation {
	var last *Operation
	for i := range m.known.history[:op.ID] {
		set := &m.known.history[i]
		if set.Kind == SetAttributes && set.Queue == op.Queue && set.settled() && set.Return < op.Call && (last == nil || set.Call > last.Return) {
			last = set
		}
	}
	return last
}

// nextSet returns a change that was called after op had returned.
func (m *mutation) nextSet(op *Operation) *Operation {
	for i := op.ID + 1; i < len(m.known.history); i++ {
		if set := &m.known.history[i]; set.Kind == SetAttributes && set.Queue == op.Queue && set.settled() && set.Call > op.Return {
			return set
		}
	}
	return nil
}

// readBefore returns a read that returned before op was called.
func (m *mutation) readBefore(op *Operation) *Operation {
	if op == nil {
		return nil
	}
	for i := op.ID - 1; i >= 0; i-- {
		if get := &m.known.history[i]; get.Kind == GetAttributes && get.Queue == op.Queue && get.settled() && get.Return < op.Call {
			return get
		}
	}
	return nil
}

// setValue makes a read answer another value.
func (m *mutation) setValue(get *Operation, value string) {
	values := map[string]string{}
	for name, old := range get.Values {
		values[name] = old
	}
	values[period] = value
	m.h[get.ID].Values = values
}

// onMissing adds an operation just after a read that said that the queue is not there.
func (m *mutation) onMissing(op Operation) bool {
	get := pick(m, m.operations(), func(get *Operation) bool {
		return get.Kind == GetAttributes && get.Queue == mortal && get.Outcome == Failed && get.Tries <= 1 && m.undisturbed(get)
	})
	return m.after(get, op)
}

// onPresent adds an operation just after a read of a queue that is there.
func (m *mutation) onPresent(op Operation) bool {
	return m.after(m.reads(steady, m.undisturbed), op)
}

// undisturbed reports whether nothing else is under way on the queue at the end of a read, and nothing may come late.
func (m *mutation) undisturbed(get *Operation) bool {
	return !slices.ContainsFunc(m.known.history, func(op Operation) bool {
		late := op.possible() && !op.settled() && op.Call <= get.Return
		return op.ID != get.ID && op.Queue == get.Queue && isMetadata(op.Kind) && (late || (op.Call <= get.Return+5 && op.Return >= get.Call))
	})
}

func (m *mutation) after(get *Operation, op Operation) bool {
	if get == nil {
		return false
	}
	op.Client, op.Queue, op.Call, op.Return = fmt.Sprintf("mutant %d", get.ID), get.Queue, get.Return+1, get.Return+2
	if op.Outcome == "" {
		op.Outcome = OK
	}
	m.h = append(m.h, op)
	return true
}
