package node

import (
	"context"
	"runtime/pprof"
	"sync"
)

// Tasks is a group of goroutines that end together. Every goroutine of chasqui's own is started by Go, so that it has
// a name, a context, and someone who waits for it. A panic in a task is not recovered: a broken invariant ends the
// process.
type Tasks struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex // guards stopped; held when wg is added to, so that Stop's Wait never races an Add
	stopped bool
	wg      sync.WaitGroup
}

// NewTasks returns an empty group whose tasks' contexts end when parent does or when Stop is called.
func NewTasks(parent context.Context) *Tasks {
	ctx, cancel := context.WithCancel(parent)
	return &Tasks{ctx: ctx, cancel: cancel}
}

// Go starts f in a goroutine of its own. The name says what it is, for stack dumps and traces. After Stop it does
// nothing and returns false.
func (t *Tasks) Go(name string, f func(ctx context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		pprof.Do(t.ctx, pprof.Labels("task", name), f)
	}()
	return true
}

// Group returns a group that ends with t or by its own Stop, whichever comes first. Stop of t does not wait for the
// group's tasks: whoever made the group stops it.
func (t *Tasks) Group() *Tasks { return NewTasks(t.ctx) }

// Context ends when the group is stopped.
func (t *Tasks) Context() context.Context { return t.ctx }

// Stop ends the contexts of all tasks and waits for them to return. Stopping twice is harmless. A task must not call
// Stop of its own group.
func (t *Tasks) Stop() {
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	t.cancel()
	t.wg.Wait()
}
