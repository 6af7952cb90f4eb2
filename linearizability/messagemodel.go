package linearizability

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// The model of messages: those of one message group of a FIFO queue, or one message of a standard queue. It is the
// sequential specification that porcupine holds a window against.
//
// What nobody can know is in the history and not in the state. The end of a hold is a step of its own, with an interval,
// and an operation of unknown outcome is a step that may come at any time after its call. Such a step comes only where it
// has an effect, or after the last step of all, where everything is allowed: that it never came is one of the orders.
// So one state is enough where else a set of possible ones were needed, and its size does not depend on the history.

// messageState is what a group of messages is in. Messages are numbered in order of their sequence numbers, and holds in
// the order in which the window lists them. A hold is what hides a message: a delay, a receive, a visibility change.
type messageState struct {
	stored    bitset // messages that were stored, whatever became of them
	gone      bitset // messages that were removed
	forgotten bitset // messages whose deduplication ID may be used again
	active    bitset // holds that hide their message
	begun     bitset // holds that have begun, whether or not they are over
	latest    bitset // of each message, the hold of its latest receive
	ended     bool   // everything that is certain has happened
}

// messageStepKind is what a step of a window does.
type messageStepKind int

const (
	stepStore    messageStepKind = iota // a send: stores the message, or is taken for its repeat
	stepRepeat                          // a send that can only have been taken for a repeat
	stepTake                            // a receive
	stepRemove                          // a delete
	stepHide                            // a visibility change
	stepClear                           // a purge, or the deletion of the queue
	stepHoldEnds                        // time passes: a hold is over
	stepForget                          // time passes: the deduplication interval of a message is over
	stepEnd                             // the last step that is certain
)

// messageStep is one step. Which fields count depends on its kind.
type messageStep struct {
	kind messageStepKind
	// optional says that the step may never come.
	optional bool
	message  int
	hold     int // that a send or a change begins; -1 if it hides nothing
	// receipt is the hold of the receive whose handle a change used.
	receipt  int
	takes    []taking
	removals []removal
	// ending are the holds that end. Those that one receive began end together: it set one deadline.
	ending bitset
	// outOfOrder says that an answer listed messages of a group in another order than that of their numbers.
	outOfOrder bool
	text       string
}

// taking is one message of a receive.
type taking struct {
	message int
	hold    int
	hides   bool
	// first is the hold of the first receipt of the same handle: hold, unless a receive attempt was repeated.
	first int
	// later are the holds of receives of the message that counted as many receives or more.
	later bitset
}

// removal is a message that a delete names, and the hold of the receive whose handle it used.
type removal struct{ message, receipt int }

// messageModel is the specification of one window.
type messageModel struct {
	fifo bool
	// messages and holds are how many there are. holdsOf has the holds of each message, rivals the messages with the same
	// deduplication ID.
	names   []string
	holdsOf []bitset
	rivals  []bitset
}

// model returns the specification for porcupine.
func (m *messageModel) model(spend func() bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return messageState{} },
		Step: func(state, input, _ any) (bool, any) {
			if !spend() {
				return false, state
			}
			next, ok := m.step(state.(messageState), input.(*messageStep))
			return ok, next
		},
		Equal: func(a, b any) bool { return a.(messageState) == b.(messageState) },
		Hash: func(state any) uint64 {
			s := state.(messageState)
			return s.latest.hash(s.begun.hash(s.active.hash(s.forgotten.hash(s.gone.hash(s.stored.hash(14695981039346656037))))))
		},
		DescribeOperation: func(input, _ any) string { return input.(*messageStep).text },
		DescribeState:     func(state any) string { return m.describe(state.(messageState)) },
	}
}

// step returns the state after a step, and whether the step may come in state s.
func (m *messageModel) step(s messageState, step *messageStep) (messageState, bool) {
	if s.ended {
		return s, true
	}
	if step.kind == stepEnd {
		return messageState{ended: true}, true
	}
	next, ok := m.certain(s, step)
	if step.optional && next == s {
		return s, false // it waits until it has an effect, or for the end
	}
	return next, ok
}

