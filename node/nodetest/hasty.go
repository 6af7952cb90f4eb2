package nodetest

import (
	"sync"
	"time"

	"chasqui/node"
)

// HastyClock is a clock that is an hour later each time it is asked, so that whatever depends on the time that has passed
// takes it for long.
type HastyClock struct {
	node.Clock

	mu  sync.Mutex // guards now
	now time.Time
}

// Now returns the next hour.
func (c *HastyClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Hour)
	return c.now
}
