// Package real is the machine a process of chasqui runs on, behind [node.Host]: the system's clock, TCP, one folder of
// the file system, and the operating system's randomness. Besides the simulator's virtual machine it is the only
// package that touches them; each file here is one part of the door.
//
// Its main entry is [New]. What a Host promises is written in package node and checked by node/nodetest.
package real

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"chasqui/node"
)

// ExitFailed is the exit code of a process whose Host.Fail was called: it stopped itself because going on would break
// a promise, and it may be started again.
const ExitFailed = 3

// Options says what to make a host of. The zero value of everything but Name is usable.
type Options struct {
	// Name names the host in logs and status tables; it must not be empty.
	Name string
	// DataDir is the folder that becomes Host.Disk; it is made if it does not exist. Empty means no disk: Host.Disk is
	// nil.
	DataDir string
	// LocalAddress is the IP address that the host's connections come from, on a machine that has several; empty leaves it
	// to the system.
	LocalAddress string
	// LogLevel is the least level that is logged; the zero value is slog.LevelInfo.
	LogLevel slog.Level
	// LogOutput receives the log as lines of text; nil means the standard error output.
	LogOutput io.Writer
	// Fail replaces what Host.Fail does; nil means to log the error and end the process with ExitFailed.
	Fail func(err error)
}

// New returns the real machine as a host. It fails if the data folder cannot be made or opened. Stop of the host's
// Tasks ends its goroutines; nothing else needs to be closed.
func New(opts Options) (node.Host, error) {
	if opts.Name == "" {
		return node.Host{}, errors.New("a host needs a name")
	}
	local, err := localAddress(opts.LocalAddress)
	if err != nil {
		return node.Host{}, err
	}
	output := opts.LogOutput
	if output == nil {
		output = os.Stderr
	}
	host := node.Host{
		Name:    opts.Name,
		Clock:   clock{},
		Network: network{local: local},
		Random:  random{},
		Log:     slog.New(slog.NewTextHandler(output, &slog.HandlerOptions{Level: opts.LogLevel})).With("host", opts.Name),
		Tasks:   node.NewTasks(context.Background()),
		Fail:    opts.Fail,
	}
	if host.Fail == nil {
		host.Fail = exitOn(host.Log)
	}
	if opts.DataDir != "" {
		disk, err := openDisk(opts.DataDir)
		if err != nil {
			return node.Host{}, err
		}
		host.Disk = disk
	}
	return host, nil
}

// exitOn returns a Fail that ends the process without running deferred calls or flushing anything: what is in memory
// is what must not be believed any more.
func exitOn(log *slog.Logger) func(error) {
	return func(err error) {
		log.Error("host ends itself: going on would break a promise", "error", err)
		os.Exit(ExitFailed)
	}
}
