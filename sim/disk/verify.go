package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path"
	"sync"
	"time"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/wal"
)

// journalFolder is where a host has its journal; cmd/chasqui names it.
const journalFolder = "journal"

// journalSegmentBytes is the size of a new segment. Those that are there may have any size.
const journalSegmentBytes = 1 << 20

// VerifyJournal opens a copy of the journal on a host's disk, which reads and verifies every record in it, and returns
// what wal.Open says: a *wal.CorruptionError if bytes are damaged that a crash cannot have damaged. A disk without a
// journal is fine. d is read and not changed.
func VerifyJournal(d node.Disk) error {
	copied, err := copyFolder(d, journalFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copy the journal to verify it: %w", err)
	}
	var failure failure
	tasks := node.NewTasks(context.Background())
	defer tasks.Stop()
	host := node.Host{
		Name:   "verify",
		Clock:  stillClock{},
		Disk:   copied,
		Random: &random{rng: rand.New(rand.NewPCG(1, 1))},
		Log:    slog.New(slog.DiscardHandler),
		Tasks:  tasks,
		Fail:   failure.set,
	}
	cfg := wal.DefaultConfig()
	cfg.SegmentBytes = journalSegmentBytes
	cfg.CacheBytes = 0
	journal, err := wal.Open(host, journalFolder, cfg)
	if err != nil {
		return err
	}
	if err := journal.Close(); err != nil {
		return fmt.Errorf("close the copied journal: %w", err)
	}
	return failure.get()
}

// copyFolder returns a disk with the files of one folder.
func copyFolder(d node.Disk, folder string) (*memdisk.Disk, error) {
	names, err := d.List(folder)
	if err != nil {
		return nil, err
	}
	copied := memdisk.New()
	if err := copied.MakeDir(folder); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := copyFile(d, copied, path.Join(folder, name)); err != nil {
			return nil, err
		}
	}
	return copied, nil
}

func copyFile(from, to node.Disk, name string) error {
	source, err := from.Open(name)
	if err != nil {
		return err
	}
	target, err := to.Create(name)
	if err != nil {
		return errors.Join(err, source.Close())
	}
	_, err = io.Copy(io.NewOffsetWriter(target, 0), io.NewSectionReader(source, 0, 1<<62))
	return errors.Join(err, source.Close(), target.Close())
}

// failure is the first reason for which the host was to end itself.
type failure struct {
	mu  sync.Mutex // guards err
	err error
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// stillClock is a clock on which no time passes.
type stillClock struct{}

var _ node.Clock = stillClock{}

func (stillClock) Now() time.Time                    { return time.Unix(0, 0) }
func (stillClock) NewTimer(time.Duration) node.Timer { return stillTimer{} }

// stillTimer never fires.
type stillTimer struct{}

var _ node.Timer = stillTimer{}

func (stillTimer) C() <-chan time.Time      { return nil }
func (stillTimer) Stop() bool               { return true }
func (stillTimer) Reset(time.Duration) bool { return true }

// random is a seeded source for a host.
type random struct {
	mu  sync.Mutex // guards rng
	rng *rand.Rand
}

var _ node.Random = (*random)(nil)

// Read fills p.
func (r *random) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range p {
		p[i] = byte(r.rng.Uint32())
	}
	return len(p), nil
}

// Uint64 returns a number.
func (r *random) Uint64() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Uint64()
}
