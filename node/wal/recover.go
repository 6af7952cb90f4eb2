package wal

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
)

// recovered is the end of a journal: where the writer goes on.
type recovered struct {
	current   *segment // nil: there is no journal yet
	end       int64
	sequence  uint64
	chain     uint32
	watermark watermarkState
	spares    []*segment // prepared and not used
	nextID    uint64     // of the first segment that has no file
}

// foundFile is a segment file that recovery found.
type foundFile struct {
	*segment
	header    segmentHeader
	headerErr error // the header does not verify, or is that of another segment
	watermark watermark
	slot      int64 // of the watermark
	started   bool  // its checkpoint verifies
	seal      record
}

// recover reads the folder's segments and builds the index. The caller closes j.segments, also after an error.
func (j *Journal) recover() (recovered, error) {
	files, err := j.findFiles()
	for _, f := range files {
		j.segments = append(j.segments, f.segment)
	}
	if err != nil || len(files) == 0 {
		j.makeID()
		return recovered{nextID: 1}, err
	}
	if err := j.identify(files); err != nil {
		return recovered{}, err
	}
	for _, f := range files {
		if err := j.classify(f); err != nil {
			return recovered{}, err
		}
	}
	used, err := usedFiles(files)
	if err != nil {
		return recovered{}, err
	}
	tail := recovered{nextID: files[0].id}
	if len(used) > 0 {
		if tail, err = j.replayAll(used); err != nil {
			return recovered{}, err
		}
	}
	j.segments = j.segments[:len(used)]
	for _, s := range j.segments {
		j.files[s.id] = s
	}
	if tail.spares, err = j.keepSpares(files[len(used):]); err == nil && len(used) == 0 {
		j.makeID()
	}
	return tail, err
}

// makeID makes the identity of a new journal.
func (j *Journal) makeID() {
	// Random never fails.
	_, _ = io.ReadFull(j.host.Random, j.id[:])
	j.salt = saltOf(j.id)
}

// findFiles opens every segment file, sorted by id. After an error it returns those it opened.
func (j *Journal) findFiles() ([]*foundFile, error) {
	names, err := j.host.Disk.List(j.dir)
	if err != nil {
		return nil, err
	}
	var files []*foundFile
	for _, name := range names {
		id, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		s := &segment{id: id, name: path.Join(j.dir, name)}
		if s.file, err = j.host.Disk.Open(s.name); err != nil {
			return files, err
		}
		f := &foundFile{segment: s}
		files = append(files, f)
		if s.size, err = s.file.Size(); err != nil {
			return files, fmt.Errorf("size of %s: %w", s.name, err)
		}
	}
	slices.SortFunc(files, func(a, b *foundFile) int { return int(int64(a.id) - int64(b.id)) })
	for i, f := range files {
		// The allocator changes names one at a time and in order, so a crash leaves no gap.
		if want := files[0].id + uint64(i); f.id != want {
			return files, &CorruptionError{File: segmentPath(j.dir, want), Reason: fmt.Sprintf(
				"this segment is missing between %s and %s", files[i-1].name, f.name)}
		}
	}
	return files, nil
}

// identify reads all headers and finds the journal's id, on which they must agree.
func (j *Journal) identify(files []*foundFile) error {
	var known *foundFile
	byID := map[uint64]*foundFile{}
	for _, f := range files {
		block, err := (&segmentReader{segment: f.segment}).at(0, blockBytes)
		if err != nil {
			return err
		}
		if f.header, f.headerErr = decodeSegmentHeader(block); f.headerErr != nil {
			continue
		}
		if known == nil {
			known, j.id = f, f.header.journal
		}
		if f.header.journal != j.id {
			return &CorruptionError{File: f.name, Reason: fmt.Sprintf("it is of journal %x, but %s is of journal %x: files of two journals are mixed",
				f.header.journal, known.name, j.id)}
		}
		if other := byID[f.header.segment]; other != nil {
			return &CorruptionError{File: f.name, Reason: fmt.Sprintf("it is segment %d, and so is %s", f.header.segment, other.name)}
		}
		byID[f.header.segment] = f
		if f.header.segment > f.id {
			// Recycling renames a file to a higher number first and rewrites the header then.
			return &CorruptionError{File: f.name, Reason: fmt.Sprintf("its header is that of segment %d", f.header.segment)}
		}
		if f.header.segment != f.id {
			f.headerErr = fmt.Errorf("segment header is that of segment %d", f.header.segment)
			continue
		}
		if f.header.size != f.size {
			return &CorruptionError{File: f.name, Offset: f.size, Reason: fmt.Sprintf("it has %d bytes, its header says %d", f.size, f.header.size)}
		}
	}
	j.salt = saltOf(j.id)
	if known != nil {
		return nil
	}
	for _, f := range files {
		at, found, err := scan(f.segment, framesStart, func(offset int64, b []byte) bool {
			return looksLikeFrame(f.id, uint64(offset), b)
		})
		if err != nil {
			return err
		}
		if found {
			return &CorruptionError{File: f.name, Reason: fmt.Sprintf("%v, but a frame lies at offset %d", f.headerErr, at)}
		}
	}
	return nil
}

