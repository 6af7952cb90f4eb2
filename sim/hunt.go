package sim

import (
	"slices"
	"time"

	"chasqui/sim/wasi"
)

// Hunt looks for a bug that was planted in the program: it runs one seed after the other, once each, until one of the
// rules that are meant to find it is broken, or until the time or the seeds are over.
type Hunt struct {
	// Rules are those that count as finding it.
	Rules []string
	// Draw makes the scenario of a seed; nil means Draw of this package.
	Draw func(seed uint64) *Scenario
	// First is the first seed, SeedsMax bounds their number and For their time.
	First    uint64
	SeedsMax int
	For      time.Duration
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
	// Seeds and Ran are what it took: seeds run to their ends, and the real time they ran for, added up.
	Seeds int
	Ran   time.Duration
}

// Run hunts.
func (h *Hunt) Run(program *wasi.Program) (*Catch, error) {
	catch := &Catch{Other: map[string]int{}}
	var broken error
	stop := false
	batch := Batch{First: h.First, Seeds: h.SeedsMax, For: h.For, Workers: h.Workers, Draw: h.Draw, Once: true, Stuck: h.Stuck}
	batch.stop = func() bool { return stop }
	batch.Run(program, func(_ uint64, result *Result, err error) {
		if err != nil {
			broken, stop = err, true
			return
		}
		if catch.Found != nil {
			return // it was under way when the bug was found
		}
		catch.Seeds++
		catch.Ran += result.RealTime
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
