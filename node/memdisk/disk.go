package nodetest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"chasqui/node"
)

// defaultCapacityBytes is the size of a new MemDisk: more than any test writes.
const defaultCapacityBytes = 1 << 40

// MemDisk is a node.Disk in memory that remembers what is durable and what is not. It keeps every write since the last
// good Sync of its file and every change of a name since the last good SyncDir of its folder, so that Crash can say
// what a power cut would leave. All methods may be called concurrently, also from within a fault function.
type MemDisk struct {
	mu       sync.Mutex // guards everything below, and every entry and memFile of this disk
	root     *entry
	folders  []*entry // every folder ever made, in order; Crash walks their unsynced name changes
	order    uint64   // the number of the last name change
	locks    map[string]bool
	capacity int64
	used     int64 // the sum of the lengths of all files that have a name
	fault    func(Op) error
}

var _ node.Disk = (*MemDisk)(nil)

// NewMemDisk returns an empty disk of 1 TiB without faults.
func NewMemDisk() *MemDisk {
	d := &MemDisk{locks: map[string]bool{}, capacity: defaultCapacityBytes}
	d.root = d.newFolder()
	return d
}

// OpKind says what an Op is about to do.
type OpKind uint8

// The kinds of operations that a fault function sees.
const (
	OpCreate OpKind = iota + 1
	OpOpen
	OpRead
	OpWrite
	OpTruncate
	OpSync
	OpRename
	OpRemove
	OpMakeDir
	OpList
	OpSyncDir
)

// String returns the kind in one lower-case word.
func (k OpKind) String() string {
	names := []string{"create", "open", "read", "write", "truncate", "sync", "rename", "remove", "makedir", "list", "syncdir"}
	if k < OpCreate || int(k) > len(names) {
		return fmt.Sprintf("op(%d)", uint8(k))
	}
	return names[k-1]
}

// Op is one operation that is about to happen on a MemDisk.
type Op struct {
	Kind OpKind
	// Name is the file or folder, as it was given to the disk; for a file that is open, the name it was opened by.
	Name string
	// To is the target of a rename.
	To string
	// Offset is where a read or write starts, or the new length of a truncate.
	Offset int64
	// Len is the number of bytes to read or write.
	Len int
}

// SetFault has f called before every operation, on the caller's goroutine; nil removes it. An error from f is what the
// operation returns, and it then has no effect. While f blocks the operation hangs, and others go on: a hung disk. An
// error for a Sync or SyncDir makes everything unsynced uncertain for good: a later Sync returns nil for it, and a
// crash may lose it all the same, as on Linux. f may call the disk's own methods, such as Crash.
func (d *MemDisk) SetFault(f func(op Op) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// SetCapacity sets the disk's size. Writes that would make the files together longer than this get node.ErrDiskFull.
func (d *MemDisk) SetCapacity(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.capacity = bytes
}

// Corrupt overwrites bytes of a file on the medium itself, below the bookkeeping of what is synced. The range must lie
// within the file.
func (d *MemDisk) Corrupt(name string, offset int64, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.file("corrupt", name)
	if err != nil {
		return err
	}
	if offset < 0 || offset+int64(len(data)) > int64(len(e.data)) {
		return pathError("corrupt", name, fmt.Errorf("range %d+%d is outside of the file's %d bytes", offset, len(data), len(e.data)))
	}
	e.record(change{offset: offset, data: slices.Clone(data), state: durable})
	return nil
}

// Contents returns a copy of what a reader of the file sees at the moment.
func (d *MemDisk) Contents(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.file("read", name)
	if err != nil {
		return nil, err
	}
	return slices.Clone(e.data), nil
}

// Create makes a new, empty file.
func (d *MemDisk) Create(name string) (node.File, error) {
	if err := d.enter(Op{Kind: OpCreate, Name: name}, name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	folder, base, err := d.parent("create", name)
	if err != nil {
		return nil, err
	}
	if folder.children[base] != nil || folder == d.root && base == "." {
		return nil, pathError("create", name, fs.ErrExist)
	}
	e := &entry{linked: true}
	d.name(folder, base, e)
	return &memFile{disk: d, entry: e, name: name}, nil
}

// Open opens an existing file.
func (d *MemDisk) Open(name string) (node.File, error) {
	if err := d.enter(Op{Kind: OpOpen, Name: name}, name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.file("open", name)
	if err != nil {
		return nil, err
	}
	return &memFile{disk: d, entry: e, name: name}, nil
}

// Free returns the bytes left of the capacity.
func (d *MemDisk) Free() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(0, d.capacity-d.used), nil
}

// Lock takes the lock called name and makes an empty file of that name if there is none, as the real disk does.
func (d *MemDisk) Lock(name string) (io.Closer, error) {
	file, err := d.Create(name)
	if errors.Is(err, fs.ErrExist) {
		file, err = d.Open(name)
	}
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[name] {
		return nil, pathError("lock", name, node.ErrLocked)
	}
	d.locks[name] = true
	return &memLock{disk: d, name: name}, nil
}

// memLock is a lock that is held until Close.
type memLock struct {
	disk *MemDisk
	name string
	once sync.Once
}

// Close releases the lock; closing twice is harmless.
func (l *memLock) Close() error {
	l.once.Do(func() {
		l.disk.mu.Lock()
		defer l.disk.mu.Unlock()
		delete(l.disk.locks, l.name)
	})
	return nil
}

// enter refuses names that leave the data folder and asks the fault function. It is called without the lock, since the
// fault function may block or call the disk.
func (d *MemDisk) enter(op Op, names ...string) error {
	for _, name := range names {
		if !fs.ValidPath(name) {
			return pathError(op.Kind.String(), name, fmt.Errorf("%w: not a relative path within the data folder", fs.ErrInvalid))
		}
	}
	d.mu.Lock()
	fault := d.fault
	d.mu.Unlock()
	if fault == nil {
		return nil
	}
	if err := fault(op); err != nil {
		return pathError(op.Kind.String(), op.Name, err)
	}
	return nil
}

// sortedNames returns the keys of a folder's names in order, so that nothing depends on map order.
func sortedNames(children map[string]*entry) []string { return slices.Sorted(maps.Keys(children)) }

// pathError says what was done to which name.
func pathError(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }
