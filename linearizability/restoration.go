package linearizability

import (
	"cmp"
	"slices"
)

// Is a deleted queue gone, and a restored one back?

// addPresence takes in what an operation says of whether the queue is there.
func (q *queue) addPresence(op *Operation) {
	switch op.Kind {
	case CreateQueue, DeleteQueue, RestoreQueue:
		if op.possible() {
			q.life = append(q.life, op)
		}
	}
	if op.Kind != CreateQueue && op.Kind != RestoreQueue && (op.Outcome == OK || op.missing()) {
		q.served = append(q.served, op)
	}
}

// missing reports whether the operation was refused because there is no such queue.
func (op *Operation) missing() bool {
	return op.Outcome == Failed && slices.Contains(codesMissing, op.Error)
}

// begins reports whether the queue is there after the operation, which is one of the queue's life, and was not before, if that is
// possible. Where nobody can make a deleted queue anew, only restoring it counts once it was deleted.
func (q *queue) begins(op *Operation) bool {
	return op.Kind == RestoreQueue || op.Kind == CreateQueue && !q.restored
}

// checkPresence applies deleted-serves and restored-missing.
func (c *checker) checkPresence(q *queue) {
	if !c.options.StrictMetadata {
		return
	}
	var begins, drops spans
	var deleted, there witnesses
	for _, op := range q.life {
		switch {
		case op.Kind == DeleteQueue:
			drops.add(op.reach())
			deleted.add(op)
		case q.begins(op):
			begins.add(op.reach())
			there.add(op)
		default:
			there.add(op)
		}
	}
	begins.seal()
	drops.seal()
	deleted.seal()
	there.seal()
	for _, op := range q.served {
		switch {
		case op.Kind == DeleteQueue: // porcupine judges which of several deletions found the queue
		case op.Outcome == OK:
			c.judged(DeletedServes)
			if d := deleted.before(op.Call); d != nil && !begins.touch(d.Call, op.Return) {
				c.broken(DeletedServes, []int{d.ID, op.ID}, "the deletion of %s was acknowledged at %s, nobody brought it back, and the %s called at %s was answered",
					q.name, at(d.Return), op.Kind, at(op.Call))
			}
		default:
			c.judged(RestoredMissing)
			if t := there.before(op.Call); t != nil && !drops.touch(t.Call, op.Return) {
				c.broken(RestoredMissing, []int{t.ID, op.ID}, "the %s of %s was acknowledged at %s, nobody deleted it since, and the %s called at %s was told that it does not exist",
					t.Kind, q.name, at(t.Return), op.Kind, at(op.Call))
			}
		}
	}
}

// witnesses are acknowledged operations, each of which shows what a queue was at some moment between its call and its return.
type witnesses struct {
	byReturn []*Operation
	// latest[i] is the one that was called last among byReturn[:i+1].
	latest []*Operation
}

func (w *witnesses) add(op *Operation) {
	if op.Outcome == OK {
		w.byReturn = append(w.byReturn, op)
	}
}

func (w *witnesses) seal() {
	slices.SortStableFunc(w.byReturn, func(a, b *Operation) int { return cmp.Compare(a.Return, b.Return) })
	for i, op := range w.byReturn {
		if i > 0 && w.latest[i-1].Call > op.Call {
			op = w.latest[i-1]
		}
		w.latest = append(w.latest, op)
	}
}

// before returns, of those that had returned before a moment, the one that was called last; nil if there is none.
func (w *witnesses) before(moment int64) *Operation {
	n, _ := slices.BinarySearchFunc(w.byReturn, moment, func(a *Operation, moment int64) int { return boolCompare(a.Return < moment) })
	if n == 0 {
		return nil
	}
	return w.latest[n-1]
}
