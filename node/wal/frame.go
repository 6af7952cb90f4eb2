package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"chasqui/node/checksum"
)

// A frame is what one write puts on disk, and one sync makes durable: everything that was waiting for the writer.
// Frames lie one behind the other, each on a multiple of 4096 bytes, zeros between them. Numbers are little-endian.
//
//	frame    0         4       6         8       16       24         32         36       40       44         48
//	         | magic   | vers. | records | seg-  | offset | sequence | previous | length | CRC of | CRC of   | records ...
//	         | "CHQF"  | 1     |         | ment  |        |          |          |        | records| 0..43    |
//
//	record   0      1       2  4       8       16     24           32       36      40
//	         | kind | entry |  | group | index | term | appended   | length | CRC   | data ...
//	         |      | kind  |0 |       |       |      | at         |        |       |
//
// segment and offset say where the frame belongs, so that a frame written to the wrong place, or left over from the
// file's earlier life under another segment id, does not verify. sequence counts the frames of the whole journal and
// previous is the header CRC of the frame before: a frame verifies only as the successor of that very frame. A
// record's CRC starts with its segment and offset (not stored again) and covers its header and data, so that one entry
// can be read and verified alone. Every CRC is a CRC-32C that starts from the journal's random id, which nobody who
// chooses the data of an entry can know: bytes inside an entry never pass for a frame.
const (
	frameMagic        = 0x46514843 // "CHQF"
	formatVersion     = 1
	frameHeaderBytes  = 48
	recordHeaderBytes = 40
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordKind says what a record does to its group. The values are part of the format.
type recordKind uint8

const (
	// kindEntry appends an entry.
	kindEntry recordKind = 1
	// kindHardState replaces the hard state: term is the term, index the term of the vote, data who got it.
	kindHardState recordKind = 2
	// kindTruncateAfter removes every entry above index.
	kindTruncateAfter recordKind = 3
	// kindCompactTo removes every entry up to index.
	kindCompactTo recordKind = 4
	// kindReset removes every entry.
	kindReset recordKind = 5
	// kindRelocated is a copy of an entry whose segment is about to be freed. It changes where the entry lies, and
	// nothing else; if the group does not hold the entry any more it means nothing.
	kindRelocated recordKind = 6
	// kindSeal begins every segment and closes the one before: index is that segment's id (0: there is none), appended
	// at its exact end, term the sequence and group the header CRC of its last frame.
	kindSeal recordKind = 7
	// kindBounds tells a group's first (index) and last entry (term) at the beginning of a segment; 0, 0 when empty.
	kindBounds recordKind = 8
)

// record is one record of a frame. data may alias the frame it was read from.
type record struct {
	kind       recordKind
	entryKind  uint8
	group      uint32
	index      uint64
	term       uint64
	appendedAt int64
	data       []byte
	checksum   uint32 // CRC of the data alone, from 0; 0 if it is not known. Not stored.
}

// frameHeader is the fixed part of a frame.
type frameHeader struct {
	records  uint16
	segment  uint64
	offset   uint64
	sequence uint64
	previous uint32
	length   uint32 // bytes of records
	payload  uint32 // CRC of the records
	own      uint32 // CRC of the fields above, which the next frame repeats as previous
}

// recordsPerFrameMax is what the header's count can say.
const recordsPerFrameMax = 1<<16 - 1

// alignUp rounds a length up to whole blocks.
func alignUp[T int | int64](n T) T { return (n + blockBytes - 1) / blockBytes * blockBytes }

// saltOf returns the value that every CRC of a journal starts from.
func saltOf(journal [journalIDBytes]byte) uint32 { return crc32.Checksum(journal[:], castagnoli) }

// recordCRC covers the place of a record and everything in it but the CRC itself.
func recordCRC(salt uint32, segment, offset uint64, header, data []byte) uint32 {
	return crc32.Update(headCRC(salt, segment, offset, header), castagnoli, data)
}

// headCRC is a record's CRC as far as the record's data.
func headCRC(salt uint32, segment, offset uint64, header []byte) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[0:], segment)
	binary.LittleEndian.PutUint64(place[8:], offset)
	crc := crc32.Update(salt, castagnoli, place[:])
	return crc32.Update(crc, castagnoli, header[:36])
}

// copyPieceBytes is how much data is read for its CRC and then copied, while the processor's nearest cache has it.
const copyPieceBytes = 16 << 10

