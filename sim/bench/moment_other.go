//go:build !unix

package bench

// residentBytes is not known on this system.
func residentBytes() int64 { return 0 }
