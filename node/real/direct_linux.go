package real

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// directAlignment is what O_DIRECT asks of offset, length and memory on every block device in use.
const directAlignment = 4096

// direct moves whole aligned blocks past the page cache. A journal or a snapshot is written once and read only after a
// crash or for a follower that is far behind: a cached copy would cost a memory page per block and push out what is in
// use. And what is read back for verification comes from the disk. Sync is needed all the same. Whatever is not
// aligned, or a file system without O_DIRECT, goes the ordinary way.
type direct struct {
	once sync.Once
	file *os.File // nil if it cannot be had
}

// write writes p, directly as far as that goes.
func (d *direct) write(f *os.File, p []byte, offset int64) (int, error) {
	if !d.fits(f, p, offset) {
		return f.WriteAt(p, offset)
	}
	n, err := d.file.WriteAt(p, offset)
	if errors.Is(err, unix.EINVAL) { // refused for its form, such as what is left after a short write
		var rest int
		rest, err = f.WriteAt(p[n:], offset+int64(n))
		n += rest
	}
	return n, err
}

// read reads p, directly as far as that goes.
func (d *direct) read(f *os.File, p []byte, offset int64) (int, error) {
	if !d.fits(f, p, offset) {
		return f.ReadAt(p, offset)
	}
	n, err := d.file.ReadAt(p, offset)
	if errors.Is(err, unix.EINVAL) { // refused for its form, such as what is left at the end of the file
		var rest int
		rest, err = f.ReadAt(p[n:], offset+int64(n))
		n += rest
	}
	return n, err
}

func (d *direct) fits(f *os.File, p []byte, offset int64) bool {
	if len(p) == 0 || len(p)%directAlignment != 0 || offset%directAlignment != 0 ||
		uintptr(unsafe.Pointer(unsafe.SliceData(p)))%directAlignment != 0 {
		return false
	}
	d.once.Do(func() { d.open(f) })
	return d.file != nil
}

// open opens the same file once more, by its descriptor: its name may have changed.
func (d *direct) open(f *os.File) {
	_ = onDescriptor(f, func(fd int) error {
		direct, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDWR|unix.O_DIRECT, 0)
		if err == nil {
			d.file = direct
		}
		return nil
	})
}

func (d *direct) close() error {
	d.once.Do(func() {})
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}
