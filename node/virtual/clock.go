//go:build wasip1

package virtual

import (
	"time"

	"chasqui/node"
)

// clock is the Go runtime's: on wasip1 its time is what the machine says.
type clock struct{}

var _ node.Clock = clock{}

// Now returns the machine's wall clock time with a monotonic reading.
func (clock) Now() time.Time { return time.Now() }

// NewTimer returns a timer of the Go runtime.
func (clock) NewTimer(d time.Duration) node.Timer { return timer{time.NewTimer(d)} }

// timer gives time.Timer's channel a method.
type timer struct{ *time.Timer }

// C returns the channel on which the time arrives.
func (t timer) C() <-chan time.Time { return t.Timer.C }
