package wal

import (
	"fmt"
	"maps"
	"slices"
)

// bounds are a group's first and last index; both 0 when it is empty.
type bounds struct {
	first, last uint64
	cut         bool // by this frame: an entry that is on disk may be gone or another
}

// build fills the frame with what is waiting, in the order of the queue, and takes from the line what the frame
// completes. It starts another segment when nothing fits into the current one; the error is that of finding none.
func (w *writer) build() error {
	for tries := 0; ; tries++ {
		w.beginFrame()
		w.fill()
		if len(w.frame.records) > 0 || len(w.waiting) == 0 && len(w.relocate) == 0 {
			return nil
		}
		if tries > 0 && w.current.size == w.journal.cfg.SegmentBytes {
			panic(fmt.Sprintf("journal %s: a record does not fit into an empty segment of %d bytes", w.journal.dir, w.current.size))
		}
		if err := w.roll(); err != nil {
			return err
		}
	}
}

// beginFrame starts a frame at the end of the current segment.
func (w *writer) beginFrame() {
	clear(w.staged)
	w.frame.begin(frameHeader{
		segment: w.current.id, offset: uint64(w.end), sequence: w.sequence + 1, previous: w.chain,
	}, int(max(0, w.current.size-w.current.reserve()-w.end)), w.journal.cfg.FrameBytes)
}

// fill adds requests until one does not fit, then entries to relocate.
func (w *writer) fill() {
	for len(w.waiting) > 0 {
		r := w.waiting[0]
		if r.kind == kindCompactTo && len(w.frame.records) == 0 {
			w.compactInMemory(r)
		} else if fitted, err := w.addRequest(r); !fitted {
			return
		} else {
			w.answers = append(w.answers, answer{r, err})
		}
		w.waiting[0] = nil
		w.waiting = w.waiting[1:]
	}
	w.addRelocations()
}

// compactInMemory lets a compaction take effect without waiting for the disk. The next frame carries it, before
// everything else, so that recovery sees the same order.
func (w *writer) compactInMemory(r *request) {
	j := w.journal
	j.mu.Lock()
	if g := j.index.groups[r.group]; g != nil && len(g.positions) > 0 && r.index >= g.first {
		w.lazy[r.group] = min(r.index, g.last())
		j.index.compactTo(g, r.index)
		w.idle.Reset(j.cfg.IdleDelay)
	}
	j.mu.Unlock()
	w.answers = append(w.answers, answer{to: r})
}

// addRequest adds a request's records to the frame. It returns false if the request is not complete because the frame
// or the segment is full, and the caller's error otherwise.
func (w *writer) addRequest(r *request) (bool, error) {
	b := w.bounds(r.group)
	if err := w.admit(r, b); err != nil {
		return true, err
	}
	// A group that is empty only by a compaction in memory is not empty on disk: what removes entries must be written.
	_, lazy := w.lazy[r.group]
	empty := b.last == 0 && !lazy
	switch r.kind {
	case kindEntry:
		return w.addEntries(r, b), nil
	case kindHardState:
		if !w.addRecord(hardStateRecord(r.group, r.state)) {
			return false, nil
		}
	case kindTruncateAfter:
		if empty || b.last != 0 && r.index >= b.last {
			return true, nil
		}
		if !w.addRecord(record{kind: r.kind, group: r.group, index: r.index}) {
			return false, nil
		}
		b.last, b.cut = r.index, true
		if r.index < b.first {
			b = bounds{cut: true}
		}
	case kindCompactTo:
		if b.last == 0 || r.index < b.first {
			return true, nil
		}
		if !w.addRecord(record{kind: r.kind, group: r.group, index: min(r.index, b.last)}) {
			return false, nil
		}
		b.first = r.index + 1
		if r.index >= b.last {
			b = bounds{cut: b.cut}
		}
	case kindReset:
		if empty {
			return true, nil
		}
		if !w.addRecord(record{kind: r.kind, group: r.group}) {
			return false, nil
		}
		b = bounds{cut: true}
	default:
		panic(fmt.Sprintf("journal: request of kind %d", r.kind))
	}
	w.staged[r.group] = b
	return true, nil
}

// bounds returns a group's bounds as they will be once the frame is durable. Only the writer changes the index, so it
// reads it without the lock.
func (w *writer) bounds(group uint32) bounds {
	if b, ok := w.staged[group]; ok {
		return b
	}
	if g := w.journal.index.groups[group]; g != nil {
		return bounds{first: g.first, last: g.last()}
	}
	return bounds{}
}

// admit refuses what cannot follow the group's state.
func (w *writer) admit(r *request, b bounds) error {
	if r.kind != kindEntry && r.kind != kindHardState {
		return nil
	}
	if r.kind == kindEntry && b.last != 0 && r.entries[0].Index != b.last+1 {
		return fmt.Errorf("append to group %d: %w: entry %d behind entry %d", r.group, ErrNotContiguous, r.entries[0].Index, b.last)
	}
	_, staged := w.staged[r.group]
	if !staged && w.journal.index.groups[r.group] == nil && len(w.journal.index.ids)+len(w.staged) >= w.journal.cfg.groupsMax() {
		return fmt.Errorf("group %d: %w: limit %d with segments of %d bytes", r.group, ErrTooManyGroups,
			w.journal.cfg.groupsMax(), w.journal.cfg.SegmentBytes)
	}
	return nil
}

// addEntries adds an append's entries while they fit, and tells whether it was all of them. The rest stays in the
// request, for the next frame.
func (w *writer) addEntries(r *request, b bounds) bool {
	for len(r.entries) > 0 {
		e := r.entries[0]
		if !w.addRecord(record{
			kind: kindEntry, entryKind: e.Kind, group: r.group, index: e.Index, term: e.Term, appendedAt: e.AppendedAt,
			data: e.Data, checksum: e.Checksum,
		}) {
			return false
		}
		if b.last == 0 {
			b.first = e.Index
		}
		b.last = e.Index
		w.staged[r.group] = b
		r.entries = r.entries[1:]
	}
	return true
}

// addRecord adds a record if it fits; the first one of a frame comes behind the compactions that wait for a frame.
func (w *writer) addRecord(r record) bool {
	if len(w.frame.records) == 0 && len(w.lazy) > 0 {
		if !w.frame.fits(len(w.lazy)*recordHeaderBytes + len(r.data)) {
			return false
		}
		w.addLazy()
	} else if !w.frame.fits(len(r.data)) {
		return false
	}
	w.frame.add(r)
	return true
}

// addLazy adds the compactions that are in the index and not on disk.
func (w *writer) addLazy() {
	for _, group := range slices.Sorted(maps.Keys(w.lazy)) {
		w.frame.add(record{kind: kindCompactTo, group: group, index: w.lazy[group]})
	}
}

// flushLazy writes a frame of compactions alone.
func (w *writer) flushLazy() error {
	w.beginFrame()
	w.frame.room = int(w.current.size - w.end) // with the reserve
	if !w.frame.fits(len(w.lazy) * recordHeaderBytes) {
		// The checkpoint of the next segment carries them.
		return w.roll()
	}
	w.addLazy()
	if err := w.writeFrame(w.current, w.end); err != nil {
		return err
	}
	w.publish()
	w.journal.room.settle(0, w.free())
	w.freeSegments()
	return nil
}

// hardStateRecord returns the record of a hard state.
func hardStateRecord(group uint32, state HardState) record {
	return record{kind: kindHardState, group: group, term: state.Term, index: state.VoteTerm, data: state.VotedFor}
}
