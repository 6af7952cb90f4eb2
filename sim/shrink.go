package sim

import (
	"slices"
	"strings"
	"time"

	"chasqui/sim/wasi"
	"chasqui/sim/workload"
)

// Shrink makes a failing scenario smaller as long as the same rule is broken: fewer faults first (delta debugging,
// Zeller and Hildebrandt 2002), beginning with those that came after the rule was broken, then a shorter faulty phase, which
// makes every further run shorter too, then fewer queues and threads. It runs the scenario at most runsMax times. progress is called after every run. The result is the smallest failing run.
func Shrink(s *Scenario, rule string, program *wasi.Program, runsMax int, progress func(run int, faults int, failed bool)) (*Result, error) {
	k := &shrinker{
		rule: rule, left: runsMax, progress: progress, passed: map[string]bool{},
		run: func(s *Scenario) (*Result, error) { return Run(s, program, Options{}) },
	}
	return k.shrink(s)
}

func (k *shrinker) shrink(s *Scenario) (*Result, error) {
	first, err := k.try(s)
	if err != nil || first == nil {
		return nil, err
	}
	k.best = first
	for _, step := range []func() error{
		k.lateFaults, k.faults, k.phase, k.aids, k.workload,
		k.faults, k.phase, // what was needed beside the rest may not be any more
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return k.best, nil
}

type shrinker struct {
	rule     string
	run      func(s *Scenario) (*Result, error)
	left     int
	runs     int
	progress func(run, faults int, failed bool)
	best     *Result
	passed   map[string]bool // the scenarios that did not fail, as JSON
}

// try runs a scenario and returns its result if the rule is broken, nil if it is not or if there are no runs left.
func (k *shrinker) try(s *Scenario) (*Result, error) {
	if k.left == 0 {
		return nil, nil
	}
	k.left--
	k.runs++
	result, err := k.run(s)
	if err != nil {
		return nil, err
	}
	failed := slices.Contains(result.Rules(), k.rule)
	k.progress(k.runs, len(s.Faults), failed)
	if !failed {
		return nil, nil
	}
	return result, nil
}

// keep tries a smaller scenario and takes it if it fails too.
func (k *shrinker) keep(change func(s *Scenario)) (bool, error) {
	smaller := *k.best.Scenario
	smaller.Faults = slices.Clone(smaller.Faults)
	smaller.Workload.Queues = slices.Clone(smaller.Workload.Queues)
	smaller.Workload.Producers = slices.Clone(smaller.Workload.Producers)
	smaller.Workload.Consumers = slices.Clone(smaller.Workload.Consumers)
	smaller.Workload.Keepers = slices.Clone(smaller.Workload.Keepers)
	smaller.Workload.Movers = slices.Clone(smaller.Workload.Movers)
	smaller.Workload.Administrators = slices.Clone(smaller.Workload.Administrators)
	change(&smaller)
	if smaller.Validate() != nil || smaller.Workload.Validate() != nil {
		return false, nil
	}
	var text strings.Builder
	if err := smaller.Write(&text); err != nil {
		return false, err
	}
	if k.passed[text.String()] {
		return false, nil
	}
	result, err := k.try(&smaller)
	if err != nil {
		return false, err
	}
	if result == nil {
		k.passed[text.String()] = true
		return false, nil
	}
	k.best = result
	return true, nil
}

// brokenAt is when the rule was certainly broken: when that was noticed, or when the last of the operations that show it had
// returned.
func (k *shrinker) brokenAt() time.Duration {
	at := phaseMax
	for _, v := range k.best.Violations {
		if v.Rule != k.rule {
			continue
		}
		noticed := time.Duration(v.AtMs) * time.Millisecond
		for _, id := range v.Operations {
			noticed = max(noticed, time.Duration(k.best.History[id].Return))
		}
		if noticed > 0 {
			at = min(at, noticed)
		}
	}
	return at
}

// lateFaults takes away the faults that began after the rule was broken, all at once.
func (k *shrinker) lateFaults() error {
	at := k.brokenAt()
	late := func(f Fault) bool { return f.At > at }
	if !slices.ContainsFunc(k.best.Scenario.Faults, late) {
		return nil
	}
	_, err := k.keep(func(s *Scenario) { s.Faults = slices.DeleteFunc(s.Faults, late) })
	return err
}

// phaseAfter is how long the faulty phase goes on after its last fault at least.
const phaseAfter = time.Second

// phase ends the faulty phase soon after the last fault.
func (k *shrinker) phase() error {
	last := time.Duration(0)
	for _, f := range k.best.Scenario.Faults {
		last = max(last, f.At+f.For)
	}
	if last += phaseAfter; last >= k.best.Scenario.FaultyPhase {
		return nil
	}
	_, err := k.keep(func(s *Scenario) { s.FaultyPhase = last })
	return err
}

// aids takes away failpoints and delays in raft's main loop.
func (k *shrinker) aids() error {
	if len(k.best.Scenario.Failpoints) > 0 {
		if _, err := k.keep(func(s *Scenario) { s.Failpoints = nil }); err != nil {
			return err
		}
	}
	if k.best.Scenario.Yields {
		if _, err := k.keep(func(s *Scenario) { s.Yields = false }); err != nil {
			return err
		}
	}
	return nil
}

// faults takes away as many as possible, in ever smaller pieces. It ends when no single one can go.
func (k *shrinker) faults() error {
	for size := len(k.best.Scenario.Faults); size >= 1; size /= 2 {
		for from := 0; from < len(k.best.Scenario.Faults); {
			gone, err := k.keep(func(s *Scenario) {
				s.Faults = slices.Delete(s.Faults, from, min(from+size, len(s.Faults)))
			})
			if err != nil {
				return err
			}
			if !gone {
				from += size
			}
		}
	}
	return nil
}

// workload takes away queues with their threads, then single threads.
func (k *shrinker) workload() error {
	for i := len(k.best.Scenario.Workload.Queues) - 1; i >= 0; i-- {
		_, err := k.keep(func(s *Scenario) {
			w, name := &s.Workload, s.Workload.Queues[i].Name
			w.Queues = slices.Delete(w.Queues, i, i+1)
			w.Producers = slices.DeleteFunc(w.Producers, func(p workload.Producer) bool { return p.Queue == name })
			w.Consumers = slices.DeleteFunc(w.Consumers, func(c workload.Consumer) bool { return c.Queue == name })
			w.Keepers = slices.DeleteFunc(w.Keepers, func(k workload.Keeper) bool { return k.Queue == name })
			w.Movers = slices.DeleteFunc(w.Movers, func(m workload.Mover) bool { return m.Queue == name || m.Target == name })
			w.Administrators = slices.DeleteFunc(w.Administrators, func(a workload.Administrator) bool { return a.Queue == name })
			for j := range w.Queues {
				if q := &w.Queues[j]; q.DeadLetter == name {
					q.DeadLetter, q.MaxReceives = "", 0
				}
			}
			w.Movers = slices.DeleteFunc(w.Movers, func(m workload.Mover) bool {
				return !slices.ContainsFunc(w.Queues, func(q workload.Queue) bool { return q.DeadLetter == m.Queue })
			})
		})
		if err != nil {
			return err
		}
	}
	for i := len(k.best.Scenario.Workload.Keepers) - 1; i >= 0; i-- {
		if _, err := k.keep(func(s *Scenario) { s.Workload.Keepers = slices.Delete(s.Workload.Keepers, i, i+1) }); err != nil {
			return err
		}
	}
	for i := len(k.best.Scenario.Workload.Movers) - 1; i >= 0; i-- {
		if _, err := k.keep(func(s *Scenario) { s.Workload.Movers = slices.Delete(s.Workload.Movers, i, i+1) }); err != nil {
			return err
		}
	}
	for i := len(k.best.Scenario.Workload.Administrators) - 1; i >= 0; i-- {
		if _, err := k.keep(func(s *Scenario) { s.Workload.Administrators = slices.Delete(s.Workload.Administrators, i, i+1) }); err != nil {
			return err
		}
	}
	for i := len(k.best.Scenario.Workload.Producers) - 1; i >= 0; i-- {
		if _, err := k.keep(func(s *Scenario) { s.Workload.Producers = slices.Delete(s.Workload.Producers, i, i+1) }); err != nil {
			return err
		}
	}
	for i := len(k.best.Scenario.Workload.Consumers) - 1; i >= 0; i-- {
		if _, err := k.keep(func(s *Scenario) { s.Workload.Consumers = slices.Delete(s.Workload.Consumers, i, i+1) }); err != nil {
			return err
		}
	}
	return nil
}