// frame collects records and becomes the bytes of one write. Its buffers are used again for the next frame.
type frame struct {
	salt    uint32
	header  frameHeader // its CRC of the records is that of those added so far
	room    int         // bytes left in the segment at the frame's offset
	bound   int         // bytes that further records may fill; the first one may fill the room
	buffer  []byte
	records []placedRecord
}

// placedRecord is a record and where it lies.
type placedRecord struct {
	record
	at position
}

// begin empties the frame for a place in a segment.
func (f *frame) begin(header frameHeader, room, bound int) {
	f.header, f.room, f.bound = header, room, bound
	f.header.payload = f.salt
	f.buffer = append(f.buffer[:0], make([]byte, frameHeaderBytes)...)
	clear(f.records) // entries' data may be collected
	f.records = f.records[:0]
}

// fits tells whether a record with n bytes of data can be added.
func (f *frame) fits(n int) bool {
	size := len(f.buffer) + recordHeaderBytes + n
	if len(f.records) == 0 {
		return size <= f.room
	}
	return size <= f.room && size <= f.bound && len(f.records) < recordsPerFrameMax
}

// add appends a record that fits.
func (f *frame) add(r record) {
	start := len(f.buffer)
	offset := f.header.offset + uint64(start)
	var h [recordHeaderBytes]byte
	h[0], h[1] = byte(r.kind), r.entryKind
	binary.LittleEndian.PutUint32(h[4:], r.group)
	binary.LittleEndian.PutUint64(h[8:], r.index)
	binary.LittleEndian.PutUint64(h[16:], r.term)
	binary.LittleEndian.PutUint64(h[24:], uint64(r.appendedAt))
	binary.LittleEndian.PutUint32(h[32:], uint32(len(r.data)))
	f.buffer = append(f.buffer, h[:]...)
	data, length := f.copyData(r), int64(len(r.data))
	own := checksum.Combine(headCRC(f.salt, f.header.segment, offset, h[:]), data, length)
	binary.LittleEndian.PutUint32(f.buffer[start+36:], own)
	head := crc32.Update(f.header.payload, castagnoli, f.buffer[start:start+recordHeaderBytes])
	f.header.payload = checksum.Combine(head, data, length)
	at := position{segment: f.header.segment, offset: uint32(offset), length: uint32(len(r.data))}
	f.records = append(f.records, placedRecord{record: r, at: at})
}

// copyData appends a record's data to the buffer and returns the data's own CRC, which both CRCs that cover it are combined
// from. If it has to be computed, that is done piece by piece: so a large entry comes from memory once.
func (f *frame) copyData(r record) (crc uint32) {
	if r.checksum != 0 {
		f.buffer = append(f.buffer, r.data...)
		return r.checksum
	}
	f.buffer = slices.Grow(f.buffer, len(r.data))
	for piece := range slices.Chunk(r.data, copyPieceBytes) {
		crc = crc32.Update(crc, castagnoli, piece)
		f.buffer = append(f.buffer, piece...)
	}
	return crc
}

// finish returns the frame's bytes, whole blocks, and the CRC of its header. They are valid until the next begin.
func (f *frame) finish() ([]byte, uint32) {
	h := f.buffer[:frameHeaderBytes]
	binary.LittleEndian.PutUint32(h[0:], frameMagic)
	binary.LittleEndian.PutUint16(h[4:], formatVersion)
	binary.LittleEndian.PutUint16(h[6:], uint16(len(f.records)))
	binary.LittleEndian.PutUint64(h[8:], f.header.segment)
	binary.LittleEndian.PutUint64(h[16:], f.header.offset)
	binary.LittleEndian.PutUint64(h[24:], f.header.sequence)
	binary.LittleEndian.PutUint32(h[32:], f.header.previous)
	binary.LittleEndian.PutUint32(h[36:], uint32(len(f.buffer)-frameHeaderBytes))
	binary.LittleEndian.PutUint32(h[40:], f.header.payload)
	own := crc32.Update(f.salt, castagnoli, h[:44])
	binary.LittleEndian.PutUint32(h[44:], own)
	var zeros [blockBytes]byte
	f.buffer = append(f.buffer, zeros[:alignUp(len(f.buffer))-len(f.buffer)]...)
	return f.buffer, own
}

