package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"chasqui/sim"
	"chasqui/sim/bugs"
	"chasqui/sim/report"
)

type bugsCommand struct {
	Names   []string      `arg:"" optional:"" help:"Bugs to hunt; all if left out."`
	List    bool          `help:"Only list the bugs."`
	Source  string        `help:"The product's source, which the bugs are planted in." default:"." type:"path"`
	First   uint64        `help:"First seed." default:"1"`
	For     time.Duration `help:"Time after which no seed is started for a bug." default:"5m"`
	Workers int           `help:"Seeds that run side by side." default:"2"`
	Keep    string        `help:"Folder for the runs that found a bug." default:"sim-failures/bugs"`
}

// Help is shown by sim bugs --help.
func (*bugsCommand) Help() string {
	return `Builds the product once for each bug with a few lines of it wrong, and runs seeds until the bug is found. It shows that
the simulator and its rules can fail.

Examples:

    sim bugs --list
    sim bugs acknowledge-before-fsync
    sim bugs --for 10m`
}

// Run hunts bugs.
func (c *bugsCommand) Run(cli *commands) error {
	hunted := bugs.All()
	if len(c.Names) > 0 {
		hunted = nil
		for _, name := range c.Names {
			bug, err := bugs.Named(name)
			if err != nil {
				return &exitError{exitUsage, err.Error()}
			}
			hunted = append(hunted, bug)
		}
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if c.List {
		for _, bug := range hunted {
			fmt.Fprintf(table, "%s\t%s\t%s\n", bug.Name, orNothing(bug.Rule), bug.Says)
		}
		return table.Flush()
	}
	missed := 0
	fmt.Fprintln(table, "BUG\tFOUND\tSEEDS\tSECONDS\tRULE\tMEANT\tREPLAY")
	for _, bug := range hunted {
		if bug.Aid {
			continue
		}
		fmt.Fprintf(os.Stderr, "hunting %s: %s\n", bug.Name, bug.Says)
		catch, err := c.hunt(cli, bug)
		if err != nil {
			return fmt.Errorf("%s: %w", bug.Name, err)
		}
		found, rule, replay := "no", strings.Join(slices.Sorted(maps.Keys(catch.Other)), ","), ""
		if catch.Found != nil {
			found, rule = "yes", strings.Join(catch.Found.Rules(), ",")
			folder := filepath.Join(c.Keep, bug.Name)
			replay = replayOf(folder, 0) + " --bug " + bug.Name
			if err := report.Write(folder, catch.Found, replay); err != nil {
				return fmt.Errorf("keep the run: %w", err)
			}
		} else {
			missed++
		}
		fmt.Fprintf(os.Stderr, "    found: %s, after %d seeds and %.0f s\n", found, catch.Seeds, catch.Ran.Seconds())
		fmt.Fprintf(table, "%s\t%s\t%d\t%.0f\t%s\t%s\t%s\n", bug.Name, found, catch.Seeds, catch.Ran.Seconds(), rule, bug.Rule, replay)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return &exitError{exitSafety, fmt.Sprintf("%d bugs were not found", missed)}
	}
	return nil
}

func (c *bugsCommand) hunt(cli *commands, bug bugs.Bug) (*sim.Catch, error) {
	program, stop, err := cli.loadBugged(c.Source, bug)
	if err != nil {
		return nil, err
	}
	defer stop()
	hunt := sim.Hunt{Rules: append([]string{bug.Rule}, bug.Also...), First: c.First, For: c.For, Workers: c.Workers, Stuck: stuck}
	if bug.Scenario != "" {
		if hunt.Draw, err = sim.NamedDraw(bug.Scenario); err != nil {
			return nil, err
		}
	}
	return hunt.Run(program.Program)
}

// loadWith loads the product, or builds it with a bug if there is one.
func (c *commands) loadWith(bug string) (program *loaded, stop func(), err error) {
	if bug == "" {
		return c.load()
	}
	planted, err := bugs.Named(bug)
	if err != nil {
		return nil, nil, &exitError{exitUsage, err.Error()}
	}
	return c.loadBugged(".", planted)
}

// loadBugged builds the product with a bug and loads it.
func (c *commands) loadBugged(source string, bug bugs.Bug) (program *loaded, stop func(), err error) {
	work, err := os.MkdirTemp("", "chasqui-bugs-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder to build in: %w", err)
	}
	defer func() {
		if removing := os.RemoveAll(work); removing != nil && err == nil {
			err = removing
		}
	}()
	bugged := *c
	if bugged.Cache == "" {
		bugged.Cache = filepath.Join(work, "sim-cache") // such a program is run once
	}
	bugged.Program = filepath.Join(work, programName)
	if err := bugs.Build(source, work, bugged.Program, bug.Name); err != nil {
		return nil, nil, err
	}
	return bugged.load()
}

func orNothing(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
