package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"time"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/virtual/abi"
	"chasqui/sim/world"
)

// Config says how large and how fast a disk is.
type Config struct {
	// CapacityBytes is the disk's size. Default 1 GiB.
	CapacityBytes int64
	// SyncMin and SyncMax bound the time of an ordinary sync without data. Default 150 and 600 microseconds.
	SyncMin, SyncMax time.Duration
	// TailEvery is how many syncs there are to one that takes between TailMin and TailMax instead. Default 500, 5 ms
	// and 30 ms. 0: there is none.
	TailEvery        int
	TailMin, TailMax time.Duration
	// BytesPerSecond is what a sync takes for the bytes it has to write, on top. Default 500 MB/s.
	BytesPerSecond int64
	// OperationMin and OperationMax bound what any other operation takes, before the factor, while the disk is slow.
	// Default 5 and 50 microseconds.
	OperationMin, OperationMax time.Duration
}

// DefaultConfig returns the disk of a server.
func DefaultConfig() Config {
	return Config{
		CapacityBytes:  1 << 30,
		SyncMin:        150 * time.Microsecond,
		SyncMax:        600 * time.Microsecond,
		TailEvery:      500,
		TailMin:        5 * time.Millisecond,
		TailMax:        30 * time.Millisecond,
		BytesPerSecond: 500e6,
		OperationMin:   5 * time.Microsecond,
		OperationMax:   50 * time.Microsecond,
	}
}

// Disk is the disk of one simulated host. It belongs to one goroutine, the world's.
type Disk struct {
	cfg      Config
	rng      *rand.Rand
	stored   *memdisk.Disk
	capacity int64

	handles    map[uint32]*handle // looked up only, never ranged over in an order that shows
	lastHandle uint32
	life       uint64 // of the handles; counts crashes
	syncing    int    // syncs that have begun and not ended

	slow       float64 // factor on all times; at most 1 if the disk is not slow
	hung       bool
	held       []func() // what to call when the disk does not hang any more
	full       bool
	failSyncs  int
	failWrites int
	failReads  int
	misdirect  int
	stale      int
	lying      bool

	damages []Damage
	probes  [probes]uint64
}

var _ world.Disk = (*Disk)(nil)

// handle is an open file, or a lock if file is nil.
type handle struct {
	file *memdisk.File
	lock io.Closer
}

// New returns an empty disk without faults. rng is the disk's own: times, and what faults do, are drawn from it.
func New(rng *rand.Rand, cfg Config) *Disk {
	d := &Disk{cfg: cfg, rng: rng, capacity: cfg.CapacityBytes}
	d.replace(memdisk.New())
	return d
}

// Do begins an operation as abi's disk_call. It returns the result, or what will end later. What others can see of an
// operation, a write or a changed name, they see from now on, even if its caller hears of it later. data is not kept.
func (d *Disk) Do(op abi.DiskOp, number uint32, offset int64, name string, data []byte) (int64, world.PendingDisk) {
	h := d.handles[number]
	switch op {
	case abi.DiskClose, abi.DiskSize:
		if h == nil || h.file == nil {
			return failed(abi.BadID), nil
		}
		if op == abi.DiskSize {
			return resultOf(h.file.Size())
		}
		delete(d.handles, number)
		return resultOf(0, h.file.Close())
	case abi.DiskUnlock:
		if h == nil || h.lock == nil {
			return failed(abi.BadID), nil
		}
		delete(d.handles, number)
		return resultOf(0, h.lock.Close())
	case abi.DiskFree:
		free, err := d.stored.Free()
		if d.full {
			d.probes[ProbeFull]++
		}
		return resultOf(free, err)
	case abi.DiskRead, abi.DiskWrite, abi.DiskTruncate, abi.DiskSync:
		if h == nil || h.file == nil {
			return failed(abi.BadID), nil
		}
		if offset < 0 {
			return failed(abi.Invalid), nil
		}
		return d.doFile(op, h.file, offset, data)
	case abi.DiskSyncDir:
		flush, err := d.stored.BeginSyncDir(name)
		if err != nil {
			return resultOf(0, err)
		}
		return 0, d.beginSync(flush)
	case abi.DiskList:
		if d.immediate() {
			return d.answer(data, func() ([]byte, error) { return d.list(name) })
		}
		return 0, d.later(&Pending{answer: func() ([]byte, error) { return d.list(name) }})
	}
	result, err := d.doName(op, name, data)
	if d.immediate() {
		return resultOf(result, err)
	}
	return 0, d.later(&Pending{result: result, err: err})
}

