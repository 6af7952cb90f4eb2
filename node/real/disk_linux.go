package real

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"chasqui/node"
)

// held is empty: the kernel keeps the locks, and drops them when the process ends.
type held struct{}

// lock takes flock's exclusive lock on the open file f. Closing f releases it. Two opens of one file exclude each
// other also within a process.
func (*held) lock(f *os.File, _ string) (release func(), err error) {
	err = onDescriptor(f, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: %w", node.ErrLocked, err)
	}
	return func() {}, err
}

// syncData is fdatasync: the bytes, and of the metadata only what is needed to read them back, such as the length. It
// is half the price of fsync when a file is overwritten in place.
func syncData(f *os.File) error {
	if err := onDescriptor(f, unix.Fdatasync); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// extend makes a file longer: its blocks are taken and read as zeros without being written.
func extend(f *os.File, from, to int64) error {
	err := onDescriptor(f, func(fd int) error { return unix.Fallocate(fd, 0, from, to-from) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return writeZeros(f, from, to)
	}
	if err != nil {
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}

// freeBytes asks statfs about the file system that holds f.
func freeBytes(f *os.File) (int64, error) {
	var stat unix.Statfs_t
	if err := onDescriptor(f, func(fd int) error { return unix.Fstatfs(fd, &stat) }); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: f.Name(), Err: err}
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil
}

// onDescriptor makes a system call on f, again if a signal interrupts it. The descriptor stays valid during the call
// even if f is closed meanwhile.
func onDescriptor(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Control(func(fd uintptr) {
		for {
			if result = call(int(fd)); !errors.Is(result, unix.EINTR) {
				return
			}
		}
	})
	if err != nil {
		// Control has no other reason to refuse, but its error is not one that callers can test for.
		return fmt.Errorf("%w: %w", fs.ErrClosed, err)
	}
	return result
}
