package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chasqui/linearizability"
	"chasqui/sim/workload"
	"chasqui/sim/world"
)

// Verdict is a run's outcome in one word.
type Verdict string

// The verdicts.
const (
	Pass           Verdict = "pass"
	Safety         Verdict = "safety"         // a promise was broken
	Liveness       Verdict = "liveness"       // the cluster did not recover in time
	Crashed        Verdict = "crash"          // a program ended itself without a reason
	Nondeterminism Verdict = "nondeterminism" // the same seed went another way
)

// Rules that are judged while a run goes on, besides those of package linearizability.
const (
	RuleDrains     = "drains"
	RuleSendsAgain = "sends-again"
	RuleExit       = "unexpected-exit"
	RuleAnswer     = "impossible-answer"
	// RuleAppliedAlike is broken if two replicas applied an entry differently.
	RuleAppliedAlike = "applied-alike"
)

// Result is what a run has shown.
type Result struct {
	Scenario   *Scenario
	Violations []Violation
	// Hash is the chained hash over all Events events. Difference is where the run left the one it should have repeated.
	Hash       uint64
	Events     uint64
	Records    []world.Record
	Difference *world.Difference
	// VirtualTime is how long the run took in its world, RealTime on the machine it ran on.
	VirtualTime, RealTime time.Duration
	// RecoveredAfter is the time from the end of the faults until everything had drained, or until that was given up.
	RecoveredAfter time.Duration
	Stats          workload.Stats
	// Injected and Happened count faults by kind: begun, and known to have had an effect.
	Injected, Happened []FaultCount
	// Checked counts how often each rule had something to judge.
	Checked []RuleCount
	History []linearizability.Operation
	// Judged is what the history was judged by, and Undecided the number of its windows that porcupine gave up on.
	Judged    linearizability.Options
	Undecided int
	Story     []Moment
	StoryCut  int // moments beyond momentsMax
	// Hosts are the names of all hosts in the order of the topology.
	Hosts []string
	// Real says that it was no simulation: real processes, in real time. VirtualTime is that time then, and there is no hash.
	Real bool
	// Sorts are the kinds of faults of the run that the simulator does not have.
	Sorts []FaultSort
}

// FaultCount and RuleCount are counts by name, in order of names.
type (
	FaultCount struct {
		Kind   FaultKind `json:"kind"`
		Number int       `json:"number"`
	}
	RuleCount struct {
		Rule   string `json:"rule"`
		Number int    `json:"number"`
	}
)

// Verdict judges the run. What is beyond the model does not count, but the same seed must always go the same way.
func (r *Result) Verdict() Verdict {
	switch {
	case r.Difference != nil:
		return Nondeterminism
	case len(r.Violations) == 0 || r.Scenario.BeyondModel:
		return Pass
	}
	verdict := Liveness
	for _, v := range r.Violations {
		switch v.Rule {
		case RuleDrains, RuleSendsAgain:
		case RuleExit:
			return Crashed
		default:
			verdict = Safety
		}
	}
	return verdict
}

