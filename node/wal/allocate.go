package wal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"chasqui/node"
)

const (
	// fillBytes is what the allocator writes and syncs at a time, so that the writer's syncs never wait behind much.
	fillBytes = 1 << 20
	// floodInterval is the time in which a flood uses up a segment. Zeros for the next ones would take as much of the disk as the
	// frames do, so their blocks are only allocated: frames are large then, and what a sync costs more on such blocks, for the
	// file system notes which are written, is less than that.
	floodInterval = 2 * time.Second
	// fillPauseMax bounds the pause between two such writes.
	fillPauseMax = 20 * time.Millisecond
	// diskFullRetry is how often a full disk is looked at again when nobody asks.
	diskFullRetry = time.Second
)

// allocator is the task that makes segments ahead of their use, so that a sync on the hot path never makes a file
// longer: fdatasync of a growing file costs twice that of an overwrite. A freed segment is renamed and gets a new id
// in its header; otherwise a new file is filled with zeros, or in a flood only allocated.
//
// One change of names is durable before the next is made, and they are made in the order of the ids, from the front
// (removed, or renamed to the next id) or at the back (created). So the files' ids have no gap, whenever a crash comes.
type allocator struct {
	journal *Journal
	watch   *watch
	ready   chan *segment   // prepared ones; the task holds one more in its hand
	demand  chan chan error // of a writer that finds none ready
	wake    chan struct{}   // a segment was freed

	returned *segment // not used after all; belongs to the writer's task

	nextID uint64     // of the next segment; belongs to the allocator's task, as do the following
	spares []*segment // found by recovery
	taken  time.Time  // when the writer took the last segment
	flood  bool       // it took the one before less than floodInterval earlier
	asking chan error // of the writer that waits; nil if none does

	mu     sync.Mutex // guards the fields below
	freed  []*segment // oldest first, under their old names
	closed bool       // the task has returned
}

func newAllocator(j *Journal, watch *watch, spares []*segment, nextID uint64) *allocator {
	return &allocator{
		journal: j, watch: watch, spares: spares, nextID: nextID,
		ready:  make(chan *segment, j.cfg.SpareSegments-1),
		demand: make(chan chan error),
		wake:   make(chan struct{}, 1),
	}
}

// take returns the next segment. If none is ready it waits for one, or for the error that prevents it.
func (a *allocator) take(ctx context.Context) (*segment, error) {
	if s := a.returned; s != nil {
		a.returned = nil
		return s, nil
	}
	select {
	case s := <-a.ready:
		return s, nil
	default:
	}
	reply := make(chan error, 1)
	select {
	case s := <-a.ready:
		return s, nil
	case a.demand <- reply:
	case <-a.journal.dead:
		return nil, a.journal.poisoned()
	case <-ctx.Done():
		return nil, ErrClosed
	}
	select {
	case s := <-a.ready:
		return s, nil
	case err := <-reply:
		return nil, err
	case <-a.journal.dead:
		return nil, a.journal.poisoned()
	case <-ctx.Done():
		return nil, ErrClosed
	}
}

// giveBack returns a segment that was taken and not written to.
func (a *allocator) giveBack(s *segment) { a.returned = s }

// free takes a segment in which nothing lives any more.
func (a *allocator) free(s *segment) {
	a.mu.Lock()
	if a.closed {
		a.closeFile(s)
	} else {
		a.freed = append(a.freed, s)
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run prepares segments until the journal closes or is poisoned.
func (a *allocator) run(ctx context.Context) {
	defer a.closeAll()
	for ctx.Err() == nil && a.journal.poisoned() == nil {
		s, err := a.prepare(ctx)
		switch {
		case err == nil:
			a.deliver(ctx, s)
			now := a.journal.host.Clock.Now()
			a.flood, a.taken = now.Sub(a.taken) < floodInterval, now
		case errors.Is(err, node.ErrDiskFull):
			a.waitForSpace(ctx, err)
		case ctx.Err() == nil:
			a.journal.poison(err)
		}
	}
}

// deliver offers a segment until the writer takes it, and removes freed ones meanwhile.
func (a *allocator) deliver(ctx context.Context, s *segment) {
	for {
		select {
		case a.ready <- s:
			a.asking = nil
			return
		case a.asking = <-a.demand: // the writer looks at ready, too
		case <-a.wake:
			if err := a.trim(); err != nil {
				a.journal.poison(err)
			}
		case <-a.journal.dead:
			a.spares = append(a.spares, s)
			return
		case <-ctx.Done():
			a.spares = append(a.spares, s)
			return
		}
	}
}

// waitForSpace tells the writer of a full disk and waits for a reason to try again.
func (a *allocator) waitForSpace(ctx context.Context, err error) {
	if a.asking != nil {
		a.asking <- err
		a.asking = nil
	}
	timer := a.journal.host.Clock.NewTimer(diskFullRetry)
	defer timer.Stop()
	select {
	case a.asking = <-a.demand:
	case <-a.wake:
	case <-timer.C():
	case <-a.journal.dead:
	case <-ctx.Done():
	}
}

// closeAll closes the files of all segments that are not in use.
func (a *allocator) closeAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for len(a.ready) > 0 { // only this task adds to it
		select {
		case s := <-a.ready:
			a.spares = append(a.spares, s)
		default:
		}
	}
	for _, s := range append(a.spares, a.freed...) {
		a.closeFile(s)
	}
}

// closeFile closes a segment that holds nothing of value.
func (a *allocator) closeFile(s *segment) {
	if err := s.file.Close(); err != nil {
		a.journal.host.Log.Warn("close of a spare segment", "file", s.name, "error", err)
	}
}

// prepare makes the next segment ready for its checkpoint: full of blocks, with a durable header and name.
func (a *allocator) prepare(ctx context.Context) (*segment, error) {
	if err := a.trim(); err != nil {
		return nil, err
	}
	s, err := a.obtain(ctx)
	if err != nil {
		return nil, fmt.Errorf("make segment %d: %w", a.nextID, err)
	}
	if err := a.writeHeader(s); err != nil {
		return nil, errors.Join(fmt.Errorf("write header of %s: %w", s.name, err), s.file.Close(), removeFile(a.journal, s.name))
	}
	a.nextID = s.id + 1
	return s, nil
}

// obtain returns a file of the right size: a spare that recovery found, a freed one, or a new one.
func (a *allocator) obtain(ctx context.Context) (*segment, error) {
	if len(a.spares) > 0 {
		s := a.spares[0]
		a.spares = a.spares[1:]
		return s, nil
	}
	for {
		s := a.popFreed(0)
		if s == nil {
			return a.create(ctx)
		}
		if s.size == a.journal.cfg.segmentBytes(a.nextID) {
			return a.recycle(s)
		}
		if err := a.remove(s); err != nil {
			return nil, err
		}
	}
}

// popFreed takes the oldest freed segment if there are more than keep.
func (a *allocator) popFreed(keep int) *segment {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.freed) <= keep {
		return nil
	}
	s := a.freed[0]
	a.freed = a.freed[1:]
	return s
}

