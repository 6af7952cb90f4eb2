package linearizability

import (
	"fmt"
	"maps"
	"time"
)

// Queues that nobody sends to, and operators who create, change, read, delete and restore them: valid histories of metadata.

// The queues of the operators. The first is deleted and made anew, and a third one, archive, is deleted and restored.
const (
	mortal = "ledger"
	steady = "notes"
)

// refRecord is a queue's record in the reference catalog, which does everything at once.
type refRecord struct {
	there, deleted bool
	values         map[string]string
	// restorable says that it is restored, and not made anew, when it was deleted.
	restorable bool
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
	case choice < 22 && queue != steady:
		op.Kind = DeleteQueue
	case choice < 35 && queue == archive:
		op.Kind = RestoreQueue
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
	case op.Kind == RestoreQueue && r.there:
		return Failed, NameTaken, nil
	case op.Kind == RestoreQueue && !r.deleted:
		return Failed, "NotRestorable", nil
	case op.Kind == RestoreQueue:
		r.there = true
	case op.Kind == CreateQueue && r.deleted && !r.there:
		return Failed, "QueueDeletedRecently", nil
	case op.Kind == CreateQueue && !r.there:
		r.there, r.values = true, map[string]string{period: "345600"}
		maps.Copy(r.values, op.Attributes)
	case op.Kind == CreateQueue && r.values[hidden] != op.Attributes[hidden]:
		return Failed, "QueueNameExists", nil
	case op.Kind == CreateQueue:
	case !r.there:
		return Failed, "QueueDoesNotExist", nil
	case op.Kind == DeleteQueue:
		r.there, r.deleted = false, r.restorable
	case op.Kind == SetAttributes:
		maps.Copy(r.values, op.Attributes)
	case op.Kind == GetAttributes:
		return OK, "", maps.Clone(r.values)
	}
	return OK, "", nil
}
