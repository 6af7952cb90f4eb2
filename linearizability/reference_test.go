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
	// source is the queue that it came from as a dead letter, and earlier how often it was received there.
	source  string
	earlier int
}

// refAside is the move of a message from one queue to another.
type refAside struct {
	number int
	target *refQueue
	before refMessage
	seq    int // before the move
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
	// exact says that sends are deduplicated and outdated handles refused; once, that a receive removes.
	exact, once bool
	// deleted says that it is deleted and can be restored.
	deleted bool
	// lastMove is the number of the last move, asides are those of the last receive or step.
	lastMove int
	asides   []refAside
	task     *refTask

	// latest is the time of the last command; it never runs backwards.
	latest   int64
	lastSeq  int
	ids      int
	messages []*refMessage
	accepted map[string]refAccepted

	// applied counts the entries of its log, numbered has the numbers that were given out, sent those of messages by id. id is the
	// queue's own number.
	applied  int
	numbered map[int]bool
	sent     map[string]int
	id       int
}

func (q *refQueue) advance(now int64) {
	q.latest = max(q.latest, now/1e6*1e6) // the service counts in milliseconds
	q.messages = slices.DeleteFunc(q.messages, func(m *refMessage) bool { return m.sentAt+q.retention <= q.latest })
}

func (q *refQueue) send(now int64, op *Operation) (id, number string) {
	q.advance(now)
	key := cmp.Or(op.DeduplicationID, op.Body)
	if first, ok := q.accepted[key]; q.exact && ok && q.latest < first.at+deduplicationInterval {
		return first.message.id, q.number(first.message.seq)
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
	q.sent[m.id] = m.seq
	if !q.exact {
		return m.id, ""
	}
	q.accepted[key] = refAccepted{q.latest, m}
	return m.id, q.number(m.seq)
}

// number is what producers are told of a sequence number.
func (q *refQueue) number(seq int) string {
	if !q.fifo {
		return ""
	}
	return refNumber(seq)
}

func refNumber(seq int) string { return fmt.Sprintf("%020d", seq) }

func (q *refQueue) receive(now int64, op *Operation, rng *rand.Rand) []Message {
	q.advance(now)
	list := slices.Clone(q.messages)
	if !q.fifo {
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	blocked := map[string]bool{}
	q.asides = nil
	var out []Message
	for _, m := range list {
		switch {
		case q.fifo && blocked[m.group]:
			continue
		case m.visibleAt > q.latest:
			blocked[m.group] = true
			continue
		case q.deadLetter != nil && m.receives >= q.maxReceives:
			q.move(now, m, q.deadLetter)
			continue
		case len(out) == op.Max:
			return out
		}
		m.receives++
		m.visibleAt = q.latest + int64(op.VisibilitySeconds)*second
		handle := fmt.Sprintf("%s/%d/%d", m.id, m.receives, m.seq)
		received := Message{MessageID: m.id, Body: m.body, Handle: handle, Group: m.group, ReceiveCount: m.earlier + m.receives, SentMs: m.sentAt/1e6 + 1, Source: m.source}
		if q.fifo {
			received.SequenceNumber = refNumber(m.seq)
		}
		out = append(out, received)
		if q.once {
			q.remove(m)
		}
	}
	return out
}

// move moves a message to another queue. As a dead letter it keeps its time of sending and its count; a task moves what is as good as
// sent anew.
func (q *refQueue) move(now int64, m *refMessage, target *refQueue) {
	q.remove(m)
	q.lastMove++
	q.asides = append(q.asides, refAside{q.lastMove, target, *m, m.seq})
	target.advance(now)
	target.lastSeq++
	moved := *m
	moved.seq, moved.visibleAt, moved.receives = target.lastSeq, target.latest, 0
	if target == q.deadLetter {
		moved.earlier, moved.source = m.earlier+m.receives, q.name
	} else {
		moved.earlier, moved.source, moved.sentAt = 0, "", target.latest
	}
	target.messages = append(target.messages, &moved)
}

// step moves up to so many visible messages to another queue, as a move task does.
func (q *refQueue) step(now int64, most int, target *refQueue) {
	q.advance(now)
	q.asides = nil
	for _, m := range q.offered() {
		if len(q.asides) < most {
			q.move(now, m, target)
		}
	}
}

// offered are the messages that a receive could deliver just now.
func (q *refQueue) offered() []*refMessage {
	locked := map[string]bool{}
	var offered []*refMessage
	for _, m := range q.messages {
		if locked[m.group] = locked[m.group] || q.fifo && m.visibleAt > q.latest; !locked[m.group] && m.visibleAt <= q.latest {
			offered = append(offered, m)
		}
	}
	return offered
}

func (q *refQueue) find(handle string) (m *refMessage, receive int) {
	id, rest, _ := strings.Cut(handle, "/")
	var seq int
	if _, err := fmt.Sscanf(rest, "%d/%d", &receive, &seq); err != nil {
		return nil, 0
	}
	for _, m := range q.messages {
		if m.id == id && m.seq == seq {
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
	case q.exact && (receive != m.receives || m.visibleAt <= q.latest):
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
	if m == nil || (q.exact && receive != m.receives) {
		return Failed
	}
	m.visibleAt = q.latest + int64(seconds)*second
	return OK
}

func (q *refQueue) clear(now int64) {
	q.advance(now)
	q.messages, q.accepted = nil, map[string]refAccepted{}
}
