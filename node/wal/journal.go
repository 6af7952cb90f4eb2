package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"
	"time"

	"chasqui/node"
)

// Journal is the log of all raft groups of one host. All methods may be called concurrently.
type Journal struct {
	host  node.Host
	dir   string
	cfg   Config
	salt  uint32 // what every CRC starts from
	id    [journalIDBytes]byte
	tasks *node.Tasks
	lock  io.Closer

	queue   chan *request
	closing chan struct{} // closed by Close: no new requests
	dead    chan struct{} // closed when the journal is poisoned
	stopped chan struct{} // closed when the writer has returned
	close   sync.Once
	closed  error // of Close; written once inside close

	handing sync.Mutex // held while a request is counted in room and put into queue
	room    room

	poisonMu sync.Mutex // guards the fields below
	failing  bool       // poison is under way or done
	cause    error      // set when it is done

	mu       sync.RWMutex // guards everything below; nothing blocks while it is held
	index    *index
	segments []*segment // in use, oldest first; the last one is written to
	files    map[uint64]*segment
	stats    Stats
}

// Stats is a moment's view of a journal.
type Stats struct {
	// Segments is the number of segments in use.
	Segments int
	// LiveBytes is the size of all entries that were not removed, with their record headers.
	LiveBytes int64
	// CacheBytes is the size of the entries held in memory.
	CacheBytes int64
	// Frames counts the frames written since Open, BytesWritten their size on disk.
	Frames       uint64
	BytesWritten int64
	// Syncs counts the syncs of frames and watermarks since Open; LastSync and MaxSync are their durations.
	Syncs    uint64
	LastSync time.Duration
	MaxSync  time.Duration
	// Sequence is the number of the last frame, over the journal's whole life.
	Sequence uint64
}

// Open recovers the journal in a folder of the host's disk, or makes a new one if there is none, and starts its tasks.
// It takes the folder's lock (node.ErrLocked if another process has it). Damage is a *CorruptionError, a full disk is
// node.ErrDiskFull; in both cases nothing was changed that matters.
func Open(host node.Host, dir string, cfg Config) (*Journal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("journal config: %w", err)
	}
	if err := makeDir(host.Disk, dir); err != nil {
		return nil, fmt.Errorf("make the journal's folder %s: %w", dir, err)
	}
	lock, err := host.Disk.Lock(path.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("lock the journal's folder %s: %w", dir, err)
	}
	j := &Journal{
		host: host, dir: dir, cfg: cfg, lock: lock,
		tasks:   host.Tasks.Group(),
		queue:   make(chan *request, cfg.QueueDepth),
		closing: make(chan struct{}),
		dead:    make(chan struct{}),
		stopped: make(chan struct{}),
		index:   newIndex(cfg.CacheBytes),
		room:    room{promisesMax: cfg.PromisedBytes},
		files:   map[uint64]*segment{},
	}
	if err := j.start(); err != nil {
		j.tasks.Stop()
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", dir, err), j.closeFiles())
	}
	return j, nil
}

// makeDir makes a folder and its name durable, and those above it.
func makeDir(disk node.Disk, dir string) error {
	if err := disk.MakeDir(dir); err != nil {
		return err
	}
	for dir != "." {
		dir = path.Dir(dir)
		if err := disk.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// start recovers what is there and starts the tasks.
func (j *Journal) start() error {
	tail, err := j.recover()
	if err != nil {
		return err
	}
	writerWatch, allocatorWatch := newWatch(j), newWatch(j)
	a := newAllocator(j, allocatorWatch, tail.spares, tail.nextID)
	w, err := newWriter(j, writerWatch, a, tail)
	if err != nil {
		return err
	}
	j.tasks.Go("wal allocator", a.run)
	j.tasks.Go("wal watchdog", func(ctx context.Context) { watchdog(ctx, j, writerWatch, allocatorWatch) })
	if !j.tasks.Go("wal writer", w.run) {
		return fmt.Errorf("the host is stopping: %w", ErrClosed)
	}
	return nil
}

// Close stores what is waiting, ends the tasks and releases the folder. Closing twice is harmless.
func (j *Journal) Close() error {
	j.close.Do(func() {
		close(j.closing)
		j.tasks.Stop()
		j.closed = j.closeFiles()
	})
	return j.closed
}

// closeFiles closes every open segment and gives the lock back.
func (j *Journal) closeFiles() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, s := range j.segments {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(append(errs, j.lock.Close())...)
}

// Group returns the group with this number. Groups need not be created; one without records is empty.
func (j *Journal) Group(id uint32) *Group { return &Group{journal: j, id: id} }

// Stats returns counters and sizes.
func (j *Journal) Stats() Stats {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := j.stats
	s.Segments, s.CacheBytes = len(j.segments), j.index.cache.bytes
	for _, u := range j.index.usage {
		s.LiveBytes += u.bytes
	}
	return s
}

// Pinned returns the groups, sorted, whose entries keep the oldest segment from being freed, if the journal has more
// than Config.MaxSegments of them; otherwise nothing. Each should take a snapshot and compact.
func (j *Journal) Pinned() []uint32 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if len(j.segments) <= j.cfg.MaxSegments {
		return nil
	}
	var groups []uint32
	for _, e := range j.index.liveIn(j.segments[0].id) {
		groups = append(groups, e.group)
	}
	return slices.Compact(groups)
}

// poison ends the host, and makes the journal fail for good if the host goes on. The first cause stays; who comes later waits
// for it. Nobody sees the failure before the host was ended: raft panics at an error of its stable store, and an operator
// would find a stack of Go code instead of what happened.
func (j *Journal) poison(cause error) {
	j.poisonMu.Lock()
	first := !j.failing
	j.failing = true
	j.poisonMu.Unlock()
	if !first {
		<-j.dead
		return
	}
	j.host.Log.Error("journal is poisoned", "dir", j.dir, "error", cause)
	j.host.Fail(fmt.Errorf("journal %s: %w", j.dir, cause))
	j.poisonMu.Lock()
	j.cause = cause
	j.poisonMu.Unlock()
	close(j.dead)
}

// poisoned returns the error of every call after poison, nil before.
func (j *Journal) poisoned() error {
	j.poisonMu.Lock()
	defer j.poisonMu.Unlock()
	if j.cause == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrPoisoned, j.cause)
}
