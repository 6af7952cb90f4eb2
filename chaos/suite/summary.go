package suite

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"chasqui/sim"
)

// Summary is what a run comes to, for people and as JSON.
type Summary struct {
	Seed    uint64      `json:"seed"`
	Verdict sim.Verdict `json:"verdict"`
	Build   Build       `json:"build"`
	// FaultsMs is how long faults went on, TotalMs the whole run, RecoveredMs the time from the end of the faults until
	// everything had drained.
	FaultsMs    int64 `json:"faults_ms"`
	TotalMs     int64 `json:"total_ms"`
	RecoveredMs int64 `json:"recovered_ms"`
	// StoodMs is how long the machine stood still.
	StoodMs    int64           `json:"stood_ms"`
	Operations int             `json:"operations"`
	Requests   int             `json:"requests"`
	Retries    int             `json:"retries"`
	Failed     int             `json:"failed"`
	Unknown    int             `json:"unknown"`
	Deliveries int             `json:"deliveries"`
	Faults     []FaultTotal    `json:"faults"`
	Rules      []sim.RuleCount `json:"rules"`
	Violations []sim.Violation `json:"violations"`
	Replay     string          `json:"replay"`
	Kept       string          `json:"kept"`
}

// FaultTotal counts one kind of fault.
type FaultTotal struct {
	Kind     sim.FaultKind `json:"kind"`
	Ordered  int           `json:"ordered"`
	Happened int           `json:"happened"`
}

// Summarise adds a result up. kept is the folder with all that is known of it, replay the command that runs the plan again.
func Summarise(r *Result, build Build, replay, kept string) *Summary {
	s := &Summary{
		Seed: r.Scenario.Seed, Verdict: r.Verdict(), Build: build, FaultsMs: r.Scenario.FaultyPhase.Milliseconds(),
		TotalMs: r.VirtualTime.Milliseconds(), RecoveredMs: r.RecoveredAfter.Milliseconds(), StoodMs: r.Stood.Milliseconds(),
		Operations: len(r.History), Requests: r.Stats.Requests, Retries: r.Stats.Retries, Deliveries: r.Stats.Deliveries,
		Faults: []FaultTotal{}, Rules: r.Checked, Violations: r.Violations, Replay: replay, Kept: kept,
	}
	for i := range r.History {
		switch r.History[i].Outcome {
		case "failed":
			s.Failed++
		case "unknown":
			s.Unknown++
		}
	}
	for _, f := range r.Injected {
		total := FaultTotal{Kind: f.Kind, Ordered: f.Number}
		if i := slices.IndexFunc(r.Happened, func(h sim.FaultCount) bool { return h.Kind == f.Kind }); i >= 0 {
			total.Happened = r.Happened[i].Number
		}
		s.Faults = append(s.Faults, total)
	}
	return s
}

// violationsShown is how many violations are printed; all are kept.
const violationsShown = 5

// Write writes the summary for people.
func (s *Summary) Write(w io.Writer) error {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	var built []string
	for _, b := range []struct {
		is   bool
		text string
	}{{s.Build.Failpoints, "failpoints"}, {s.Build.Race, "the race detector"}} {
		if b.is {
			built = append(built, b.text)
		}
	}
	with := ""
	if len(built) > 0 {
		with = ", with " + strings.Join(built, " and ")
	}
	fmt.Fprintf(w, "\nseed %d: %s; %v of faults, %v in all; real processes%s\n", s.Seed, s.Verdict, ms(s.FaultsMs), ms(s.TotalMs).Round(time.Second), with)
	fmt.Fprintf(w, "%d operations (%d failed, %d of unknown outcome) in %d requests, %d of them retries; %d messages delivered; drained %v after the faults\n\n",
		s.Operations, s.Failed, s.Unknown, s.Requests, s.Retries, s.Deliveries, ms(s.RecoveredMs).Round(time.Millisecond))
	if s.StoodMs > 0 {
		fmt.Fprintf(w, "the machine stood still for %v: others use it, or it was suspended\n\n", ms(s.StoodMs).Round(time.Millisecond))
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FAULT\tORDERED\tHAPPENED\t\tRULE\tCHECKED")
	for i := range max(len(s.Faults), len(s.Rules)) {
		fault, rule := "\t\t", "\t"
		if i < len(s.Faults) {
			f := s.Faults[i]
			fault = fmt.Sprintf("%s\t%d\t%d", f.Kind, f.Ordered, f.Happened)
			if f.Happened == 0 {
				fault += " (never)"
			}
		}
		if i < len(s.Rules) {
			rule = fmt.Sprintf("%s\t%d", s.Rules[i].Rule, s.Rules[i].Number)
		}
		fmt.Fprintf(table, "%s\t\t%s\n", fault, rule)
	}
	if err := table.Flush(); err != nil { // which has the errors of all writes
		return err
	}
	for _, v := range s.Violations[:min(len(s.Violations), violationsShown)] {
		fmt.Fprintf(w, "\n%s: %s\n", v.Rule, v.Text)
	}
	if more := len(s.Violations) - violationsShown; more > 0 {
		fmt.Fprintf(w, "\nand %d more violations\n", more)
	}
	_, err := fmt.Fprintf(w, "\nkept in %s: story.md, timeline.html, history.jsonl, logs\nthe same plan again: %s\n", s.Kept, s.Replay)
	return err
}
