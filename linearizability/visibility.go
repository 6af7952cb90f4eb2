package linearizability

import "slices"

// How long a receipt hides its message: certainly at least until, and certainly no longer than.

// changes are the visibility changes of one message that may have taken effect, in order of Call.
type changes struct {
	settled []*Operation
	// returned is the latest Return among settled up to an index.
	returned []int64
	// wildFrom is the first Call of a change that may take effect at any later time; forever if there is none. wildLeast
	// is the shortest timeout among those.
	wildFrom  int64
	wildLeast int64
	wild      bool
}

func (s *changes) add(op *Operation) {
	if !op.settled() {
		if !s.wild {
			s.wild, s.wildFrom, s.wildLeast = true, op.Call, timeout(op)
		}
		s.wildLeast = min(s.wildLeast, timeout(op))
		return
	}
	latest := op.Return
	if n := len(s.returned); n > 0 {
		latest = max(latest, s.returned[n-1])
	}
	s.settled, s.returned = append(s.settled, op), append(s.returned, latest)
}

// wildBefore reports whether an unsettled change may take effect by a moment.
func (s *changes) wildBefore(moment int64) bool { return s.wild && s.wildFrom <= moment }

// during returns the settled changes that may have taken effect in [from, to], and perhaps some earlier ones.
func (s *changes) during(from, to int64) []*Operation {
	first, _ := slices.BinarySearchFunc(s.returned, from, func(a, from int64) int { return boolCompare(a < from) })
	last, _ := slices.BinarySearchFunc(s.settled, to, func(a *Operation, to int64) int { return boolCompare(a.Call <= to) })
	return s.settled[min(first, last):last]
}

// timeout is the visibility timeout that a receive or a change sets, in nanoseconds.
func timeout(op *Operation) int64 { return int64(op.VisibilitySeconds) * second }

// heldUntilAtLeast returns until when r certainly kept its message from other receives, if it was received next by next
// and not deleted. It is on the recorder's clock; the service's may come slack earlier.
func (r *receipt) heldUntilAtLeast(next *Operation, slack int64) int64 {
	until := r.op.Call + timeout(r.op)
	if r.message.changes.wildBefore(next.Return) {
		until = min(until, r.op.Call+r.message.changes.wildLeast)
	}
	orderly := !r.message.changes.wildBefore(next.Return)
	returned := r.op.Return
	for _, change := range r.message.changes.during(r.op.Call, next.Return) {
		// Only changes that came one after the other between the receives, by this receipt's handle, while it still held
		// the message, tell for certain which of them counted.
		orderly = orderly && change.Handle == r.out.Handle && change.Call >= returned && change.Return <= next.Call
		deadline := change.Call + timeout(change)
		if orderly && change.Return+slack < until {
			until = deadline
		} else {
			until = min(until, deadline)
		}
		returned = change.Return
	}
	return until
}

// heldUntilAtMost returns when r certainly no longer hides its message, as far as what was called by limit says; forever
// if that is not certain. It is on the recorder's clock; the service's may come slack later.
func (r *receipt) heldUntilAtMost(limit int64) int64 {
	if r.message.changes.wildBefore(limit) {
		return forever
	}
	until := r.op.Return + timeout(r.op)
	for _, change := range r.message.changes.during(r.op.Call, limit) {
		until = max(until, change.Return+timeout(change))
	}
	for _, repeat := range r.repeats { // a repeated attempt starts the timeout again
		if repeat.op.Call <= limit {
			until = max(until, repeat.op.Return+timeout(repeat.op))
		}
	}
	return until
}
