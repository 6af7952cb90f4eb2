package wal

import (
	"context"
	"errors"
	"fmt"

	"github.com/pingcap/failpoint"

	"chasqui/node"
)

// request is one caller's wish, on its way through the queue.
type request struct {
	kind    recordKind
	group   uint32
	index   uint64    // of TruncateAfter and CompactTo
	state   HardState // of SetHardState
	entries []Entry   // of Append; those already durable are cut off the front
	bytes   int64     // that its frames take at most, as counted in room
	// promised says that the caller goes on as if the request were carried out: it must not be refused.
	promised bool
	err      error         // the answer; written before answered is closed
	answered chan struct{} // closed when the writer is done with the request
}

// submit hands a request to the writer and waits for its answer.
func (j *Journal) submit(r *request) error {
	if err := j.hand(r, false); err != nil {
		return err
	}
	return j.await(r)
}

// hand hands a request to the writer and does not wait for its answer. It is promised if the caller does not want to wait
// and there is room for it.
func (j *Journal) hand(r *request, promise bool) error {
	if err := j.poisoned(); err != nil {
		return err
	}
	select {
	case <-j.closing:
		return ErrClosed
	default:
	}
	r.answered = make(chan struct{})
	r.bytes = r.bytesMax()
	j.handing.Lock() // counted in the order in which they are served; who waits here would wait for the queue
	defer j.handing.Unlock()
	r.promised = j.room.take(r.bytes, promise)
	select {
	case j.queue <- r:
		return nil
	case <-j.dead:
		return j.poisoned()
	case <-j.stopped:
		return ErrClosed
	}
}

// await waits for the answer to a request that was handed in.
func (j *Journal) await(r *request) error {
	select {
	case <-r.answered:
		return r.err
	case <-j.dead:
	case <-j.stopped:
	}
	// The answer may have come at the same moment; it is the better one.
	select {
	case <-r.answered:
		return r.err
	default:
	}
	if err := j.poisoned(); err != nil {
		return err
	}
	return ErrClosed
}

// writer is the task that owns the journal's end: it alone writes frames, and changes the index. Its fields belong to
// that task.
type writer struct {
	journal   *Journal
	watch     *watch
	allocator *allocator

	current  *segment
	end      int64  // where the next frame goes
	sequence uint64 // of the last frame
	chain    uint32 // CRC of the last frame's header

	waiting    []*request        // taken from the queue, not answered; the first may be stored in part
	answers    []answer          // due when the frame is durable
	frame      frame             // being built
	staged     map[uint32]bounds // of the groups that the frame changes, as if it were durable
	lazy       map[uint32]uint64 // compactions in the index that are not durable, by group
	relocate   []entryID         // entries to copy out of the oldest segment
	unreadable uint64            // id of the segment that holds an entry which cannot be copied
	watermark  watermarkState
	idle       node.Timer
}

// answer is what a caller gets once the frame is durable.
type answer struct {
	to  *request
	err error
}

// watermarkState says what is noted in the current segment's header.
type watermarkState struct {
	noted int64 // durable end as last noted
	slot  int64 // which of the two blocks is next
}

// newWriter continues behind the recovered tail. A new journal gets its first segment here, so that Open reports a full
// disk.
// frameBufferBytes is what the frame's buffer begins with. It is large enough for the runtime to place it, and whatever
// it grows to, at the start of a memory page, so that a disk can take frames from it without copying.
const frameBufferBytes = 64 << 10

func newWriter(j *Journal, watch *watch, a *allocator, tail recovered) (*writer, error) {
	w := &writer{
		journal: j, watch: watch, allocator: a,
		current: tail.current, end: tail.end, sequence: tail.sequence, chain: tail.chain,
		staged: map[uint32]bounds{}, lazy: map[uint32]uint64{},
		frame: frame{salt: j.salt, buffer: make([]byte, 0, frameBufferBytes)},
		idle:  j.host.Clock.NewTimer(j.cfg.IdleDelay),
	}
	w.watermark = tail.watermark
	if w.current == nil {
		first, err := a.prepare(j.tasks.Context())
		if err != nil {
			return nil, err
		}
		if err := w.startSegment(first); err != nil {
			return nil, err
		}
	}
	j.room.settle(0, w.free())
	return w, nil
}

