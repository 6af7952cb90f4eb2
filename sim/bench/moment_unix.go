//go:build unix

package bench

import (
	"fmt"
	"os"
)

// residentBytes is the memory that this process has in use, or 0 where there is no /proc.
func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
