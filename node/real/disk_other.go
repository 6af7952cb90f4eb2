//go:build !linux

package real

import (
	"fmt"
	"math"
	"os"
	"sync"

	"chasqui/node"
)

// held keeps the locks of this disk by name, where the system offers no lock that Go's standard library reaches. It
// excludes callers of the same disk, and not other processes.
type held struct {
	mu    sync.Mutex // guards names
	names map[string]bool
}

// lock takes the lock called name.
func (h *held) lock(_ *os.File, name string) (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.names[name] {
		return nil, fmt.Errorf("%w: held by this process", node.ErrLocked)
	}
	if h.names == nil {
		h.names = map[string]bool{}
	}
	h.names[name] = true
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.names, name)
	}, nil
}

// syncData is the system's full fsync.
func syncData(f *os.File) error { return f.Sync() }

// extend makes a file longer.
func extend(f *os.File, from, to int64) error { return writeZeros(f, from, to) }

// freeBytes cannot be asked portably; the answer is that there is room, and a write that finds none says so.
func freeBytes(*os.File) (int64, error) { return math.MaxInt64, nil }

// direct goes the ordinary way here.
type direct struct{}

func (*direct) write(f *os.File, p []byte, offset int64) (int, error) { return f.WriteAt(p, offset) }
func (*direct) read(f *os.File, p []byte, offset int64) (int, error)  { return f.ReadAt(p, offset) }
func (*direct) close() error                                          { return nil }
