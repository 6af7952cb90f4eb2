package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/nodetest"
	"chasqui/node/virtual/abi"
	"chasqui/sim/disk"
)

func newDisk(seed uint64) *disk.Disk {
	return disk.New(rand.New(rand.NewPCG(seed, 0)), disk.DefaultConfig())
}

// program is a program on a host as far as its disk goes: a node.Disk over disk_call, as node/virtual is one inside.
// Time does not exist for it: what takes time ends at once.
type program struct {
	mu   sync.Mutex // guards disk
	disk *disk.Disk
}

var _ node.Disk = (*program)(nil)

// errnos are the errors that node/virtual makes of the numbers.
var errnos = map[abi.Errno]error{
	abi.NotExist: fs.ErrNotExist, abi.Exist: fs.ErrExist, abi.Invalid: fs.ErrInvalid, abi.BadID: fs.ErrClosed,
	abi.DiskFull: node.ErrDiskFull, abi.Locked: node.ErrLocked,
}

// call is disk_call, and disk_result if it has to wait.
func (p *program) call(op abi.DiskOp, handle uint32, offset int64, name string, data []byte) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	result, pending := p.disk.Do(op, handle, offset, name, data)
	if pending != nil {
		if _, ok := pending.Ends(); !ok {
			return 0, errors.New("the disk hangs")
		}
		pending.Finish()
		result = pending.Result(data)
	}
	if result >= 0 {
		return result, nil
	}
	errno := abi.Errno(-result)
	if err := errnos[errno]; err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("errno %d", errno)
}

func (p *program) open(op abi.DiskOp, name string) (node.File, error) {
	handle, err := p.call(op, 0, 0, name, nil)
	if err != nil {
		return nil, err
	}
	return &programFile{program: p, handle: uint32(handle)}, nil
}

func (p *program) Create(name string) (node.File, error) { return p.open(abi.DiskCreate, name) }
func (p *program) Open(name string) (node.File, error)   { return p.open(abi.DiskOpen, name) }
func (p *program) Rename(from, to string) error          { return p.plain(abi.DiskRename, from, []byte(to)) }
func (p *program) Remove(name string) error              { return p.plain(abi.DiskRemove, name, nil) }
func (p *program) MakeDir(name string) error             { return p.plain(abi.DiskMakeDir, name, nil) }
func (p *program) SyncDir(dir string) error              { return p.plain(abi.DiskSyncDir, dir, nil) }
func (p *program) Free() (int64, error)                  { return p.call(abi.DiskFree, 0, 0, "", nil) }

func (p *program) plain(op abi.DiskOp, name string, data []byte) error {
	_, err := p.call(op, 0, 0, name, data)
	return err
}

func (p *program) List(dir string) ([]string, error) {
	size, err := p.call(abi.DiskList, 0, 0, dir, nil)
	if err != nil {
		return nil, err
	}
	names := make([]byte, size)
	if _, err := p.call(abi.DiskList, 0, 0, dir, names); err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(names), func(r rune) bool { return r == 0 }), nil
}

func (p *program) Lock(name string) (io.Closer, error) {
	handle, err := p.call(abi.DiskLock, 0, 0, name, nil)
	if err != nil {
		return nil, err
	}
	return &programLock{program: p, handle: uint32(handle)}, nil
}

type programLock struct {
	program *program
	handle  uint32
	once    sync.Once
}

func (l *programLock) Close() (err error) {
	l.once.Do(func() { _, err = l.program.call(abi.DiskUnlock, l.handle, 0, "", nil) })
	return err
}

type programFile struct {
	program *program
	handle  uint32
}

func (f *programFile) ReadAt(data []byte, offset int64) (int, error) {
	n, err := f.program.call(abi.DiskRead, f.handle, offset, "", data)
	if err == nil && int(n) < len(data) {
		err = io.EOF
	}
	return int(n), err
}

func (f *programFile) WriteAt(data []byte, offset int64) (int, error) {
	n, err := f.program.call(abi.DiskWrite, f.handle, offset, "", data)
	return int(n), err
}

func (f *programFile) Size() (int64, error) {
	return f.program.call(abi.DiskSize, f.handle, 0, "", nil)
}

func (f *programFile) Truncate(size int64) error { return f.plain(abi.DiskTruncate, size) }
func (f *programFile) Sync() error               { return f.plain(abi.DiskSync, 0) }
func (f *programFile) Close() error              { return f.plain(abi.DiskClose, 0) }

func (f *programFile) plain(op abi.DiskOp, offset int64) error {
	_, err := f.program.call(op, f.handle, offset, "", nil)
	return err
}

func TestConformance(t *testing.T) {
	tests := []struct {
		name  string
		fault func(d *disk.Disk)
	}{
		{"as it is", func(*disk.Disk) {}},
		{"slow", func(d *disk.Disk) { d.Slow(10) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			nodetest.TestDisk(t, func(*testing.T) node.Disk {
				d := newDisk(1)
				test.fault(d)
				return &program{disk: d}
			})
		})
	}
}

// host is a program's disk with the verbs of the tests in this package.
type host struct {
	*program
	t *testing.T
}

func newHost(t *testing.T, seed uint64) host {
	return host{program: &program{disk: newDisk(seed)}, t: t}
}

// put creates a file with this content and makes both durable.
func (h host) put(name, content string) uint32 {
	h.t.Helper()
	file, err := h.Create(name)
	require.NoError(h.t, err)
	_, err = file.WriteAt([]byte(content), 0)
	require.NoError(h.t, err)
	require.NoError(h.t, file.Sync())
	require.NoError(h.t, h.SyncDir("."))
	return file.(*programFile).handle
}

// file is the file with a handle.
func (h host) file(handle uint32) *programFile {
	return &programFile{program: h.program, handle: handle}
}

// write writes without a sync.
func (h host) write(handle uint32, offset int64, content string) {
	h.t.Helper()
	_, err := h.file(handle).WriteAt([]byte(content), offset)
	require.NoError(h.t, err)
}

// content returns a file's bytes, as a new handle sees them.
func (h host) content(name string) string {
	h.t.Helper()
	file, err := h.Open(name)
	require.NoError(h.t, err)
	size, err := file.Size()
	require.NoError(h.t, err)
	content := make([]byte, size)
	_, err = file.ReadAt(content, 0)
	require.NoError(h.t, err)
	require.NoError(h.t, file.Close())
	return string(bytes.TrimRight(content, "\x00"))
}

// probe returns a counter by its name.
func (h host) probe(name string) uint64 {
	h.t.Helper()
	for _, p := range h.disk.Probes() {
		if p.Name == name {
			return p.Count
		}
	}
	require.FailNow(h.t, "no such probe", name)
	return 0
}
