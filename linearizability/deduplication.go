package linearizability

import (
	"cmp"
	"slices"
	"time"
)

// Is a message that was sent once, or repeated, stored once?

// deduplicationInterval is how long after the first accepted send its repeats store nothing.
const deduplicationInterval = int64(5 * time.Minute)

// checkDeduplication applies duplicate-send, duplicate-send-fifo and dedup.
func (c *checker) checkDeduplication(q *queue) {
	if q.exact || c.options.StrictStandard {
		c.checkCopies(q)
	}
	if !q.exact {
		return
	}
	keys := map[string][]*message{}
	var order []string
	for _, m := range q.messages {
		key, ok := m.surestKey()
		if !ok || m.arrived {
			continue
		}
		if keys[key] == nil {
			order = append(order, key)
		}
		keys[key] = append(keys[key], m)
		c.checkForgotten(m)
	}
	for _, key := range order {
		c.checkRepeats(q, keys[key])
	}
}

// surestKey is the deduplication key that all sends that may have stored m share; false if there is none.
func (m *message) surestKey() (string, bool) {
	if len(m.creators) == 0 {
		return "", false
	}
	key := m.queue.surestKey(m.creators[0])
	for _, op := range m.creators[1:] {
		if m.queue.surestKey(op) != key {
			return "", false
		}
	}
	return key, true
}

// checkCopies checks that a body is in no more messages than there were requests to send it.
func (c *checker) checkCopies(q *queue) {
	rule := DuplicateSend
	if q.exact {
		rule = DuplicateSendFIFO
	}
	copies := map[string][]*message{}
	var order []string
	for _, m := range q.messages {
		body := m.ownBody()
		if body == "" || m.arrived || len(q.bodies[body]) == 0 { // of no send here
			continue
		}
		if copies[body] == nil {
			order = append(order, body)
		}
		copies[body] = append(copies[body], m)
	}
	for _, body := range order {
		var requests int
		for _, op := range q.bodies[body] {
			if op.possible() {
				requests += op.requests()
			}
		}
		c.judged(rule)
		if n := len(copies[body]); requests > 0 && n > requests {
			first, second := copies[body][0], copies[body][1]
			c.broken(rule, append(append(first.witness(), second.witness()...), idsOf(q.bodies[body])...),
				"%q was sent to %s in %d request(s) and became %d messages, %s and %s among them", body, q.name, requests, n, first.id, second.id)
		}
	}
}

// ownBody is the body that m certainly carries: as it was received or, if only one send can have stored it, acknowledged.
func (m *message) ownBody() string {
	for _, r := range m.receipts {
		if !r.out.DamagedBody {
			return r.out.Body
		}
	}
	if len(m.creators) == 1 {
		return m.creators[0].Body
	}
	return ""
}

// checkRepeats checks messages of the same deduplication key: any two of them were stored at least the interval apart, or
// the queue was emptied in between.
func (c *checker) checkRepeats(q *queue, messages []*message) {
	slices.SortStableFunc(messages, func(a, b *message) int { return cmp.Compare(a.bornBy, b.bornBy) })
	latest := messages[0] // of those before m, the one that was certainly not stored before the latest time
	for _, m := range messages {
		c.judged(DuplicateSendFIFO)
		c.judged(Deduplication)
		if m == latest {
			continue
		}
		from := min(m.bornFrom, latest.bornFrom)
		if m.bornBy-from+c.slack < deduplicationInterval && !q.clears.touch(from, m.bornBy) {
			rule := Deduplication
			if m.ownBody() != "" && m.ownBody() == latest.ownBody() {
				rule = DuplicateSendFIFO
			}
			c.broken(rule, append(append(latest.witness(), m.witness()...), idsOf(m.creators)...),
				"%s and %s were both stored by %s between %s and %s, though their sends have the same deduplication ID",
				latest.title(), m.title(), q.name, at(from), at(m.bornBy))
		}
		if m.bornFrom > latest.bornFrom {
			latest = m
		}
	}
}

// checkForgotten checks that sends were not taken for repeats of m after its deduplication interval, or after a purge.
func (c *checker) checkForgotten(m *message) {
	emptied := m.queue.purged.over(m.bornBy)
	for _, op := range m.answers {
		c.judged(Deduplication)
		switch {
		case op.Call > m.bornBy+deduplicationInterval+c.slack:
			c.broken(Deduplication, append(m.witness(), op.ID),
				"the send of %q at %s was taken for a repeat of %s, which was stored by %s: the 5 minutes were over",
				op.Body, at(op.Call), m.title(), at(m.bornBy))
		case op.Call >= emptied:
			c.broken(Deduplication, append(m.witness(), op.ID),
				"the send of %q at %s was taken for a repeat of %s, which was stored by %s, though the queue was emptied by %s",
				op.Body, at(op.Call), m.title(), at(m.bornBy), at(emptied))
		}
	}
}

// witness is an operation that shows that m exists: the first send answered with it, or else its first receipt.
func (m *message) witness() []int {
	if len(m.answers) > 0 {
		return []int{m.answers[0].ID}
	}
	return []int{m.receipts[0].op.ID}
}