// trim removes freed segments that are more than will soon be needed.
func (a *allocator) trim() error {
	for s := a.popFreed(recycleReserve); s != nil; s = a.popFreed(recycleReserve) {
		if err := a.remove(s); err != nil {
			return err
		}
	}
	return nil
}

// remove removes a segment's file.
func (a *allocator) remove(s *segment) error {
	_, err := a.watch.do("removal of "+s.name, func() error {
		return errors.Join(s.file.Close(), removeFile(a.journal, s.name))
	})
	return err
}

// removeFile removes a file of the journal's folder, durably.
func removeFile(j *Journal, name string) error {
	if err := j.host.Disk.Remove(name); err != nil {
		return err
	}
	return j.host.Disk.SyncDir(j.dir)
}

// recycle gives a freed file the name of the next segment. The name is durable before the header says the same, so a
// file whose header has the id of its name was meant to have it.
func (a *allocator) recycle(s *segment) (*segment, error) {
	next := &segment{id: a.nextID, name: segmentPath(a.journal.dir, a.nextID), size: s.size, file: s.file}
	_, err := a.watch.do("renaming of "+s.name, func() error {
		if err := a.journal.host.Disk.Rename(s.name, next.name); err != nil {
			return err
		}
		return a.journal.host.Disk.SyncDir(a.journal.dir)
	})
	return next, err
}

// writeHeader makes the header of a prepared segment durable, and its name.
func (a *allocator) writeHeader(s *segment) error {
	header := segmentHeader{journal: a.journal.id, segment: s.id, size: s.size}
	_, err := a.watch.do("writing the header of "+s.name, func() error {
		if _, err := s.file.WriteAt(header.encode(), 0); err != nil {
			return err
		}
		if err := s.file.Sync(); err != nil {
			return err
		}
		return a.journal.host.Disk.SyncDir(a.journal.dir)
	})
	return err
}

// create makes a new file of a segment's size that reads as zeros. If the disk is full nothing is left of it.
func (a *allocator) create(ctx context.Context) (*segment, error) {
	disk := a.journal.host.Disk
	s := &segment{id: a.nextID, name: segmentPath(a.journal.dir, a.nextID), size: a.journal.cfg.segmentBytes(a.nextID)}
	free, err := disk.Free()
	if err != nil {
		return nil, err
	}
	if free < s.size {
		return nil, fmt.Errorf("%w: a segment takes %d bytes, %d are free", node.ErrDiskFull, s.size, free)
	}
	if s.file, err = disk.Create(s.name); err != nil {
		return nil, err
	}
	fill := a.fill
	if a.flood {
		fill = a.extend
	}
	if err := fill(ctx, s); err != nil {
		return nil, errors.Join(err, s.file.Close(), removeFile(a.journal, s.name))
	}
	return s, nil
}

// fill writes a file full of zeros, and leaves the disk to others half of the time unless the writer waits for it.
func (a *allocator) fill(ctx context.Context, s *segment) error {
	zeros := make([]byte, min(fillBytes, s.size))
	for offset := int64(0); offset < s.size; offset += int64(len(zeros)) {
		zeros = zeros[:min(int64(len(zeros)), s.size-offset)]
		elapsed, err := a.watch.do("filling of "+s.name, func() error {
			if _, err := s.file.WriteAt(zeros, offset); err != nil {
				return err
			}
			return s.file.Sync()
		})
		if err != nil {
			return err
		}
		if err := a.pause(ctx, min(elapsed, fillPauseMax)); err != nil {
			return err
		}
	}
	return nil
}

// extend makes a file as long as a segment without writing it.
func (a *allocator) extend(_ context.Context, s *segment) error {
	_, err := a.watch.do("allocation of "+s.name, func() error {
		if err := s.file.Truncate(s.size); err != nil {
			return err
		}
		return s.file.Sync()
	})
	return err
}

// pause waits for d unless the writer asks for the segment. The first segment is wanted at once, and small.
func (a *allocator) pause(ctx context.Context, d time.Duration) error {
	if a.asking != nil || a.nextID == 1 {
		return ctx.Err()
	}
	timer := a.journal.host.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case a.asking = <-a.demand:
	case <-timer.C():
	case <-ctx.Done():
	}
	return ctx.Err()
}
