package linearizability

import (
	"math/rand/v2"
	"slices"
)

// Mutators break a valid history in one place. The rule that is meant must notice every time.

// mutation is a valid history, what is known of it, and the copy that a mutator breaks.
type mutation struct {
	rng     *rand.Rand
	options Options
	// known is the index of the valid history.
	known *checker
	// h is the copy. Ids of operations are still their indexes.
	h []Operation
}

func newMutation(h []Operation, options Options, seed uint64) *mutation {
	known := &checker{history: h, options: options, slack: 2*int64(options.ClockBound) + int64(resolution)}
	known.index()
	for _, q := range known.queues {
		if q.fifo {
			q.lineups = groupsOf(q)
		}
	}
	m := &mutation{rng: rand.New(rand.NewPCG(seed, 1)), options: options, known: known, h: slices.Clone(h)}
	for i := range m.h {
		m.h[i].Messages = slices.Clone(m.h[i].Messages)
	}
	return m
}

// history returns the broken history in order of Call.
func (m *mutation) history() []Operation {
	slices.SortStableFunc(m.h, func(a, b Operation) int { return int(min(1, max(-1, a.Call-b.Call))) })
	for i := range m.h {
		m.h[i].ID = i
	}
	return m.h
}

// pick returns one of the list's elements for which fit holds, or the zero value if there is none.
func pick[T any](m *mutation, list []T, fit func(T) bool) T {
	var fitting []T
	for _, element := range list {
		if fit(element) {
			fitting = append(fitting, element)
		}
	}
	if len(fitting) == 0 {
		var none T
		return none
	}
	return fitting[m.rng.IntN(len(fitting))]
}

func (m *mutation) messages() []*message {
	var all []*message
	for _, q := range m.known.queues {
		all = append(all, q.messages...)
	}
	return all
}

func (m *mutation) receipts() []*receipt {
	var all []*receipt
	for _, one := range m.messages() {
		all = append(all, one.receipts...)
	}
	return all
}

func (m *mutation) operations() []*Operation {
	all := make([]*Operation, len(m.known.history))
	for i := range all {
		all[i] = &m.known.history[i]
	}
	return all
}

// out is the copy of what r received.
func (m *mutation) out(r *receipt) *Message {
	list := m.h[r.op.ID].Messages
	return &list[slices.IndexFunc(list, func(out Message) bool { return out.Handle == r.out.Handle })]
}

// drop removes r from its receive.
func (m *mutation) drop(r *receipt) {
	op := &m.h[r.op.ID]
	op.Messages = slices.DeleteFunc(op.Messages, func(out Message) bool { return out.Handle == r.out.Handle })
}

// remove removes operations.
func (m *mutation) remove(operations []*Operation) {
	gone := map[int]bool{}
	for _, op := range operations {
		gone[op.ID] = true
	}
	m.h = slices.DeleteFunc(m.h, func(op Operation) bool { return gone[op.ID] })
}

// insert adds a receive of one message.
func (m *mutation) insert(queue string, call int64, out Message) {
	m.h = append(m.h, Operation{
		Client: "mutant", Kind: Receive, Queue: queue, Call: call, Return: call + 1, Outcome: OK, Max: 10, VisibilitySeconds: 30, Messages: []Message{out},
	})
}

// again is a later receipt like r, with a new handle and the next receive count.
func again(r *receipt) Message {
	out := *r.out
	out.Handle += "-again"
	out.ReceiveCount++
	return out
}

func (q *queue) quiet() bool { return len(q.clears.byFrom) == 0 }

// simple reports whether a message stays in the queue from its send to its delete.
func (q *queue) simple() bool {
	return !q.once && q.deadLetter == nil && len(q.from) == 0 && len(q.movesTo) == 0
}

// acknowledged reports whether one request stored the message, was answered, and nobody else may have stored it.
func acknowledged(one *message) bool {
	return len(one.answers) == 1 && len(one.creators) == 1 && one.answers[0] == one.creators[0] && one.answers[0].settled()
}

func expires(m *mutation, q *queue) bool { return q.retentionMin < int64(defaultRetention) }

