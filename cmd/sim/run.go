package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"chasqui/linearizability"
	"chasqui/sim"
	"chasqui/sim/report"
)

type runCommand struct {
	First    uint64        `help:"First seed; the others follow it." default:"1"`
	Scenario string        `help:"Run this scenario (see: sim explain) with the seeds, instead of what they draw." placeholder:"NAME"`
	Seeds    int           `help:"Number of seeds; as many as the time allows if 0." default:"0"`
	For      time.Duration `help:"Time after which no seed is started; 0 for no bound." default:"3m"`
	Workers  int           `help:"Seeds that run side by side." default:"2"`
	Once     bool          `help:"Run each seed once, without the proof that it repeats itself."`
	StopAt   int           `help:"End after that many failures; 0 for never." default:"0"`
	Keep     string        `help:"Folder for what fails." default:"sim-failures"`
	Output   string        `help:"Form of the output." enum:"text,json" default:"text" short:"o"`
}

// Help is shown by sim run --help.
func (*runCommand) Help() string {
	return `One line per seed: verdict, virtual and real time, operations of the clients, faults, the hash over every event,
and the command that replays it. A failure leaves a folder with story.md, timeline.html, porcupine.html, history.jsonl,
config.json and replay.sh.

Examples:

    sim run --seeds 20
    sim run --for 8h --first 1000000 --once
    sim run --seeds 1 --first 7 -o json`
}

// Run runs a batch.
func (c *runCommand) Run(cli *commands) error {
	if c.Seeds == 0 && c.For == 0 {
		return &exitError{exitUsage, "give --seeds or --for: a batch needs an end"}
	}
	program, stop, err := cli.load()
	if err != nil {
		return err
	}
	defer stop()
	out := json.NewEncoder(os.Stdout)
	if c.Output == "text" {
		fmt.Printf("program %s, seeds from %d, %d workers%s\n", program.hash, c.First, c.Workers, map[bool]string{true: ", once each", false: ", twice each"}[c.Once])
	}
	code := 0
	var broken error
	batch := sim.Batch{First: c.First, Seeds: c.Seeds, For: c.For, Workers: c.Workers, Once: c.Once, StopAt: c.StopAt, Stuck: stuck}
	if c.Scenario != "" {
		if batch.Draw, err = sim.NamedDraw(c.Scenario); err != nil {
			return &exitError{exitUsage, err.Error()}
		}
	}
	summary := batch.Run(program.Program, func(seed uint64, result *sim.Result, err error) {
		if err == nil {
			err = c.show(out, result)
		}
		if err != nil {
			broken = fmt.Errorf("seed %d: %w", seed, err)
			fmt.Fprintf(os.Stderr, "sim: %v\n", broken)
			return
		}
		code = max(code, exitOf(result.Verdict()))
	})
	if c.Output == "json" {
		err = out.Encode(summary)
	} else {
		err = printSummary(os.Stdout, summary)
	}
	switch {
	case err != nil:
		return err
	case broken != nil:
		return &exitError{code: exitHarness}
	case code != 0:
		return &exitError{code: code}
	case summary.TooUndecided():
		return &exitError{exitSafety, "porcupine gave up on more than half a percent of the windows: the batch is not judged"}
	}
	return nil
}

// show prints a seed's line and keeps what a failure leaves.
func (c *runCommand) show(out *json.Encoder, result *sim.Result) error {
	replay := replayOf(c.Scenario, result.Scenario.Seed)
	folder := ""
	if result.Verdict() != sim.Pass {
		folder = filepath.Join(c.Keep, fmt.Sprintf("seed-%d", result.Scenario.Seed))
		if err := report.Write(folder, result, replay); err != nil {
			return fmt.Errorf("keep the failure: %w", err)
		}
	}
	if c.Output == "json" {
		return out.Encode(jsonLine(result, replay, folder))
	}
	fmt.Println(result.Line(replay))
	for _, v := range result.Violations[:min(len(result.Violations), violationsShown)] {
		fmt.Printf("    %s: %s\n", v.Rule, v.Text)
	}
	if d := result.Difference; d != nil {
		fmt.Printf("    event %d differs: first run  %v\n", d.Index, d.Earlier)
		fmt.Printf("    %*s second run %v\n", len(fmt.Sprintf("event %d differs:", d.Index)), "", d.Repeated)
	}
	if folder != "" {
		fmt.Printf("    kept in %s: read story.md, open timeline.html\n", folder)
	}
	return nil
}

