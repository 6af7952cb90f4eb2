package memdisk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"chasqui/node"
)

// File is an open file of a Disk. Its methods may be called concurrently.
type File struct {
	disk   *Disk
	entry  *entry
	name   string
	closed bool // guarded by the disk's lock
}

var _ node.File = (*File)(nil)

// enter asks the fault function, and takes the lock if the operation may go on. The caller then unlocks.
func (f *File) enter(op Op) error {
	op.Name = f.name
	if op.Offset < 0 {
		return pathError(op.Kind.String(), f.name, fmt.Errorf("%w: negative offset or length %d", fs.ErrInvalid, op.Offset))
	}
	if err := f.disk.enter(op); err != nil {
		return err
	}
	f.disk.mu.Lock()
	if err := f.open(op.Kind.String()); err != nil {
		f.disk.mu.Unlock()
		return err
	}
	return nil
}

// open returns fs.ErrClosed after Close. The disk's lock is held.
func (f *File) open(op string) error {
	if f.closed {
		return pathError(op, f.name, fs.ErrClosed)
	}
	return nil
}

// ReadAt reads len(p) bytes at offset; fewer only with an error, io.EOF at the end of the file.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.enter(Op{Kind: OpRead, Offset: offset, Len: len(p)}); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	n := f.entry.data.read(p, offset)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes p at offset, all of it or, with an error, nothing.
func (f *File) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.enter(Op{Kind: OpWrite, Offset: offset, Len: len(p)}); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	size := max(f.entry.data.size, offset+int64(len(p)))
	if err := f.reserve("write", size); err != nil {
		return 0, err
	}
	f.disk.record(f.entry, change{offset: offset, data: keep(p)})
	return len(p), nil
}

// Truncate sets the length; bytes added read as zero.
func (f *File) Truncate(size int64) error {
	if err := f.enter(Op{Kind: OpTruncate, Offset: size}); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	if err := f.reserve("truncate", size); err != nil {
		return err
	}
	f.disk.record(f.entry, change{offset: size, truncate: true})
	return nil
}

// reserve counts a new length of the file against the capacity. A file without a name takes no space.
func (f *File) reserve(op string, size int64) error {
	if !f.entry.linked {
		return nil
	}
	grown := size - f.entry.data.size
	if grown > 0 && f.disk.used+grown > f.disk.capacity {
		return pathError(op, f.name, fmt.Errorf("%w: %d bytes more on %d of %d", node.ErrDiskFull, grown, f.disk.used, f.disk.capacity))
	}
	f.disk.used += grown
	return nil
}

// Sync makes the bytes and the length durable.
func (f *File) Sync() error {
	fault := f.enter(Op{Kind: OpSync})
	if fault != nil {
		if errors.Is(fault, fs.ErrClosed) {
			return fault
		}
		f.disk.mu.Lock()
	}
	defer f.disk.mu.Unlock()
	f.flush().end(outcomeOf(fault))
	return fault
}

// Size returns the length in bytes.
func (f *File) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.open("size"); err != nil {
		return 0, err
	}
	return f.entry.data.size, nil
}

// Close ends the use of the file. It makes nothing durable.
func (f *File) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.open("close"); err != nil {
		return err
	}
	f.closed = true
	return nil
}
