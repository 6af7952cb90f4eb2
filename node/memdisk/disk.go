package memdisk

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

// defaultCapacityBytes is the size of a new Disk: more than any test writes.
const defaultCapacityBytes = 1 << 40

// Errors that package node and package fs have no name for; test with errors.Is.
var (
	// ErrNotFolder means a file stands where a folder is needed.
	ErrNotFolder = errors.New("not a folder")
	// ErrIsFolder means a folder stands where a file is needed.
	ErrIsFolder = errors.New("is a folder")
	// ErrNotEmpty means a folder has entries. A Rename onto such a folder is also an fs.ErrExist.
	ErrNotEmpty = errors.New("folder is not empty")
)

// Disk is a node.Disk in memory that remembers what is durable. All methods may be called concurrently, also from
// within a fault function.
type Disk struct {
	mu       sync.Mutex // guards everything below, and every entry and File of this disk
	root     *entry
	folders  []*entry // every folder ever made, in order; Crash walks their unsynced name changes
	order    uint64   // the number of the last change of a name or of bytes
	locks    map[string]bool
	capacity int64
	used     int64 // the sum of the lengths of all files that have a name
	fault    func(Op) error
	losses   Losses // of the crash that made this disk
}

var _ node.Disk = (*Disk)(nil)

// New returns an empty disk of 1 TiB without faults.
func New() *Disk {
	d := &Disk{locks: map[string]bool{}, capacity: defaultCapacityBytes}
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

// Op is one operation that is about to happen on a Disk.
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
func (d *Disk) SetFault(f func(op Op) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

// SetCapacity sets the disk's size. Writes that would make the files together longer than this get node.ErrDiskFull.
func (d *Disk) SetCapacity(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.capacity = bytes
}

// Corrupt overwrites bytes of a file on the medium itself, below the bookkeeping of what is synced. The range must lie
// within the file.
func (d *Disk) Corrupt(name string, offset int64, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.file("corrupt", name)
	if err != nil {
		return err
	}
	if offset < 0 || offset+int64(len(data)) > e.data.size {
		return pathError("corrupt", name, fmt.Errorf("range %d+%d is outside of the file's %d bytes", offset, len(data), e.data.size))
	}
	d.record(e, change{offset: offset, data: slices.Clone(data), state: durable})
	return nil
}

// Create makes a new, empty file.
func (d *Disk) Create(name string) (node.File, error) {
	f, err := d.CreateFile(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// CreateFile is Create for those who need more than a node.File.
func (d *Disk) CreateFile(name string) (*File, error) {
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
	return &File{disk: d, entry: e, name: name}, nil
}

// Open opens an existing file.
func (d *Disk) Open(name string) (node.File, error) {
	f, err := d.OpenFile(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile is Open for those who need more than a node.File.
func (d *Disk) OpenFile(name string) (*File, error) {
	if err := d.enter(Op{Kind: OpOpen, Name: name}, name); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e, err := d.file("open", name)
	if err != nil {
		return nil, err
	}
	return &File{disk: d, entry: e, name: name}, nil
}

// Free returns the bytes left of the capacity.
func (d *Disk) Free() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(0, d.capacity-d.used), nil
}

// Used returns the bytes that the files take.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used
}

// Lock takes the lock called name and makes an empty file of that name if there is none, as the real disk does.
func (d *Disk) Lock(name string) (io.Closer, error) {
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
	disk *Disk
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
func (d *Disk) enter(op Op, names ...string) error {
	if err := validNames(op.Kind.String(), names...); err != nil {
		return err
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

// validNames refuses names that leave the data folder.
func validNames(op string, names ...string) error {
	for _, name := range names {
		if !fs.ValidPath(name) {
			return pathError(op, name, fmt.Errorf("%w: not a relative path within the data folder", fs.ErrInvalid))
		}
	}
	return nil
}

// sortedNames returns the keys of a folder's names in order, so that nothing depends on map order.
func sortedNames(children map[string]*entry) []string { return slices.Sorted(maps.Keys(children)) }

// pathError says what was done to which name.
func pathError(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }
