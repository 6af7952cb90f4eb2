package linearizability

import (
	"fmt"
	"slices"
)

// The steps of a window of messages: what each operation stands for, when it may take effect, and what time does.

// newHold returns the number of a new hold of message i.
func (w *messageWindow) newHold(i int) int {
	hold := w.holds
	w.holds++
	w.holdsOf[i] = w.holdsOf[i].with(bit(hold))
	return hold
}

// add adds a step that lies in [from, to]; one to which that is forever is optional.
func (w *messageWindow) add(op *Operation, from, to int64, step messageStep) {
	step.optional = to >= forever
	if op != nil && !step.optional {
		w.last = max(w.last, op.Return)
	}
	step.text = describeStep(op, &step, w.names)
	w.window.add(op, from, to, &step)
}

// addHoldEnd adds the end of holds that began in [from, to] and last for d. If it is not certain that they ever began, their
// end is not certain either.
func (w *messageWindow) addHoldEnd(i int, holds bitset, from, to, d int64) {
	if holds.empty() {
		return
	}
	if to < forever {
		to += d + w.slack
	}
	w.add(nil, max(from, from+d-w.slack), to, messageStep{kind: stepHoldEnds, message: i, hold: -1, ending: holds})
}

// outlives reports whether a message may still be there when a hold that began at from or later ends after d.
func (w *messageWindow) outlives(t *track, from, d int64) bool { return from+d-w.slack <= t.goneBy }

// addSends adds the sends of a message.
func (w *messageWindow) addSends(i int, t *track) {
	delay := w.queue.delay
	if !w.fifo {
		delay = forever
		for _, c := range t.creators {
			delay = min(delay, int64(c.op.DelaySeconds)*second)
		}
	}
	firstReceipt := forever
	for _, r := range t.receipts {
		firstReceipt = min(firstReceipt, r.op.Return)
	}
	for _, c := range t.creators {
		step, to := messageStep{kind: stepStore, message: i, hold: -1}, forever
		switch {
		case c.sure:
			to = c.op.Return
		case len(t.creators) == 1:
			to = firstReceipt // who else
		}
		if delay > 0 && delay < forever {
			step.hold = w.newHold(i)
		}
		w.add(c.op, c.op.Call, to, step)
		if step.hold >= 0 && w.outlives(t, c.op.Call, delay) {
			began := to
			if len(t.creators) > 1 {
				began = forever // perhaps another send stored it
			}
			w.addHoldEnd(i, bit(step.hold), c.op.Call, began, delay)
		}
	}
	for _, op := range t.answered {
		if !slices.ContainsFunc(t.creators, func(c creator) bool { return c.op == op }) {
			w.add(op, op.Call, op.Return, messageStep{kind: stepRepeat, message: i, hold: -1})
		}
	}
}

// addTakes adds the receives. What one receive took out of the window is one step.
func (w *messageWindow) addTakes() {
	byOp := map[*Operation]*messageStep{}
	var order []*Operation
	for i, t := range w.tracks {
		holds := make([]int, len(t.receipts))
		for k, r := range t.receipts {
			holds[k] = w.newHold(i)
			if _, ok := w.receipts[r.out.Handle]; !ok {
				w.receipts[r.out.Handle] = holds[k]
			}
		}
		for k, r := range t.receipts {
			step := byOp[r.op]
			if step == nil {
				step = &messageStep{kind: stepTake, hold: -1}
				byOp[r.op], order = step, append(order, r.op)
			}
			taken := taking{message: i, hold: holds[k], hides: timeout(r.op) > 0, first: w.receipts[r.out.Handle]}
			for other, later := range t.receipts {
				if r.out.ReceiveCount > 0 && other != k && later.out.Handle != r.out.Handle && later.out.ReceiveCount >= r.out.ReceiveCount {
					taken.later = taken.later.with(bit(holds[other]))
				}
			}
			step.takes = append(step.takes, taken)
			step.message = i
			if taken.hides && w.outlives(t, r.op.Call, timeout(r.op)) {
				step.ending = step.ending.with(bit(taken.hold))
			}
		}
	}
	for _, op := range order {
		step := byOp[op]
		step.outOfOrder = w.outOfOrder(op)
		ending := step.ending
		step.ending = bitset{}
		w.add(op, op.Call, op.Return, *step)
		w.addHoldEnd(step.message, ending, op.Call, op.Return, timeout(op))
	}
}

// outOfOrder reports whether an answer lists messages of the window in another order than that of their numbers.
func (w *messageWindow) outOfOrder(op *Operation) bool {
	last := -1
	for k := range op.Messages {
		if i, ok := w.index[w.queue.byID[op.Messages[k].MessageID]]; ok {
			if i < last {
				return true
			}
			last = i
		}
	}
	return false
}

