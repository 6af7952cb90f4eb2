package replication

import (
	"errors"
	"sync"
	"time"

	"chasqui/node"
)

// snapshotBytesPerSecond is how fast a host writes snapshots, and reads them back, those of all its groups together. At
// the disk's own speed a snapshot of a gigabyte takes both the disk and a processor away from appends for seconds.
const snapshotBytesPerSecond = 64 << 20

// errAbandoned means that a snapshot was not finished because the replica is closing.
var errAbandoned = errors.New("snapshot abandoned: the replica is closing")

// pace spreads the work on snapshots over time. Its methods may be called concurrently.
type pace struct {
	clock node.Clock

	mu   sync.Mutex // guards free
	free time.Time  // when the next bytes may be moved
}

// take waits until n bytes may be moved, at once if none were for a while, or returns errAbandoned once stop is closed.
func (p *pace) take(n int, stop <-chan struct{}) error {
	p.mu.Lock()
	now := p.clock.Now()
	if p.free.Before(now) {
		p.free = now
	}
	wait := p.free.Sub(now)
	p.free = p.free.Add(time.Duration(n) * time.Second / snapshotBytesPerSecond)
	p.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	timer := p.clock.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C():
		return nil
	case <-stop:
		return errAbandoned
	}
}