// Rules returns the names of the rules that were broken, each once.
func (r *Result) Rules() []string {
	var rules []string
	for _, v := range r.Violations {
		if !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	return rules
}

// judge completes the result once the world has stopped.
func (r *run) judge() {
	res, trace := r.result, r.world.Trace()
	trace.End()
	res.Hash, res.Events, res.Records, res.Difference = trace.Hash(), trace.Count(), trace.Records(), trace.Difference()
	res.VirtualTime = r.world.Now()
	res.Stats = r.work.Stats()
	res.History = r.recorder.History()
	for _, m := range r.members {
		res.Hosts = append(res.Hosts, m.plan.name)
	}
	for _, text := range r.work.Violations() {
		r.violate(RuleAnswer, text)
	}
	r.checked[RuleAnswer] = res.Stats.Requests
	r.verifyJournals()
	r.result.JudgeHistory(r.scenario.HistoryOptions(r.scenario.clockBound(), r.work.Drained()), r.checked)
	r.auditApplied()
	r.probes()
	for rule, number := range r.witness.Checked() {
		r.checked[rule] += number
	}
	for _, kind := range sortedKeys(r.injected) {
		res.Injected = append(res.Injected, FaultCount{kind, r.injected[kind]})
	}
	for _, kind := range sortedKeys(r.happened) {
		res.Happened = append(res.Happened, FaultCount{kind, r.happened[kind]})
	}
	for _, rule := range sortedKeys(r.checked) {
		res.Checked = append(res.Checked, RuleCount{rule, r.checked[rule]})
	}
}

// HistoryOptions is what the rules for histories must know of a scenario's run: how far clocks were from true time, and
// whether everything had drained in the end.
func (s *Scenario) HistoryOptions(clockBound time.Duration, drained bool) linearizability.Options {
	options := linearizability.Options{
		ClockBound: clockBound,
		Drained:    drained,
		// chasqui promises more than SQS does.
		StrictStandard: true,
		StrictMetadata: true,
		Queues:         s.Workload.Described(),
	}
	if len(s.Faults) > 0 {
		options.Disturbed = []linearizability.Span{{To: int64(s.FaultyPhase + disturbedAfter)}}
	}
	return options
}

// JudgeHistory has the history judged by rules and models that know nothing of the product. It adds to checked how often
// each rule had something to judge.
func (r *Result) JudgeHistory(options linearizability.Options, checked map[string]int) {
	r.Judged = options
	verdict := linearizability.Judge(r.History, options)
	for _, rule := range linearizability.Rules() {
		checked[string(rule)] += verdict.Checked[rule]
	}
	for _, undecided := range verdict.Undecided {
		r.Undecided += undecided
	}
	for _, v := range verdict.Violations {
		r.Violations = append(r.Violations, Violation{Rule: string(v.Rule), Text: v.Text, Operations: v.Operations})
	}
}

// disturbedAfter is how long after the faults a long poll may still miss a message: a request that was held back by a
// cut may arrive that late.
const disturbedAfter = 10 * time.Second

// clockBound is how far from true time the service's clocks can be.
func (s *Scenario) clockBound() time.Duration {
	var bound time.Duration
	for _, f := range s.Faults {
		switch f.Kind {
		case WallJump:
			bound += max(time.Duration(f.Arg), -time.Duration(f.Arg)) * time.Millisecond
		case ClockDrift:
			bound += max(time.Duration(f.Arg), -time.Duration(f.Arg)) * f.For / 1_000_000
		}
	}
	return bound
}

// diskProbes are the disks' counters that show that a fault had an effect.
var diskProbes = map[string]FaultKind{
	"slow": SlowDisk, "hang": HungDisk, "sync error": FsyncError, "write error": WriteError, "full": FullDisk,
	"misdirected write": Misdirected, "stale read": StaleRead, "rot": BitRot, "lie": LyingDisk,
}

// probes adds to the faults that happened those whose effect the disks and the network have counted.
func (r *run) probes() {
	for _, a := range r.active {
		r.countHeld(a)
	}
	for _, m := range r.members {
		if m.disk == nil {
			continue
		}
		for _, p := range m.disk.Probes() {
			if kind, ok := diskProbes[p.Name]; ok && p.Count > 0 {
				r.happened[kind] += int(p.Count)
			}
		}
	}
}

// Line shows the run on one line. command replays it.
func (r *Result) Line(command string) string {
	verdict := string(r.Verdict())
	if rules := r.Rules(); len(rules) > 0 {
		verdict += " " + strings.Join(rules, ",")
	}
	faults := 0
	for _, f := range r.Injected {
		faults += f.Number
	}
	return fmt.Sprintf("seed %-20d %-14s virtual %6.1fs real %5.1fs  %5d operations  %3d faults %3d kinds happened  recovered in %4.1fs  hash %016x  %s",
		r.Scenario.Seed, verdict, r.VirtualTime.Seconds(), r.RealTime.Seconds(), len(r.History), faults, len(r.Happened),
		r.RecoveredAfter.Seconds(), r.Hash, command)
}
