package nodetest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"chasqui/node"
)

// change is one write or truncate of a file since its last good sync.
type change struct {
	offset   int64  // where data goes; for a truncate, the new length
	data     []byte // nil for a truncate
	truncate bool
	state    state
}

// apply returns content with the change made.
func (c *change) apply(content []byte) []byte {
	if c.truncate {
		return resize(content, c.offset)
	}
	return overwrite(content, c.offset, c.data)
}

// overwrite returns content with data at offset, longer if need be; a hole reads as zero.
func overwrite(content []byte, offset int64, data []byte) []byte {
	if len(data) == 0 {
		return content
	}
	if end := offset + int64(len(data)); end > int64(len(content)) {
		content = resize(content, end)
	}
	copy(content[offset:], data)
	return content
}

// resize returns content cut or zero-filled to size.
func resize(content []byte, size int64) []byte {
	before := int64(len(content))
	if size <= before {
		return content[:size]
	}
	content = slices.Grow(content, int(size-before))[:size]
	clear(content[before:])
	return content
}

// record makes a change visible and remembers it until it is durable.
func (e *entry) record(c change) {
	e.data = c.apply(e.data)
	e.changes = append(e.changes, c)
	e.settleBytes()
}

// settleBytes moves the oldest changes into the durable bytes, up to the first that is not durable itself.
func (e *entry) settleBytes() {
	n := 0
	for n < len(e.changes) && e.changes[n].state == durable {
		e.stable = e.changes[n].apply(e.stable)
		n++
	}
	e.changes = slices.Delete(e.changes, 0, n)
}

// memFile is an open file of a MemDisk. closed is guarded by the disk's lock.
type memFile struct {
	disk   *MemDisk
	entry  *entry
	name   string
	closed bool
}

var _ node.File = (*memFile)(nil)

// enter asks the fault function, and takes the lock if the operation may go on. The caller then unlocks.
func (f *memFile) enter(op Op) error {
	op.Name = f.name
	if op.Offset < 0 {
		return pathError(op.Kind.String(), f.name, fmt.Errorf("%w: negative offset or length %d", fs.ErrInvalid, op.Offset))
	}
	if err := f.disk.enter(op); err != nil {
		return err
	}
	f.disk.mu.Lock()
	if f.closed {
		f.disk.mu.Unlock()
		return pathError(op.Kind.String(), f.name, fs.ErrClosed)
	}
	return nil
}

// ReadAt reads len(p) bytes at offset; fewer only with an error, io.EOF at the end of the file.
func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.enter(Op{Kind: OpRead, Offset: offset, Len: len(p)}); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	if offset < int64(len(f.entry.data)) {
		n = copy(p, f.entry.data[offset:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes p at offset, all of it or, with an error, nothing.
func (f *memFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.enter(Op{Kind: OpWrite, Offset: offset, Len: len(p)}); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	size := max(int64(len(f.entry.data)), offset+int64(len(p)))
	if err := f.reserve("write", size); err != nil {
		return 0, err
	}
	f.entry.record(change{offset: offset, data: slices.Clone(p)})
	return len(p), nil
}

// Truncate sets the length; bytes added read as zero.
func (f *memFile) Truncate(size int64) error {
	if err := f.enter(Op{Kind: OpTruncate, Offset: size}); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	if err := f.reserve("truncate", size); err != nil {
		return err
	}
	f.entry.record(change{offset: size, truncate: true})
	return nil
}

// reserve counts a new length of the file against the capacity. A file without a name takes no space.
func (f *memFile) reserve(op string, size int64) error {
	if !f.entry.linked {
		return nil
	}
	grown := size - int64(len(f.entry.data))
	if grown > 0 && f.disk.used+grown > f.disk.capacity {
		return pathError(op, f.name, fmt.Errorf("%w: %d bytes more on %d of %d", node.ErrDiskFull, grown, f.disk.used, f.disk.capacity))
	}
	f.disk.used += grown
	return nil
}

// Sync makes the bytes and the length durable.
func (f *memFile) Sync() error {
	fault := f.enter(Op{Kind: OpSync})
	if fault != nil {
		if errors.Is(fault, fs.ErrClosed) {
			return fault
		}
		f.disk.mu.Lock()
	}
	defer f.disk.mu.Unlock()
	for i := range f.entry.changes {
		c := &f.entry.changes[i]
		switch {
		case c.state == unsynced && fault != nil:
			c.state = doomed
		case c.state == unsynced:
			c.state = durable
		}
	}
	f.entry.settleBytes()
	return fault
}

// Size returns the length in bytes.
func (f *memFile) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return 0, pathError("size", f.name, fs.ErrClosed)
	}
	return int64(len(f.entry.data)), nil
}

// Close ends the use of the file. It makes nothing durable.
func (f *memFile) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
