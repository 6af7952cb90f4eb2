package linearizability

import (
	"cmp"
	"maps"
	"slices"
)

// Windows of metadata: the operations on one queue as a whole, cut where none is under way.

// registerWindows returns the windows of one queue's metadata operations, which are in order of Call. restored is Queue.Restored.
func registerWindows(name string, operations []*Operation, restored bool) []window {
	b := &registerBuilder{registerModel: registerModel{names: followed(operations), texts: []string{"not known"}, restored: restored}, operations: operations, numbers: map[string]int{}}
	b.findReads()
	var steps []entry
	for _, op := range operations {
		steps = append(steps, b.entriesOf(op)...)
	}
	var windows []window
	for _, part := range cutQuiet(steps) {
		part = withoutUnseen(part)
		w := window{rule: PorcupineMetadata, title: "the metadata of " + name, history: part, specification: &b.registerModel}
		var last int64
		for _, e := range part {
			if e.to < forever {
				last = max(last, e.to)
			}
		}
		w.end(last+1, &registerStep{kind: stepLast, text: "the end of what is certain"})
		windows = append(windows, w)
	}
	return windows
}

// followed are the attributes that operations give, the most often given first.
func followed(operations []*Operation) []string {
	given := map[string]int{}
	for _, op := range operations {
		for name := range op.Attributes {
			given[name]++
			if op.Kind == SetAttributes {
				given[name] += len(operations) // what changes matters more than what was created
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(given), func(a, b string) int { return cmp.Or(cmp.Compare(given[b], given[a]), cmp.Compare(a, b)) })
	return names[:min(len(names), registersMax)]
}

// registerBuilder makes steps of operations.
type registerBuilder struct {
	registerModel
	operations []*Operation
	numbers    map[string]int // of texts
	// reads has, for each attribute and value, when it was read first.
	reads map[read]int64
	// givers counts the operations that may have given an attribute a value.
	givers map[read]int
}

// read is an attribute and its value.
type read struct{ name, value string }

func (b *registerBuilder) findReads() {
	b.reads, b.givers = map[read]int64{}, map[read]int{}
	for _, op := range b.operations {
		if op.possible() {
			for name, value := range op.Attributes {
				b.givers[read{name, value}] += op.requests()
			}
		}
		for name, value := range op.Values {
			at := read{name, value}
			if first, ok := b.reads[at]; !ok || op.Return < first {
				b.reads[at] = op.Return
			}
		}
	}
}

// entriesOf returns the steps of one operation: its own, and one for each other request that may take effect later.
func (b *registerBuilder) entriesOf(op *Operation) []entry {
	kind, ok := kindOfStep(op)
	if !ok {
		return nil
	}
	step := registerStep{kind: kind, text: describe(op)}
	for i, name := range b.names {
		if value, ok := op.Attributes[name]; ok {
			step.values[i] = b.number(value)
		} else if value, ok := op.Values[name]; ok {
			step.values[i] = b.number(value)
		}
	}
	late := step
	late.optional = true
	by := op.Return
	if op.Outcome != OK && op.possible() {
		by = b.certainBy(op, kind)
	}
	var entries []entry
	if by < forever {
		entries = append(entries, entry{op, op.Call, by, &step})
	}
	if kind == stepRead || !op.possible() || b.unseen(op, kind, by < forever) {
		return entries
	}
	for range op.requests() - len(entries) {
		entries = append(entries, entry{op, op.Call, forever, &late})
	}
	return entries
}

// certainBy returns when a change of attributes that nobody saw the answer of had certainly taken effect: when a value was read
// that nobody else gave. It is forever if there is none.
func (b *registerBuilder) certainBy(op *Operation, kind registerStepKind) int64 {
	by := forever
	if kind != stepSet {
		return by
	}
	for _, name := range b.names {
		value, ok := op.Attributes[name]
		first, seen := b.reads[read{name, value}]
		if ok && seen && b.givers[read{name, value}] == op.requests() {
			by = min(by, first)
		}
	}
	return by
}

// unseen reports whether a change explains nothing by taking effect later, perhaps for a second time, so that the step can be
// left out. That is so if none of its values was ever read. If it certainly took effect once, it is also so if nothing
// between its call and the last read of its value says anything else of the attribute: then those reads see the first time.
func (b *registerBuilder) unseen(op *Operation, kind registerStepKind, once bool) bool {
	if kind != stepSet {
		return false
	}
	for _, name := range b.names {
		value, ok := op.Attributes[name]
		if _, seen := b.reads[read{name, value}]; !ok || !seen {
			continue
		}
		if !once || b.contested(op, name, value) {
			return false
		}
	}
	return true
}

// contested reports whether, between the call of a change and a read of its value, something may have come that says another value
// of the attribute, or that touched the queue itself.
func (b *registerBuilder) contested(set *Operation, name, value string) bool {
	var lastRead int64
	for _, op := range b.operations {
		if seen, ok := op.Values[name]; ok && seen == value {
			lastRead = max(lastRead, op.Return)
		}
	}
	return slices.ContainsFunc(b.operations, func(op *Operation) bool {
		_, counts := kindOfStep(op)
		if !counts || op.reach().to < set.Call || op.Call > lastRead {
			return false
		}
		given, gives := op.Attributes[name]
		seen, sees := op.Values[name]
		switch op.Kind {
		case SetAttributes, GetAttributes:
			return (gives && given != value) || (sees && seen != value)
		case PurgeQueue:
			return false
		}
		return true
	})
}

func (b *registerBuilder) number(text string) int {
	n, ok := b.numbers[text]
	if !ok {
		n = len(b.texts)
		b.numbers[text], b.texts = n, append(b.texts, text)
	}
	return n
}

// withoutUnseen leaves out of a window the changes that may never have come and whose values nobody reads in it: that they did
// not come explains as much.
func withoutUnseen(part []entry) []entry {
	type value struct{ attribute, number int }
	seen := map[value]bool{}
	for _, e := range part {
		if step := e.step.(*registerStep); step.kind != stepSet {
			for i, number := range step.values {
				seen[value{i, number}] = number != 0
			}
		}
	}
	return slices.DeleteFunc(part, func(e entry) bool {
		step := e.step.(*registerStep)
		if step.kind != stepSet || !step.optional {
			return false
		}
		for i, number := range step.values {
			if seen[value{i, number}] {
				return false
			}
		}
		return true
	})
}

// registerStepsMax is about how many steps a window of metadata has.
const registerStepsMax = 100

// cutQuiet cuts steps, in order of their beginning, into windows of about registerStepsMax at moments at which none that is certain
// is under way. What may come at any time later is in all later windows, and each begins not knowing anything.
func cutQuiet(steps []entry) [][]entry {
	var windows [][]entry
	var pending, current []entry
	carried := 0 // of current, what earlier windows had too
	var busyUntil int64
	for _, e := range steps {
		if len(current)-carried >= registerStepsMax && busyUntil < e.from {
			windows = append(windows, current)
			current, carried = slices.Clone(pending), len(pending)
		}
		current = append(current, e)
		if e.to >= forever {
			pending = append(pending, e)
		} else {
			busyUntil = max(busyUntil, e.to)
		}
	}
	if len(current) == 0 {
		return windows
	}
	return append(windows, current)
}