// certain carries out a step.
func (m *messageModel) certain(s messageState, step *messageStep) (messageState, bool) {
	i := step.message
	live := s.stored.has(i) && !s.gone.has(i)
	switch step.kind {
	case stepStore:
		return m.store(s, step)
	case stepRepeat:
		return s, s.stored.has(i) && !s.forgotten.has(i)
	case stepTake:
		return m.take(s, step)
	case stepRemove:
		return m.remove(s, step)
	case stepHide:
		if !live || (m.fifo && !s.latest.has(step.receipt)) {
			return s, false
		}
		return m.hold(s, i, step.hold), true
	case stepClear:
		s.gone, s.forgotten, s.active = s.stored, s.stored, bitset{}
		return s, true
	case stepHoldEnds:
		if !step.ending.without(s.begun).empty() {
			return s, false
		}
		s.active = s.active.without(step.ending)
		return s, true
	case stepForget:
		if !s.stored.has(i) {
			return s, false
		}
		s.forgotten = s.forgotten.with(bit(i))
		return s, true
	}
	panic(fmt.Sprintf("a step of kind %d in a model of messages", step.kind))
}

// hold ends the holds of message i and begins another one, unless hold is -1.
func (m *messageModel) hold(s messageState, i, hold int) messageState {
	s.active = s.active.without(m.holdsOf[i])
	if hold >= 0 {
		s.active, s.begun = s.active.with(bit(hold)), s.begun.with(bit(hold))
	}
	return s
}

// store stores a message that is not there, after all that have lower numbers, unless the deduplication ID is in use.
func (m *messageModel) store(s messageState, step *messageStep) (messageState, bool) {
	i := step.message
	if s.stored.has(i) {
		return s, m.fifo && !s.forgotten.has(i)
	}
	if !s.stored.without(below(i)).empty() || !s.stored.both(m.rivals[i]).without(s.forgotten).empty() {
		return s, false
	}
	s.stored = s.stored.with(bit(i))
	return m.hold(s, i, step.hold), true
}

// take hands messages out: each is there and nobody holds it. In a group, they are the first ones, in order.
func (m *messageModel) take(s messageState, step *messageStep) (messageState, bool) {
	var taken bitset
	for k := range step.takes {
		t := &step.takes[k]
		held := !s.active.both(m.holdsOf[t.message]).empty()
		again := s.begun.has(t.first)
		if !s.stored.has(t.message) || s.gone.has(t.message) || taken.has(t.message) {
			return s, false
		}
		if again && !(held && s.latest.has(t.first)) {
			return s, false // a repeated attempt gives out again what it still holds
		}
		if !again && (held || !s.begun.both(t.later).empty()) {
			return s, false
		}
		taken = taken.with(bit(t.message))
	}
	last := step.takes[len(step.takes)-1].message
	if m.fifo && (step.outOfOrder || !s.stored.without(s.gone).both(below(last)).without(taken).empty()) {
		return s, false
	}
	for k := range step.takes {
		t := &step.takes[k]
		hold := t.hold
		if !t.hides {
			hold = -1
		}
		s = m.hold(s, t.message, hold)
		s.begun = s.begun.with(bit(t.hold)).with(bit(t.first))
		s.latest = s.latest.without(m.holdsOf[t.message]).with(bit(t.first))
	}
	return s, true
}

// remove deletes messages. Where it is promised, each handle must be that of the message's holder. What is gone may be
// deleted again.
func (m *messageModel) remove(s messageState, step *messageStep) (messageState, bool) {
	for _, r := range step.removals {
		live := s.stored.has(r.message) && !s.gone.has(r.message)
		held := s.latest.has(r.receipt) && !s.active.both(m.holdsOf[r.message]).empty()
		if live && m.fifo && !held {
			return s, false
		}
		s.gone, s.active = s.gone.with(bit(r.message)), s.active.without(m.holdsOf[r.message])
	}
	return s, true
}

// describe writes a state for people.
func (m *messageModel) describe(s messageState) string {
	if s.ended {
		return "the end"
	}
	var there, held []string
	for i, name := range m.names {
		switch {
		case !s.stored.has(i) || s.gone.has(i):
		case s.active.both(m.holdsOf[i]).empty():
			there = append(there, name)
		default:
			held = append(held, name)
		}
	}
	return fmt.Sprintf("visible: %s; hidden: %s", orNone(there), orNone(held))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
