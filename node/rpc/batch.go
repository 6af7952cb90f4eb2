package rpc

import "net"

const (
	// sharedBytesMin is the length from which an immutable part is written from where it lies: copying it costs more than
	// one more piece in a system call.
	sharedBytesMin = 4 << 10
	// keepBufferBytes is the largest buffer of a batch that is kept for reuse; a larger one was for a burst.
	keepBufferBytes = 4 << 20
)

// batch is a run of the stream that is written at once: bytes that were copied into it, and large parts between them that
// were not. The zero value is empty.
type batch struct {
	copied []byte
	shared []sharedPart // in the order of the stream
	length int          // bytes of both
}

// sharedPart comes in the stream before the copied byte at position before.
type sharedPart struct {
	before int
	data   []byte
}

// add appends a part. Unless it is immutable, its bytes are copied.
func (b *batch) add(p Part) {
	if !p.Immutable || len(p.Data) < sharedBytesMin {
		b.copy(p.Data)
		return
	}
	b.shared = append(b.shared, sharedPart{len(b.copied), p.Data})
	b.length += len(p.Data)
}

// copy appends a copy of p.
func (b *batch) copy(p []byte) {
	b.copied = append(b.copied, p...)
	b.length += len(p)
}

// write writes the batch: on TCP in one system call, if the kernel takes it all.
func (b *batch) write(conn net.Conn) error {
	if len(b.shared) == 0 {
		_, err := conn.Write(b.copied)
		return err
	}
	pieces := make(net.Buffers, 0, 2*len(b.shared)+1)
	from := 0
	for _, s := range b.shared {
		pieces = append(pieces, b.copied[from:s.before], s.data)
		from = s.before
	}
	if from < len(b.copied) {
		pieces = append(pieces, b.copied[from:])
	}
	_, err := pieces.WriteTo(conn)
	return err
}

// emptied returns an empty batch with the memory of this one, as far as it is worth keeping.
func (b *batch) emptied() batch {
	clear(b.shared) // what they refer to may be collected
	empty := batch{shared: b.shared[:0]}
	if cap(b.copied) <= keepBufferBytes {
		empty.copied = b.copied[:0]
	}
	return empty
}
