package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"chasqui/sim/bench"
)

type benchCommand struct {
	Only   []string      `help:"Measure only these: idle, load, seeds, start, compile." enum:"idle,load,seeds,start,compile" placeholder:"WHAT,..."`
	Rounds int           `help:"How often everything is repeated but for seeds and the cold compile; medians are reported." default:"3"`
	Window time.Duration `help:"Virtual time over which idle and load are measured." default:"60s"`
	First  uint64        `help:"First of the seeds." default:"1"`
	Seeds  int           `help:"Number of seeds." default:"4"`
	Output string        `help:"Form of the output." enum:"text,json" default:"text" short:"o"`
}

// Help is shown by sim bench --help.
func (*benchCommand) Help() string {
	return `All but the compile runs on one core. Ratios are virtual time by processor time, of a cluster of 2 balancers, 2
frontends, 3 metadata and 3 backend hosts and 2 clients, without its start.

Examples:

    sim bench
    sim bench --only idle,load --rounds 5 -o json`
}

// Run measures the simulator.
func (c *benchCommand) Run(cli *commands) error {
	if c.Rounds < 1 || c.Window < time.Second || c.Seeds < 0 {
		return &exitError{exitUsage, "give at least 1 round, a window of 1s and no less than 0 seeds"}
	}
	program, stop, err := cli.load()
	if err != nil {
		return err
	}
	defer stop()
	wasm, err := os.ReadFile(program.path)
	if err != nil {
		return err
	}
	options := bench.Options{Only: c.Only, Rounds: c.Rounds, Window: c.Window, FirstSeed: c.First, Seeds: c.Seeds}
	figures, err := bench.Measure(program.Program, wasm, options, func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return json.NewEncoder(os.Stdout).Encode(figures)
	}
	printFigures(os.Stdout, figures)
	return nil
}

// printFigures prints what was measured, one line each.
func printFigures(w io.Writer, f *bench.Figures) {
	for _, ratio := range []struct {
		name string
		*bench.Ratio
	}{{"idle", f.Idle}, {"load", f.Load}} {
		if ratio.Ratio != nil {
			fmt.Fprintf(w, "%-8s %v\n", ratio.name, ratio.Ratio)
		}
	}
	if f.OncePerHour > 0 {
		fmt.Fprintf(w, "seeds    %.0f per hour of one core once each, %.0f twice each; %d did not pass\n", f.OncePerHour, f.TwicePerHour, f.SeedsFailed)
	}
	if f.StartMs > 0 {
		fmt.Fprintf(w, "start    %.1f ms from nothing to the end of \"chasqui version\"\n", f.StartMs)
	}
	if f.ColdMs > 0 {
		fmt.Fprintf(w, "compile  %.0f ms, %.0f ms from the cache\n", f.ColdMs, f.CachedMs)
	}
}
