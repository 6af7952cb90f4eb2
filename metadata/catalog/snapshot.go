package catalog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"chasqui/metadata/codec"
	"chasqui/node/rpc"

	"github.com/google/btree"
	"github.com/vmihailenco/msgpack/v5"
)

// A snapshot is a list of frames between a magic word and a checksum. Integers are little-endian.
//
//	+----------+-------------------+-------------------+-----+-----------------+----------+
//	| magic    | frame: header     | frame: record     | ... | frame: end      | CRC-32C  |
//	| 8 bytes  |                   |                   |     |                 | 4 bytes  |
//	+----------+-------------------+-------------------+-----+-----------------+----------+
//
//	frame:   | type (1 byte) | length of record (4 bytes) | record (msgpack) |
//	header:  [nowMs, last version, last queue id, cluster version, last request number]
//	records: hosts by id, assignment, queues by account and name, tombstones by when they are forgotten, requests by age
//	end:     [number of frames before it]
//
// The checksum covers all bytes before it. The last character of the magic word is the format's version. Version 1, whose
// records had less in them, can still be read: each record says by the number of its fields what it has.
const (
	snapshotMagic       = "CQCATLG2"
	oldestSnapshotMagic = "CQCATLG1"

	frameHeader     = 1
	frameHost       = 2
	frameAssignment = 3
	frameQueue      = 4
	frameTombstone  = 5
	frameRequest    = 6
	frameEnd        = 255

	frameHeadBytes   = 5
	recordBytesMax   = 1 << 20 // the largest record, a remembered result, is below 250 KiB
	headerFields     = 5
	requestFields    = 4
	snapshotBuffer   = 64 << 10
	snapshotCRCBytes = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errReleased is WriteTo's answer after Release.
var errReleased = errors.New("catalog snapshot was released")

// Snapshot is the catalog's state at one moment. WriteTo may run while the catalog goes on.
type Snapshot struct {
	state *Catalog // a clone that nothing changes; nil after Release
}

// Snapshot captures the state in constant time.
func (c *Catalog) Snapshot() *Snapshot {
	clone := *c
	clone.queues = c.queues.Clone()
	clone.tombstones = c.tombstones.Clone()
	clone.hosts = c.hosts.Clone()
	clone.requests.byAge = c.requests.byAge.Clone()
	clone.deleted, clone.requests.byID, clone.slotLoad = nil, nil, nil // Restore finds them again
	return &Snapshot{state: &clone}
}

// Release lets go of the memory that the snapshot keeps. It must not be called while WriteTo runs.
func (s *Snapshot) Release() { s.state = nil }

// WriteTo writes the snapshot and returns the bytes written.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	if s.state == nil {
		return 0, errReleased
	}
	f := &frameWriter{buffer: bufio.NewWriterSize(w, snapshotBuffer), crc: crc32.New(castagnoli)}
	f.write([]byte(snapshotMagic))
	c := s.state
	f.frame(frameHeader, (*header)(c))
	writeTree(f, frameHost, c.hosts, func(h *Host) msgpack.CustomEncoder { return h })
	if c.assignment != nil {
		f.frame(frameAssignment, &c.assignment)
	}
	writeTree(f, frameQueue, c.queues, func(q *Queue) msgpack.CustomEncoder { return q })
	writeTree(f, frameTombstone, c.tombstones, func(t *Tombstone) msgpack.CustomEncoder { return t })
	writeTree(f, frameRequest, c.requests.byAge, func(r *request) msgpack.CustomEncoder { return r })
	f.frame(frameEnd, (*frameCount)(&f.frames))
	f.write(binary.LittleEndian.AppendUint32(nil, f.crc.Sum32()))
	if f.err == nil {
		f.err = f.buffer.Flush()
	}
	if f.err != nil {
		return f.written, fmt.Errorf("write catalog snapshot: %w", f.err)
	}
	return f.written, nil
}

// frameWriter writes frames and remembers the first error.
type frameWriter struct {
	buffer  *bufio.Writer
	crc     hash.Hash32
	frames  uint64
	written int64
	err     error
}

func writeTree[T any](f *frameWriter, kind byte, tree *btree.BTreeG[T], record func(T) msgpack.CustomEncoder) {
	tree.Ascend(func(item T) bool {
		f.frame(kind, record(item))
		return f.err == nil
	})
}

func (f *frameWriter) frame(kind byte, record msgpack.CustomEncoder) {
	b := rpc.Encode(record)
	if f.err == nil && len(b) > recordBytesMax {
		f.err = fmt.Errorf("record of type %d has %d bytes, at most %d can be read", kind, len(b), recordBytesMax)
	}
	head := [frameHeadBytes]byte{kind}
	binary.LittleEndian.PutUint32(head[1:], uint32(len(b)))
	f.write(head[:])
	f.write(b)
	f.frames++
}

func (f *frameWriter) write(b []byte) {
	if f.err != nil {
		return
	}
	f.crc.Write(b) // a hash never returns an error
	var n int
	n, f.err = f.buffer.Write(b)
	f.written += int64(n)
}

// Restore replaces the state by what Snapshot.WriteTo wrote. After an error the catalog is as it was before.
func (c *Catalog) Restore(r io.Reader) error {
	next := New()
	if err := next.read(&frameReader{source: bufio.NewReaderSize(r, snapshotBuffer), crc: crc32.New(castagnoli)}); err != nil {
		return fmt.Errorf("read catalog snapshot: %w", err)
	}
	*c = *next
	return nil
}

