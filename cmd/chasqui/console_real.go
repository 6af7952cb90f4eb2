//go:build !wasip1

package main

// consoleCommands are the commands that people and scripts use on a service that runs. They speak SQS with the AWS SDK, which
// would double the size of the binary that the simulator runs: that one has only queue restore (console_virtual.go).
type consoleCommands struct {
	Queue queueCommand      `cmd:"" help:"Look at queues, make, change, delete and restore them."`
	Msg   messageCommand    `cmd:"" help:"Send, receive, look at, delete and move messages."`
	DLQ   deadLetterCommand `cmd:"" name:"dlq" help:"Look at dead-letter queues and move their messages back."`
}
