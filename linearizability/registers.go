package linearizability

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// The model of metadata: whether a queue exists, and its attributes, are registers. A create, delete, change or read of them
// takes effect at one moment between its call and its return, on every host.

// registersMax bounds the attributes of one queue that are followed.
const registersMax = 8

// registerState is what a queue's record is in. Its size does not depend on the history.
type registerState struct {
	presence presence
	// values are numbers of the texts of the followed attributes; 0 stands for one that nobody has seen yet.
	values [registersMax]int
	ended  bool
}

type presence uint8

const (
	unknownYet presence = iota // the window begins in the middle of a run
	absent
	present
	restorable // deleted, with the values that it had
)

// gone reports whether the queue is known not to be there.
func (p presence) gone() bool { return p == absent || p == restorable }

// registerStepKind is what a step of a window of metadata does.
type registerStepKind int

const (
	stepCreate registerStepKind = iota
	stepDrop
	stepRestore
	stepSet
	stepRead    // present, with these values
	stepMissing // an answer that the queue is not there
	stepDiffers // a create that was refused, for the queue is there with another value
	stepLast
)

// registerStep is one step. values has the number of each attribute's text, 0 where the operation does not give it.
type registerStep struct {
	kind     registerStepKind
	optional bool
	values   [registersMax]int
	text     string
}

// registerModel is the specification of the metadata of one queue.
type registerModel struct {
	names []string
	texts []string
	// restored says that a deleted queue keeps its values until it is restored, and its name.
	restored bool
}

func (m *registerModel) model(spend func() bool) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return registerState{} },
		Step: func(state, input, _ any) (bool, any) {
			if !spend() {
				return false, state
			}
			next, ok := m.step(state.(registerState), input.(*registerStep))
			return ok, next
		},
		Equal: func(a, b any) bool { return a.(registerState) == b.(registerState) },
		Hash: func(state any) uint64 {
			s := state.(registerState)
			h := mixed(14695981039346656037, uint64(s.presence))
			for _, value := range s.values {
				h = mixed(h, uint64(value))
			}
			return h
		},
		DescribeOperation: func(input, _ any) string { return input.(*registerStep).text },
		DescribeState:     func(state any) string { return m.describe(state.(registerState)) },
	}
}

// step returns the state after a step, and whether the step may come in state s.
func (m *registerModel) step(s registerState, step *registerStep) (registerState, bool) {
	if s.ended {
		return s, true
	}
	if step.kind == stepLast {
		return registerState{ended: true}, true
	}
	if step.optional && !s.changedBy(step) {
		return s, false // it waits until it has an effect, or for the end
	}
	return m.certain(s, step)
}

// changedBy reports whether a step that may never come makes a difference. What is not known yet may be anything, so there no
// difference can show.
func (s registerState) changedBy(step *registerStep) bool {
	switch step.kind {
	case stepCreate:
		return s.presence == absent
	case stepDrop:
		return s.presence == present
	case stepRestore:
		return s.presence.gone()
	}
	for i, value := range step.values {
		if value != 0 && s.values[i] != 0 && s.values[i] != value {
			return s.presence == present
		}
	}
	return false
}

func (m *registerModel) certain(s registerState, step *registerStep) (registerState, bool) {
	switch step.kind {
	case stepCreate:
		if s.presence == absent {
			return registerState{presence: present, values: step.values}, true
		}
		return s.seen(step) // a queue that is there is returned if it is as asked for
	case stepRead:
		return s.seen(step)
	case stepDrop:
		if m.restored {
			return registerState{presence: restorable, values: s.values}, !s.presence.gone()
		}
		return registerState{presence: absent}, !s.presence.gone()
	case stepRestore:
		return registerState{presence: present, values: s.values}, s.presence != present
	case stepSet:
		if s.presence.gone() {
			return s, false
		}
		s.presence = present
		for i, value := range step.values {
			if value != 0 {
				s.values[i] = value
			}
		}
		return s, true
	case stepMissing:
		switch s.presence {
		case present:
			return s, false
		case restorable:
			return s, true
		}
		return registerState{presence: absent}, true
	case stepDiffers:
		if s.presence.gone() || s.same(step) {
			return s, false
		}
		s.presence = present
		return s, true
	}
	panic(fmt.Sprintf("a step of kind %d in a model of metadata", step.kind))
}

// seen is the state in which the queue is there with the step's values, if that can be.
func (s registerState) seen(step *registerStep) (registerState, bool) {
	if s.presence.gone() {
		return s, false
	}
	next := s
	next.presence = present
	for i, value := range step.values {
		switch {
		case value == 0:
		case s.values[i] == 0:
			next.values[i] = value
		case s.values[i] != value:
			return s, false
		}
	}
	return next, true
}

// same reports whether the queue is known to have all values of the step.
func (s registerState) same(step *registerStep) bool {
	for i, value := range step.values {
		if value != 0 && s.values[i] != value {
			return false
		}
	}
	return true
}

func (m *registerModel) describe(s registerState) string {
	switch {
	case s.ended:
		return "the end"
	case s.presence == absent:
		return "no queue"
	case s.presence == unknownYet:
		return "not known yet"
	case s.presence == restorable:
		return "no queue, but one to restore"
	}
	var known []string
	for i, name := range m.names {
		if s.values[i] != 0 {
			known = append(known, name+"="+m.texts[s.values[i]])
		}
	}
	return "a queue with " + orNone(known)
}

// NameTaken is the error of a RestoreQueue that was refused because a queue of the name is there.
const NameTaken = "NameTaken"

// The error codes that say whether a queue is there, in either protocol of SQS.
var (
	codesMissing = []string{"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}
	codesThere   = []string{"PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"}
	codesDiffers = []string{"QueueNameExists", "QueueAlreadyExists"}
	codesTaken   = []string{NameTaken}
	codesAbsent  = []string{"QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"}
)

// kindOfStep returns what an operation says of the metadata; false if nothing.
func kindOfStep(op *Operation) (registerStepKind, bool) {
	if !op.possible() {
		switch {
		case op.Kind == CreateQueue && slices.Contains(codesDiffers, op.Error):
			return stepDiffers, true
		case op.Kind == CreateQueue && slices.Contains(codesAbsent, op.Error):
			return stepMissing, true
		case op.Kind == RestoreQueue && slices.Contains(codesTaken, op.Error):
			return stepRead, true
		case op.Kind == PurgeQueue && slices.Contains(codesThere, op.Error):
			return stepRead, true
		case isMetadata(op.Kind) && op.Kind != CreateQueue && op.Kind != RestoreQueue && slices.Contains(codesMissing, op.Error):
			return stepMissing, true
		}
		return 0, false
	}
	switch op.Kind {
	case CreateQueue:
		return stepCreate, true
	case DeleteQueue:
		return stepDrop, true
	case RestoreQueue:
		return stepRestore, true
	case SetAttributes:
		return stepSet, true
	case GetAttributes, PurgeQueue:
		return stepRead, op.Outcome == OK
	}
	return 0, false
}

func isMetadata(kind Kind) bool {
	switch kind {
	case CreateQueue, DeleteQueue, RestoreQueue, SetAttributes, GetAttributes, PurgeQueue:
		return true
	}
	return false
}
