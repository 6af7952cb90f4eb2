package linearizability

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A small queue that keeps all promises, to make valid histories with. It is written for clarity only: every list is
// searched from end to end.

type refMessage struct {
	id, body, group string
	seq             int
	sentAt          int64
	visibleAt       int64
	receives        int
}

type refAccepted struct {
	at      int64
	message *refMessage
}

type refQueue struct {
	name                         string
	fifo                         bool
	delaySeconds, visibilityTime int
	retention                    int64
	deadLetter                   *refQueue
	maxReceives                  int

	// latest is the time of the last command; it never runs backwards.
	latest   int64
	lastSeq  int
	ids      int
	messages []*refMessage
	accepted map[string]refAccepted

	// applied counts the entries of its log, numbered has the numbers that were given out, seqs those of messages by id.
	applied  int
	numbered map[int]bool
	seqs     map[string]int
}

func (q *refQueue) advance(now int64) {
	q.latest = max(q.latest, now/1e6*1e6) // the service counts in milliseconds
	q.messages = slices.DeleteFunc(q.messages, func(m *refMessage) bool { return m.sentAt+q.retention <= q.latest })
}

func (q *refQueue) send(now int64, op *Operation) (id, number string) {
	q.advance(now)
	key := cmp.Or(op.DeduplicationID, op.Body)
	if first, ok := q.accepted[key]; q.fifo && ok && q.latest < first.at+deduplicationInterval {
		return first.message.id, refNumber(first.message.seq)
	}
	q.lastSeq += 3
	q.ids++
	delay := op.DelaySeconds
	if q.fifo {
		delay = q.delaySeconds
	}
	m := &refMessage{
		id: fmt.Sprintf("%s-m%d", q.name, q.ids), body: op.Body, group: op.Group, seq: q.lastSeq, sentAt: q.latest,
		visibleAt: q.latest + int64(delay)*second,
	}
	q.messages = append(q.messages, m)
	q.seqs[m.id] = m.seq
	if !q.fifo {
		return m.id, ""
	}
	q.accepted[key] = refAccepted{q.latest, m}
	return m.id, refNumber(m.seq)
}

func refNumber(seq int) string { return fmt.Sprintf("%020d", seq) }

func (q *refQueue) receive(now int64, op *Operation, rng *rand.Rand) []Message {
	q.advance(now)
	list := slices.Clone(q.messages)
	if !q.fifo {
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	blocked := map[string]bool{}
	var out []Message
	for _, m := range list {
		switch {
		case q.fifo && blocked[m.group]:
			continue
		case m.visibleAt > q.latest:
			blocked[m.group] = true
			continue
		case q.deadLetter != nil && m.receives >= q.maxReceives:
			q.remove(m)
			moved := *m
			q.deadLetter.advance(now)
			q.deadLetter.messages = append(q.deadLetter.messages, &moved)
			continue
		case len(out) == op.Max:
			return out
		}
		m.receives++
		m.visibleAt = q.latest + int64(op.VisibilitySeconds)*second
		handle := fmt.Sprintf("%s/%d/%d", m.id, m.receives, q.latest)
		received := Message{MessageID: m.id, Body: m.body, Handle: handle, Group: m.group, ReceiveCount: m.receives, SentMs: m.sentAt/1e6 + 1}
		if q.fifo {
			received.SequenceNumber = refNumber(m.seq)
		}
		out = append(out, received)
	}
	return out
}

func (q *refQueue) find(handle string) (m *refMessage, receive int) {
	id, rest, _ := strings.Cut(handle, "/")
	if _, err := fmt.Sscanf(rest, "%d/", &receive); err != nil {
		return nil, 0
	}
	for _, m := range q.messages {
		if m.id == id {
			return m, receive
		}
	}
	return nil, 0
}

func (q *refQueue) delete(now int64, handle string) Outcome {
	q.advance(now)
	m, receive := q.find(handle)
	switch {
	case m == nil:
		return OK
	case q.fifo && (receive != m.receives || m.visibleAt <= q.latest):
		return Failed
	}
	q.remove(m)
	return OK
}

func (q *refQueue) remove(m *refMessage) {
	q.messages = slices.DeleteFunc(q.messages, func(other *refMessage) bool { return other == m })
}

func (q *refQueue) change(now int64, handle string, seconds int) Outcome {
	q.advance(now)
	m, receive := q.find(handle)
	if m == nil || (q.fifo && receive != m.receives) {
		return Failed
	}
	m.visibleAt = q.latest + int64(seconds)*second
	return OK
}

func (q *refQueue) clear(now int64) {
	q.advance(now)
	q.messages, q.accepted = nil, map[string]refAccepted{}
}
