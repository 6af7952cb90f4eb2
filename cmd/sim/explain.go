package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"chasqui/sim"
)

type explainCommand struct {
	Folder string `arg:"" optional:"" help:"The folder of a kept failure; without it, the scenarios and the kinds of faults are listed." type:"path"`
	Seed   uint64 `help:"Print the scenario that this seed draws, as JSON, without running it."`
}

// Help is shown by sim explain --help.
func (*explainCommand) Help() string {
	return `Examples:

    sim explain                          the scenarios that have names, and the faults that seeds are made of
    sim explain --seed 7 > scenario.json the scenario of a seed, to change by hand and replay
    sim explain sim-failures/seed-7      the story of a failure`
}

// Run explains.
func (c *explainCommand) Run() error {
	switch {
	case c.Seed != 0:
		return sim.Draw(c.Seed).Write(os.Stdout)
	case c.Folder == "":
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "SCENARIO\t")
		for _, s := range sim.NamedScenarios() {
			fmt.Fprintf(table, "%s\t%s\n", s.Name, s.Says)
		}
		fmt.Fprintln(table, "\nFAULT\t")
		for _, f := range sim.FaultKinds() {
			fmt.Fprintf(table, "%s\t%s\n", f.Kind, f.Says)
		}
		return table.Flush()
	}
	story, err := os.Open(filepath.Join(c.Folder, "story.md"))
	if err != nil {
		return &exitError{exitUsage, err.Error()}
	}
	defer story.Close()
	if _, err := io.Copy(os.Stdout, story); err != nil {
		return fmt.Errorf("print the story: %w", err)
	}
	return nil
}
