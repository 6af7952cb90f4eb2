package linearizability

import "slices"

// moveMutators break what is promised of messages that move between queues, and of other deliveries.
var moveMutators = []mutator{
	{"forget where a dead letter comes from", MovedAltered, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.out.Source != "" })
		if r == nil {
			return false
		}
		m.out(r).Source = ""
		return true
	}},
	{"call a message a dead letter", MovedAltered, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.message.queue.name == "work" })
		m.out(r).Source = "work"
		return true
	}},
	{"forge the time of sending of a dead letter", MovedAltered, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool { return one.moved() && !one.queue.revisited })
		if one == nil {
			return false
		}
		for _, r := range one.receipts {
			m.out(r).SentMs++
		}
		return true
	}},
	{"give a dead letter the body of another", MovedAltered, func(m *mutation) bool {
		one := pick(m, m.messages(), (*message).moved)
		other := pick(m, m.messages(), func(other *message) bool {
			return one != nil && other != one && other.queue == one.queue && other.moved()
		})
		if other == nil {
			return false
		}
		for _, r := range one.receipts {
			m.out(r).Body = other.body
		}
		return true
	}},
	{"move a message twice", MovedTwice, func(m *mutation) bool {
		one := pick(m, m.messages(), (*message).moved)
		if one == nil {
			return false
		}
		out := *one.receipts[0].out
		out.Handle += "-copy"
		m.insert(one.queue.name, m.known.end, out)
		return true
	}},
	{"move a message that was deleted", MovedTwice, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.queue.deadLetter != nil && len(one.receipts) > 0 && one.certainlyDeleted(m.known.slack) != nil
		})
		if one == nil {
			return false
		}
		out := again(one.receipts[0])
		out.Source, out.ReceiveCount = one.queue.name, one.queue.maxReceives+1
		m.insert(one.queue.deadLetter.name, m.known.end, out)
		return true
	}},
	{"move back a message that stays", MovedTwice, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.queue.revisited && len(one.queue.sources) == 0 && len(one.queue.stays[one.id]) == 1 && len(one.receipts) > 1 &&
				one.receipts[1].op.Call > one.receipts[0].op.Return+2
		})
		if one == nil {
			return false
		}
		for i := range 2 { // a second one, between the receives of the first and after them
			out := again(one.receipts[i])
			out.SentMs += 1_000_000
			out.ReceiveCount = i + 1
			m.insert(one.queue.name, one.receipts[i].op.Return, out)
		}
		return true
	}},
	{"turn two dead letters around", MovedOrder, func(m *mutation) bool {
		q := m.known.byName["dead-jobs.fifo"]
		source := m.known.byName["jobs.fifo"]
		if q == nil || q.revisited {
			return false
		}
		fit := func(one *message) bool {
			return one.moved() && one.number != "" && source.like(one) != nil && source.like(one).number != ""
		}
		a := pick(m, q.messages, fit)
		b := pick(m, q.messages, func(b *message) bool { return a != nil && b != a && fit(b) && b.group == a.group })
		if b == nil {
			return false
		}
		m.renumber(a, b.number)
		m.renumber(b, a.number)
		return true
	}},
	{"move faster than the rate", MoveRate, func(m *mutation) bool {
		for _, q := range m.known.queues {
			i := slices.IndexFunc(q.tasks, func(op *Operation) bool { return op.Kind == StartMoveTask && op.possible() })
			if i < 0 || q.tasks[i].Rate == 0 || !q.tasks[i].settled() {
				continue
			}
			one := pick(m, m.messages(), func(one *message) bool {
				return one.arrived && slices.Contains(q.movesTo, one.queue) && len(one.receipts) > 0
			})
			if one == nil || int64(q.tasks[i].Rate)*(m.known.slack+3) >= second {
				continue
			}
			op := &m.h[one.receipts[0].op.ID]
			op.Call, op.Return = q.tasks[i].Call+1, q.tasks[i].Call+2
			return true
		}
		return false
	}},
	{"forget that a task was started", MoveTaskState, func(m *mutation) bool {
		op := pick(m, m.operations(), func(op *Operation) bool {
			return op.Kind == ListMoveTasks && op.Outcome == OK && slices.ContainsFunc(m.known.byName[op.Queue].tasks, func(start *Operation) bool {
				return start.Kind == StartMoveTask && start.Outcome == OK && start.Return < op.Call
			})
		})
		if op == nil {
			return false
		}
		m.h[op.ID].Tasks = nil
		return true
	}},
	{"begin a task anew", MoveTaskState, func(m *mutation) bool {
		op := pick(m, m.operations(), func(op *Operation) bool { return op.Kind == StartMoveTask && op.Outcome == OK })
		if op == nil {
			return false
		}
		last := m.known.end
		for i, moved := range []int64{7, 3} {
			m.h = append(m.h, Operation{Client: "mutant", Kind: ListMoveTasks, Queue: op.Queue, Call: last + int64(3*i), Return: last + int64(3*i) + 1, Outcome: OK,
				Tasks: []MoveTask{{Task: op.Task, Status: "RUNNING", Moved: moved}}})
		}
		return true
	}},
	{"let a task run on that was cancelled", MoveTaskState, func(m *mutation) bool {
		op := pick(m, m.operations(), func(op *Operation) bool {
			return op.Kind == CancelMoveTask && op.Outcome == OK && slices.ContainsFunc(m.known.byName[op.Queue].tasks, func(start *Operation) bool {
				return start.Kind == StartMoveTask && start.Outcome == OK && start.Task == op.Task
			})
		})
		if op == nil {
			return false
		}
		m.h = append(m.h, Operation{Client: "mutant", Kind: ListMoveTasks, Queue: op.Queue, Call: m.known.end, Return: m.known.end + 1, Outcome: OK,
			Tasks: []MoveTask{{Task: op.Task, Status: "RUNNING", Moved: 1000}}})
		return true
	}},
	{"lose a dead letter", Lost, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.moved() && !one.queue.revisited && !expires(m, one.queue.sources[0]) && one.queue.sources[0].quiet() && one.queue.quiet() && one.queue.sources[0].like(one) != nil && len(one.queue.sources[0].like(one).deletes) == 0
		})
		if one == nil {
			return false
		}
		for _, r := range one.receipts {
			m.drop(r)
		}
		m.remove(append(slices.Clone(one.deletes), one.changes.settled...))
		return true
	}},
	{"deliver a second time", AtMostOnce, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.message.queue.once })
		if r == nil {
			return false
		}
		m.insert(r.message.queue.name, m.known.end, again(r))
		return true
	}},
	{"lose what nobody can have received", Lost, func(m *mutation) bool {
		q := m.known.byName["once"]
		if !q.quiet() {
			return false
		}
		dropped := 0
		var deletes []*Operation
		for _, one := range q.messages {
			if acknowledged(one) && len(one.receipts) > 0 {
				m.drop(one.receipts[0])
				deletes = append(deletes, one.deletes...)
				dropped++
			}
		}
		m.remove(deletes)
		return dropped > q.unseenMost
	}},
	{"store an exactly-once send twice", DuplicateSendFIFO, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.message.queue.name == "exact" && acknowledged(r.message) })
		if r == nil {
			return false
		}
		out := again(r)
		out.MessageID, out.ReceiveCount = "copy", 1
		m.insert(r.message.queue.name, m.known.end, out)
		return true
	}},
}

// moved reports whether the message is a dead letter that somebody received.
func (m *message) moved() bool { return m.arrived && len(m.queue.sources) > 0 && len(m.receipts) > 0 }