// classify tells whether a segment was used. One that was not may be in any state that preparing it goes through; but
// nothing in it may show that it was used after all.
func (j *Journal) classify(f *foundFile) error {
	from := int64(framesStart)
	if f.headerErr == nil {
		reader := &segmentReader{segment: f.segment}
		blocks, err := reader.at(watermarkStart, 2*blockBytes)
		if err != nil {
			return err
		}
		f.watermark, f.slot = decodeWatermarks(j.salt, f.id, blocks)
		h, payload, bad, err := j.readFrame(reader, framesStart)
		if err != nil {
			return err
		}
		if bad == nil {
			f.started = true
			f.seal, err = decodeRecord(j.salt, f.id, framesStart+frameHeaderBytes, payload)
			if err != nil || f.seal.kind != kindSeal || h.records == 0 {
				return &CorruptionError{File: f.name, Offset: framesStart, Reason: "its first frame is not a checkpoint"}
			}
			return nil
		}
		if f.watermark.end > 0 {
			return &CorruptionError{File: f.name, Offset: framesStart, Reason: fmt.Sprintf("%v, but the segment was durable up to %d", bad, f.watermark.end)}
		}
		// A torn checkpoint: nothing was written behind it.
		from += blockBytes
	}
	at, found, err := j.scanFrames(f.segment, from)
	if err != nil {
		return err
	}
	if found {
		return &CorruptionError{File: f.name, Offset: from - blockBytes, Reason: fmt.Sprintf(
			"the segment does not begin with a header and a checkpoint, but a frame of it lies at offset %d", at)}
	}
	return nil
}

// usedFiles returns the files before the first unused one. A used one behind that means that a checkpoint was lost.
func usedFiles(files []*foundFile) ([]*foundFile, error) {
	unused := slices.IndexFunc(files, func(f *foundFile) bool { return !f.started })
	if unused < 0 {
		return files, nil
	}
	for _, f := range files[unused:] {
		if f.started {
			return nil, &CorruptionError{File: files[unused].name, Reason: fmt.Sprintf(
				"its header or checkpoint does not verify (%v), but %s follows it", files[unused].headerErr, f.name)}
		}
	}
	if unused == 0 && files[0].id != 1 {
		return nil, &CorruptionError{File: files[0].name, Reason: "it was never used, and the segments before it are missing"}
	}
	return files[:unused], nil
}

// keepSpares returns those prepared segments that can be used as they are, and removes the others, from the back so that
// no gap comes up.
func (j *Journal) keepSpares(files []*foundFile) ([]*segment, error) {
	var spares []*segment
	for _, f := range files {
		if f.headerErr != nil || f.size != j.cfg.segmentBytes(f.id) || f.id == 1 || len(spares) == j.cfg.SpareSegments {
			break
		}
		spares = append(spares, f.segment)
	}
	var errs []error
	for _, f := range slices.Backward(files[len(spares):]) {
		errs = append(errs, f.file.Close(), removeFile(j, f.name))
	}
	return spares, errors.Join(errs...)
}

// readFrame reads and verifies the frame at an offset. bad says why there is none; err is the disk's.
func (j *Journal) readFrame(reader *segmentReader, offset int64) (h frameHeader, payload []byte, bad, err error) {
	block, err := reader.at(offset, frameHeaderBytes)
	if err != nil {
		return h, nil, nil, err
	}
	if h, bad = decodeFrameHeader(j.salt, reader.segment.id, uint64(offset), block); bad != nil {
		return h, nil, bad, nil
	}
	if offset+h.bytes() > reader.segment.size {
		return h, nil, fmt.Errorf("frame %d of %d bytes reaches behind the segment", h.sequence, h.length), nil
	}
	if payload, err = reader.at(offset+frameHeaderBytes, int(h.length)); err != nil {
		return h, nil, nil, err
	}
	return h, payload, h.verify(j.salt, payload), nil
}

// scanFrames looks for a frame header of this very segment and place, from an offset to the end.
func (j *Journal) scanFrames(s *segment, from int64) (at int64, found bool, err error) {
	return scan(s, from, func(offset int64, b []byte) bool {
		_, bad := decodeFrameHeader(j.salt, s.id, uint64(offset), b)
		return bad == nil
	})
}

// scan returns the first block from an offset on that match accepts.
func scan(s *segment, from int64, match func(offset int64, b []byte) bool) (at int64, found bool, err error) {
	reader := &segmentReader{segment: s}
	for at = from; at < s.size; at += blockBytes {
		b, err := reader.at(at, frameHeaderBytes)
		if err != nil {
			return 0, false, err
		}
		if match(at, b) {
			return at, true, nil
		}
	}
	return 0, false, nil
}
