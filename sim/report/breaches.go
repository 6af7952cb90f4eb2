package report

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"chasqui/sim"
)

// breach is a violation with what a reader needs to look at.
type breach struct {
	sim.Violation
	// at is when it was noticed; if the history shows it, when the last of its operations had returned, or at the end of
	// the run if it is about something that never came.
	at time.Duration
	// from and to are the time in which the operations that show it lie, or, if there are none, the last moments before
	// it was noticed.
	from, to time.Duration
	// operations are the positions in the history of those that show it, without any that are not there.
	operations []int
	// messages are those that it is about, at most subjectsMax.
	messages []int
}

const (
	// subjectsMax bounds the messages that a breach is about.
	subjectsMax = 8
	// beforeBreach is how far back the cause of what was noticed at a moment is looked for.
	beforeBreach = 2 * time.Second
)

// findBreaches orders the violations by time, but what only replicas know comes after what clients saw, and that the cluster did
// not recover comes last: often it is only a consequence. Messages must have been grouped.
func (f *facts) findBreaches() {
	for _, v := range f.result.Violations {
		b := breach{Violation: v, at: time.Duration(v.AtMs) * time.Millisecond}
		for _, id := range v.Operations {
			if id >= 0 && id < len(f.result.History) {
				b.operations = append(b.operations, id)
			}
		}
		b.messages = f.subjects(&b)
		if len(b.operations) == 0 {
			for _, m := range b.messages {
				b.operations = append(b.operations, f.messages.all[m].operations...)
			}
			slices.Sort(b.operations)
			b.operations = slices.Compact(b.operations)
		}
		f.place(&b)
		f.breaches = append(f.breaches, b)
	}
	slices.SortStableFunc(f.breaches, func(a, b breach) int {
		return cmp.Or(cmp.Compare(rank(a.Rule), rank(b.Rule)), cmp.Compare(a.at, b.at))
	})
}

func rank(rule string) int {
	switch rule {
	case "drains", "sends-again":
		return 2
	case "applied-result", "applied-alike", "applied-answer": // no client need have seen it: what one saw tells more
		return 1
	}
	return 0
}

// place finds the time of a breach.
func (f *facts) place(b *breach) {
	if len(b.operations) == 0 {
		b.from, b.to = max(0, b.at-beforeBreach), b.at
		return
	}
	b.from = f.end
	for _, i := range b.operations {
		op := &f.result.History[i]
		b.from, b.to = min(b.from, time.Duration(op.Call)), max(b.to, time.Duration(op.Return))
	}
	switch {
	case b.AtMs != 0:
	case b.Rule == "lost": // it shows only when all is over
		b.at = f.end
	default:
		b.at = b.to
	}
}

// subjects finds the messages that a violation is about: those that its text names; if none, those that all of its
// operations have in common; if none, those of its operations that are about one message only.
func (f *facts) subjects(b *breach) []int {
	var named []int
	add := func(m int) {
		if !slices.Contains(named, m) && len(named) < subjectsMax {
			named = append(named, m)
		}
	}
	for _, word := range strings.FieldsFunc(b.Text, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`:;,(){}"'`, r)
	}) {
		if m, ok := f.messages.named[strings.TrimRight(word, ".!?")]; ok {
			add(m)
		}
	}
	if len(named) > 0 || len(b.operations) == 0 {
		return named
	}
	for _, m := range f.messages.of[b.operations[0]] {
		if !slices.ContainsFunc(b.operations, func(i int) bool { return !slices.Contains(f.messages.of[i], m) }) {
			add(m)
		}
	}
	for _, i := range b.operations {
		if len(f.messages.of[i]) == 1 && len(named) == 0 {
			add(f.messages.of[i][0])
		}
	}
	return named
}

// shows returns the operations that tell the story of a breach: those that show it and all others about its messages,
// rising. A reader sees from them what became of the messages.
func (f *facts) shows(b *breach) []int {
	all := slices.Clone(b.operations)
	for _, m := range b.messages {
		all = append(all, f.messages.all[m].operations...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
