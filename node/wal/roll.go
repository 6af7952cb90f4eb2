package wal

import (
	"fmt"

	"github.com/pingcap/failpoint"
)

// roll seals the current segment and goes on in the next spare one. The frame must be empty. An error has changed
// nothing, unless the journal is poisoned.
func (w *writer) roll() error {
	failpoint.Inject("wal/beforeNewSegment", nil)
	next, err := w.allocator.take(w.journal.tasks.Context())
	if err != nil {
		return fmt.Errorf("the journal's segment is full and there is no other: %w", err)
	}
	return w.startSegment(next)
}

// startSegment makes a prepared segment the current one by writing its first frame, the checkpoint. From then on the
// segments before it are needed only for the entries that live in them.
func (w *writer) startSegment(s *segment) error {
	clear(w.staged)
	w.frame.begin(frameHeader{
		segment: s.id, offset: framesStart, sequence: w.sequence + 1, previous: w.chain,
	}, int(s.size-framesStart), int(s.size))
	for _, r := range w.checkpoint() {
		if !w.frame.fits(len(r.data)) {
			w.allocator.giveBack(s)
			return fmt.Errorf("checkpoint: %w: %d groups, segment of %d bytes", ErrTooManyGroups, len(w.journal.index.ids), s.size)
		}
		w.frame.add(r)
	}
	if err := w.writeFrame(s, framesStart); err != nil {
		return err
	}
	w.watermark = watermarkState{noted: framesStart}
	clear(w.lazy)
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	w.journal.segments = append(w.journal.segments, s)
	w.journal.files[s.id] = s
	return nil
}

// checkpoint returns the seal of the current segment, the compactions that are not durable, and the state of every
// group after them. It is what recovery starts from when the segments before are gone, and what it compares with when
// they are not.
func (w *writer) checkpoint() []record {
	seal := record{kind: kindSeal, group: w.chain, term: w.sequence, appendedAt: w.end}
	if w.current != nil {
		seal.index = w.current.id
	}
	w.frame.add(seal)
	w.addLazy()
	var records []record
	for _, id := range w.journal.index.ids {
		g := w.journal.index.groups[id]
		records = append(records,
			record{kind: kindBounds, group: id, index: g.first, term: g.last()},
			hardStateRecord(id, g.state))
	}
	return records
}

// freeSegments gives the oldest segments to the allocator while nothing lives in them. A compaction that is not
// durable could come undone, so nothing is freed before it is.
func (w *writer) freeSegments() {
	if len(w.lazy) > 0 {
		return
	}
	j := w.journal
	for {
		oldest := j.segments[0]
		if oldest == w.current || j.index.usage[oldest.id].entries > 0 {
			return
		}
		j.mu.Lock()
		j.segments = j.segments[1:]
		delete(j.files, oldest.id)
		j.mu.Unlock()
		w.allocator.free(oldest)
	}
}

// planRelocation decides whether the oldest segment's entries are copied forward: when there are too many segments and
// the copy is small, in bytes and against the segment that it frees.
func (w *writer) planRelocation() {
	j := w.journal
	if len(w.relocate) > 0 || len(j.segments) <= j.cfg.MaxSegments {
		return
	}
	oldest := j.segments[0]
	if u := j.index.usage[oldest.id]; oldest.id == w.unreadable || u.entries == 0 || u.bytes > min(j.cfg.RelocateBytes, oldest.size/4) {
		return
	}
	w.relocate = j.index.liveIn(oldest.id)
}

// addRelocations adds copies of entries in the oldest segment to the frame.
func (w *writer) addRelocations() {
	j := w.journal
	for size := 0; len(w.relocate) > 0 && size < relocateStep; w.relocate = w.relocate[1:] {
		id := w.relocate[0]
		if w.staged[id.group].cut {
			// This very frame may remove the entry or put another in its place; the next frame will know.
			return
		}
		at, ok := position{}, false
		if g := j.index.groups[id.group]; g != nil {
			at, ok = g.find(id.index)
		}
		if !ok || at.segment != j.segments[0].id {
			continue
		}
		e, err := j.get(id.group, id.index)
		if err != nil {
			// The entry stays where it is, unreadable; the caller that needs it gets the same error.
			w.unreadable = at.segment
			j.host.Log.Error("an entry cannot be copied out of the oldest segment", "group", id.group, "index", id.index, "error", err)
			continue
		}
		if len(w.frame.buffer)+recordHeaderBytes+len(e.Data)+int(j.room.unsettled()) > w.frame.room {
			return // the room is promised to others; a later frame has more, or the next segment
		}
		if !w.addRecord(record{
			kind: kindRelocated, entryKind: e.Kind, group: id.group, index: e.Index, term: e.Term, appendedAt: e.AppendedAt, data: e.Data,
		}) {
			return
		}
		size += recordHeaderBytes + len(e.Data)
	}
}
