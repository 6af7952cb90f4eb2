package sim

import (
	"slices"
	"time"

	"chasqui/sim/processor"
	"chasqui/sim/wasi"
)

// Hunt looks for a bug that was planted in the program: it runs one seed after the other, once each, until one of the
// rules that are meant to find it is broken, or until the time or the seeds are over.
type Hunt struct {
	// Rules are those that count as finding it.
	Rules []string
	// Needs are kinds of faults of which a scenario must have one; seeds that draw none of them are passed over, for the bug
	// cannot show there. Empty means that every seed will do.
	Needs []string
	// Draw makes the scenario of a seed; nil means Draw of this package.
	Draw func(seed uint64) *Scenario
	// First is the first seed. SeedsMax bounds the number of seeds that are run, and CPU the processor time: none is started
	// later. 0 means no bound.
	First    uint64
	SeedsMax int
	CPU      time.Duration
	// Workers is the number of seeds that run side by side.
	Workers int
	// Stuck is Options.Stuck.
	Stuck func(seed uint64, host string)
}

// Catch is what a hunt brought home.
type Catch struct {
	// Found is the run that broke one of the rules, nil if none did. Other counts the runs that broke other rules only.
	Found *Result
	Other map[string]int
	// Seeds is how many were run to their ends, and CPU the processor time of this process until then. With several workers
	// it has that of the seeds under way in it.
	Seeds int
	CPU   time.Duration
}

// Run hunts.
func (h *Hunt) Run(program *wasi.Program) (*Catch, error) {
	catch := &Catch{Other: map[string]int{}}
	started := processor.Time()
	var broken error
	stop := false
	batch := Batch{First: h.First, Seeds: h.SeedsMax, Workers: h.Workers, Draw: h.Draw, Once: true, Stuck: h.Stuck}
	batch.stop, batch.passOver = func() bool { return stop }, h.cannotShow
	batch.Run(program, func(_ uint64, result *Result, err error) {
		if err != nil {
			broken, stop = err, true
			return
		}
		if catch.Found != nil {
			return // it was under way when the bug was found
		}
		catch.Seeds++
		catch.CPU = processor.Time() - started
		stop = stop || h.CPU > 0 && catch.CPU > h.CPU
		if slices.ContainsFunc(result.Rules(), func(rule string) bool { return slices.Contains(h.Rules, rule) }) {
			catch.Found, stop = result, true
			return
		}
		for _, rule := range result.Rules() {
			catch.Other[rule]++
		}
	})
	return catch, broken
}

// cannotShow tells whether a scenario has none of the kinds of faults of which the bug needs one.
func (h *Hunt) cannotShow(s *Scenario) bool {
	if len(h.Needs) == 0 {
		return false
	}
	return !slices.ContainsFunc(s.kinds(), func(kind FaultKind) bool { return slices.Contains(h.Needs, string(kind)) })
}
