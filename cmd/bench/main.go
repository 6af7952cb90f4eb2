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

func main() {
	var o bench.Options
	kong.Parse(&o, kong.Name("bench"), kong.Description("Measure a cluster of real processes on this machine.\n\n"+
		"Example: bench --rounds 1 --duration 2s -o json"))
	debug.SetGCPercent(400) // what the load spends the cluster lacks
	if err := bench.Run(o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