// addDeletes adds the deletes. One of unknown outcome removed its message after the last receive of it, if it did.
//
// Nothing forbids to take a delete for as early as possible if nobody receives the message or changes its visibility timeout
// from then on, and nothing else may remove it meanwhile: until then it is held as long as it ever is, and once it is gone it
// is in nobody's way. So such a delete is put at the moment of its call, and those of one batch become one step. A search
// that would try all subsets of a batch of ten otherwise tries one.
func (w *messageWindow) addDeletes() {
	early := map[int64]*messageStep{}
	first := map[int64]*Operation{}
	var moments []int64
	for i, t := range w.tracks {
		var lastReceive, lastTouch int64
		for _, r := range t.receipts {
			lastReceive, lastTouch = max(lastReceive, r.op.Call), max(lastTouch, r.op.Return)
		}
		for _, op := range t.changes {
			lastTouch = max(lastTouch, op.reach().to)
		}
		for _, op := range t.deletes {
			r := removal{message: i, receipt: w.receipts[op.Handle]}
			switch {
			case op.Outcome != OK:
				w.add(op, max(op.Call, lastReceive), forever, messageStep{kind: stepRemove, message: i, hold: -1, removals: []removal{r}})
			case op.Call <= lastTouch || !w.removesAlone(t, op):
				w.add(op, op.Call, op.Return, messageStep{kind: stepRemove, message: i, hold: -1, removals: []removal{r}})
			default:
				if early[op.Call] == nil {
					early[op.Call], first[op.Call] = &messageStep{kind: stepRemove, message: i, hold: -1}, op
					moments = append(moments, op.Call)
				}
				early[op.Call].removals = append(early[op.Call].removals, r)
			}
		}
	}
	for _, moment := range moments {
		w.add(first[moment], moment, moment, *early[moment])
	}
}

// removesAlone reports whether nothing else can have removed the message while the delete was under way.
func (w *messageWindow) removesAlone(t *track, remove *Operation) bool {
	apart := func(other *Operation) bool {
		return other == remove || other.Call > remove.Return || (other.Outcome == OK && other.Return < remove.Call)
	}
	for _, list := range [][]*Operation{t.deletes, w.queue.clears} {
		for _, other := range list {
			if !apart(other) {
				return false
			}
		}
	}
	return true
}

// addChanges adds the visibility changes of a message. Each request that was not answered may take effect once more.
func (w *messageWindow) addChanges(i int, t *track) {
	for _, op := range t.changes {
		for request := range op.requests() {
			to := forever
			if op.Outcome == OK && request == 0 {
				to = op.Return
			}
			step := messageStep{kind: stepHide, message: i, hold: -1, receipt: w.receipts[op.Handle]}
			if timeout(op) > 0 {
				step.hold = w.newHold(i)
			}
			w.add(op, op.Call, to, step)
			if step.hold >= 0 && w.outlives(t, op.Call, timeout(op)) {
				w.addHoldEnd(i, bit(step.hold), op.Call, to, timeout(op))
			}
		}
	}
}

// addForgetting adds the end of a message's deduplication interval where it matters.
func (w *messageWindow) addForgetting(i int, t *track, end int64) {
	from := t.bornFrom + forgetInterval - w.slack
	if !w.fifo || from > end || !t.mayRepeat(w.rivals[i]) {
		return
	}
	w.add(nil, from, t.bornBy+forgetInterval+w.slack, messageStep{kind: stepForget, message: i, hold: -1})
}

// addClears adds the purges and deletions of the queue that can have met a message of the window.
func (w *messageWindow) addClears() {
	from := forever
	for _, t := range w.tracks {
		from = min(from, t.from)
	}
	for _, op := range w.queue.clears {
		reach := op.reach()
		if op.Outcome == OK {
			reach.to = op.Return
		}
		if reach.to < from || reach.from > w.last {
			continue
		}
		w.add(op, reach.from, reach.to, messageStep{kind: stepClear, hold: -1})
		for request := 1; request < op.requests() && op.Outcome == OK; request++ {
			w.add(op, op.Call, forever, messageStep{kind: stepClear, hold: -1})
		}
	}
}

// addEnd drops what is certain only after the last client operation, and adds the step after which nothing counts.
func (w *messageWindow) addEnd() {
	w.window.history = slices.DeleteFunc(w.window.history, func(e entry) bool {
		step := e.step.(*messageStep)
		return e.op == nil && e.from > w.last && !step.optional
	})
	var end int64
	for _, e := range w.window.history {
		if e.to < forever {
			end = max(end, e.to)
		}
	}
	w.window.end(end+1, &messageStep{kind: stepEnd, hold: -1, text: "the end of what is certain"})
}

// describeStep writes a step for people.
func describeStep(op *Operation, step *messageStep, names []string) string {
	name := ""
	if step.kind != stepClear {
		name = names[step.message]
	}
	switch step.kind {
	case stepHoldEnds:
		return "time: the hold of " + name + " is over"
	case stepRemove:
		if more := len(step.removals) - 1; more > 0 {
			return fmt.Sprintf("%s, and %d more of its batch", describe(op), more)
		}
	case stepForget:
		return "time: the deduplication ID of " + name + " is forgotten"
	}
	return describe(op)
}
