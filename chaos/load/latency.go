package load

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Result is what a phase of load measured.
type Result struct {
	Name     string        `json:"name"`
	Messages int           `json:"messages"` // acknowledged
	Requests int           `json:"requests"` // answered
	Errors   int           `json:"errors"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	P50      time.Duration `json:"p50_ns"` // of a request
	P99      time.Duration `json:"p99_ns"`
	P999     time.Duration `json:"p999_ns"`
	// Gap is the longest time between two acknowledged requests of any clients.
	Gap time.Duration `json:"gap_ns"`
}

// PerSecond returns acknowledged messages per second.
func (r Result) PerSecond() float64 { return float64(r.Messages) / r.Elapsed.Seconds() }

// String renders the result as one line of a table.
func (r Result) String() string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%-34s %9.0f msg/s   p50 %7.2f  p99 %7.2f  p99.9 %7.2f ms   %d errors",
		r.Name, r.PerSecond(), ms(r.P50), ms(r.P99), ms(r.P999), r.Errors)
}

// recorder gathers the outcomes of all clients of a phase. Its methods may be called concurrently.
type recorder struct {
	mu        sync.Mutex
	latencies []time.Duration
	messages  int
	errors    int
	lastError error
	last      time.Time
	gap       time.Duration
}

func (r *recorder) done(start time.Time, messages int) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latencies = append(r.latencies, now.Sub(start))
	r.messages += messages
	if !r.last.IsZero() {
		r.gap = max(r.gap, now.Sub(r.last))
	}
	r.last = now
}

// note is done or failed.
func (r *recorder) note(start time.Time, messages int, err error) {
	if err != nil {
		r.failed(err)
		return
	}
	r.done(start, messages)
}

func (r *recorder) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors++
	r.lastError = err
}

func (r *recorder) result(name string, elapsed time.Duration) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.latencies)
	if r.lastError != nil {
		name += fmt.Sprintf(" (last error: %v)", r.lastError)
	}
	at := func(q float64) time.Duration {
		if len(r.latencies) == 0 {
			return 0
		}
		return r.latencies[min(len(r.latencies)-1, int(q*float64(len(r.latencies))))]
	}
	return Result{
		Name: name, Messages: r.messages, Requests: len(r.latencies), Errors: r.errors, Elapsed: elapsed,
		P50: at(0.5), P99: at(0.99), P999: at(0.999), Gap: r.gap,
	}
}
