package linearizability

import "slices"

// mutator breaks a history so that the rule must notice. mutate returns whether the history had a place for it.
type mutator struct {
	name   string
	rule   Rule
	mutate func(m *mutation) bool
}

// mutators of what every queue promises, and of what was purged or deleted.
var mutators = []mutator{
	{"drop a message", Lost, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.queue.quiet() && !expires(m, one.queue) && one.queue.simple() && len(one.answers) > 0 && len(one.receipts) > 0
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
	{"drop the deletes of a message", Lost, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.queue.quiet() && !expires(m, one.queue) && one.queue.simple() && len(one.receipts) > 0
		})
		if one == nil {
			return false
		}
		m.remove(one.deletes)
		return true
	}},
	{"refuse the deletes of a message", Lost, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return one.queue.quiet() && !expires(m, one.queue) && one.queue.simple() && len(one.receipts) > 0
		})
		if one == nil {
			return false
		}
		for _, op := range one.deletes {
			m.h[op.ID].Outcome, m.h[op.ID].Tries = Failed, 0
		}
		return true
	}},
	{"invent a message", Invented, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(*receipt) bool { return true })
		m.out(r).MessageID, m.out(r).Body = "nobody's", "nothing"
		return true
	}},
	{"receive before the send", Invented, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool { return acknowledged(one) && len(one.receipts) > 0 })
		if one == nil {
			return false
		}
		op := &m.h[one.answers[0].ID]
		op.Call, op.Return = m.known.end+1, m.known.end+2
		return true
	}},
	{"refuse a send that was received", Invented, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool {
			return acknowledged(one) && len(one.receipts) > 0 && len(one.queue.sendsOf(one.body)) == 1
		})
		if one == nil {
			return false
		}
		op := &m.h[one.answers[0].ID]
		op.Outcome, op.MessageID, op.SequenceNumber, op.Error = Failed, "", "", "InvalidParameterValue"
		return true
	}},
	{"swap two bodies", Corrupted, func(m *mutation) bool {
		fit := func(r *receipt) bool { return acknowledged(r.message) && r.message.queue.name == "plain" }
		a := pick(m, m.receipts(), fit)
		b := pick(m, m.receipts(), func(r *receipt) bool { return fit(r) && r.message != a.message })
		if a == nil || b == nil {
			return false
		}
		m.out(a).Body, m.out(b).Body = b.out.Body, a.out.Body
		return true
	}},
	{"damage a body", Corrupted, func(m *mutation) bool {
		m.out(pick(m, m.receipts(), func(*receipt) bool { return true })).DamagedBody = true
		return true
	}},
	{"garble a body", Corrupted, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return len(r.message.answers) > 0 })
		if r == nil {
			return false
		}
		m.out(r).Body += "?"
		return true
	}},
	{"move to another group", Corrupted, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.message.queue.fifo })
		m.out(r).Group = "elsewhere"
		return true
	}},
	{"forge the time of sending", Corrupted, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.message.receipts[0] != r && !r.message.queue.revisited })
		if r == nil {
			return false
		}
		m.out(r).SentMs++
		return true
	}},
	{"repeat a message in an answer", Response, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(*receipt) bool { return true })
		m.h[r.op.ID].Messages = append(m.h[r.op.ID].Messages, again(r))
		return true
	}},
	{"ask for less", Response, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return len(r.op.Messages) > 1 })
		if r == nil {
			return false
		}
		m.h[r.op.ID].Max = 1
		return true
	}},
	{"forget the MessageID of a send", Response, func(m *mutation) bool {
		op := pick(m, m.operations(), func(op *Operation) bool { return op.Kind == Send && op.Outcome == OK })
		m.h[op.ID].MessageID = ""
		return true
	}},
	{"give out a handle twice", HandleReuse, func(m *mutation) bool {
		a := pick(m, m.receipts(), func(*receipt) bool { return true })
		b := pick(m, m.receipts(), func(r *receipt) bool { return r != a && r.message.queue == a.message.queue && r.op != a.op })
		if b == nil {
			return false
		}
		m.out(b).Handle = a.out.Handle
		return true
	}},
	{"answer a send for its neighbour", SharedMessageID, func(m *mutation) bool {
		fit := func(one *message) bool { return one.queue.name == "plain" && len(one.answers) > 0 }
		a := pick(m, m.messages(), fit)
		b := pick(m, m.messages(), func(one *message) bool { return fit(one) && one != a })
		if b == nil {
			return false
		}
		m.h[b.answers[0].ID].MessageID = a.id
		return true
	}},
	{"resurrect a deleted FIFO message", DeletedReturnsFIFO, func(m *mutation) bool { return m.resurrect(true) }},
	{"resurrect a deleted message", DeletedReturns, func(m *mutation) bool { return m.resurrect(false) }},
	{"resurrect a purged message", PurgedReturns, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool { return r.message.queue.purged.over(r.message.bornBy) < forever })
		if r == nil {
			return false
		}
		m.insert(r.message.queue.name, m.known.end, again(r))
		return true
	}},
}
