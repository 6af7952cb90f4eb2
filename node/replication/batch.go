package replication

import (
	"context"
	"hash/crc32"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"chasqui/node"
)

// Operation is one thing to do to the state machine.
type Operation struct {
	// Data is what StateMachine.Apply gets. It is copied before Submit's Done is called and not changed.
	Data []byte
	// Deadline, if set, is when the caller stops waiting: an operation not proposed by then is dropped (ErrExpired).
	Deadline time.Time
	// Done is called exactly once, with the result of Apply or an error of this package. It must not block.
	Done func(result any, err error)

	barrier bool // no data: the caller only wants to know that everything before is applied and this host still leads
}

// enqueueTimeout is how long raft's main loop may take to look at a new entry before the batch is refused. It is
// about the journal's write deadline: a loop that is stuck longer is about to end the process.
const enqueueTimeout = 3 * time.Second

// batcher collects operations into log entries: one entry at a time is on its way, and meanwhile the next fills up.
//
// One entry in flight with a large bound measured better than several: callers that wait for their answers split
// into fewer, larger groups. For the same reason the batcher lingers after an entry completes, until as many callers
// as before have come back, so that closed-loop callers form one convoy and not two that wait for each other: every
// entry costs all hosts the same, however much is in it. It waits no longer than that entry took, and no longer than
// Config.Linger. A lone caller never waits.
type batcher struct {
	replica *Replica

	mu      sync.Mutex // guards the fields below
	pending []Operation
	bytes   int // of pending
	closed  bool
	wake    chan struct{} // capacity 1: something was added
}

func newBatcher(r *Replica) *batcher { return &batcher{replica: r, wake: make(chan struct{}, 1)} }

func (b *batcher) submit(op Operation) {
	if err := b.add(op); err != nil {
		op.Done(nil, err)
	}
}

func (b *batcher) add(op Operation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	if b.bytes+len(op.Data) > b.replica.cfg.PendingBytesMax {
		return ErrOverloaded
	}
	b.pending = append(b.pending, op)
	b.bytes += len(op.Data) + operationOverhead
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return nil
}

// run proposes batch after batch until ctx ends.
func (b *batcher) run(ctx context.Context) {
	clock := b.replica.node.host.Clock
	expect := 0              // callers thought to come back after the entry that has just completed
	took := time.Duration(0) // how long that entry took
	buffer := batchBuffer{}
	for {
		if !b.waitForWork(ctx) {
			break
		}
		b.linger(ctx, expect, min(took, b.replica.cfg.Linger))
		batch := b.take()
		start := clock.Now()
		b.replica.propose(batch, &buffer)
		took = node.Since(clock, start)
		b.mu.Lock()
		expect = len(batch) + len(b.pending)
		b.mu.Unlock()
	}
	b.mu.Lock()
	rest := b.pending
	b.pending, b.bytes, b.closed = nil, 0, true
	b.mu.Unlock()
	for _, op := range rest {
		op.Done(nil, ErrClosed)
	}
}

func (b *batcher) waiting() (operations, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pending), b.bytes
}

func (b *batcher) waitForWork(ctx context.Context) bool {
	for {
		if n, _ := b.waiting(); n > 0 {
			return true
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return false
		}
	}
}

// linger waits until expect operations are there or the batch is nearly full, at most for limit.
func (b *batcher) linger(ctx context.Context, expect int, limit time.Duration) {
	cfg := &b.replica.cfg
	enough := func() bool {
		operations, bytes := b.waiting()
		return operations >= expect || operations >= cfg.BatchOperationsMax || bytes >= cfg.BatchBytesMax/4*3
	}
	if limit <= 0 || enough() {
		return
	}
	timer := b.replica.node.host.Clock.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-b.wake:
			if enough() {
				return
			}
		case <-timer.C():
			return
		case <-ctx.Done():
			return
		}
	}
}

// take removes the next batch: as many operations as the bounds allow, at least one.
func (b *batcher) take() []Operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	cfg := &b.replica.cfg
	bytes, n := 0, 0
	for n < len(b.pending) && n < cfg.BatchOperationsMax {
		size := len(b.pending[n].Data) + operationOverhead
		if n > 0 && bytes+size > cfg.BatchBytesMax {
			break
		}
		bytes += size
		n++
	}
	batch := b.pending[:n:n]
	rest := b.pending[n:]
	if len(rest) == 0 {
		b.pending = nil
	} else {
		b.pending = append(make([]Operation, 0, len(rest)+n), rest...)
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
	b.bytes -= bytes
	return batch
}

// batchBuffer is reused memory of propose.
type batchBuffer struct {
	alive []Operation
}

// propose makes one log entry of a batch, waits until it is committed and applied, and answers every operation.
func (r *Replica) propose(batch []Operation, buffer *batchBuffer) {
	now := r.node.host.Clock.Now()
	alive, size, count := buffer.alive[:0], entryHeaderBytes, 0
	for _, op := range batch {
		if !op.Deadline.IsZero() && now.After(op.Deadline) {
			op.Done(nil, ErrExpired)
			continue
		}
		alive = append(alive, op)
		if !op.barrier {
			size += operationOverhead + len(op.Data)
			count++
		}
	}
	buffer.alive = alive
	if len(alive) == 0 {
		return
	}
	data := appendEntryHeader(make([]byte, 0, size), now.UnixMilli(), count)
	sum := crc32.Checksum(data, castagnoli)
	for _, op := range alive {
		if !op.barrier {
			from := len(data)
			data = appendOperation(data, op.Data)
			sum = crc32.Update(sum, castagnoli, data[from:]) // while it is in the processor's cache
		}
	}
	entry := raft.Log{Data: data, Extensions: withChecksum(sum)}
	future := r.current().raft.ApplyLog(entry, enqueueTimeout)
	// Error waits without bound, but never for ever: raft answers every entry it took when it commits, when the
	// leadership is lost or when it stops, and a leader whose disk hangs is ended by the journal's watchdog.
	if err := future.Error(); err != nil {
		err = proposeError(err)
		for i := range alive {
			alive[i].Done(nil, err)
		}
		clear(alive)
		return
	}
	results := future.Response().([]any)
	next := 0
	for i := range alive {
		if alive[i].barrier {
			alive[i].Done(nil, nil)
			continue
		}
		alive[i].Done(results[next], nil)
		next++
	}
	clear(alive)
}
