// Command chasqui is the whole product in one program: the processes of a cluster (metadata, backend, frontend,
// balancer), a cluster in one process for development (dev), a cluster of real processes on one machine (up), and the
// commands that look at one (status) or use one (queue, msg, dlq).
//
// This folder has flags and wiring, no behaviour: flags.go lists the commands, each role has a file of its own that
// puts its parts together, process.go has what all of them share. Package cluster below it describes what "up" runs.
// console_real.go lists the commands that use a service; sqsclient.go is how they reach it, administrator.go how
// administrators go past it.
//
// A flag can also be given as an environment variable (CHASQUI_ and the flag's name in capitals, with underscores) or
// in a YAML file named by --config; the flag wins over the variable, the variable over the file.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// exitCode is an error that has been reported already and only sets the exit code.
type exitCode int

// Error names the code.
func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// gcPercent lets the heap grow to three times what is in use before it is collected: the processes make much short-lived
// garbage and keep little, and collecting it at every doubling costs a fifth of the throughput. GOGC overrides it; a
// backend host's --max-memory bounds it.
const gcPercent = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	err := run(os.Args[1:], os.Stdout, os.Stderr, os.Exit)
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintf(os.Stderr, "chasqui: %v\n", err)
		os.Exit(1)
	}
}
