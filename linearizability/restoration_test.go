package linearizability

import (
	"testing"
	"time"
)

// Queues that an administrator deletes and restores.

const (
	kept     = "kept"
	keptFIFO = "kept.fifo"
	archive  = "archive" // nobody sends to it
)

// administer deletes a queue now and then, looks whether it is there, and restores it if it is not.
func (w *refWorld) administer(q *refQueue) {
	if w.draining && w.empty() && w.late == 0 && w.now > w.producing+int64(60*time.Second) {
		return
	}
	op := Operation{Client: "administrator of " + q.name, Kind: GetAttributes, Queue: q.name}
	missing := false
	next := func() {
		if !missing {
			w.after(w.between(300*time.Millisecond, 4*time.Second), func() { w.administer(q) })
			return
		}
		w.after(w.between(0, 2*time.Second), func() { w.restore(q) })
	}
	if w.now < w.producing && w.chance(40) {
		op.Kind = DeleteQueue
	}
	w.request([]Operation{op}, w.tries(), refPatience, func(answer func(func(int, *Operation))) {
		outcome, code := q.presence()
		q.deleted = q.deleted || op.Kind == DeleteQueue
		answer(func(_ int, op *Operation) {
			op.Outcome, op.Error = outcome, code
			missing = q.deleted || outcome == Failed
		})
	}, next)
}

func (w *refWorld) restore(q *refQueue) {
	w.request([]Operation{{Client: "administrator of " + q.name, Kind: RestoreQueue, Queue: q.name}}, 1, refPatience, func(answer func(func(int, *Operation))) {
		outcome, code := OK, ""
		if !q.deleted {
			outcome, code = Failed, NameTaken
		}
		q.deleted = false
		answer(func(_ int, op *Operation) { op.Outcome, op.Error = outcome, code })
	}, func() { w.after(w.between(300*time.Millisecond, 2*time.Second), func() { w.administer(q) }) })
}

// presence is the answer to a request to a queue that may be deleted.
func (q *refQueue) presence() (Outcome, string) {
	if q.deleted {
		return Failed, "QueueDoesNotExist"
	}
	return OK, ""
}

func TestRestoredQueues(t *testing.T) {
	metadata := Options{StrictMetadata: true, StrictStandard: true}
	restored := Options{StrictMetadata: true, StrictStandard: true, Drained: true, Queues: map[string]Queue{plain: {Restored: true}, fifo: {Restored: true}}}
	gone := func(op *Operation) {
		op.Outcome, op.Error, op.MessageID, op.SequenceNumber = Failed, codesMissing[0], "", ""
	}
	drop := func(queue string, call, returned int64, edits ...edit) Operation {
		return operation(DeleteQueue, queue, call, returned, edits)
	}
	restore := func(queue string, call, returned int64, edits ...edit) Operation {
		return operation(RestoreQueue, queue, call, returned, edits)
	}
	create := func(queue string, call, returned int64, edits ...edit) Operation {
		return operation(CreateQueue, queue, call, returned, edits)
	}
	runScripts(t, []script{
		{name: "used after its restoration began", options: restored, history: []Operation{
			drop(plain, 0, 10), restore(plain, 15, 40), send(plain, 11, 15, "a", ""), receive(plain, 50, 60, got("a", 1, "")), remove(plain, 70, 80, "a", 1),
		}},
		{name: "used before its restoration began", options: restored, broken: []Rule{DeletedServes}, history: []Operation{
			drop(plain, 0, 10), restore(plain, 16, 40), send(plain, 11, 15, "a", ""), receive(plain, 50, 60, got("a", 1, "")), remove(plain, 70, 80, "a", 1),
		}},
		{name: "used while it was being deleted", options: restored, history: []Operation{
			drop(plain, 0, 10), restore(plain, 16, 40), send(plain, 9, 15, "a", ""), receive(plain, 50, 60, got("a", 1, "")), remove(plain, 70, 80, "a", 1),
		}},
		{name: "perhaps restored by a command that was killed", options: restored, history: []Operation{
			restore(plain, 0, 5, unanswered), drop(plain, 1, 10), receive(plain, 11, 15),
		}},
		{name: "used after it was deleted, and perhaps made anew", options: metadata, history: []Operation{
			create(plain, 0, 5, unanswered), drop(plain, 6, 10), receive(plain, 11, 15),
		}},
		{name: "used after it was deleted, and nobody can make it anew", options: restored, broken: []Rule{DeletedServes}, history: []Operation{
			create(plain, 0, 5, unanswered), drop(plain, 6, 10), receive(plain, 11, 15),
		}},
		{name: "used a little after it was deleted, as SQS allows", history: []Operation{drop(plain, 0, 10), receive(plain, 11, 15)}},
		{name: "missing while it was being restored", options: restored, history: []Operation{
			drop(plain, 0, 10), restore(plain, 20, 30), with(receive(plain, 29, 40), gone),
		}},
		{name: "missing after it was restored", options: restored, broken: []Rule{RestoredMissing}, history: []Operation{
			drop(plain, 0, 10), restore(plain, 20, 30), with(receive(plain, 31, 40), gone),
		}},
		{name: "missing after it was restored, and perhaps deleted by a request that was given up", options: restored, history: []Operation{
			drop(plain, 0, 10, unanswered), restore(plain, 20, 30), with(receive(plain, 31, 40), gone),
		}},
		{name: "missing after it was made", options: metadata, broken: []Rule{RestoredMissing}, history: []Operation{
			create(plain, 0, 10), with(receive(plain, 11, 40), gone),
		}},
		{name: "lost with a queue that was restored", options: restored, broken: []Rule{Lost}, history: []Operation{
			send(plain, 0, 5, "a", ""), drop(plain, 10, 20), restore(plain, 30, 40),
		}},
		{name: "in flight all the time", options: restored, broken: []Rule{HoldOverlap}, history: []Operation{
			send(plain, 0, 5, "a", ""), receive(plain, 6, 9, got("a", 1, "")), drop(plain, 10, 20), restore(plain, 30, 40),
			receive(plain, 50, 60, got("a", 2, "")), remove(plain, 70, 80, "a", 2),
		}},
		{name: "received after its restoration", options: restored, history: []Operation{
			send(plain, 0, 5, "a", ""), drop(plain, 10, 20), restore(plain, 30, 40), receive(plain, 50, 60, got("a", 1, "")), remove(plain, 70, 80, "a", 1),
		}},
		{name: "sent twice, before and after", options: restored, broken: []Rule{Deduplication}, history: []Operation{
			send(fifo, 0, 5, "a", "1"), drop(fifo, 10, 20), restore(fifo, 30, 40), send(fifo, 50, 60, "b", "2", deduplicated("a")),
			receive(fifo, 70, 80, got("a", 1, "1")), remove(fifo, 81, 82, "a", 1), receive(fifo, 83, 84, got("b", 1, "2")), remove(fifo, 85, 86, "b", 1),
		}},
	})
}