// run serves requests until the journal is poisoned or closed. It stops only when no request is waiting, so Close
// stores what was submitted before it.
func (w *writer) run(ctx context.Context) {
	defer close(w.journal.stopped)
	defer w.idle.Stop()
	w.freeSegments()
	for w.journal.poisoned() == nil {
		if len(w.waiting) > 0 || len(w.relocate) > 0 {
			w.gather()
			w.commit()
			continue
		}
		select {
		case r := <-w.journal.queue:
			w.waiting = append(w.waiting, r)
		case <-w.idle.C():
			w.settle()
		case <-ctx.Done():
			if w.gather(); len(w.waiting) == 0 {
				w.settle()
				return
			}
		}
	}
}

// gather takes what is in the queue without waiting for more.
func (w *writer) gather() {
	for len(w.waiting) < w.journal.cfg.QueueDepth {
		select {
		case r := <-w.journal.queue:
			w.waiting = append(w.waiting, r)
		default:
			return
		}
	}
}

// commit makes one frame of what is waiting and answers those it completes.
func (w *writer) commit() {
	if err := w.build(); err != nil {
		w.refuse(err)
		return
	}
	if len(w.frame.records) > 0 {
		if w.end-w.watermark.noted >= w.journal.cfg.WatermarkBytes {
			if err := w.note(); err != nil { // the frame's sync carries it
				return
			}
		}
		if err := w.writeFrame(w.current, w.end); err != nil {
			return // poisoned: the callers see it
		}
		w.publish()
	}
	w.answerAll()
	w.freeSegments()
	w.planRelocation()
}

// refuse answers what is waiting with an error that leaves the journal as it is: no room. Hard states are stored all the
// same while half of the segment's reserve has room for them, for a replica that cannot store its term can neither follow
// nor vote.
func (w *writer) refuse(err error) {
	waiting := w.waiting
	w.waiting, w.relocate = nil, nil
	w.beginFrame()
	w.frame.room = int(max(0, w.current.size-w.current.reserve()/2-w.end))
	for _, r := range waiting {
		fitted, refused := false, error(nil)
		if r.kind == kindHardState {
			fitted, refused = w.addRequest(r)
		}
		if !fitted {
			refused = err
		}
		w.answers = append(w.answers, answer{r, refused})
	}
	if len(w.frame.records) > 0 {
		if w.writeFrame(w.current, w.end) != nil {
			return // poisoned: the callers see it
		}
		w.publish()
	}
	w.answerAll()
}

// answerAll tells the callers whose requests are settled. One who was promised that there is no refusal has gone on
// without what he wanted to store, and the host with him: it ends.
func (w *writer) answerAll() {
	settled := int64(0)
	for _, a := range w.answers {
		settled += a.to.bytes
		if a.err != nil && a.to.promised {
			w.journal.poison(fmt.Errorf("an append that was accepted cannot be stored: %w", a.err))
			return // the callers see it
		}
	}
	w.journal.room.settle(settled, w.free())
	for _, a := range w.answers {
		a.to.err = a.err
		close(a.to.answered)
	}
	clear(w.answers)
	w.answers = w.answers[:0]
}

// writeFrame makes the frame durable at a place of a segment. An error has poisoned the journal: what the disk holds is
// not known, and a sync after a failed one proves nothing.
func (w *writer) writeFrame(s *segment, end int64) error {
	bytes, own := w.frame.finish()
	failpoint.Inject("wal/beforeWrite", nil)
	if err := w.write(s, bytes, end); err != nil {
		return err
	}
	failpoint.Inject("wal/afterWrite", nil)
	if err := w.sync(s); err != nil {
		return err
	}
	w.current, w.end = s, end+int64(len(bytes))
	w.sequence, w.chain = w.frame.header.sequence, own
	w.idle.Reset(w.journal.cfg.IdleDelay)
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	w.journal.stats.Frames++
	w.journal.stats.BytesWritten += int64(len(bytes))
	w.journal.stats.Sequence = w.sequence
	return nil
}

