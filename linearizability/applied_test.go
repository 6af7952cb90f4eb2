package linearizability

import (
	"fmt"
	"strings"
)

// The reference queues as replicas that say what they apply. Queues with a dead-letter queue say nothing: chasqui's replicas have
// no word for a move.

// apply adds an entry with one command.
func (w *refWorld) apply(q *refQueue, kind, input, code, output string) {
	if q.name == "work" || q.name == "dead" {
		return
	}
	fifo := 0
	if q.fifo {
		fifo = 1
	}
	if q.applied == 0 {
		q.applied++
		w.entries = append(w.entries, Applied{Group: "slot of " + q.name, Index: 1, AtMs: 0, Seen: w.now,
			Commands: fmt.Sprintf("configure/1/0/0/0/0/0/1:%d:%d:0:at-least-once:0:0/ok/", fifo, q.retention/1e6)})
	}
	q.applied++
	w.entries = append(w.entries, Applied{Group: "slot of " + q.name, Index: uint64(q.applied), AtMs: q.latest / 1e6, Seen: w.now,
		Commands: strings.Join([]string{kind, "1/0/0/0/0/1", input, code, output}, "/")})
}

func (w *refWorld) applySend(q *refQueue, op *Operation, id, number string) {
	delay, group, dedup, seq := op.DelaySeconds, op.Group, op.DeduplicationID, 0
	if q.fifo {
		delay = q.delaySeconds
		fmt.Sscan(canonicalNumber(number), &seq) // the reference's own number
	} else {
		seq = q.lastSeq
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
		out = append(out, fmt.Sprintf("%s:%d:%d", plainID(m.MessageID), q.seqOf(m.Handle), m.ReceiveCount))
	}
	w.apply(q, "receive", fmt.Sprintf("%d:%d:", op.Max, op.VisibilitySeconds*1000), "ok", strings.Join(out, "+"))
}

func (w *refWorld) applyDelete(q *refQueue, m *Message, outcome Outcome) {
	code := "ok"
	if outcome != OK {
		code = "handle-expired"
	}
	w.apply(q, "delete", fmt.Sprintf("%d:%d", q.seqOf(m.Handle), m.ReceiveCount), "ok", code)
}

func (w *refWorld) applyChange(q *refQueue, m *Message, seconds int, there bool, outcome Outcome) {
	code := "ok"
	switch {
	case !there:
		code = "not-in-flight"
	case outcome != OK:
		code = "handle-expired"
	}
	w.apply(q, "visibility", fmt.Sprintf("%d:%d:%d", q.seqOf(m.Handle), m.ReceiveCount, seconds*1000), "ok", code)
}

// seqOf is the number of the message that a handle was given out for.
func (q *refQueue) seqOf(handle string) int {
	id, _, _ := strings.Cut(handle, "/")
	return q.seqs[id]
}
