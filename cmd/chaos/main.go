// Command chaos breaks a cluster of real processes and judges what its clients saw: "make chaos" builds what it needs and
// runs it.
//
// This folder has flags and output, no behaviour: see package chaos/suite.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"chasqui/chaos/suite"
	"chasqui/sim"
	"chasqui/sim/report"
)

// The exit codes, for scripts; those of command sim.
const (
	exitUsage    = 1
	exitSafety   = 2
	exitLiveness = 3
	exitCrash    = 4
	exitHarness  = 6
)

// flags is the command line.
type flags struct {
	Binary   string        `help:"The chasqui binary, built with failpoints (make chaos does so)." default:"bin/chasqui-chaos" type:"path"`
	Seed     uint64        `help:"Seed of the plan: the workload, and which fault happens when and to whom; 0 picks one."`
	Duration time.Duration `help:"How long faults go on; recovery and judgement come on top." default:"3m"`
	Only     []string      `help:"Kinds of faults; all if left out." placeholder:"KIND"`
	Keep     string        `help:"Folder for what runs leave: story, picture, history, logs, and after a failure the data." default:"chaos-runs" type:"path"`
	Output   string        `help:"Form of the output." enum:"text,json" default:"text" short:"o"`
	Kinds    bool          `help:"List the kinds of faults and exit."`
}

const description = `Break a cluster of real processes and judge what its clients saw.

The processes run on 127.0.0.0/8, each connection between two of them through a proxy. Real time is not deterministic: a seed
gives the same plan, and not the same run.

Exit codes: 0 all promises held, 1 wrong use, 2 a promise was broken, 3 no recovery in time, 4 a process ended itself, 6 the
suite failed.

Examples:

    chaos
    chaos --seed 7 --duration 30s
    chaos --only cut --only kill --duration 10m
    chaos --kinds
    chaos --seed 7 -o json`

func main() {
	var f flags
	parser := kong.Must(&f, kong.Name("chaos"), kong.Description(description), kong.UsageOnError())
	if _, err := parser.Parse(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "chaos: %v (see: chaos --help)\n", err)
		os.Exit(exitUsage)
	}
	if f.Kinds {
		for _, k := range suite.Kinds() {
			fmt.Printf("%-20s %s\n", k.Kind, k.Says)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := f.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "chaos: %v\n", err)
	}
	os.Exit(code)
}

// run carries out one plan and returns the exit code.
func (f *flags) run(ctx context.Context) (int, error) {
	if f.Seed == 0 {
		f.Seed = suite.NewSeed()
	}
	plan, err := suite.Draw(f.Seed, f.Duration, f.Only)
	if err != nil {
		return exitUsage, err
	}
	build, err := suite.BuildOf(f.Binary)
	if err != nil {
		return exitUsage, err
	}
	if plan.Failpoints && !build.Failpoints {
		return exitUsage, fmt.Errorf("%s was built without failpoints, which the plan needs: make chaos builds one that has them", f.Binary)
	}
	dir, err := suite.Folder(f.Keep, f.Seed)
	if err != nil {
		return exitHarness, err
	}
	result, err := suite.Run(ctx, plan, suite.Options{Binary: f.Binary, Dir: dir, Progress: func(text string) {
		fmt.Fprintf(os.Stderr, "chaos: seed %d: %s\n", f.Seed, text)
	}})
	if err != nil {
		return exitHarness, err
	}
	if err := f.show(result, build, dir); err != nil {
		return exitHarness, err
	}
	if result.Verdict() == sim.Pass {
		return 0, suite.Tidy(dir)
	}
	return exitOf(result.Verdict()), nil
}

// show keeps what a run has shown and prints it: its story if it failed, and the summary.
func (f *flags) show(result *suite.Result, build suite.Build, dir string) error {
	replay := f.replay(build)
	if err := report.Write(dir, result.Result, replay); err != nil {
		return err
	}
	summary := suite.Summarise(result, build, replay, dir)
	if f.Output == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(summary)
	}
	if result.Verdict() == sim.Pass {
		return summary.Write(os.Stdout)
	}
	return errors.Join(report.Story(os.Stdout, result.Result, replay), suite.WriteErrorLines(os.Stdout, dir), summary.Write(os.Stdout))
}

// replay is the command that carries out the same plan again.
func (f *flags) replay(build suite.Build) string {
	command := fmt.Sprintf("make chaos SEED=%d DURATION=%v", f.Seed, f.Duration)
	if len(f.Only) > 0 {
		command += " ONLY=" + strings.Join(f.Only, ",")
	}
	if build.Race {
		command += " RACE=1"
	}
	return command
}

func exitOf(v sim.Verdict) int {
	switch v {
	case sim.Safety:
		return exitSafety
	case sim.Liveness:
		return exitLiveness
	default:
		return exitCrash
	}
}
