package linearizability

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Where may a message have come from, and where may it go? The connections between queues, and a message's stays in them.

// connect joins queues whose messages move between them.
func (c *checker) connect() {
	for _, name := range slices.Sorted(maps.Keys(c.options.Queues)) {
		given := c.options.Queues[name]
		if given.DeadLetter != "" {
			q, target := c.queueNamed(name), c.queueNamed(given.DeadLetter)
			q.deadLetter, q.maxReceives = target, given.MaxReceives
			target.sources, target.from = append(target.sources, q), append(target.from, q)
		}
		for _, to := range given.MovesTo {
			q, target := c.queueNamed(name), c.queueNamed(to)
			q.movesTo, target.from = append(q.movesTo, target), append(target.from, q)
		}
	}
	for _, q := range c.queues {
		q.revisited = slices.ContainsFunc(q.from, func(f *queue) bool { return slices.Contains(f.origins(), q) })
	}
	for _, q := range c.queues { // what comes from a queue that is revisited may come more than once
		q.revisited = q.revisited || slices.ContainsFunc(q.origins(), func(f *queue) bool { return f.revisited })
	}
}

// origins returns the queue and those that its messages may have come from, the nearest first.
func (q *queue) origins() []*queue { return q.reach(func(q *queue) []*queue { return q.from }) }

// destinations returns the queue and those that its messages may move to.
func (q *queue) destinations() []*queue {
	return q.reach(func(q *queue) []*queue {
		if q.deadLetter == nil {
			return q.movesTo
		}
		return append(slices.Clone(q.movesTo), q.deadLetter)
	})
}

func (q *queue) reach(next func(q *queue) []*queue) []*queue {
	found := []*queue{q}
	for i := 0; i < len(found); i++ {
		for _, other := range next(found[i]) {
			if !slices.Contains(found, other) {
				found = append(found, other)
			}
		}
	}
	return found
}

// stayKey is the key in byID of a message that was received with a time of sending. A dead letter keeps that time, and a message
// that a task moves is as good as sent when it comes, so the time tells the stays of a message apart.
func (q *queue) stayKey(id string, sentMs int64) string {
	if !q.revisited {
		return id
	}
	return fmt.Sprintf("%s sent at %d", id, sentMs)
}

// stay returns the message that a receive shows.
func (q *queue) stay(out *Message) *message { return q.byID[q.stayKey(out.MessageID, out.SentMs)] }

// like returns the message in q that is m before or after a move to its dead-letter queue, or nil if the history shows none.
func (q *queue) like(m *message) *message { return q.byID[q.stayKey(m.id, m.sentMs)] }

// tellStaysApart finds which messages came from other queues, and gives the answers to sends to the first stay of each.
func (q *queue) tellStaysApart() {
	if len(q.from) == 0 {
		return
	}
	for _, op := range q.early {
		stays := q.stays[op.MessageID]
		if len(stays) == 0 || q.fifo && !slices.ContainsFunc(stays, func(m *message) bool { return m.numbered(op.SequenceNumber) }) {
			q.messageNamed(op.MessageID, op.MessageID) // nobody has received it here as it was sent
		}
	}
	for _, stays := range q.stays {
		slices.SortStableFunc(stays, func(a, b *message) int { return cmp.Compare(a.sentMs, b.sentMs) })
		for i, m := range stays {
			m.arrived = i > 0 || len(m.answers) == 0 && !m.sentHere()
		}
	}
	for _, op := range q.early {
		first := q.stays[op.MessageID][0]
		first.answers, first.arrived = append(first.answers, op), false
	}
}

// numbered reports whether a receipt of m shows the sequence number.
func (m *message) numbered(number string) bool {
	return slices.ContainsFunc(m.receipts, func(r *receipt) bool { return canonicalNumber(r.out.SequenceNumber) == canonicalNumber(number) })
}

// sentHere reports whether somebody sent m's body to its queue.
func (m *message) sentHere() bool {
	return slices.ContainsFunc(m.receipts, func(r *receipt) bool { return len(m.queue.bodies[r.out.Body]) > 0 })
}

// wentOn reports whether m was received, after it was received here for the last time, from a queue that it may have moved to.
func (m *message) wentOn() bool {
	var lastCall int64
	for _, r := range m.receipts {
		lastCall = max(lastCall, r.op.Call)
	}
	for _, q := range m.queue.destinations() {
		for _, other := range q.stays[m.id] {
			if other != m && slices.ContainsFunc(other.receipts, func(r *receipt) bool { return r.op.Return > lastCall }) {
				return true
			}
		}
	}
	return false
}
