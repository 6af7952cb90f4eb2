package linearizability

import (
	"fmt"
	"slices"
	"sync"
)

// Recorder makes the history of a run. Clients call Begin just before they send a request and End just after they read
// its answer; what never ends is recorded as unknown. All methods may be called concurrently. Called by one
// goroutine at a time with a deterministic clock, it is deterministic.
type Recorder struct {
	now func() int64

	mu sync.Mutex
	// last is the latest time read. The clock of a history never runs backwards.
	last int64
	// operations are in order of Call, and each one's ID is its index.
	operations []Operation
	// open says of each operation whether it has not ended.
	open []bool
	// batches is how many batches there were.
	batches int
}

// NewRecorder returns an empty recorder. now is the run's one clock: nanoseconds since the beginning of the run, by a
// clock that is not set. It is called with a lock held, so it must not call the recorder.
func NewRecorder(now func() int64) *Recorder { return &Recorder{now: now} }

// Begin records that an operation is called now, and returns its id. It sets ID and Call; Batch is left as it is. The
// caller must not change op's maps or slices afterwards.
func (r *Recorder) Begin(op Operation) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begin(op, r.read())
}

// BeginBatch records that the entries of one batch request are called now, in the order of the list, and returns their
// ids. Besides ID and Call it sets Batch. Each entry is ended by itself.
func (r *Recorder) BeginBatch(entries []Operation) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	call := r.read()
	r.batches++
	ids := make([]int, len(entries))
	for i, entry := range entries {
		entry.Batch = r.batches
		ids[i] = r.begin(entry, call)
	}
	return ids
}

// End records that the answer to an operation is read now, or that its client gives up. fill writes the outcome and the
// outputs, and may be nil: an operation without an outcome is unknown. It is called with a lock held. End panics if
// there is no such operation or it has ended: the harness is broken.
func (r *Recorder) End(id int, fill func(op *Operation)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id < 0 || id >= len(r.operations) || !r.open[id] {
		panic(fmt.Sprintf("end of operation %d, which is not open (%d were begun)", id, len(r.operations)))
	}
	op := &r.operations[id]
	call := op.Call
	if fill != nil {
		fill(op)
	}
	op.ID, op.Call, op.Return = id, call, r.read()
	if op.Outcome == "" {
		op.Outcome = Unknown
	}
	r.open[id] = false
}

// History returns the operations so far, in order of Call. Those that have not ended are unknown and given up now.
func (r *Recorder) History() []Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := slices.Clone(r.operations)
	now := r.read()
	for id := range h {
		if r.open[id] {
			h[id].Outcome, h[id].Return = Unknown, now
		}
	}
	return h
}

// Len returns how many operations have begun.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.operations)
}

// begin appends an operation. The caller holds mu.
func (r *Recorder) begin(op Operation, call int64) int {
	op.ID, op.Call, op.Return = len(r.operations), call, call
	r.operations = append(r.operations, op)
	r.open = append(r.open, true)
	return op.ID
}

// read returns the time. The caller holds mu, so calls are in order of their times.
func (r *Recorder) read() int64 {
	r.last = max(r.last, r.now())
	return r.last
}
