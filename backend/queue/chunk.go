package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"chasqui/node/checksum"
	"chasqui/node/rpc"
)

// A snapshot is a stream of records, cut into chunks that are checked one by one, so that no byte is believed, and no
// memory allocated for it, before its checksum has been verified.
//
//	header    magic "chqslot\n" (8) | version (4) | CRC (4) of these 12 bytes
//	chunk     length n > 0 (4) | n bytes of the record stream | CRC (4) of length and bytes
//	...
//	trailer   length 0 (4) | record count (8) | CRC (4) of the whole record stream | CRC (4) of these 16 bytes
//
// Numbers are little-endian; CRC is CRC-32C. A record may go over the end of a chunk. A stream without a trailer was
// cut off, and bytes after the trailer are an error too.
const (
	snapshotMagic = "chqslot\n"
	// snapshotVersion is written, and those from oldestSnapshotVersion on are read; snapshot.go says what they lack.
	snapshotVersion       = 3
	oldestSnapshotVersion = 1
	// chunkBytes is the size of every chunk but the last; maxChunkBytes what a reader accepts.
	chunkBytes    = 256 << 10
	maxChunkBytes = 1 << 20
)

// ErrBadSnapshot means a snapshot is cut off, damaged, or of a version this program does not know.
var ErrBadSnapshot = errors.New("bad snapshot")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// chunkWriter writes the chunks around a record stream. A record is encoded behind the one before it, where it is written
// from; what of it goes over the end of a chunk becomes the start of the next.
type chunkWriter struct {
	to io.Writer
	// stream is 4 bytes of room for a chunk's length, and what has not been written of the record stream.
	stream []byte
	// record encodes records into the memory of stream.
	record  *rpc.Writer
	records uint64
	total   uint32 // CRC of the record stream as far as it has been written
	written int64
	err     error
}

// lengthBytes is how much room a record's length gets before it is known: it is right for records of 128 bytes to 16 KiB,
// and others are moved.
const lengthBytes = 2

// newChunkWriter writes the header. Errors are kept until finish.
func newChunkWriter(to io.Writer) *chunkWriter {
	w := &chunkWriter{to: to, stream: make([]byte, 4, 4+2*chunkBytes), record: rpc.NewWriter()}
	header := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), snapshotVersion)
	w.write(appendCRC(header))
	return w
}

// add adds one record: its length as a varint, then the bytes that encode writes.
func (w *chunkWriter) add(encode func(*rpc.Writer)) {
	if w.err != nil {
		return
	}
	at := len(w.stream)
	w.record.Reset(append(w.stream, make([]byte, lengthBytes)...))
	encode(w.record)
	size := w.record.Len() - at - lengthBytes
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(size))
	w.stream = slices.Replace(w.record.Body(), at, at+lengthBytes, length[:n]...)
	w.records++
	if len(w.stream) >= 4+chunkBytes {
		w.writeFull()
	}
}

// writeFull writes the chunks that are full.
func (w *chunkWriter) writeFull() {
	at := 0
	for ; len(w.stream)-at >= 4+chunkBytes; at += chunkBytes {
		w.writeChunk(w.stream[at:][:4+chunkBytes]) // its length takes the place of the end of the chunk before, which is written
	}
	w.stream = append(w.stream[:4], w.stream[at+4:]...)
}

// writeChunk writes a chunk that has room for its length in front.
func (w *chunkWriter) writeChunk(chunk []byte) {
	data := chunk[4:]
	binary.LittleEndian.PutUint32(chunk, uint32(len(data)))
	sum, size := crc32.Checksum(data, castagnoli), int64(len(data))
	w.total = checksum.Combine(w.total, sum, size)
	sum = checksum.Combine(crc32.Checksum(chunk[:4], castagnoli), sum, size)
	w.write(chunk)
	w.write(binary.LittleEndian.AppendUint32(nil, sum))
}

// finish writes what is left and the trailer. It returns the number of bytes written and the first error.
func (w *chunkWriter) finish() (int64, error) {
	if len(w.stream) > 4 {
		w.writeChunk(w.stream)
	}
	w.record.Discard()
	trailer := binary.LittleEndian.AppendUint32(nil, 0)
	trailer = binary.LittleEndian.AppendUint64(trailer, w.records)
	trailer = binary.LittleEndian.AppendUint32(trailer, w.total)
	w.write(appendCRC(trailer))
	return w.written, w.err
}

func (w *chunkWriter) write(data []byte) {
	if w.err != nil {
		return
	}
	n, err := w.to.Write(data)
	w.written += int64(n)
	if err != nil {
		w.err = fmt.Errorf("writing snapshot after %d bytes: %w", w.written, err)
	}
}

func appendCRC(data []byte) []byte {
	return binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

// chunkReader reads what chunkWriter wrote.
type chunkReader struct {
	from io.Reader
	// rest is what has not been read yet of the current chunk, which is kept in buffer.
	rest, buffer []byte
	// record is the record that was read last, if it goes over the end of a chunk.
	record  []byte
	records uint64
	total   uint32 // CRC of the record stream as far as it has been read
	ended   bool
}

// newChunkReader reads and checks the header.
func newChunkReader(from io.Reader) (*chunkReader, error) {
	r := &chunkReader{from: from}
	header, _, err := r.checked(nil, len(snapshotMagic)+4, "header")
	if err != nil {
		return nil, err
	}
	if magic := string(header[:len(snapshotMagic)]); magic != snapshotMagic {
		return nil, fmt.Errorf("%w: begins with %q, not %q", ErrBadSnapshot, magic, snapshotMagic)
	}
	if version := binary.LittleEndian.Uint32(header[len(snapshotMagic):]); version < oldestSnapshotVersion || version > snapshotVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads versions %d to %d", ErrBadSnapshot, version, oldestSnapshotVersion, snapshotVersion)
	}
	return r, nil
}