// decodeFrameHeader reads a frame header that must belong at the given place. The error says what is wrong; it is nil
// only if every field is what a writer of this journal wrote there.
func decodeFrameHeader(salt uint32, segment, offset uint64, b []byte) (frameHeader, error) {
	if len(b) < frameHeaderBytes {
		return frameHeader{}, fmt.Errorf("frame header has %d bytes", len(b))
	}
	h := frameHeader{
		records:  binary.LittleEndian.Uint16(b[6:]),
		segment:  binary.LittleEndian.Uint64(b[8:]),
		offset:   binary.LittleEndian.Uint64(b[16:]),
		sequence: binary.LittleEndian.Uint64(b[24:]),
		previous: binary.LittleEndian.Uint32(b[32:]),
		length:   binary.LittleEndian.Uint32(b[36:]),
		payload:  binary.LittleEndian.Uint32(b[40:]),
		own:      binary.LittleEndian.Uint32(b[44:]),
	}
	switch magic, version := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]); {
	case magic != frameMagic:
		return h, fmt.Errorf("no frame begins here (magic %#x)", magic)
	case crc32.Update(salt, castagnoli, b[:44]) != h.own:
		return h, fmt.Errorf("frame header CRC %#x does not match", h.own)
	case version != formatVersion:
		return h, fmt.Errorf("frame format version %d, want %d", version, formatVersion)
	case h.segment != segment || h.offset != offset:
		return h, fmt.Errorf("frame belongs to segment %d offset %d", h.segment, h.offset)
	}
	return h, nil
}

// looksLikeFrame tells whether b says of itself that it is a frame of this place, whatever its CRC. It serves where
// the journal's id is lost and no CRC can be checked.
func looksLikeFrame(segment, offset uint64, b []byte) bool {
	return len(b) >= frameHeaderBytes && binary.LittleEndian.Uint32(b) == frameMagic &&
		binary.LittleEndian.Uint64(b[8:]) == segment && binary.LittleEndian.Uint64(b[16:]) == offset
}

// verify checks the bytes of a frame's records against its header.
func (h frameHeader) verify(salt uint32, payload []byte) error {
	if crc := crc32.Update(salt, castagnoli, payload); crc != h.payload {
		return fmt.Errorf("frame %d: CRC of its records is %#x, want %#x", h.sequence, crc, h.payload)
	}
	return nil
}

// bytes returns what the frame takes of its segment.
func (h frameHeader) bytes() int64 { return alignUp(frameHeaderBytes + int64(h.length)) }

// decodeRecords passes each record of a verified frame to visit. data aliases payload.
func decodeRecords(salt uint32, h frameHeader, payload []byte, visit func(r record, at position) error) error {
	offset := h.offset + frameHeaderBytes
	for range h.records {
		r, err := decodeRecord(salt, h.segment, offset, payload)
		if err != nil {
			return fmt.Errorf("frame %d: %w", h.sequence, err)
		}
		at := position{segment: h.segment, offset: uint32(offset), length: uint32(len(r.data))}
		if err := visit(r, at); err != nil {
			return fmt.Errorf("frame %d: %w", h.sequence, err)
		}
		payload = payload[recordHeaderBytes+len(r.data):]
		offset += uint64(recordHeaderBytes + len(r.data))
	}
	if len(payload) != 0 {
		return fmt.Errorf("frame %d: %d bytes behind its last record", h.sequence, len(payload))
	}
	return nil
}

// decodeRecord reads the record at the beginning of b, which lies at offset of the segment.
func decodeRecord(salt uint32, segment, offset uint64, b []byte) (record, error) {
	if len(b) < recordHeaderBytes {
		return record{}, fmt.Errorf("record at offset %d is cut after %d bytes", offset, len(b))
	}
	r := record{
		kind:       recordKind(b[0]),
		entryKind:  b[1],
		group:      binary.LittleEndian.Uint32(b[4:]),
		index:      binary.LittleEndian.Uint64(b[8:]),
		term:       binary.LittleEndian.Uint64(b[16:]),
		appendedAt: int64(binary.LittleEndian.Uint64(b[24:])),
	}
	length := int64(binary.LittleEndian.Uint32(b[32:]))
	if length > int64(len(b)-recordHeaderBytes) {
		return record{}, fmt.Errorf("record at offset %d: length %d, only %d bytes follow", offset, length, len(b)-recordHeaderBytes)
	}
	r.data = b[recordHeaderBytes : recordHeaderBytes+length]
	stored := binary.LittleEndian.Uint32(b[36:])
	if crc := recordCRC(salt, segment, offset, b, r.data); crc != stored {
		return record{}, fmt.Errorf("record at offset %d: CRC is %#x, want %#x", offset, crc, stored)
	}
	return r, nil
}
