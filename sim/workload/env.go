package workload

import (
	"math/rand/v2"
	"net"
	"time"

	"chasqui/linearizability"
)

// Env is a client host as the threads on it see it. All methods may block, and may be called by any of the host's
// threads.
type Env interface {
	// Now is the time since the beginning of the run, on the one clock that the history is recorded by.
	Now() time.Duration
	// Sleep blocks the calling thread.
	Sleep(d time.Duration)
	// Go starts a thread. It may begin to run before or after Go returns.
	Go(name string, f func())
	// Dial connects to an "ip:port". The connection's deadlines are on the clock of Time.
	Dial(address string, timeout time.Duration) (net.Conn, error)
	// Time is the host's wall clock.
	Time() time.Time
	// Lookup returns the addresses, "ip:port", behind a name. They may change in the course of a run.
	Lookup(name string) ([]string, error)
	// Random returns a generator that depends on the run's seed and the stream's name alone. A generator is used by
	// one thread.
	Random(stream string) *rand.Rand
}

// Recorder takes down a history. If the threads of a run are goroutines it is safe for concurrent use.
type Recorder interface {
	// Begin adds an operation that begins and returns its id. The operation has its input, and Call.
	Begin(operation linearizability.Operation) int
	// End ends an operation: finish fills in Return, Outcome and the output.
	End(id int, finish func(operation *linearizability.Operation))
}