// next returns the next record, valid until the next call, or io.EOF after a good trailer.
func (r *chunkReader) next(maxBytes int) ([]byte, error) {
	if len(r.rest) == 0 {
		if err := r.fill(); err != nil {
			return nil, err
		}
		if r.ended {
			return nil, io.EOF
		}
	}
	size, err := r.length()
	if err != nil {
		return nil, err
	}
	if size > uint64(maxBytes) {
		return nil, fmt.Errorf("%w: record %d of %d bytes, at most %d", ErrBadSnapshot, r.records, size, maxBytes)
	}
	var record []byte
	if size <= uint64(len(r.rest)) {
		record, r.rest = r.rest[:size], r.rest[size:]
	} else {
		r.record = slices.Grow(r.record[:0], int(size))[:size]
		record = r.record
		if err := r.read(record); err != nil {
			return nil, err
		}
	}
	r.records++
	return record, nil
}

// length reads a record's length. Its bytes may be spread over two chunks.
func (r *chunkReader) length() (uint64, error) {
	var encoded [binary.MaxVarintLen64]byte
	for i := range encoded {
		if err := r.read(encoded[i : i+1]); err != nil {
			return 0, err
		}
		if encoded[i] < 0x80 {
			if size, n := binary.Uvarint(encoded[:i+1]); n > 0 {
				return size, nil
			}
			break
		}
	}
	return 0, fmt.Errorf("%w: record %d has a length of more than 64 bits", ErrBadSnapshot, r.records)
}

// read fills data from the record stream.
func (r *chunkReader) read(data []byte) error {
	for len(data) > 0 {
		if len(r.rest) == 0 {
			if err := r.fill(); err != nil {
				return err
			}
			if r.ended {
				return fmt.Errorf("%w: the stream ends inside record %d", ErrBadSnapshot, r.records)
			}
		}
		n := copy(data, r.rest)
		data, r.rest = data[n:], r.rest[n:]
	}
	return nil
}

// fill reads and checks the next chunk, or the trailer.
func (r *chunkReader) fill() error {
	var length [4]byte
	if _, err := io.ReadFull(r.from, length[:]); err != nil {
		return fmt.Errorf("%w: cut off after %d records: %w", ErrBadSnapshot, r.records, err)
	}
	size := binary.LittleEndian.Uint32(length[:])
	if size == 0 {
		return r.finish(length[:])
	}
	if size > maxChunkBytes {
		return fmt.Errorf("%w: chunk of %d bytes, at most %d", ErrBadSnapshot, size, maxChunkBytes)
	}
	chunk, sum, err := r.checked(length[:], int(size), "chunk")
	if err != nil {
		return err
	}
	r.rest = chunk
	r.total = checksum.Combine(r.total, sum, int64(size))
	return nil
}

// finish checks the trailer.
func (r *chunkReader) finish(length []byte) error {
	trailer, _, err := r.checked(length, 12, "trailer")
	if err != nil {
		return err
	}
	if records := binary.LittleEndian.Uint64(trailer); records != r.records {
		return fmt.Errorf("%w: %d records, the trailer says %d", ErrBadSnapshot, r.records, records)
	}
	if total := binary.LittleEndian.Uint32(trailer[8:]); total != r.total {
		return fmt.Errorf("%w: record stream has CRC %08x, the trailer says %08x", ErrBadSnapshot, r.total, total)
	}
	var after [1]byte
	if _, err := io.ReadFull(r.from, after[:]); !errors.Is(err, io.EOF) {
		if err == nil {
			return fmt.Errorf("%w: bytes after the trailer", ErrBadSnapshot)
		}
		return fmt.Errorf("reading the end of a snapshot: %w", err)
	}
	r.ended = true
	return nil
}

// checked reads size bytes and the CRC of prefix and these bytes. The result, the bytes and the CRC of them alone, is valid
// until the next call.
func (r *chunkReader) checked(prefix []byte, size int, what string) ([]byte, uint32, error) {
	if cap(r.buffer) < size+4 {
		r.buffer = make([]byte, size+4)
	}
	data := r.buffer[:size+4]
	if _, err := io.ReadFull(r.from, data); err != nil {
		return nil, 0, fmt.Errorf("%w: cut off in a %s after %d records: %w", ErrBadSnapshot, what, r.records, err)
	}
	own := crc32.Checksum(data[:size], castagnoli)
	sum := checksum.Combine(crc32.Checksum(prefix, castagnoli), own, int64(size))
	if want := binary.LittleEndian.Uint32(data[size:]); sum != want {
		return nil, 0, fmt.Errorf("%w: %s after %d records has CRC %08x, want %08x", ErrBadSnapshot, what, r.records, sum, want)
	}
	return data[:size], own, nil
}
