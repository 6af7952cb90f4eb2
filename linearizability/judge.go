package linearizability

import (
	"cmp"
	"fmt"
	"slices"
)

// The rules of the models, and of the two layers together.
const (
	PorcupineFIFO     Rule = "porcupine-fifo"
	PorcupineStandard Rule = "porcupine-standard"
	PorcupineMetadata Rule = "porcupine-metadata"
	// UndecidedWindows is broken if porcupine gave up on too many windows.
	UndecidedWindows Rule = "undecided-windows"
	// LayersDisagree is broken if porcupine finds no order for operations that the rules over the whole history accept.
	LayersDisagree Rule = "layers-disagree"
)

// undecidedShare is one by the share of a history's windows that porcupine may give up on: a twentieth, for a history may have
// few. Two are always allowed. Over many histories it must be half a percent (cmd/sim judges a batch by that).
const undecidedShare = 20

// Judge judges a history by everything that needs nothing but the history: the rules of Check, then porcupine's models, then whether
// the two agree. It is the one call for a history from anywhere: the simulator, or clients of a real cluster (see
// ReadJSONL and Recorder). Same history, same options, same verdict, byte for byte.
func Judge(h []Operation, options Options) Verdict {
	c := newChecker(h, options)
	c.checkRules(checks)
	if c.verdict.Found[MalformedHistory] == 0 {
		c.checkModels(windowsOf(c.history, &c.options))
	}
	c.sort()
	return c.verdict
}

// checkModels applies the models to windows of the history.
func (c *checker) checkModels(windows []window) {
	accused := map[string]bool{} // queues that broken rules name an operation on
	for _, v := range c.verdict.Violations {
		for _, id := range v.Operations {
			accused[c.history[id].Queue] = true
		}
	}
	given := 0
	for i := range windows {
		w := &windows[i]
		c.judged(w.rule)
		c.judged(UndecidedWindows)
		switch w.decide() {
		case undecided:
			given++
			c.verdict.Undecided[w.rule]++
		case illegal:
			c.reject(w, accused)
		case legal:
			if w.rule != PorcupineMetadata {
				c.judged(LayersDisagree)
			}
		}
	}
	if given > 2+len(windows)/undecidedShare {
		c.verdict.Found[UndecidedWindows]++
		c.verdict.Violations = append(c.verdict.Violations, Violation{
			Rule: UndecidedWindows, Operations: []int{},
			Text: fmt.Sprintf("porcupine gave up on %d of %d windows: this run is not judged", given, len(windows)),
		})
	}
}

// reject reports an illegal window. The rules say nothing of metadata, so there they cannot disagree.
func (c *checker) reject(w *window, accused map[string]bool) {
	v := w.violation()
	c.broken(w.rule, v.Operations, "%s", v.Text)
	if w.rule == PorcupineMetadata {
		return
	}
	c.judged(LayersDisagree)
	if slices.ContainsFunc(w.history, func(e entry) bool { return e.op != nil && accused[e.op.Queue] }) {
		return
	}
	c.broken(LayersDisagree, slices.Clone(v.Operations),
		"porcupine finds no order for the operations on %s, and no rule over the whole history objects to anything in that queue: either the rules have a gap there or the model is wrong", w.title)
}

// windowsOf returns all windows of a history.
func windowsOf(h []Operation, options *Options) []window {
	slack := 2*int64(options.ClockBound) + int64(resolution)
	var end int64
	for i := range h {
		end = max(end, h[i].Return)
	}
	var windows []window
	for _, q := range tracksOf(h, options, slack) {
		windows = append(windows, messageWindows(q, options, slack, end)...)
	}
	if !options.StrictMetadata {
		return windows
	}
	metadata := map[string][]*Operation{}
	for i := range h {
		if isMetadata(h[i].Kind) {
			metadata[h[i].Queue] = append(metadata[h[i].Queue], &h[i])
		}
	}
	for i := range h { // the queues in the order in which they come up
		if operations := metadata[h[i].Queue]; operations != nil {
			windows = append(windows, registerWindows(h[i].Queue, operations, options.Queues[h[i].Queue].Restored)...)
			delete(metadata, h[i].Queue)
		}
	}
	return windows
}

// sort puts the violations into the order in which they became certain.
func (c *checker) sort() {
	slices.SortStableFunc(c.verdict.Violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(c.certainAt(a), c.certainAt(b)), cmp.Compare(a.Rule, b.Rule), slices.Compare(a.Operations, b.Operations))
	})
}
