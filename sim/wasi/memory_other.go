//go:build !unix

package wasi

import "github.com/tetratelabs/wazero/experimental"

// Memory from the heap has no guard: the build fails here if one is needed.
var _ = [1]bool{}[guardBytes]

// memoryAllocator gives an instance its linear memory from Go's heap, where there is nothing better.
type memoryAllocator struct {
	limitBytes uint64
	memory     linearMemory
	err        error // why there is no memory
}

var _ experimental.MemoryAllocator = (*memoryAllocator)(nil)

// Allocate returns an empty memory that can grow to the limit.
func (a *memoryAllocator) Allocate(_, maximum uint64) experimental.LinearMemory {
	a.memory.limitBytes = min(maximum, a.limitBytes)
	return &a.memory
}

// linearMemory is the memory of one instance.
type linearMemory struct {
	limitBytes uint64
	bytes      []byte
}

// Reallocate grows the memory, or returns nil at the limit.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.limitBytes {
		return nil
	}
	m.bytes = append(m.bytes, make([]byte, size-uint64(len(m.bytes)))...)
	return m.bytes
}

// Free leaves the memory to the garbage collector.
func (m *linearMemory) Free() { m.bytes = nil }