func (c *Catalog) read(f *frameReader) error {
	magic := make([]byte, len(snapshotMagic))
	if err := f.fill(magic); err != nil {
		return err
	}
	if string(magic) != snapshotMagic && string(magic) != oldestSnapshotMagic {
		return fmt.Errorf("it begins with %q, this program reads %q and %q", magic, snapshotMagic, oldestSnapshotMagic)
	}
	for {
		kind, record, err := f.next()
		if err != nil {
			return err
		}
		if kind == frameEnd {
			return f.end(record)
		}
		if (f.frames == 1) != (kind == frameHeader) {
			return fmt.Errorf("frame %d has type %d: the header must be the first frame and no other", f.frames, kind)
		}
		if err := c.readRecord(kind, record); err != nil {
			return fmt.Errorf("frame %d of type %d: %w", f.frames, kind, err)
		}
	}
}

func (c *Catalog) readRecord(kind byte, record []byte) error {
	switch kind {
	case frameHeader:
		return rpc.Decode(record, (*header)(c))
	case frameHost:
		return readInto(record, new(Host), func(h *Host) { c.hosts.ReplaceOrInsert(h) })
	case frameAssignment:
		if err := rpc.Decode(record, &c.assignment); err != nil {
			return err
		}
		c.slotLoad = make([]int, len(c.assignment))
		return c.assignment.validate()
	case frameQueue:
		q := new(Queue)
		if err := rpc.Decode(record, q); err != nil {
			return err
		}
		if err := c.checkSlots(q); err != nil {
			return err
		}
		c.queues.ReplaceOrInsert(q)
		c.addLoad(q.Slots, 1)
		return nil
	case frameTombstone:
		t := new(Tombstone)
		if err := rpc.Decode(record, t); err != nil {
			return err
		}
		if err := c.checkSlots(t.Queue); err != nil { // it may be restored
			return err
		}
		c.addTombstone(t)
		return nil
	case frameRequest:
		return readInto(record, &request{result: new(Result)}, c.requests.add)
	default:
		return errors.New("unknown type")
	}
}

func (c *Catalog) checkSlots(q *Queue) error {
	for _, slot := range q.Slots {
		if int(slot) >= len(c.slotLoad) {
			return fmt.Errorf("queue %d lives in slot %d, there are %d slots", q.ID, slot, len(c.slotLoad))
		}
	}
	return nil
}

// readInto decodes a record and hands it on.
func readInto[T msgpack.CustomDecoder](b []byte, record T, add func(T)) error {
	if err := rpc.Decode(b, record); err != nil {
		return err
	}
	add(record)
	return nil
}

// frameReader reads frames and sums their bytes.
type frameReader struct {
	source *bufio.Reader
	crc    hash.Hash32
	frames uint64
}

func (f *frameReader) fill(b []byte) error {
	if _, err := io.ReadFull(f.source, b); err != nil {
		return err
	}
	f.crc.Write(b) // a hash never returns an error
	return nil
}

func (f *frameReader) next() (kind byte, record []byte, err error) {
	var head [frameHeadBytes]byte
	if err := f.fill(head[:]); err != nil {
		return 0, nil, fmt.Errorf("frame %d: %w", f.frames+1, err)
	}
	length := binary.LittleEndian.Uint32(head[1:])
	if length > recordBytesMax {
		return 0, nil, fmt.Errorf("frame %d claims %d bytes, at most %d are allowed", f.frames+1, length, recordBytesMax)
	}
	record = make([]byte, length)
	if err := f.fill(record); err != nil {
		return 0, nil, fmt.Errorf("frame %d: %w", f.frames+1, err)
	}
	f.frames++
	return head[0], record, nil
}

// end checks the count of frames, the checksum, and that nothing follows.
func (f *frameReader) end(record []byte) error {
	var count frameCount
	if err := rpc.Decode(record, &count); err != nil {
		return err
	}
	if uint64(count) != f.frames-1 {
		return fmt.Errorf("%d frames were written and %d are there", count, f.frames-1)
	}
	want := f.crc.Sum32()
	var sum [snapshotCRCBytes]byte
	if _, err := io.ReadFull(f.source, sum[:]); err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	if got := binary.LittleEndian.Uint32(sum[:]); got != want {
		return fmt.Errorf("checksum is %08x, the bytes give %08x", got, want)
	}
	if _, err := f.source.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("bytes follow its end")
	}
	return nil
}

// header encodes the catalog's numbers.
type header Catalog

func (h *header) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(headerFields)
	w.Int(h.nowMs)
	w.Uint(h.lastVersion)
	w.Uint(h.lastQueueID)
	w.Uint(h.clusterVersion)
	w.Uint(h.requests.last)
	return w.Err()
}

func (h *header) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(headerFields)
	h.nowMs = r.Int()
	h.lastVersion = r.Uint()
	h.lastQueueID = r.Uint()
	h.clusterVersion = r.Uint()
	h.requests.last = r.Uint()
	return r.Err()
}

// frameCount encodes the number of frames.
type frameCount uint64

func (n *frameCount) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeUint(uint64(*n)) }

func (n *frameCount) DecodeMsgpack(d *msgpack.Decoder) error {
	v, err := d.DecodeUint64()
	*n = frameCount(v)
	return err
}

// EncodeMsgpack writes a remembered request.
func (r *request) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(requestFields)
	w.Bytes(r.id[:])
	w.Uint(r.number)
	w.Int(r.appliedMs)
	w.Record(r.result)
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote; result must not be nil.
func (r *request) DecodeMsgpack(d *msgpack.Decoder) error {
	reader := codec.NewReader(d)
	reader.Fields(requestFields)
	reader.Fixed(r.id[:])
	r.number = reader.Uint()
	r.appliedMs = reader.Int()
	reader.Record(r.result)
	return reader.Err()
}