// violationsShown is how many violations of a seed are printed; all are kept.
const violationsShown = 3

// line is the JSON twin of a seed's line.
type line struct {
	Seed         uint64           `json:"seed"`
	Verdict      sim.Verdict      `json:"verdict"`
	Rules        []string         `json:"rules"`
	Violations   []sim.Violation  `json:"violations"`
	VirtualMs    int64            `json:"virtual_ms"`
	RealMs       int64            `json:"real_ms"`
	RecoveredMs  int64            `json:"recovered_ms"`
	Operations   int              `json:"operations"`
	Events       uint64           `json:"events"`
	Injected     []sim.FaultCount `json:"faults_injected"`
	Happened     []sim.FaultCount `json:"faults_happened"`
	Checked      []sim.RuleCount  `json:"checked"`
	Undecided    int              `json:"undecided_windows"`
	Hash         string           `json:"hash"`
	Replay       string           `json:"replay"`
	Kept         string           `json:"kept,omitempty"`
	DiffersEvent *uint64          `json:"differs_at_event,omitempty"`
}

func jsonLine(r *sim.Result, replay, kept string) line {
	l := line{
		Seed: r.Scenario.Seed, Verdict: r.Verdict(), Rules: r.Rules(), Violations: r.Violations,
		VirtualMs: r.VirtualTime.Milliseconds(), RealMs: r.RealTime.Milliseconds(), RecoveredMs: r.RecoveredAfter.Milliseconds(),
		Operations: len(r.History), Events: r.Events, Injected: r.Injected, Happened: r.Happened, Checked: r.Checked, Undecided: r.Undecided,
		Hash: fmt.Sprintf("%016x", r.Hash), Replay: replay, Kept: kept,
	}
	if r.Difference != nil {
		l.DiffersEvent = &r.Difference.Index
	}
	return l
}

func printSummary(w io.Writer, s sim.Summary) error {
	fmt.Fprintf(w, "\n%d seeds in %v: ", s.Seeds, s.RealTime.Round(time.Second))
	for _, v := range []sim.Verdict{sim.Pass, sim.Safety, sim.Liveness, sim.Crashed, sim.Nondeterminism} {
		fmt.Fprintf(w, "%d %s, ", s.Verdicts[v], v)
	}
	fmt.Fprintf(w, "%d simulator errors\n", s.Harness)
	hours := s.RealTime.Hours()
	fmt.Fprintf(w, "%d client operations, %d events, %v of virtual time; %.0f seeds per hour\n",
		s.Operations, s.Events, s.Virtual.Round(time.Second), float64(s.Seeds)/hours)
	fmt.Fprintf(w, "porcupine gave up on %d of %d windows\n\n", s.Undecided, s.Checked(linearizability.UndecidedWindows))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FAULT\tINJECTED\tHAPPENED\t\tRULE\tCHECKED")
	for i := range max(len(s.Faults), len(s.Rules)) {
		fault, rule := "\t\t", "\t"
		if i < len(s.Faults) {
			fault = fmt.Sprintf("%s\t%d\t%d", s.Faults[i].Kind, s.Faults[i].Injected, s.Faults[i].Happened)
		}
		if i < len(s.Rules) {
			rule = fmt.Sprintf("%s\t%d", s.Rules[i].Rule, s.Rules[i].Number)
		}
		fmt.Fprintf(table, "%s\t\t%s\n", fault, rule)
	}
	return table.Flush()
}
