package sim

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"chasqui/linearizability"
	"chasqui/sim/wasi"
)

// Batch says which seeds to run.
type Batch struct {
	// First is the first seed; the others follow it one by one.
	First uint64
	// Seeds bounds their number, and For the time: none is started later. 0 means no bound; one of them is needed.
	Seeds int
	For   time.Duration
	// Workers is the number of seeds that run side by side, at least 1.
	Workers int
	// Once runs each seed once. Otherwise it runs twice, and the second run must be equal to the first.
	Once bool
	// Draw makes the scenario of a seed; nil means Draw of this package.
	Draw func(seed uint64) *Scenario
	// StopAt ends the batch when that many seeds have failed; 0 means never.
	StopAt int
	// Stuck is Options.Stuck.
	Stuck func(seed uint64, host string)

	stop     func() bool            // asked, if not nil, after each report
	passOver func(s *Scenario) bool // asked, if not nil, of each seed's scenario before it is run
}

// passedOverMax bounds the seeds that are passed over for one that is run: a scenario that no seed draws would be looked
// for for ever.
const passedOverMax = 10_000

// RunTwice runs a scenario, and unless once is set runs it again and compares every event. The result is that of the
// first run, with the Difference found by the second. Its RealTime is that of the first run alone.
func RunTwice(s *Scenario, program *wasi.Program, once bool, options Options) (*Result, error) {
	options.Record = !once
	result, err := Run(s, program, options)
	if err != nil || once {
		return result, err
	}
	records := result.Records
	result.Records = nil
	again, err := Run(s, program, Options{Expect: records, Stuck: options.Stuck})
	if err != nil {
		return nil, fmt.Errorf("second run: %w", err)
	}
	result.Difference = again.Difference
	return result, nil
}

// Run runs the batch. report is called once for every seed, in order of seeds and by one goroutine at a time, as soon
// as all earlier ones are there; err is not nil if the simulator failed.
func (b *Batch) Run(program *wasi.Program, report func(seed uint64, result *Result, err error)) Summary {
	draw := b.Draw
	if draw == nil {
		draw = Draw
	}
	started := time.Now()
	type outcome struct {
		seed   uint64
		result *Result
		err    error
	}
	var (
		mu      sync.Mutex // guards the fields below
		next    = b.First
		taken   int
		stopped bool
		waiting = map[int]outcome{} // by the order in which they were taken
		turn    int
		summary Summary
		workers sync.WaitGroup
	)
	take := func() (place int, s *Scenario) {
		mu.Lock()
		defer mu.Unlock()
		if stopped || b.Seeds > 0 && taken >= b.Seeds || b.For > 0 && taken > 0 && time.Since(started) > b.For {
			return 0, nil
		}
		for range passedOverMax {
			s := draw(next)
			next++
			if b.passOver == nil || !b.passOver(s) {
				taken++
				return taken - 1, s
			}
		}
		return 0, nil
	}
	hand := func(place int, o outcome) {
		mu.Lock()
		defer mu.Unlock()
		waiting[place] = o
		for {
			o, ok := waiting[turn]
			if !ok {
				return
			}
			delete(waiting, turn)
			turn++
			summary.add(o.result, o.err)
			report(o.seed, o.result, o.err)
			stopped = stopped || b.StopAt > 0 && summary.failures() >= b.StopAt || b.stop != nil && b.stop()
		}
	}
	for range max(b.Workers, 1) {
		workers.Go(func() {
			for place, s := take(); s != nil; place, s = take() {
				result, err := RunTwice(s, program, b.Once, Options{Stuck: b.Stuck})
				hand(place, outcome{s.Seed, result, err})
			}
		})
	}
	workers.Wait()
	summary.RealTime = time.Since(started)
	return summary
}

// Summary adds up a batch.
type Summary struct {
	Seeds      int             `json:"seeds"`
	Verdicts   map[Verdict]int `json:"verdicts"`
	Harness    int             `json:"harness_errors"`
	Operations int             `json:"operations"`
	Events     uint64          `json:"events"`
	Faults     []FaultTotal    `json:"faults"`
	Rules      []RuleCount     `json:"rules"`
	Undecided  int             `json:"undecided_windows"`
	Virtual    time.Duration   `json:"virtual_ns"`
	RealTime   time.Duration   `json:"real_ns"`
}

// FaultTotal counts one kind of fault over a batch.
type FaultTotal struct {
	Kind     FaultKind `json:"kind"`
	Injected int       `json:"injected"`
	Happened int       `json:"happened"`
}

func (s *Summary) add(r *Result, err error) {
	s.Seeds++
	if s.Verdicts == nil {
		s.Verdicts = map[Verdict]int{}
	}
	if err != nil {
		s.Harness++
		return
	}
	s.Verdicts[r.Verdict()]++
	s.Operations += len(r.History)
	s.Undecided += r.Undecided
	s.Events += r.Events
	s.Virtual += r.VirtualTime
	for _, f := range r.Injected {
		s.fault(f.Kind).Injected += f.Number
	}
	for _, f := range r.Happened {
		s.fault(f.Kind).Happened += f.Number
	}
	for _, c := range r.Checked {
		i := slices.IndexFunc(s.Rules, func(other RuleCount) bool { return other.Rule == c.Rule })
		if i < 0 {
			i = len(s.Rules)
			s.Rules = append(s.Rules, RuleCount{Rule: c.Rule})
		}
		s.Rules[i].Number += c.Number
	}
	slices.SortFunc(s.Faults, func(a, b FaultTotal) int { return cmp.Compare(a.Kind, b.Kind) })
	slices.SortFunc(s.Rules, func(a, b RuleCount) int { return cmp.Compare(a.Rule, b.Rule) })
}

func (s *Summary) fault(kind FaultKind) *FaultTotal {
	i := slices.IndexFunc(s.Faults, func(f FaultTotal) bool { return f.Kind == kind })
	if i < 0 {
		i = len(s.Faults)
		s.Faults = append(s.Faults, FaultTotal{Kind: kind})
	}
	return &s.Faults[i]
}

// failures is the number of seeds that did not pass.
func (s *Summary) failures() int { return s.Seeds - s.Verdicts[Pass] }

// The share of windows that porcupine may give up on over a batch is half a percent; a batch of few windows is not judged by it.
const (
	undecidedShare   = 200
	undecidedWindows = 1000
)

// TooUndecided tells whether porcupine gave up on too many windows for the batch to have shown what it should.
func (s *Summary) TooUndecided() bool {
	windows := s.Checked(linearizability.UndecidedWindows)
	return windows >= undecidedWindows && s.Undecided*undecidedShare > windows
}

// Checked returns how often a rule of package linearizability had something to judge.
func (s *Summary) Checked(rule linearizability.Rule) int {
	i := slices.IndexFunc(s.Rules, func(c RuleCount) bool { return c.Rule == string(rule) })
	if i < 0 {
		return 0
	}
	return s.Rules[i].Number
}
