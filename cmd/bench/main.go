// Command bench measures a cluster of real processes on this machine: through its HTTP API and along the backend's
// path alone, and the time without service when a leader is killed. "make bench" runs it.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"chasqui/chaos/bench"
)

type run struct {
	bench.Options
}

// Run measures.
func (r *run) Run() error {
	debug.SetGCPercent(400) // what the load spends the cluster lacks
	return bench.Run(r.Options, os.Stdout, os.Stderr)
}

func main() {
	var c struct {
		Run      run            `cmd:"" default:"withargs" help:"Measure; the default."`
		BareHost bench.BareHost `cmd:"" hidden:"" help:"A process of the bare path."`
	}
	err := kong.Parse(&c, kong.Name("bench"), kong.Description("Measure a cluster of real processes on this machine.\n\n"+
		"Example: bench --rounds 1 --duration 2s -o json")).Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
