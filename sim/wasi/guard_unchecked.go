//go:build unchecked

package wasi

// The engine's code does not check memory accesses: see the command in sim/wasi/unchecked. Nothing but the instance's
// memory is where they can reach.
const (
	// guardBytes is as far as an address of 32 bits, an offset of 32 bits and the widest access reach.
	guardBytes  = 1<<33 + pageBytes
	cacheFolder = "unchecked"
)
