//go:build unix

package wasi

import (
	"fmt"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// memoryAllocator gives an instance its linear memory as a mapping of its own: it grows without being copied, only
// pages that were touched take room, and it goes back to the system the moment that the instance ends instead of with
// some later garbage collection.
type memoryAllocator struct {
	limitBytes uint64
	memory     linearMemory
	err        error // why there is no memory
}

var _ experimental.MemoryAllocator = (*memoryAllocator)(nil)

// Allocate reserves addresses for as much memory as the instance may ever have, and for what guards it.
func (a *memoryAllocator) Allocate(_, maximum uint64) experimental.LinearMemory {
	size := int(min(maximum, a.limitBytes))
	mapped, err := syscall.Mmap(-1, 0, max(size, guardBytes), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		a.err = fmt.Errorf("reserve %d bytes of memory: %w", max(size, guardBytes), err)
		return &a.memory
	}
	a.memory.mapped = mapped
	if err := syscall.Mprotect(mapped[:size], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		a.err = fmt.Errorf("make %d bytes of memory usable: %w", size, err)
		return &a.memory
	}
	a.memory.usable = mapped[:size]
	return &a.memory
}

// linearMemory is the memory of one instance.
type linearMemory struct {
	mapped []byte // all of it; what is not usable must not be touched
	usable []byte
}

// Reallocate grows the memory in its place, or returns nil at the limit.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.usable)) {
		return nil
	}
	return m.usable[:size:size]
}

// Free gives the memory back.
func (m *linearMemory) Free() {
	if m.mapped == nil {
		return
	}
	if err := syscall.Munmap(m.mapped); err != nil {
		panic(fmt.Sprintf("unmap the memory of an instance: %v", err)) // only a wrong address can be the reason
	}
	m.mapped, m.usable = nil, nil
}
