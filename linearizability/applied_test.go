package linearizability

import (
	"fmt"
	"strings"
)

// The reference queues as replicas that say what they apply.

// apply adds an entry with one command.
func (w *refWorld) apply(q *refQueue, kind, input, code, output string) {
	fifo := 0
	if q.fifo {
		fifo = 1
	}
	delivery := "at-least-once"
	if q.once {
		delivery = "at-most-once"
	} else if q.exact {
		delivery = "exactly-once"
	}
	if q.applied == 0 {
		q.applied++
		w.entries = append(w.entries, Applied{Group: "slot of " + q.name, Index: 1, AtMs: 0, Seen: w.now,
			Commands: fmt.Sprintf("configure/%d/0/0/0/0/0/1:%d:%d:0:%s:%d:0/ok/", q.id, fifo, q.retention/1e6, delivery, q.maxReceives)})
	}
	q.applied++
	w.entries = append(w.entries, Applied{Group: "slot of " + q.name, Index: uint64(q.applied), AtMs: q.latest / 1e6, Seen: w.now,
		Commands: strings.Join([]string{kind, fmt.Sprintf("%d/0/0/0/0/1", q.id), input, code, output}, "/")})
}

func (w *refWorld) applySend(q *refQueue, op *Operation, id string) {
	delay, group, dedup, seq := op.DelaySeconds, op.Group, op.DeduplicationID, q.sent[id]
	if q.fifo {
		delay = q.delaySeconds
	}
	sent := fmt.Sprintf("%s-m%d", q.name, q.ids+1)
	duplicate := 1
	if q.lastSeq == seq && !q.numbered[seq] {
		duplicate, sent = 0, id
	}
	q.numbered[seq] = true
	w.apply(q, "send", fmt.Sprintf("%s:%s:%s:%d", plainID(sent), group, dedup, delay*1000), "ok", fmt.Sprintf("%s:%d:%d:ok", plainID(id), seq, duplicate))
}

func (w *refWorld) applyReceive(q *refQueue, op *Operation, messages []Message) {
	var out []string
	for i := range messages {
		m := &messages[i]
		out = append(out, fmt.Sprintf("%s:%s", plainID(m.MessageID), handleOf(m)))
	}
	w.applyMoves(q, "receive", fmt.Sprintf("%d:%d:", op.Max, op.VisibilitySeconds*1000), out)
}

// applyMoves adds an entry with a command that may have set messages aside, and those that make the moves.
func (w *refWorld) applyMoves(q *refQueue, kind, input string, out []string) {
	for _, aside := range q.asides {
		out = append(out, fmt.Sprintf("aside:%d:%d", aside.number, aside.seq))
	}
	w.apply(q, kind, input, "ok", strings.Join(out, "+"))
	for _, aside := range q.asides {
		m := &aside.before
		moved := fmt.Sprintf("%d:%s:%s:0:0:", aside.number, plainID(m.id), m.group)
		if aside.target == q.deadLetter {
			moved = fmt.Sprintf("%d:%s:%s:%d:%d:%s", aside.number, plainID(m.id), m.group, m.sentAt/1e6, m.earlier+m.receives, q.name)
		}
		w.apply(aside.target, "transfer", fmt.Sprintf("%d.0+%s", q.id, moved), "ok", "")
	}
	if n := len(q.asides); n > 0 {
		w.apply(q, "settle", fmt.Sprintf("%d:0", q.asides[n-1].number), "ok", "")
	}
}

func (w *refWorld) applyDelete(q *refQueue, m *Message, outcome Outcome) {
	code := "ok"
	if outcome != OK {
		code = "handle-expired"
	}
	w.apply(q, "delete", handleOf(m), "ok", code)
}

func (w *refWorld) applyChange(q *refQueue, m *Message, seconds int, there bool, outcome Outcome) {
	code := "ok"
	switch {
	case !there:
		code = "not-in-flight"
	case outcome != OK:
		code = "handle-expired"
	}
	w.apply(q, "visibility", fmt.Sprintf("%s:%d", handleOf(m), seconds*1000), "ok", code)
}

// handleOf is the number of the message that was received, and of its receive, as replicas write it.
func handleOf(m *Message) string {
	parts := strings.Split(m.Handle, "/")
	return parts[2] + ":" + parts[1]
}