// write writes to a segment or poisons the journal.
func (w *writer) write(s *segment, bytes []byte, offset int64) error {
	_, err := w.watch.do("a write to "+s.name, func() error { return writeSegment(s, bytes, offset) })
	if err != nil {
		w.journal.poison(fmt.Errorf("write %d bytes to %s at %d: %w", len(bytes), s.name, offset, err))
	}
	return w.journal.poisoned()
}

// sync makes a segment durable or poisons the journal.
func (w *writer) sync(s *segment) error {
	failpoint.Inject("wal/beforeSync", nil)
	elapsed, err := w.watch.do("a sync of "+s.name, func() error { return syncSegment(s) })
	failpoint.Inject("wal/afterSync", nil)
	if err != nil {
		w.journal.poison(fmt.Errorf("sync %s: %w", s.name, err))
	}
	// The watchdog may have ended the host while the disk hung; callers were told that the outcome is unknown.
	if err := w.journal.poisoned(); err != nil {
		return err
	}
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	w.journal.stats.Syncs++
	w.journal.stats.LastSync = elapsed
	w.journal.stats.MaxSync = max(w.journal.stats.MaxSync, elapsed)
	return nil
}

// writeSegment and syncSegment are the disk as the writer sees it. Their failpoints stand for the disk: a sleep is a slow
// or a hung one, a returned text the error of a broken one.
func writeSegment(s *segment, bytes []byte, offset int64) error {
	failpoint.Inject("wal/beforeDiskWrite", func(value failpoint.Value) {
		if text, ok := value.(string); ok {
			failpoint.Return(errors.New(text))
		}
	})
	_, err := s.file.WriteAt(bytes, offset)
	return err
}

func syncSegment(s *segment) error {
	failpoint.Inject("wal/beforeDiskSync", func(value failpoint.Value) {
		if text, ok := value.(string); ok {
			failpoint.Return(errors.New(text))
		}
	})
	return s.file.Sync()
}

// publish makes the durable frame visible to readers.
func (w *writer) publish() {
	clear(w.staged)
	clear(w.lazy)
	j := w.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range w.frame.records {
		if err := j.index.apply(r.record, r.at); err != nil {
			panic(fmt.Sprintf("journal %s: a durable record does not apply: %v", j.dir, err))
		}
		if r.kind == kindEntry && j.cfg.CacheBytes > 0 {
			j.index.cache.add(j.index.groups[r.group], r.entry(), w.sequence)
		}
	}
	j.index.evict()
}

// settle runs when nothing has been written for a while, and before the writer ends: it makes compactions durable and
// notes the durable end, so that damage to the last frame is told from a torn write.
func (w *writer) settle() {
	if len(w.lazy) > 0 {
		if err := w.flushLazy(); err != nil {
			w.journal.host.Log.Warn("compactions are not durable yet", "error", err)
			return
		}
	}
	if w.journal.poisoned() != nil || w.watermark.noted == w.end {
		return
	}
	if err := w.note(); err != nil {
		return // poisoned: the loop of run ends
	}
	if err := w.sync(w.current); err != nil {
		return // poisoned too
	}
}

// note writes the durable end into the segment's header. It says only what was synced before, so it may itself become
// durable at any time, or never.
func (w *writer) note() error {
	mark := watermark{segment: w.current.id, end: w.end, sequence: w.sequence}
	at := watermarkStart + w.watermark.slot*blockBytes
	w.watermark = watermarkState{noted: w.end, slot: 1 - w.watermark.slot}
	return w.write(w.current, mark.encode(w.journal.salt), at)
}
