package main

import (
	"fmt"
	"os"

	"chasqui/sim"
	"chasqui/sim/processor"
	"chasqui/sim/report"
)

type shrinkCommand struct {
	From string `arg:"" optional:"" help:"A scenario: its name (see: sim explain), a file, or the folder of a kept failure."`
	Seed uint64 `help:"The seed, if there is no file; for a scenario with a name, another than 1."`
	Bug  string `help:"Build the product with this bug planted (see: sim bugs --list), from the source in this folder."`
	Rule string `help:"The rule that must still be broken; the first that is, if left out."`
	Runs int    `help:"Bound on the number of runs." default:"200"`
	Keep string `help:"Folder for the smallest failure." default:"sim-failures/shrunk"`
}

// Help is shown by sim shrink --help.
func (*shrinkCommand) Help() string {
	return `Example:

    sim shrink sim-failures/seed-7 --keep small`
}

// Run shrinks a failure.
func (c *shrinkCommand) Run(cli *commands) error {
	s, program, stop, err := cli.prepare(c.Seed, c.From, c.Bug)
	if err != nil {
		return err
	}
	defer stop()
	rule := c.Rule
	if rule == "" {
		result, err := sim.Run(s, program.Program, sim.Options{Stuck: stuck})
		if err != nil {
			return err
		}
		if len(result.Rules()) == 0 {
			return &exitError{exitUsage, "this scenario breaks no rule with this program"}
		}
		rule = result.Rules()[0]
	}
	fmt.Printf("looking for the smallest scenario that breaks %s, from %d faults on\n", rule, len(s.Faults))
	runs, started := 0, processor.Time()
	best, err := sim.Shrink(s, rule, program.Program, c.Runs, func(run, faults int, failed bool) {
		runs = run
		what := "passes"
		if failed {
			what = "still fails"
		}
		fmt.Fprintf(os.Stderr, "run %d: %d faults: %s\n", run, faults, what)
	})
	if err != nil {
		return err
	}
	if best == nil {
		return &exitError{exitUsage, fmt.Sprintf("this scenario does not break %s with this program", rule)}
	}
	replay := replayOf(c.Keep, 0)
	if c.Bug != "" {
		replay += " --bug " + c.Bug
	}
	if err := report.Write(c.Keep, best, replay); err != nil {
		return err
	}
	if err := report.Story(os.Stdout, best, replay); err != nil {
		return err
	}
	fmt.Printf("%d faults are left of %d, after %d runs and %.0f s of processor time; kept in %s\n",
		len(best.Scenario.Faults), len(s.Faults), runs, (processor.Time() - started).Seconds(), c.Keep)
	return nil
}
