package linearizability

import (
	"cmp"
	"maps"
	"slices"
)

// Windows of metadata: the operations on one queue as a whole, cut where none is under way.

// registerWindows returns the windows of one queue's metadata operations, which are in order of Call.
func registerWindows(name string, operations []*Operation) []window {
	b := &registerBuilder{registerModel: registerModel{names: followed(operations), texts: []string{"not known"}}, numbers: map[string]int{}}
	b.findReads(operations)
	var steps []entry
	for _, op := range operations {
		steps = append(steps, b.entriesOf(op)...)
	}
	var windows []window
	for _, part := range cutQuiet(steps) {
		w := window{rule: PorcupineMetadata, title: "the metadata of " + name, history: part, model: b.model}
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
	numbers map[string]int // of texts
	// reads has, for each attribute and value, when it was read first.
	reads map[read]int64
	// givers counts the operations that may have given an attribute a value.
	givers map[read]int
}

// read is an attribute and its value.
type read struct{ name, value string }

func (b *registerBuilder) findReads(operations []*Operation) {
	b.reads, b.givers = map[read]int64{}, map[read]int{}
	for _, op := range operations {
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
	certain := step
	late := step
	late.optional = true
	var entries []entry
	requests := 1
	if op.possible() {
		requests = op.requests()
	}
	for request := range requests {
		switch to := b.certainBy(op); {
		case op.Outcome != Unknown && request == 0:
			entries = append(entries, entry{op, op.Call, op.Return, &certain})
		case kind == stepSet && to == forever: // nobody ever saw it: that it never came explains as much
		case request == 0 && kind == stepSet && requests == 1 && to < forever:
			entries = append(entries, entry{op, op.Call, to, &certain})
		case kind != stepRead:
			entries = append(entries, entry{op, op.Call, forever, &late})
		}
	}
	return entries
}

// certainBy returns when a change of attributes that nobody saw the answer of had certainly taken effect, as a value that only it
// can have given was read by then; op.Return or later. forever if none of its values was ever read, or 0 < it < forever.
func (b *registerBuilder) certainBy(op *Operation) int64 {
	by := forever
	for name, value := range op.Attributes {
		first, ok := b.reads[read{name, value}]
		if ok && slices.Contains(b.names, name) {
			by = min(by, first)
		}
	}
	return by
}

func (b *registerBuilder) number(text string) int {
	n, ok := b.numbers[text]
	if !ok {
		n = len(b.texts)
		b.numbers[text], b.texts = n, append(b.texts, text)
	}
	return n
}

// cutQuiet cuts steps, in order of their beginning, into windows of about windowStepsMax at moments at which none that is certain
// is under way. What may come at any time later is in all later windows, and each begins not knowing anything.
func cutQuiet(steps []entry) [][]entry {
	var windows [][]entry
	var pending, current []entry
	var busyUntil int64
	for _, e := range steps {
		if len(current) >= windowStepsMax && busyUntil < e.from {
			windows = append(windows, current)
			current = slices.Clone(pending)
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
