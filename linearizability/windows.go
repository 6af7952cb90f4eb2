package linearizability

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// porcupine is asked about windows: small parts of a history that can be judged by themselves. This file puts the question
// and reads the answer. What a window consists of is in messagewindows.go and registerwindows.go.

// stepsTriedMax bounds the search in one window, in applications of the model. It is a number of steps and not a time, so
// that the same history always gives the same verdict. It takes some tenths of a second, and few windows need it: where clocks
// were set, many orders must be tried.
const stepsTriedMax = 400_000

// window is what porcupine judges at once.
type window struct {
	rule    Rule
	title   string
	history []entry
	// specification is what the window is held against.
	specification specification
	// tooLong says that the window has more steps than can be judged. It has no history then.
	tooLong bool
}

// specification makes porcupine's model of what a window is about. The model calls spend for each step that it tries, and allows
// none when that returns false.
type specification interface {
	model(spend func() bool) porcupine.Model
}

// entry is one step of a window: the operation that it stands for, nil if time does it, and when it takes effect.
// A step whose to is forever may never come.
type entry struct {
	op       *Operation
	from, to int64
	step     any
}

func (w *window) add(op *Operation, from, to int64, step any) {
	w.history = append(w.history, entry{op, from, to, step})
}

// end adds the step after which nothing counts. Steps that may never come reach a little beyond it.
func (w *window) end(at int64, step any) {
	w.add(nil, at, at, step)
	for i := range w.history {
		if e := &w.history[i]; e.to >= forever {
			e.from, e.to = min(e.from, at), at+1
		}
	}
	slices.SortStableFunc(w.history, func(a, b entry) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
}

// decision is what came of a window.
type decision int

const (
	legal decision = iota
	illegal
	undecided // the search was given up
)

// decide has porcupine judge the window.
func (w *window) decide() decision {
	if w.tooLong {
		return undecided
	}
	model, spent := w.budgeted()
	result := porcupine.CheckOperationsTimeout(model, w.operations(), 0)
	return decisionOf(result, *spent)
}

func decisionOf(result porcupine.CheckResult, spent bool) decision {
	switch {
	case result == porcupine.Ok:
		return legal
	case spent:
		return undecided
	}
	return illegal
}

// budgeted returns the window's model, which allows no more steps once stepsTriedMax were tried and then sets spent. porcupine
// finds its way back from there soon, for it remembers no branch that it has not tried.
func (w *window) budgeted() (model porcupine.Model, spent *bool) {
	spent = new(bool)
	left := stepsTriedMax
	return w.specification.model(func() bool {
		left--
		*spent = *spent || left < 0
		return !*spent
	}), spent
}

// operations returns the window as porcupine wants it. A client of porcupine's does one thing at a time: entries of a batch,
// what may still come after its client gave up, and time get clients of their own where they overlap.
func (w *window) operations() []porcupine.Operation {
	type lane struct {
		number int
		until  int64
	}
	lanes := map[string][]lane{}
	clients := 0
	list := make([]porcupine.Operation, len(w.history))
	for i, e := range w.history {
		client := ""
		if e.op != nil {
			client = e.op.Client
		}
		k := slices.IndexFunc(lanes[client], func(l lane) bool { return l.until < e.from })
		if k < 0 {
			k = len(lanes[client])
			lanes[client] = append(lanes[client], lane{number: clients})
			clients++
		}
		lanes[client][k].until = e.to
		list[i] = porcupine.Operation{ClientId: lanes[client][k].number, Input: e.step, Call: e.from, Return: e.to}
	}
	return list
}

// stuck returns the index of the first step that the longest orders do not explain: of those that are in none of
// them, the one that must come first. The window must be illegal.
func (w *window) stuck() int {
	model, _ := w.budgeted()
	operations := w.operations()
	_, info := porcupine.CheckOperationsVerbose(model, operations, 0)
	explained := make([]bool, len(operations))
	longest := 0
	for _, order := range info.PartialLinearizations()[0] {
		longest = max(longest, len(order))
	}
	for _, order := range info.PartialLinearizations()[0] {
		if len(order) == longest {
			for _, i := range order {
				explained[i] = true
			}
		}
	}
	first := 0
	better := func(a, b *entry) bool { // what a client did tells more than time
		if (a.op != nil) != (b.op != nil) {
			return a.op != nil
		}
		return a.to < b.to
	}
	for i := range w.history {
		if !explained[i] && (explained[first] || better(&w.history[i], &w.history[first])) {
			first = i
		}
	}
	return first
}

// windowWitnessesMax is how many operations of a window a violation names.
const windowWitnessesMax = 12

// violation describes an illegal window.
func (w *window) violation() Violation {
	culprit := w.history[w.stuck()]
	v := Violation{Rule: w.rule}
	what := "an operation"
	if culprit.op != nil {
		what = describe(culprit.op)
		v.Operations = append(v.Operations, culprit.op.ID)
	}
	for i := len(w.history) - 1; i >= 0 && len(v.Operations) < windowWitnessesMax; i-- { // the latest ones before it tell the most
		if e := w.history[i]; e.op != nil && e.from <= culprit.to && touches(culprit, e) {
			v.Operations = append(v.Operations, e.op.ID)
		}
	}
	slices.Sort(v.Operations)
	v.Operations = slices.Compact(v.Operations)
	v.Text = fmt.Sprintf("no order of the %d operations on %s explains every answer; the first that none explains is %s", len(w.history)-1, w.title, what)
	return v
}

// touches reports whether an entry is about what the culprit is about.
func touches(culprit, e entry) bool {
	a, ok := culprit.step.(*messageStep)
	b, same := e.step.(*messageStep)
	if !ok || !same || b.kind == stepClear {
		return true
	}
	for _, i := range a.about() {
		if slices.Contains(b.about(), i) {
			return true
		}
	}
	return false
}

// about are the messages of a step.
func (s *messageStep) about() []int {
	all := []int{s.message}
	for _, t := range s.takes {
		all = append(all, t.message)
	}
	for _, r := range s.removals {
		all = append(all, r.message)
	}
	return all
}

// describe writes an operation for people.
func describe(op *Operation) string {
	var what string
	switch op.Kind {
	case Send:
		what = fmt.Sprintf("the send of %q", op.Body)
		if op.MessageID != "" {
			what += " (" + op.MessageID + ")"
		}
	case Receive:
		var got []string
		for i := range op.Messages {
			got = append(got, op.Messages[i].MessageID)
		}
		what = "the receive of " + orNone(got)
	case Delete:
		what = "the delete of " + op.MessageID
	case ChangeVisibility:
		what = fmt.Sprintf("the change of the visibility timeout of %s to %d s", op.MessageID, op.VisibilitySeconds)
	default:
		what = "the " + strings.ReplaceAll(string(op.Kind), "-", " ")
	}
	if values := shownValues(op); values != "" {
		what += " with " + values
	}
	outcome := "answered at " + at(op.Return)
	if op.Outcome != OK {
		outcome = "of outcome " + string(op.Outcome)
		if op.Error != "" {
			outcome += " (" + op.Error + ")"
		}
	}
	return fmt.Sprintf("%s by %s, called at %s, %s", what, op.Client, at(op.Call), outcome)
}

// valuesShownMax is how many attributes of an operation are shown.
const valuesShownMax = 4

func shownValues(op *Operation) string {
	var shown []string
	for _, values := range []map[string]string{op.Attributes, op.Values} {
		for name, value := range values {
			shown = append(shown, name+"="+value)
		}
	}
	slices.Sort(shown)
	if len(shown) > valuesShownMax {
		shown = append(shown[:valuesShownMax], "...")
	}
	return strings.Join(shown, ", ")
}
