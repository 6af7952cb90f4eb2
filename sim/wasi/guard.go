//go:build !unchecked

package wasi

// What depends on whether the engine's code checks every memory access, which it does.
const (
	// guardBytes is how many addresses from the beginning of an instance's memory are kept for it.
	guardBytes = 0
	// cacheFolder is the folder of the machine code within the cache.
	cacheFolder = ""
)
