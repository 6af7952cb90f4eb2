//go:build !unix

package bench

import "time"

var began = time.Now()

// processorTime is the time since the start: on this system the measures need a machine that does nothing else.
func processorTime() time.Duration { return time.Since(began) }

// residentBytes is not known on this system.
func residentBytes() int64 { return 0 }
