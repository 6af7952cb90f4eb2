package real

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"

	"chasqui/node"
)

const (
	folderMode = 0o750 // the data folder and those below it: nothing for other users
	fileMode   = 0o640
)

// disk is one folder of the file system. It holds an os.Root, so that no name leads out of the folder, not even by way
// of a symbolic link.
type disk struct {
	root *os.Root
	held held // locks of systems without flock
}

var _ node.Disk = (*disk)(nil)

// openDisk makes the folder if it does not exist.
func openDisk(dir string) (*disk, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the data folder: %w", err)
	}
	return &disk{root: root}, nil
}

// checkName refuses names that are not plain relative paths, with the same error on every system.
func checkName(op, name string) error {
	if fs.ValidPath(name) {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("%w: not a relative path within the data folder", fs.ErrInvalid)}
}

// translate gives the errors of the operating system that callers tell apart their names in package node.
func translate(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", node.ErrDiskFull, err)
	}
	return err
}

// Create makes a new, empty file.
func (d *disk) Create(name string) (node.File, error) {
	return d.open("create", name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// Open opens an existing file.
func (d *disk) Open(name string) (node.File, error) { return d.open("open", name, os.O_RDWR) }

func (d *disk) open(op, name string, flags int) (node.File, error) {
	if err := checkName(op, name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, flags, fileMode)
	if err != nil {
		return nil, translate(err)
	}
	return &file{f: f}, nil
}

// Rename moves a file, replacing what is there.
func (d *disk) Rename(from, to string) error {
	if err := errors.Join(checkName("rename", from), checkName("rename", to)); err != nil {
		return err
	}
	return translate(d.root.Rename(from, to))
}

// Remove removes a file or an empty folder.
func (d *disk) Remove(name string) error {
	if err := checkName("remove", name); err != nil {
		return err
	}
	return d.root.Remove(name)
}

// MakeDir makes a folder and those above it.
func (d *disk) MakeDir(name string) error {
	if err := checkName("makedir", name); err != nil {
		return err
	}
	return translate(d.root.MkdirAll(name, folderMode))
}

// List returns the names in a folder, sorted.
func (d *disk) List(dir string) (names []string, err error) {
	folder, err := d.openFolder("list", dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	names, err = folder.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// SyncDir makes the names in a folder durable, by fsync of the folder.
func (d *disk) SyncDir(dir string) (err error) {
	folder, err := d.openFolder("syncdir", dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	return translate(folder.Sync())
}

func (d *disk) openFolder(op, dir string) (*os.File, error) {
	if err := checkName(op, dir); err != nil {
		return nil, err
	}
	return d.root.Open(dir)
}

// Free returns the bytes of the file system that a process without privileges can still write.
func (d *disk) Free() (free int64, err error) {
	folder, err := d.root.Open(".")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	return freeBytes(folder)
}

// Lock takes the lock called name, a file that is made if it does not exist and stays after Close.
func (d *disk) Lock(name string) (io.Closer, error) {
	if err := checkName("lock", name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, translate(err)
	}
	release, err := d.held.lock(f, name)
	if err != nil {
		return nil, errors.Join(&fs.PathError{Op: "lock", Path: name, Err: err}, f.Close())
	}
	return &lock{release: release, file: f}, nil
}

// lock is held until Close.
type lock struct {
	once    sync.Once
	release func()
	file    *os.File
	err     error
}

// Close releases the lock; closing twice is harmless.
func (l *lock) Close() error {
	l.once.Do(func() {
		l.release()
		l.err = l.file.Close()
	})
	return l.err
}

// file is an open file of the operating system.
type file struct {
	f      *os.File
	direct direct
}

var _ node.File = (*file)(nil)

// ReadAt reads len(p) bytes at offset, or fewer with an error.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	return f.direct.read(f.f, p, offset)
}

// WriteAt writes p at offset. With an error, some of p may have been written.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.direct.write(f.f, p, offset)
	return n, translate(err)
}

// Close closes the file without making anything durable.
func (f *file) Close() error { return errors.Join(f.direct.close(), f.f.Close()) }

// Size returns the length in bytes.
func (f *file) Size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Truncate sets the length. Room for bytes that it adds is taken as fast as the file system can.
func (f *file) Truncate(size int64) error {
	now, err := f.Size()
	if err != nil {
		return err
	}
	if size > now {
		return translate(extend(f.f, now, size))
	}
	return translate(f.f.Truncate(size))
}

// zerosBytes is how much writeZeros writes at a time.
const zerosBytes = 1 << 20

// writeZeros makes a file longer.
func writeZeros(f *os.File, from, to int64) error {
	zeros := make([]byte, min(zerosBytes, to-from))
	for from < to {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), to-from)], from)
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// Sync makes the bytes and the length durable.
func (f *file) Sync() error { return translate(syncData(f.f)) }
