package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	Names     []string      `arg:"" optional:"" help:"Bugs to hunt; all if left out."`
	List      bool          `help:"Only list the bugs."`
	Source    string        `help:"The product's source, which the bugs are planted in." default:"." type:"path"`
	First     uint64        `help:"First seed." default:"1"`
	CPU       time.Duration `name:"cpu" help:"Processor time after which no seed is started for a bug." default:"10m"`
	Workers   int           `help:"Seeds that run side by side." default:"2"`
	Keep      string        `help:"Folder for the runs that found a bug." default:"sim-failures/bugs"`
	SkipFound string        `help:"Leave out the bugs that this output of an earlier hunt (-o json) says were found." type:"existingfile" placeholder:"FILE"`
	Output    string        `help:"Form of the output." enum:"text,json" default:"text" short:"o"`
}

// Help is shown by sim bugs --help.
func (*bugsCommand) Help() string {
	return `Builds the product once for each bug with a few lines of it wrong, and runs seeds until the bug is found by a rule that is
meant to find it. It shows that the simulator and its rules can fail. A bug that shows only under some faults is hunted in
the seeds that draw one of them. Times are of processors, and of running seeds: building is not in them.

Examples:

    sim bugs --list
    sim bugs acknowledge-before-fsync
    sim bugs --cpu 3m -o json > hunt.jsonl
    sim bugs --skip-found hunt.jsonl`
}

// hunted is what became of one bug, as JSON shows it.
type hunted struct {
	Bug   string `json:"bug"`
	Part  string `json:"part"`
	Found bool   `json:"found"`
	// Rules were broken by the run that found it, or if none did by others; Meant is the one that should be.
	Rules []string `json:"rules"`
	Meant string   `json:"meant"`
	// Faults are those of the kinds that the bug needs that happened in the run that found it.
	Faults []string `json:"faults,omitempty"`
	Seeds  int      `json:"seeds"`
	Seed   uint64   `json:"seed,omitempty"` // that found it
	CPUMs  int64    `json:"cpu_ms"`
	Shows  string   `json:"shows_in"`
	Replay string   `json:"replay,omitempty"`
}

// Run hunts bugs.
func (c *bugsCommand) Run(cli *commands) error {
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	if c.List {
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, bug := range chosen {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", bug.Name, bug.Part(), orNothing(bug.Rule), bug.Says)
		}
		return table.Flush()
	}
	all, missed := []hunted{}, 0
	for _, bug := range chosen {
		if bug.Aid {
			continue
		}
		fmt.Fprintf(os.Stderr, "hunting %s: %s\n", bug.Name, bug.Says)
		h, err := c.hunt(cli, bug)
		if err != nil {
			return fmt.Errorf("%s: %w", bug.Name, err)
		}
		fmt.Fprintf(os.Stderr, "    found: %s, after %d seeds and %.0f s\n", yesOrNo(h.Found), h.Seeds, h.cpu().Seconds())
		if !h.Found {
			missed++
		}
		all = append(all, *h)
		if c.Output == "json" {
			if err := json.NewEncoder(os.Stdout).Encode(h); err != nil {
				return err
			}
		}
	}
	if c.Output == "text" {
		if err := printHunts(os.Stdout, all); err != nil {
			return err
		}
	}
	if missed > 0 {
		return &exitError{exitSafety, fmt.Sprintf("%d of %d bugs were not found", missed, len(all))}
	}
	return nil
}

func (h *hunted) cpu() time.Duration { return time.Duration(h.CPUMs) * time.Millisecond }

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func printHunts(w io.Writer, all []hunted) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "BUG\tPART\tFOUND\tSEEDS\tCPU S\tRULE\tMEANT\tUNDER\tSHOWS IN\tREPLAY")
	for i := range all {
		h := &all[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%.0f\t%s\t%s\t%s\t%s\t%s\n", h.Bug, h.Part, yesOrNo(h.Found), h.Seeds, h.cpu().Seconds(),
			orNothing(strings.Join(h.Rules, ",")), h.Meant, orNothing(strings.Join(h.Faults, ",")), h.Shows, orNothing(h.Replay))
	}
	return table.Flush()
}

// chosen returns the bugs to hunt, or to list.
func (c *bugsCommand) chosen() ([]bugs.Bug, error) {
	all := bugs.All()
	if len(c.Names) > 0 {
		all = nil
		for _, name := range c.Names {
			bug, err := bugs.Named(name)
			if err != nil {
				return nil, &exitError{exitUsage, err.Error()}
			}
			all = append(all, bug)
		}
	}
	if c.SkipFound == "" {
		return all, nil
	}
	found, err := foundIn(c.SkipFound)
	if err != nil {
		return nil, &exitError{exitUsage, err.Error()}
	}
	return slices.DeleteFunc(all, func(b bugs.Bug) bool { return found[b.Name] }), nil
}

// foundIn reads which bugs an earlier hunt has found.
func foundIn(file string) (map[string]bool, error) {
	text, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	found := map[string]bool{}
	lines := json.NewDecoder(text)
	for {
		var h hunted
		if err := lines.Decode(&h); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		found[h.Bug] = found[h.Bug] || h.Found
	}
}

func (c *bugsCommand) hunt(cli *commands, bug bugs.Bug) (*hunted, error) {
	program, stop, err := cli.loadBugged(c.Source, bug)
	if err != nil {
		return nil, err
	}
	defer stop()
	hunt := sim.Hunt{
		Rules: append([]string{bug.Rule}, bug.Also...), Needs: bug.Needs, First: c.First, CPU: c.CPU, Workers: c.Workers, Stuck: stuck,
	}
	h := &hunted{Bug: bug.Name, Part: bug.Part(), Meant: bug.Rule, Shows: "drawn seeds"}
	if bug.Scenario != "" {
		h.Shows = "scenario " + bug.Scenario
		if hunt.Draw, err = sim.NamedDraw(bug.Scenario); err != nil {
			return nil, err
		}
	}
	catch, err := hunt.Run(program.Program)
	if err != nil {
		return nil, err
	}
	h.Seeds, h.CPUMs, h.Rules = catch.Seeds, catch.CPU.Milliseconds(), slices.AppendSeq([]string{}, maps.Keys(catch.Other))
	slices.Sort(h.Rules)
	if catch.Found == nil {
		return h, nil
	}
	h.Found, h.Seed, h.Rules = true, catch.Found.Scenario.Seed, catch.Found.Rules()
	for _, f := range catch.Found.Happened {
		if slices.Contains(bug.Needs, string(f.Kind)) {
			h.Faults = append(h.Faults, string(f.Kind))
		}
	}
	folder := filepath.Join(c.Keep, bug.Name)
	h.Replay = replayOf(folder, 0) + " --bug " + bug.Name
	if err := report.Write(folder, catch.Found, h.Replay); err != nil {
		return nil, fmt.Errorf("keep the run: %w", err)
	}
	return h, nil
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
