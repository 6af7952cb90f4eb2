package world

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Epoch is the wall clock time at which every run begins, in nanoseconds since 1970: 2026-01-01 00:00:00 UTC.
const Epoch = int64(1767225600) * int64(time.Second)

// World is one run. It is used from one goroutine.
type World struct {
	seed  uint64
	cfg   Config
	now   int64
	queue eventQueue
	count uint64 // of events ever scheduled: the order of those of one instant and tie
	trace Trace

	hosts   []*Host
	order   *rand.Rand // the order of events of one instant
	links   links
	running *Host // the host whose guest runs, nil between
	failure error // why the simulation itself cannot go on
	// resumed and resumes are for a watchdog on another goroutine: the host whose program was resumed last, and how many
	// have been.
	resumed atomic.Pointer[Host]
	resumes atomic.Uint64
	conns   uint64
}

// Config says what the world is like when nothing is broken. Times are of the one true clock.
type Config struct {
	// CallCost is what each call of a program into its machine takes, ResumeCost what waking up takes.
	CallCost, ResumeCost time.Duration
	// TimerSlack is the grid on which timers fire: the system lets those of nearby moments fire together.
	TimerSlack time.Duration
	// InterruptDelay is the time between an arrival at a waiting host and its program's waking up, so that arrivals of
	// nearby moments are handled together.
	InterruptDelay time.Duration
	// Latency tells how long packets take.
	Latency Latency
	// SendBuffer bounds the bytes of one direction of a connection that were sent and not yet read by the other side.
	SendBuffer int
	// GiveUpAfter is how long a connection's packets may go unanswered before its sender resets it.
	GiveUpAfter time.Duration
	// ShortReadChance and ShortWriteChance are the chances, of 1000, that a read or write moves fewer bytes than it
	// could.
	ShortReadChance, ShortWriteChance int
}

// DefaultConfig returns a world like a quiet network of Linux machines in three nearby data centers.
func DefaultConfig() Config {
	return Config{
		CallCost:       200 * time.Nanosecond,
		ResumeCost:     5 * time.Microsecond,
		TimerSlack:     50 * time.Microsecond,
		InterruptDelay: 20 * time.Microsecond,
		Latency:        DefaultLatency(),
		SendBuffer:     256 << 10,
		GiveUpAfter:    30 * time.Second,
	}
}

// New returns an empty world at time 0.
func New(seed uint64, cfg Config) *World {
	w := &World{seed: seed, cfg: cfg}
	w.order = w.Stream("order")
	w.links.init(w)
	return w
}

// Now returns the true time since the beginning of the run.
func (w *World) Now() time.Duration { return time.Duration(w.now) }

// Trace returns the run's chained hash.
func (w *World) Trace() *Trace { return &w.trace }

// Note adds a text of the experimenter's to the trace.
func (w *World) Note(text string) { w.trace.add(w.now, TraceNote, 0, 0, hashBytes([]byte(text))) }

// Fault adds a fault's description to the trace.
func (w *World) Fault(text string) { w.trace.add(w.now, TraceFault, 0, 0, hashBytes([]byte(text))) }

// Hosts returns the hosts in the order in which they were added.
func (w *World) Hosts() []*Host { return w.hosts }

// Pulse returns the host whose program was resumed last (nil before the first) and how many resumes there have been. It
// may be called from other goroutines: a count that stands still means a program that never waits.
func (w *World) Pulse() (last *Host, resumes uint64) { return w.resumed.Load(), w.resumes.Load() }

// Failed returns why the simulation itself cannot go on (not why the simulated system fails), or nil.
func (w *World) Failed() error { return w.failure }

// Fail ends the run because the simulator is at fault; the first error counts.
func (w *World) Fail(err error) {
	if w.failure == nil {
		w.failure = err
	}
}

// Event is something that will happen. Cancel keeps it from happening.
type Event struct {
	at    int64
	tie   uint32
	order uint64
	f     func()
}

// Cancel keeps the event from happening. Cancelling twice, or one that has happened, is harmless.
func (e *Event) Cancel() { e.f = nil }

// At lets f happen at a time; in the past means now. Events of one instant happen in an order that the seed decides.
func (w *World) At(at time.Duration, f func()) *Event { return w.schedule(int64(at), f) }

// After lets f happen after d.
func (w *World) After(d time.Duration, f func()) *Event { return w.schedule(w.now+int64(d), f) }

func (w *World) schedule(at int64, f func()) *Event {
	e := &Event{at: max(at, w.now), tie: w.order.Uint32(), order: w.count, f: f}
	w.count++
	heap.Push(&w.queue, e)
	return e
}

// Run lets everything happen that is due before the given time, or until stop returns true, which is asked after every
// event. It returns an error if the simulation itself failed.
func (w *World) Run(until time.Duration, stop func() bool) error {
	for len(w.queue) > 0 && w.failure == nil {
		next := w.queue[0]
		if next.at > int64(until) {
			break
		}
		heap.Pop(&w.queue)
		if next.f == nil {
			continue
		}
		w.now = next.at
		f := next.f
		next.f = nil
		f()
		if stop != nil && stop() {
			return w.failure
		}
	}
	if w.failure == nil {
		w.now = max(w.now, int64(until))
	}
	return w.failure
}

// Close ends every program. The world is of no use afterwards.
func (w *World) Close() {
	for _, h := range w.hosts {
		h.discard()
	}
}

// eventQueue is a heap by time; within one instant by tie, then by order of scheduling.
type eventQueue []*Event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	a, b := q[i], q[j]
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.tie != b.tie:
		return a.tie < b.tie
	default:
		return a.order < b.order
	}
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push adds an event, for package heap.
func (q *eventQueue) Push(x any) { *q = append(*q, x.(*Event)) }

// Pop removes the last event, for package heap.
func (q *eventQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return last
}

// broken panics because the simulator itself is wrong.
func broken(format string, args ...any) { panic("world: " + fmt.Sprintf(format, args...)) }
