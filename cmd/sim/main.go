// Command sim runs whole clusters of chasqui in a simulated world, seed by seed, and judges what they did. It is the
// experimenter's program: "sim run" finds failures, "sim replay" repeats one, "sim shrink" makes it small, "sim explain"
// tells what happened.
//
// It runs the product's own binary built for wasip1, by default the file chasqui.wasm beside it; "make sim" builds both.
// This folder has flags and output, no behaviour: see package sim.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Program string `help:"The product's binary for wasip1; chasqui.wasm beside this program if left out." placeholder:"FILE" type:"path"`
	Cache   string `help:"Folder that keeps compiled programs between runs; sim-cache beside the program if left out." placeholder:"DIR" type:"path"`

	Run     runCommand     `cmd:"" help:"Run a batch of seeds, each twice, and keep what fails."`
	Replay  replayCommand  `cmd:"" help:"Run one seed or one scenario again and show its story."`
	Shrink  shrinkCommand  `cmd:"" help:"Find the smallest scenario that breaks the same rule."`
	Build   buildCommand   `cmd:"" help:"Build the product's binary for the simulator."`
	Bugs    bugsCommand    `cmd:"" help:"Plant known bugs in the product and show that they are found."`
	Explain explainCommand `cmd:"" help:"Tell the story of a kept failure, or what faults there are."`
	Bench   benchCommand   `cmd:"" help:"Measure how fast the simulator is."`
}

// The exit codes, for scripts.
const (
	exitUsage          = 1
	exitSafety         = 2
	exitLiveness       = 3
	exitCrash          = 4
	exitNondeterminism = 5
	exitHarness        = 6
)

// exitError ends the program with a code. Its message, if any, is printed.
type exitError struct {
	code int
	text string
}

// Error returns the message.
func (e *exitError) Error() string { return e.text }

func main() {
	var cli commands
	parser := kong.Must(&cli,
		kong.Name("sim"),
		kong.Description("Deterministic simulation of chasqui clusters.\n\n"+
			"Exit codes: 0 all passed, 1 wrong use, 2 a promise was broken, 3 no recovery in time, 4 a program crashed, "+
			"5 a seed did not repeat itself, 6 the simulator failed.\n\nStart with: sim run --for 1m"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
	)
	ctx, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "sim: %v (see: sim --help)\n", err)
		os.Exit(exitUsage)
	}
	err = ctx.Run(&cli)
	var exit *exitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		if exit.text != "" {
			fmt.Fprintf(os.Stderr, "sim: %s\n", exit.text)
		}
		os.Exit(exit.code)
	default:
		fmt.Fprintf(os.Stderr, "sim: %v\n", err)
		os.Exit(exitHarness)
	}
}
