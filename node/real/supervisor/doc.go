// Package supervisor starts the processes of a local cluster, starts a dead one again, and stops them in order.
//
// It is what "chasqui up" runs on. Every child has a process group of its own, so that Ctrl-C in the terminal reaches
// the supervisor alone, which then stops the children one after the other; on Linux the kernel kills the children
// should the supervisor itself be killed. A child's output goes to a log file.
//
// The main type is [Supervisor]; [Child] describes a process to run and [Status] how it is doing. It exists on Unix
// systems; on wasip1, which has no processes, New returns an error.
package supervisor

import (
	"errors"
	"fmt"
	"time"
)

// ErrStopped means the supervisor has been stopped and starts nothing.
var ErrStopped = errors.New("supervisor is stopped")

// Child describes one process.
type Child struct {
	// Name names the child in Status and in logs; it is unique within a supervisor.
	Name string
	// Path is the executable's path, Args its arguments without the name.
	Path string
	Args []string
	// LogFile receives the child's standard output and standard error; it is created if missing and appended to.
	// Empty means the output is dropped.
	LogFile string
	// Env holds variables ("NAME=value") that the child gets on top of this process's own.
	Env []string
	// NoRestart leaves the child dead when it ends.
	NoRestart bool
}

// Status is what is known of a child. It is a copy.
type Status struct {
	Name string
	// PID is the process id, 0 while the child is not running.
	PID int
	// Restarts counts how often it has been started again.
	Restarts int
	// LastExit says how the last process of this child ended ("exit status 1", "signal: killed"); empty if none has.
	LastExit string
	// StartedAt is when the running process was started, or the last one if none is running.
	StartedAt time.Time
}

// Running reports whether the child's process is running.
func (s Status) Running() bool { return s.PID != 0 }

// Config has the waits of a supervisor.
type Config struct {
	// RestartDelay is the wait between a child's end and its next start (default 1 s): long enough that a child that
	// cannot start does not keep a core busy.
	RestartDelay time.Duration
	// StopTimeout is how long a child may take to end after SIGTERM before it gets SIGKILL (default 5 s).
	StopTimeout time.Duration
	// Changed, if not nil, is called after every start and every end of a child. Calls come one at a time and must
	// not call the supervisor's Start, StopChild or Stop.
	Changed func(Status)
}

// DefaultConfig returns the defaults given at Config's fields.
func DefaultConfig() Config {
	return Config{RestartDelay: time.Second, StopTimeout: 5 * time.Second}
}

// Validate returns an error that names the first field out of range.
func (c Config) Validate() error {
	if c.RestartDelay < 0 || c.StopTimeout <= 0 {
		return fmt.Errorf("supervisor: restart delay %v and stop timeout %v: the first must not be negative, the second must be positive", c.RestartDelay, c.StopTimeout)
	}
	return nil
}
