package wal

import (
	"fmt"
)

// replay applies the frames of the used segments, in order, to the journal's index.
type replay struct {
	journal  *Journal
	offset   int64  // of the next frame in the segment at hand
	last     int64  // offset of the last good frame in it
	sequence uint64 // of the last good frame
	chain    uint32 // CRC of its header
}

// replayAll builds the index and returns the end of the journal, which is durable then.
func (j *Journal) replayAll(used []*foundFile) (recovered, error) {
	r := &replay{journal: j}
	for i, f := range used {
		var next *foundFile
		if i+1 < len(used) {
			next = used[i+1]
		}
		if i == 0 {
			r.sequence, r.chain = f.seal.term, f.seal.group
		}
		if err := r.segment(f, next, i == 0); err != nil {
			return recovered{}, err
		}
	}
	if err := j.index.recount(); err != nil {
		return recovered{}, &CorruptionError{File: used[0].name, Reason: fmt.Sprintf("the journal's oldest segment: %v", err)}
	}
	tail := used[len(used)-1]
	if err := r.harden(tail); err != nil {
		return recovered{}, err
	}
	return recovered{
		current: tail.segment, end: r.offset, sequence: r.sequence, chain: r.chain, nextID: tail.id + 1,
		watermark: watermarkState{noted: tail.watermark.end, slot: 1 - tail.slot},
	}, nil
}

// segment applies one segment's frames: up to the end that the next segment's seal gives, or, in the last one, up to
// the first frame that does not verify.
func (r *replay) segment(f, next *foundFile, oldest bool) error {
	reader := &segmentReader{segment: f.segment}
	for r.offset = framesStart; next == nil || r.offset != next.seal.appendedAt; {
		h, payload, bad, err := r.journal.readFrame(reader, r.offset)
		if err != nil {
			return err
		}
		if bad != nil && next == nil {
			return r.tail(f, bad)
		}
		if bad == nil && (h.sequence != r.sequence+1 || h.previous != r.chain) {
			bad = fmt.Errorf("frame %d is not the successor of frame %d", h.sequence, r.sequence)
		}
		if bad == nil {
			bad = r.apply(h, payload, oldest)
		}
		if bad != nil {
			return r.corruption(f, bad)
		}
		r.sequence, r.chain, r.last = h.sequence, h.own, r.offset
		r.offset += h.bytes()
	}
	if s := next.seal; s.index != f.id || s.term != r.sequence || s.group != r.chain {
		return &CorruptionError{File: next.name, Offset: framesStart, Reason: fmt.Sprintf(
			"it follows frame %d of segment %d, but %s ends with frame %d", s.term, s.index, f.name, r.sequence)}
	}
	return nil
}

// tail decides what a frame that does not verify means in the last segment. The writer syncs each frame before it
// writes the next one, so a crash damages only the last frame, and nothing follows it. Damage at or below the watermark,
// or before another frame, is not of a crash.
//
// What is left of a torn frame stays in the file, behind the end. It cannot pass for a frame later: the frame
// written over its beginning has the same sequence number, so whatever follows must have a higher one and that frame's
// CRC, and no frame has been written that does.
func (r *replay) tail(f *foundFile, bad error) error {
	if r.offset < f.watermark.end {
		return r.corruption(f, fmt.Errorf("%w, but the segment was durable up to %d", bad, f.watermark.end))
	}
	at, found, err := r.journal.scanFrames(f.segment, r.offset+blockBytes)
	if err != nil {
		return err
	}
	if found {
		return r.corruption(f, fmt.Errorf("%w, but another frame follows at offset %d", bad, at))
	}
	return nil
}

func (r *replay) corruption(f *foundFile, bad error) error {
	return &CorruptionError{File: f.name, Offset: r.offset, Reason: bad.Error()}
}

// apply applies a verified frame. What does not fit together is damage that no CRC shows: a file put back from a
// backup, for example.
func (r *replay) apply(h frameHeader, payload []byte, oldest bool) error {
	checkpoint := h.offset == framesStart
	return decodeRecords(r.journal.salt, h, payload, func(rec record, at position) error {
		switch {
		case rec.kind != kindBounds && rec.kind != kindSeal:
			return r.journal.index.apply(rec, at)
		case !checkpoint:
			return fmt.Errorf("record of kind %d outside of a checkpoint", rec.kind)
		case rec.kind == kindSeal:
			return nil
		case oldest:
			return r.journal.index.setBounds(rec.group, rec.index, rec.term)
		}
		if g := r.journal.index.group(rec.group); g.first != rec.index || g.last() != rec.term {
			return fmt.Errorf("group %d holds entries %d to %d, the checkpoint says %d to %d", rec.group, g.first, g.last(), rec.index, rec.term)
		}
		return nil
	})
}

// harden makes the recovered end durable before anybody hears of it. The last frame may have been written and not
// synced by a process that died; if its sync failed, the system may even hold it as clean although the disk has
// something else. Writing the same bytes again makes the sync cover them.
func (r *replay) harden(f *foundFile) error {
	bytes := make([]byte, r.offset-r.last)
	if _, err := f.file.ReadAt(bytes, r.last); err != nil {
		return fmt.Errorf("read the last frame of %s at %d: %w", f.name, r.last, err)
	}
	if _, err := f.file.WriteAt(bytes, r.last); err != nil {
		return fmt.Errorf("write the last frame of %s at %d: %w", f.name, r.last, err)
	}
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", f.name, err)
	}
	return r.journal.host.Disk.SyncDir(r.journal.dir)
}
