package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strconv"
	"strings"

	"chasqui/node"
)

// A segment is one file of the journal, named by its id: seg-000001.wal, seg-000002.wal and so on.
//
//	block 0   | magic "CHQS" 4 | version 2 | 0 2 | journal id 16 | segment id 8 | file size 8 | CRC of the above 4 |
//	block 1   | magic "CHQW" 4 | version 2 | 0 2 | segment id 8 | durable end 8 | sequence of the last durable frame 8 | CRC 4 |
//	block 2   | the same as block 1: the two are written in turn, so that a torn write leaves the other |
//	block 3.. | frames; the first is the checkpoint: seal of the segment before, bounds and hard state of every group |
//	the rest  | zeros, or frames of the file's earlier life under another segment id |
//
// The header is written and synced before the segment is used, so a used segment without a good one is corrupted.
const (
	headerMagic        = 0x53514843 // "CHQS"
	watermarkMagic     = 0x57514843 // "CHQW"
	journalIDBytes     = 16
	segmentHeaderBytes = 44
	watermarkBytes     = 36
	watermarkStart     = blockBytes
	framesStart        = 3 * blockBytes
)

// segment is an open segment file. All fields are fixed after it was made.
type segment struct {
	id   uint64
	name string // path on the host's disk
	size int64
	file node.File
}

// segmentPath returns the path of a segment's file.
func segmentPath(dir string, id uint64) string {
	return path.Join(dir, fmt.Sprintf("seg-%06d.wal", id))
}

// parseSegmentName returns the id in a file's name; false if the name is not one of a segment.
func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, "seg-")
	digits, hasSuffix := strings.CutSuffix(digits, ".wal")
	id, err := strconv.ParseUint(digits, 10, 64)
	if !ok || !hasSuffix || err != nil || id == 0 {
		return 0, false
	}
	return id, path.Base(segmentPath("", id)) == name
}

// segmentHeader is the content of block 0.
type segmentHeader struct {
	journal [journalIDBytes]byte
	segment uint64
	size    int64
}

// encode returns the header as one block.
func (h segmentHeader) encode() []byte {
	b := make([]byte, blockBytes)
	binary.LittleEndian.PutUint32(b[0:], headerMagic)
	binary.LittleEndian.PutUint16(b[4:], formatVersion)
	copy(b[8:], h.journal[:])
	binary.LittleEndian.PutUint64(b[24:], h.segment)
	binary.LittleEndian.PutUint64(b[32:], uint64(h.size))
	binary.LittleEndian.PutUint32(b[40:], crc32.Checksum(b[:40], castagnoli))
	return b
}

// decodeSegmentHeader reads block 0; the error says what is wrong with it.
func decodeSegmentHeader(b []byte) (segmentHeader, error) {
	var h segmentHeader
	if len(b) < segmentHeaderBytes {
		return h, fmt.Errorf("segment header has %d bytes", len(b))
	}
	switch magic, version := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]); {
	case magic != headerMagic:
		return h, fmt.Errorf("no segment header (magic %#x)", magic)
	case crc32.Checksum(b[:40], castagnoli) != binary.LittleEndian.Uint32(b[40:]):
		return h, errors.New("segment header CRC does not match")
	case version != formatVersion:
		return h, fmt.Errorf("segment format version %d, want %d", version, formatVersion)
	}
	copy(h.journal[:], b[8:])
	h.segment = binary.LittleEndian.Uint64(b[24:])
	h.size = int64(binary.LittleEndian.Uint64(b[32:]))
	return h, nil
}

// watermark says that a segment was durable up to end, where the frame with this sequence ended.
type watermark struct {
	segment  uint64
	end      int64
	sequence uint64
}

// encode returns the watermark as one block.
func (w watermark) encode(salt uint32) []byte {
	b := make([]byte, blockBytes)
	binary.LittleEndian.PutUint32(b[0:], watermarkMagic)
	binary.LittleEndian.PutUint16(b[4:], formatVersion)
	binary.LittleEndian.PutUint64(b[8:], w.segment)
	binary.LittleEndian.PutUint64(b[16:], uint64(w.end))
	binary.LittleEndian.PutUint64(b[24:], w.sequence)
	binary.LittleEndian.PutUint32(b[32:], crc32.Update(salt, castagnoli, b[:32]))
	return b
}

// decodeWatermarks returns the later of the two watermarks that belong to the segment, and which one it is; the zero
// value and 1 if neither verifies. A watermark that does not verify says nothing: it may be torn, or of the file's
// earlier life.
func decodeWatermarks(salt uint32, segment uint64, blocks []byte) (latest watermark, slot int64) {
	slot = 1
	for i := 0; i < 2 && i*blockBytes+watermarkBytes <= len(blocks); i++ {
		b := blocks[i*blockBytes:]
		w := watermark{
			segment:  binary.LittleEndian.Uint64(b[8:]),
			end:      int64(binary.LittleEndian.Uint64(b[16:])),
			sequence: binary.LittleEndian.Uint64(b[24:]),
		}
		if binary.LittleEndian.Uint32(b) == watermarkMagic && w.segment == segment && w.sequence > latest.sequence &&
			crc32.Update(salt, castagnoli, b[:32]) == binary.LittleEndian.Uint32(b[32:]) {
			latest, slot = w, int64(i)
		}
	}
	return latest, slot
}

// reserve returns the bytes at the segment's end that are kept for when the disk is full: for compactions, which are what
// frees segments, and half of it also for hard states.
func (s *segment) reserve() int64 { return min(16, s.size/blockBytes/16) * blockBytes }

// segmentReader reads a segment from front to back through one buffer.
type segmentReader struct {
	segment *segment
	start   int64 // offset of buffer[0]
	buffer  []byte
}

// readAheadBytes is what a segmentReader reads at least at once.
const readAheadBytes = 1 << 20

// at returns n bytes at offset, fewer at the end of the file. They are valid until the next call.
func (r *segmentReader) at(offset int64, n int) ([]byte, error) {
	if offset < r.start || offset+int64(n) > r.start+int64(len(r.buffer)) {
		want := min(max(int64(n), readAheadBytes), max(0, r.segment.size-offset))
		if int64(cap(r.buffer)) < want {
			r.buffer = make([]byte, want)
		}
		r.start, r.buffer = offset, r.buffer[:want]
		got, err := r.segment.file.ReadAt(r.buffer, offset)
		r.buffer = r.buffer[:got]
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read %s at %d: %w", r.segment.name, offset, err)
		}
	}
	from := offset - r.start
	return r.buffer[from:min(from+int64(n), int64(len(r.buffer)))], nil
}
