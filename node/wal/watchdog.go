package wal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"chasqui/node"
)

// watch measures one task's disk operations, one at a time, and lets the watchdog see one that does not come back.
type watch struct {
	journal *Journal

	mu    sync.Mutex // guards the fields below
	what  string     // "" while nothing is under way
	since time.Time
}

func newWatch(j *Journal) *watch { return &watch{journal: j} }

// do runs a disk operation under the eyes of the watchdog and returns how long it took.
func (w *watch) do(what string, operation func() error) (time.Duration, error) {
	start := w.journal.host.Clock.Now()
	w.set(what, start)
	err := operation()
	elapsed := node.Since(w.journal.host.Clock, start)
	w.set("", start)
	if elapsed > w.journal.cfg.SlowWrite {
		w.journal.host.Log.Warn("the disk is slow", "operation", what, "took", elapsed)
	}
	return elapsed, err
}

func (w *watch) set(what string, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.what, w.since = what, since
}

// overdue returns an error if the operation under way has taken longer than the deadline.
func (w *watch) overdue() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.what == "" {
		return nil
	}
	elapsed := node.Since(w.journal.host.Clock, w.since)
	if elapsed <= w.journal.cfg.WriteDeadline {
		return nil
	}
	return fmt.Errorf("the disk hangs: %s has taken %v, limit %v", w.what, elapsed, w.journal.cfg.WriteDeadline)
}

// watchdog ends the host when a disk operation takes longer than Config.WriteDeadline. Without it a leader with a hung
// disk goes on sending heartbeats, and nobody else can take over (hashicorp/raft #503, #614).
func watchdog(ctx context.Context, j *Journal, watches ...*watch) {
	interval := max(j.cfg.WriteDeadline/8, time.Millisecond)
	timer := j.host.Clock.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C():
		case <-ctx.Done():
			return
		}
		for _, w := range watches {
			if err := w.overdue(); err != nil {
				j.poison(err)
				return
			}
		}
		timer.Reset(interval)
	}
}