// doFile carries out an operation of an open file.
func (d *Disk) doFile(op abi.DiskOp, file *memdisk.File, offset int64, data []byte) (int64, world.PendingDisk) {
	switch op {
	case abi.DiskSync:
		flush, err := file.BeginSync()
		if err != nil {
			return resultOf(0, err)
		}
		return 0, d.beginSync(flush)
	case abi.DiskRead:
		if d.immediate() {
			return resultOf(d.read(file, data, offset))
		}
		length := len(data)
		return 0, d.later(&Pending{answer: func() ([]byte, error) {
			buffer := make([]byte, length)
			n, err := d.read(file, buffer, offset)
			return buffer[:n], err
		}})
	case abi.DiskTruncate:
		before, err := file.Size()
		if err == nil {
			err = d.truncate(file, offset)
		}
		if grown := offset - before; err == nil && grown >= preallocationBytes {
			return 0, d.later(&Pending{after: d.transfer(grown)})
		}
		if d.immediate() {
			return resultOf(0, err)
		}
		return 0, d.later(&Pending{err: err})
	}
	n, err := d.write(file, data, offset)
	if d.immediate() {
		return resultOf(n, err)
	}
	return 0, d.later(&Pending{result: n, err: err})
}

// doName carries out an operation that is about a name.
func (d *Disk) doName(op abi.DiskOp, name string, data []byte) (int64, error) {
	switch op {
	case abi.DiskCreate:
		file, err := d.stored.CreateFile(name)
		return d.handle(&handle{file: file}, err)
	case abi.DiskOpen:
		file, err := d.stored.OpenFile(name)
		return d.handle(&handle{file: file}, err)
	case abi.DiskLock:
		lock, err := d.stored.Lock(name)
		return d.handle(&handle{lock: lock}, err)
	case abi.DiskRename:
		return 0, d.stored.Rename(name, string(data))
	case abi.DiskRemove:
		return 0, d.stored.Remove(name)
	case abi.DiskMakeDir:
		return 0, d.stored.MakeDir(name)
	}
	return 0, fmt.Errorf("disk operation %d: %w", op, fs.ErrInvalid)
}

// handle gives out a number, unless there was an error.
func (d *Disk) handle(h *handle, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	d.lastHandle++
	d.handles[d.lastHandle] = h
	return int64(d.lastHandle), nil
}

// list returns the names in a folder, each ended by a zero byte.
func (d *Disk) list(name string) ([]byte, error) {
	names, err := d.stored.List(name)
	var joined []byte
	for _, name := range names {
		joined = append(append(joined, name...), 0)
	}
	return joined, err
}

// answer copies as much of an answer as fits into data. The result is its whole length.
func (d *Disk) answer(data []byte, answer func() ([]byte, error)) (int64, world.PendingDisk) {
	bytes, err := answer()
	copy(data, bytes)
	return resultOf(int64(len(bytes)), err)
}

// failed is the result of an operation that failed at once.
func failed(errno abi.Errno) int64 { return -int64(errno) }

// resultOf is the answer of an operation that has ended.
func resultOf(result int64, err error) (int64, world.PendingDisk) {
	if err != nil {
		return failed(errnoOf(err)), nil
	}
	return result, nil
}

// errInputOutput is what a failing device answers.
var errInputOutput = errors.New("input/output error")

// errnoOf returns the number for an error. One that has none is a mistake in this package.
func errnoOf(err error) abi.Errno {
	for _, known := range []struct {
		err   error
		errno abi.Errno
	}{
		{errInputOutput, abi.InputOutput},
		{memdisk.ErrNotFolder, abi.NotFolder},
		{memdisk.ErrIsFolder, abi.IsFolder},
		{memdisk.ErrNotEmpty, abi.NotEmpty},
		{fs.ErrNotExist, abi.NotExist},
		{fs.ErrExist, abi.Exist},
		{fs.ErrInvalid, abi.Invalid},
		{fs.ErrClosed, abi.BadID},
		{node.ErrDiskFull, abi.DiskFull},
		{node.ErrLocked, abi.Locked},
	} {
		if errors.Is(err, known.err) {
			return known.errno
		}
	}
	panic(fmt.Sprintf("disk: an error without a number: %v", err))
}
