package linearizability

import (
	"fmt"
	"maps"
	"time"
)

// Two queues that nobody sends to, and operators who create, change, read and delete them: valid histories of metadata.

// The queues of the operators. Only the first is ever deleted.
const (
	mortal = "ledger"
	steady = "notes"
)

// refRecord is a queue's record in the reference catalog, which does everything at once.
type refRecord struct {
	there  bool
	values map[string]string
}

const (
	period = "MessageRetentionPeriod"
	hidden = "VisibilityTimeout"
)

// operate is an operator: one operation after the other until the producers end.
func (w *refWorld) operate(name, queue string, record *refRecord) {
	if w.now > w.producing {
		return
	}
	w.bodies++
	op := Operation{Client: name, Kind: GetAttributes, Queue: queue}
	switch choice := w.rng.IntN(100); {
	case choice < 10:
		op.Kind, op.Attributes = CreateQueue, map[string]string{hidden: "30"}
	case choice < 15:
		op.Kind, op.Attributes = CreateQueue, map[string]string{hidden: "31"}
	case choice < 22 && queue == mortal:
		op.Kind = DeleteQueue
	case choice < 55:
		op.Kind, op.Attributes = SetAttributes, map[string]string{period: fmt.Sprint(500_000 + w.bodies)}
	}
	w.request([]Operation{op}, w.tries(), refPatience, func(answer func(func(int, *Operation))) {
		outcome, code, values := record.do(&op)
		answer(func(_ int, op *Operation) { op.Outcome, op.Error, op.Values = outcome, code, values })
	}, func() {
		w.after(w.between(50*time.Millisecond, 3*time.Second), func() { w.operate(name, queue, record) })
	})
}

func (r *refRecord) do(op *Operation) (outcome Outcome, code string, values map[string]string) {
	switch {
	case op.Kind == CreateQueue && !r.there:
		r.there, r.values = true, map[string]string{period: "345600"}
		maps.Copy(r.values, op.Attributes)
	case op.Kind == CreateQueue && r.values[hidden] != op.Attributes[hidden]:
		return Failed, "QueueNameExists", nil
	case op.Kind == CreateQueue:
	case !r.there:
		return Failed, "QueueDoesNotExist", nil
	case op.Kind == DeleteQueue:
		r.there = false
	case op.Kind == SetAttributes:
		maps.Copy(r.values, op.Attributes)
	case op.Kind == GetAttributes:
		return OK, "", maps.Clone(r.values)
	}
	return OK, "", nil
}
