//go:build wasip1

package virtual

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unsafe"

	"chasqui/node"
	"chasqui/node/virtual/abi"
)

// listBytes is the room for names that List begins with.
const listBytes = 4096

// disk is the machine's disk. It holds no state but the card.
type disk struct{ card *card }

var _ node.Disk = disk{}

// opNames are the operations' names in errors, as package os calls them where it has them.
var opNames = [...]string{
	abi.DiskCreate: "create", abi.DiskOpen: "open", abi.DiskClose: "close", abi.DiskRead: "read", abi.DiskWrite: "write",
	abi.DiskTruncate: "truncate", abi.DiskSize: "stat", abi.DiskSync: "sync", abi.DiskRename: "rename",
	abi.DiskRemove: "remove", abi.DiskMakeDir: "makedir", abi.DiskList: "list", abi.DiskSyncDir: "syncdir",
	abi.DiskFree: "statfs", abi.DiskLock: "lock", abi.DiskUnlock: "unlock",
}

// request is an operation to carry out, on a handle or on a name.
type request struct {
	op     abi.DiskOp
	handle uint32
	offset int64
	name   string // with a handle for errors only
	data   []byte
	// closed is set if the handle's owner has it closed; then the request is refused. card.mu guards it. closes says
	// that this request closes it.
	closed *bool
	closes bool
}

// do carries out an operation, however long that takes.
func (d disk) do(r request) (int64, error) {
	d.card.interleave()
	result, pending, err := d.begin(&r)
	if pending != nil {
		<-pending.done
		result = diskResult(pending.id, unsafe.Pointer(unsafe.SliceData(r.data)), uint32(len(r.data)))
		d.card.mu.Lock()
		d.card.idle = append(d.card.idle, pending)
		d.card.mu.Unlock()
	}
	if err == nil && result < 0 {
		err = errorOf(result)
	}
	if err != nil {
		return 0, &fs.PathError{Op: opNames[r.op], Path: r.name, Err: err}
	}
	return result, nil
}

// begin returns the result of an operation, or the operation if it takes time.
func (d disk) begin(r *request) (int64, *operation, error) {
	c := d.card
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.closed != nil {
		if *r.closed {
			return 0, nil, fs.ErrClosed
		}
		*r.closed = r.closes
	}
	name := r.name
	if r.handle != 0 {
		name = ""
	}
	result := diskCall(uint32(r.op), r.handle, r.offset, name, unsafe.Pointer(unsafe.SliceData(r.data)), uint32(len(r.data)))
	id, pending := abi.PendingID(result)
	if !pending {
		return result, nil, nil
	}
	var o *operation
	if last := len(c.idle) - 1; last >= 0 {
		o, c.idle = c.idle[last], c.idle[:last]
	} else {
		o = &operation{done: make(chan struct{}, 1)}
	}
	o.id = id
	c.operations[id] = o
	return 0, o, nil
}

// named carries out an operation on a name, which it checks.
func (d disk) named(op abi.DiskOp, name string, data []byte) (int64, error) {
	if !fs.ValidPath(name) {
		return 0, &fs.PathError{Op: opNames[op], Path: name, Err: fs.ErrInvalid}
	}
	return d.do(request{op: op, name: name, data: data})
}

// Create makes a new, empty file.
func (d disk) Create(name string) (node.File, error) { return d.open(abi.DiskCreate, name) }

// Open opens an existing file.
func (d disk) Open(name string) (node.File, error) { return d.open(abi.DiskOpen, name) }

func (d disk) open(op abi.DiskOp, name string) (node.File, error) {
	handle, err := d.named(op, name, nil)
	if err != nil {
		return nil, err
	}
	return &file{disk: d, handle: uint32(handle), name: name}, nil
}

// Rename moves a file, replacing what is there.
func (d disk) Rename(from, to string) error {
	if !fs.ValidPath(to) {
		return &fs.PathError{Op: opNames[abi.DiskRename], Path: to, Err: fs.ErrInvalid}
	}
	_, err := d.named(abi.DiskRename, from, []byte(to))
	return err
}

// Remove removes a file or an empty folder.
func (d disk) Remove(name string) error {
	_, err := d.named(abi.DiskRemove, name, nil)
	return err
}

// MakeDir makes a folder and those above it.
func (d disk) MakeDir(name string) error {
	_, err := d.named(abi.DiskMakeDir, name, nil)
	return err
}

// List returns the names in a folder, sorted.
func (d disk) List(dir string) ([]string, error) {
	room := make([]byte, listBytes)
	for {
		needed, err := d.named(abi.DiskList, dir, room)
		if err != nil {
			return nil, err
		}
		if needed > int64(len(room)) { // and names may be added meanwhile
			room = make([]byte, 2*needed)
			continue
		}
		if needed == 0 {
			return nil, nil
		}
		names := strings.Split(string(room[:needed-1]), "\x00")
		slices.Sort(names)
		return names, nil
	}
}

// SyncDir makes the names in a folder durable.
func (d disk) SyncDir(dir string) error {
	_, err := d.named(abi.DiskSyncDir, dir, nil)
	return err
}

// Free returns the bytes that can still be written.
func (d disk) Free() (int64, error) { return d.named(abi.DiskFree, ".", nil) }

// Lock takes the lock called name.
func (d disk) Lock(name string) (io.Closer, error) {
	handle, err := d.named(abi.DiskLock, name, nil)
	if err != nil {
		return nil, err
	}
	return &lock{disk: d, handle: uint32(handle), name: name}, nil
}

// lock is held until Close.
type lock struct {
	disk   disk
	handle uint32
	name   string
	closed bool // card.mu guards it
}

// Close releases the lock; closing twice is harmless.
func (l *lock) Close() error {
	_, err := l.disk.do(request{op: abi.DiskUnlock, handle: l.handle, name: l.name, closed: &l.closed, closes: true})
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}

// file is an open file.
type file struct {
	disk   disk
	handle uint32
	name   string // as it was opened, for errors
	closed bool   // card.mu guards it
}

var _ node.File = (*file)(nil)

func (f *file) do(op abi.DiskOp, offset int64, data []byte) (int64, error) {
	if offset < 0 {
		return 0, &fs.PathError{Op: opNames[op], Path: f.name, Err: fs.ErrInvalid}
	}
	return f.disk.do(request{
		op: op, handle: f.handle, offset: offset, name: f.name, data: data, closed: &f.closed, closes: op == abi.DiskClose,
	})
}

// ReadAt reads len(p) bytes at offset; fewer with io.EOF at the end of the file.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.do(abi.DiskRead, offset, p)
	if err == nil && n < int64(len(p)) {
		err = io.EOF
	}
	return int(n), err
}

// WriteAt writes p at offset. With an error, some of p may have been written.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.do(abi.DiskWrite, offset, p)
	return int(n), err
}

// Close closes the file without making anything durable.
func (f *file) Close() error {
	_, err := f.do(abi.DiskClose, 0, nil)
	return err
}

// Size returns the length in bytes.
func (f *file) Size() (int64, error) { return f.do(abi.DiskSize, 0, nil) }

// Truncate sets the length.
func (f *file) Truncate(size int64) error {
	_, err := f.do(abi.DiskTruncate, size, nil)
	return err
}

// Sync makes the bytes and the length durable.
func (f *file) Sync() error {
	_, err := f.do(abi.DiskSync, 0, nil)
	return err
}
