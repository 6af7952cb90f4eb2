//go:build wasip1

package main

// consoleCommands has what the simulator's administrators run: see console_real.go.
type consoleCommands struct {
	Queue queueCommand `cmd:"" help:"Restore queues."`
}

// queueCommand has only the command about queues that the SQS API has no action for.
type queueCommand struct {
	Output  string              `help:"Form of the output: table or json." short:"o" enum:"table,json" default:"table"`
	Restore queueRestoreCommand `cmd:"" help:"Bring a deleted queue back, with its messages."`
}
