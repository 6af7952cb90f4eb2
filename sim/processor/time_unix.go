//go:build unix

package processor

import (
	"fmt"
	"syscall"
	"time"
)

// Time is what this process has used of all processors so far, its system calls included.
func Time() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(fmt.Sprintf("the system does not tell the processor time used: %v", err)) // only a wrong address can be the reason
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
