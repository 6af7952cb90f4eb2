package rpc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"chasqui/node/checksum"
)

// A connection starts with a hello of 8 bytes from the client, which the server answers with its own. The client
// sends nothing more before it has seen a good one, so that a refused connection has certainly not carried a request.
//
//	 0                        6          8
//	+------------------------+----------+
//	| "chqRPC"               | version  |
//	+------------------------+----------+
//
// After that each direction is a sequence of frames. Integers are big-endian. The length counts the bytes behind
// itself; the CRC-32C covers every byte of the frame but its own four, because network cards and memory do lie.
//
//	 0        4      5            13       15              19       23
//	+--------+------+------------+--------+---------------+--------+---------------+
//	| length | type | request id | method | remaining ms  | crc32c | body ...      |
//	+--------+------+------------+--------+---------------+--------+---------------+
//	  uint32   uint8  uint64       uint16   uint32          uint32
//
//	type       direction           method      remaining ms            body
//	request    client to server    the method  to the deadline, 0=none arguments
//	response   server to client    0           0                       result
//	error      server to client    the Code    0                       message, UTF-8
//	cancel     client to server    0           0                       none; the caller gave request id up
//	ping       both                0           0                       none; request id is 0
const (
	helloBytes  = 8
	headerBytes = 23
	// lengthBytes is the size of the length field, which the length does not count.
	lengthBytes = 4
	crcOffset   = 19
	// protocolVersion changes when a peer of the older version would misread a frame.
	protocolVersion = 1
	// bodyFirstBytes is how much is allocated for a body on the word of its header alone. A longer body's slice grows
	// as bytes arrive, so that a header which lies costs its sender as many bytes as it costs us. It is enough for a
	// replication batch of a MiB and what is around it, which are most of all bytes and need not be copied then.
	bodyFirstBytes = 1<<20 + 64<<10
)

type frameType uint8

const (
	frameRequest frameType = iota + 1
	frameResponse
	frameError
	frameCancel
	framePing
)

