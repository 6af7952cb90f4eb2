// Package node is the one door through which every component of chasqui reaches the machine it runs on: its clock,
// network, disk, randomness, log and goroutines. A component's constructor takes a [Host] and nothing else of the
// machine, so the same code runs on a real computer (package node/real) and on the virtual one of the simulator.
//
// What a Host promises is held in place by one conformance suite, node/nodetest, which every implementation passes.
// The test node/seam_test.go keeps raw time, net and os calls out of the other packages.
package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"
)

// Host is one machine as the component running on it sees it. It is a value: a component may replace a field (a
// logger with more attributes, a group of tasks of its own) in the copy it hands to its parts.
type Host struct {
	// Name names the host in logs and status tables, for example "backend-2".
	Name string
	// Clock tells the time and measures waits.
	Clock Clock
	// Network opens listeners and connections.
	Network Network
	// Disk is the host's data folder. Every path given to it is relative to that folder.
	Disk Disk
	// Random is the host's source of unpredictable bytes. It is safe for concurrent use.
	Random Random
	// Log receives structured log records. Message bodies, receipt handles and secrets never go into it.
	Log *slog.Logger
	// Tasks starts goroutines and waits for them.
	Tasks *Tasks
	// Fail ends this host at once because going on would break a promise: a failed fsync, a hung disk, a broken
	// invariant of the journal. On a real machine the process exits with a non-zero code; nothing is flushed. It may
	// return (in tests), so callers return after it. Safe for concurrent use.
	Fail func(err error)
}

// With returns a copy of h whose logger carries the given attributes.
func (h Host) With(attributes ...any) Host {
	h.Log = h.Log.With(attributes...)
	return h
}

// Clock tells the time of one host. All methods may be called concurrently.
type Clock interface {
	// Now returns the host's wall clock time with a monotonic reading, so that differences of two results measure
	// elapsed time even when the wall clock is set. Two hosts' clocks may disagree.
	Now() time.Time
	// NewTimer returns a timer that sends the time on its channel once, d after the call (at once if d <= 0).
	NewTimer(d time.Duration) Timer
}

// Timer is a single event in the future. Its channel behaves as time.Timer's does since Go 1.23: after Stop or Reset
// returns, no stale value is received.
type Timer interface {
	C() <-chan time.Time
	Stop() bool
	Reset(d time.Duration) bool
}

// Since returns the time elapsed on clock since start.
func Since(clock Clock, start time.Time) time.Duration { return clock.Now().Sub(start) }

// Wait blocks for d on clock, or until ctx ends; it then returns ctx's error.
func Wait(ctx context.Context, clock Clock, d time.Duration) error {
	timer := clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Network opens stream connections. Addresses are "host:port". All methods may be called concurrently.
type Network interface {
	// Listen starts accepting connections on address. Port 0 picks a free port, shown by the listener's Addr. An
	// address already in use is an error for which errors.Is(err, ErrAddressInUse) holds.
	Listen(address string) (net.Listener, error)
	// Dial connects to address within ctx's deadline.
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// Errors that a Network or Disk returns; test with errors.Is. A file that does not exist is fs.ErrNotExist.
var (
	// ErrAddressInUse means another listener holds the address.
	ErrAddressInUse = errors.New("address already in use")
	// ErrDiskFull means the disk has no room for the write; what was there before is unharmed.
	ErrDiskFull = errors.New("disk full")
	// ErrLocked means another process holds the lock of this data folder.
	ErrLocked = errors.New("data folder is in use by another process")
)

// Disk is one folder tree that survives restarts of the host. Names are slash-separated relative paths without "..";
// anything else is refused. All methods may be called concurrently.
//
// Durability (the rules every journal relies on; ALICE, OSDI 2014, shows what happens without them):
//   - bytes written to a File are durable once its Sync has returned nil;
//   - a file's name (after Create, Rename or Remove) is durable once SyncDir of its folder has returned nil;
//   - after any Sync error nothing written since the last good Sync may be assumed to be on disk, not even if a
//     later Sync returns nil. Callers end the host (Host.Fail) instead of trying again.
type Disk interface {
	// Create makes a new, empty file for reading and writing; it fails with fs.ErrExist if the name is taken.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Rename moves a file to another name, replacing what is there, atomically.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// MakeDir makes a folder and those above it; an existing folder is fine.
	MakeDir(name string) error
	// List returns the names (not paths) in a folder, sorted.
	List(dir string) ([]string, error)
	// SyncDir makes the names in a folder durable. "." is the data folder itself.
	SyncDir(dir string) error
	// Free returns the bytes that can still be written before ErrDiskFull.
	Free() (int64, error)
	// Lock takes the exclusive lock called name; ErrLocked if another process (or another caller) holds it. It is
	// released by Close, and when the process ends however it ends.
	Lock(name string) (io.Closer, error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently on ranges that do not overlap. Nothing is
// durable before Sync returns nil.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size returns the file's length in bytes.
	Size() (int64, error)
	// Truncate sets the file's length. Bytes added read as zero, and room for them is taken: a write to them does not fail for
	// lack of it.
	Truncate(size int64) error
	// Sync makes the file's bytes and length durable (fdatasync).
	Sync() error
}

// Random is a source of random bytes and numbers. It is safe for concurrent use. The simulator seeds it.
type Random interface {
	// Read fills p with random bytes fit for keys. It never fails.
	Read(p []byte) (int, error)
	// Uint64 returns a random number.
	Uint64() uint64
}
