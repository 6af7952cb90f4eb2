//go:build !unix

package processor

import "time"

var began = time.Now()

// Time is the time since the start: on this system the measures need a machine that does nothing else.
func Time() time.Duration { return time.Since(began) }
