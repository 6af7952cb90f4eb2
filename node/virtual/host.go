//go:build wasip1

package virtual

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"chasqui/node"
)

// ExitFailed is the exit code of a process whose Host.Fail was called, as on a real machine.
const ExitFailed = 3

// Options says what to make a host of. The zero value of everything but Name is usable.
type Options struct {
	// Name names the host in logs and status tables; it must not be empty.
	Name string
	// HasDisk says whether the host has a disk, which is the machine's one and the same for all its hosts; without,
	// Host.Disk is nil.
	HasDisk bool
	// LogLevel is the least level that is logged; the zero value is slog.LevelInfo.
	LogLevel slog.Level
	// LogOutput receives the log as lines of text; nil means the standard error output.
	LogOutput io.Writer
	// Fail replaces what Host.Fail does; nil means to log the error and end the process with ExitFailed.
	Fail func(err error)
}

// New returns the virtual machine as a host. The hosts of one process share the machine's card and disk. Stop of the
// host's Tasks ends its goroutines; nothing else needs to be closed.
func New(opts Options) (node.Host, error) {
	if opts.Name == "" {
		return node.Host{}, errors.New("a host needs a name")
	}
	output := opts.LogOutput
	if output == nil {
		output = os.Stderr
	}
	card := theCard()
	host := node.Host{
		Name:    opts.Name,
		Clock:   clock{},
		Network: network{card},
		Random:  random{},
		Log:     slog.New(slog.NewTextHandler(output, &slog.HandlerOptions{Level: opts.LogLevel})).With("host", opts.Name),
		Tasks:   node.NewTasks(context.Background()),
		Fail:    opts.Fail,
	}
	if host.Fail == nil {
		host.Fail = exitOn(host.Log)
	}
	if opts.HasDisk {
		host.Disk = disk{card}
	}
	return host, nil
}

// exitOn returns a Fail that ends the process without running deferred calls or flushing anything.
func exitOn(log *slog.Logger) func(error) {
	return func(err error) {
		log.Error("host ends itself: going on would break a promise", "error", err)
		os.Exit(ExitFailed)
	}
}