var (
	helloMagic = []byte("chqRPC")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// frame is one frame as it was read.
type frame struct {
	kind        frameType
	id          uint64
	method      uint16
	remainingMS uint32
	body        []byte // of its own, never shared; nil if empty
	bodySum     uint32 // its CRC-32C
}

// header is the first headerBytes bytes of a frame.
type header [headerBytes]byte

// Part is a part of a request's body.
type Part struct {
	Data []byte
	// Immutable says that Data is never changed, not even after the call has returned. It need not be copied then.
	Immutable bool
	// Checksum is the CRC-32C of Data, 0 if it is not known: then Data is read for it. It is not checked here. The peer
	// refuses a frame with a wrong one.
	Checksum uint32
}

// makeHeader returns the header of a frame whose body is these parts one after the other, checksum included.
func makeHeader(kind frameType, id uint64, method uint16, remainingMS uint32, body ...Part) header {
	var h header
	binary.BigEndian.PutUint32(h[0:], uint32(headerBytes-lengthBytes+totalBytes(body)))
	h[4] = byte(kind)
	binary.BigEndian.PutUint64(h[5:], id)
	binary.BigEndian.PutUint16(h[13:], method)
	binary.BigEndian.PutUint32(h[15:], remainingMS)
	binary.BigEndian.PutUint32(h[crcOffset:], frameChecksum(h[:], body...))
	return h
}

// frameChecksum covers the header up to the checksum's own place, and the body.
func frameChecksum(h []byte, body ...Part) uint32 {
	sum := crc32.Checksum(h[:crcOffset], castagnoli)
	for _, part := range body {
		if part.Checksum != 0 {
			sum = checksum.Combine(sum, part.Checksum, int64(len(part.Data)))
		} else {
			sum = crc32.Update(sum, castagnoli, part.Data)
		}
	}
	return sum
}

func totalBytes(parts []Part) int {
	n := 0
	for _, part := range parts {
		n += len(part.Data)
	}
	return n
}

// joined returns a body in one piece, a copy.
func joined(parts []Part) []byte {
	body := make([]byte, 0, totalBytes(parts))
	for _, part := range parts {
		body = append(body, part.Data...)
	}
	return body
}

// readFrame reads the next frame. A frame that is not one is an errBadFrame; io.EOF means the peer ended the stream
// between two frames, io.ErrUnexpectedEOF that it did within one.
func readFrame(r *bufio.Reader, maxFrameBytes int) (frame, error) {
	head, err := r.Peek(headerBytes)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	length := int64(binary.BigEndian.Uint32(head))
	f := frame{
		kind:        frameType(head[4]),
		id:          binary.BigEndian.Uint64(head[5:]),
		method:      binary.BigEndian.Uint16(head[13:]),
		remainingMS: binary.BigEndian.Uint32(head[15:]),
	}
	bodyBytes := length - (headerBytes - lengthBytes)
	switch {
	case bodyBytes < 0 || length+lengthBytes > int64(maxFrameBytes):
		return frame{}, fmt.Errorf("%w: length %d is not in [%d, %d]",
			errBadFrame, length, headerBytes-lengthBytes, maxFrameBytes-lengthBytes)
	case f.kind < frameRequest || f.kind > framePing:
		return frame{}, fmt.Errorf("%w: unknown type %d", errBadFrame, f.kind)
	case f.kind >= frameCancel && bodyBytes > 0:
		return frame{}, fmt.Errorf("%w: type %d with a body of %d bytes", errBadFrame, f.kind, bodyBytes)
	}
	want := binary.BigEndian.Uint32(head[crcOffset:])
	headSum := crc32.Checksum(head[:crcOffset], castagnoli)
	if _, err := r.Discard(headerBytes); err != nil { // invalidates head
		return frame{}, err
	}
	if f.body, err = readBody(r, int(bodyBytes)); err != nil {
		return frame{}, err
	}
	f.bodySum = crc32.Checksum(f.body, castagnoli)
	if crc := checksum.Combine(headSum, f.bodySum, bodyBytes); crc != want {
		return frame{}, fmt.Errorf("%w: checksum is %08x, the frame says %08x", errBadFrame, crc, want)
	}
	return f, nil
}

// readBody reads n bytes into a slice of its own.
func readBody(r io.Reader, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	body := make([]byte, min(n, bodyFirstBytes))
	for have := 0; ; {
		read, err := io.ReadFull(r, body[have:])
		have += read
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if have == n {
			return body, nil
		}
		grown := make([]byte, min(n, 2*have))
		copy(grown, body)
		body = grown
	}
}

// hello returns the bytes that either end of a connection sends first.
func hello() []byte {
	return binary.BigEndian.AppendUint16(bytes.Clone(helloMagic), protocolVersion)
}

// readHello reads and checks the peer's hello. It returns errForeignPeer or errVersion for a peer that cannot be
// talked to.
func readHello(r io.Reader) error {
	var got [helloBytes]byte
	if n, err := io.ReadFull(r, got[:]); err != nil {
		return fmt.Errorf("read hello: %d of %d bytes: %w", n, helloBytes, err)
	}
	if !bytes.Equal(got[:len(helloMagic)], helloMagic) {
		return fmt.Errorf("%w: it began with %q%s", errForeignPeer, got[:], guessProtocol(got[:]))
	}
	if version := binary.BigEndian.Uint16(got[len(helloMagic):]); version != protocolVersion {
		return fmt.Errorf("%w: theirs is %d, ours is %d", errVersion, version, protocolVersion)
	}
	return nil
}

// guessProtocol returns words for the log that help whoever pointed the wrong program at this port.
func guessProtocol(first []byte) string {
	for _, method := range []string{"GET ", "POST ", "PUT ", "HEAD ", "OPTIONS ", "DELETE ", "PRI * HT", "HTTP/1."} {
		if bytes.HasPrefix(first, []byte(method)) {
			return ", which is HTTP: is this the wrong port?"
		}
	}
	if first[0] == 0x16 && first[1] == 0x03 {
		return ", which is TLS: is this the wrong port?"
	}
	return ""
}