func (m *mutation) resurrect(fifo bool) bool {
	r := pick(m, m.receipts(), func(r *receipt) bool {
		return r.message.queue.fifo == fifo && slices.ContainsFunc(r.message.deletes, func(op *Operation) bool { return op.Outcome == OK })
	})
	if r == nil {
		return false
	}
	m.insert(r.message.queue.name, m.known.end, again(r))
	return true
}

func (m *mutation) duplicate(fifo bool) bool {
	r := pick(m, m.receipts(), func(r *receipt) bool {
		return r.message.queue.fifo == fifo && r.message.queue.exact == fifo && acknowledged(r.message) && len(r.message.queue.sources) == 0
	})
	if r == nil {
		return false
	}
	out := again(r)
	out.MessageID, out.ReceiveCount = "copy", 1
	if fifo {
		out.SequenceNumber = "99999999999999999999"
	}
	m.insert(r.message.queue.name, m.known.end, out)
	return true
}

func (m *mutation) overlap(fifo bool) bool {
	r := pick(m, m.receipts(), func(r *receipt) bool {
		changed := r.message.changes.wild || len(r.message.changes.settled) > 0
		return r.message.queue.fifo == fifo && !changed && r.op.Return+1+m.known.slack < r.op.Call+timeout(r.op)
	})
	if r == nil {
		return false
	}
	m.insert(r.message.queue.name, r.op.Return, again(r))
	return true
}

// reusedLater returns a send with the deduplication ID of old that became a message of its own after the 5 minutes, or nil.
func (m *mutation) reusedLater(old *message) *Operation {
	key, ok := old.surestKey()
	if !ok || len(old.answers) == 0 {
		return nil
	}
	for _, op := range old.queue.keys[key] {
		if op.Outcome == OK && op.MessageID != old.id && op.Call > old.bornBy+deduplicationInterval+m.known.slack {
			return op
		}
	}
	return nil
}

// ordered returns two messages of a group of which the first was certainly stored first.
func (m *mutation) ordered() (a, b *message) {
	for _, q := range m.known.queues {
		if !q.simple() {
			continue
		}
		for _, g := range q.lineups {
			for i, b := range g.messages[1:] {
				if a := g.messages[i]; a.bornBy < b.bornFrom && m.rng.IntN(3) == 0 {
					return a, b
				}
			}
		}
	}
	return nil, nil
}

// renumber gives a message another sequence number everywhere.
func (m *mutation) renumber(one *message, number string) {
	for _, op := range one.answers {
		m.h[op.ID].SequenceNumber = number
	}
	for _, r := range one.receipts {
		m.out(r).SequenceNumber = number
	}
}

// lined reports whether a message certainly has a place in its group.
func (m *mutation) lined(one *message) bool {
	return slices.ContainsFunc(one.queue.lineups, func(g *lineup) bool { _, ok := g.rank[one]; return ok })
}

// inLine returns receipts of two messages of one group, the later message received later.
func (m *mutation) inLine() (a, b *receipt) {
	for _, q := range m.known.queues {
		if !q.simple() {
			continue
		}
		for _, g := range q.lineups {
			for i, second := range g.messages[1:] {
				first := g.messages[i]
				if len(first.receipts) == 1 && len(second.receipts) == 1 && first.receipts[0].op.Return < second.receipts[0].op.Call &&
					second.bornBy <= first.receipts[0].op.Call && m.rng.IntN(3) == 0 {
					return first.receipts[0], second.receipts[0]
				}
			}
		}
	}
	return nil, nil
}

// waited is how long a message certainly lay around before its first receive, or 0.
func (m *mutation) waited(one *message) int64 {
	receipts, ok := one.turns()
	if !ok || len(receipts) == 0 || receipts[0].out.ReceiveCount != 1 {
		return 0
	}
	return receipts[0].op.Call - one.bornBy
}

// firstSend is when the first send with the deduplication ID of a message was called.
func (m *mutation) firstSend(one *message) int64 {
	return one.queue.keys[one.queue.widestKey(one.answers[0])][0].Call
}
