package workload

import (
	"bufio"
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"chasqui/linearizability"

	"github.com/stretchr/testify/require"
)

// machine is a client host of coroutines: one runs at a time, in an order fixed by the seed, as in the simulator. Its
// network ends at a service, which carries out requests on the coroutine that makes them.
type machine struct {
	t       testing.TB
	seed    uint64
	now     time.Duration
	wakes   wakes
	serial  int
	current *coroutine
	over    bool // coroutines are ended where they wait
	service func(r *http.Request) verdict
	refuse  func() error // asked by Dial; nil dials
}

// verdict is what becomes of a request: an answer after a while, or none.
type verdict struct {
	after  time.Duration
	answer []byte
	err    error // instead of an answer, or at its end
}

type coroutine struct {
	next  func() (struct{}, bool)
	yield func(struct{}) bool
}

// wake is a moment at which a coroutine goes on.
type wake struct {
	at     time.Duration
	serial int
	c      *coroutine
}

type wakes []wake

func (w wakes) Len() int { return len(w) }
func (w wakes) Less(i, j int) bool {
	return w[i].at < w[j].at || w[i].at == w[j].at && w[i].serial < w[j].serial
}
func (w wakes) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w *wakes) Push(x any)   { *w = append(*w, x.(wake)) }
func (w *wakes) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}

var _ Env = (*machine)(nil)

func newMachine(t testing.TB, seed uint64) *machine { return &machine{t: t, seed: seed} }

// until runs the coroutines up to a time, or until all have ended.
func (m *machine) until(end time.Duration) {
	for len(m.wakes) > 0 && m.wakes[0].at <= end {
		w := heap.Pop(&m.wakes).(wake)
		m.now, m.current = w.at, w.c
		w.c.next()
	}
	m.now, m.current = max(m.now, end), nil
}

func (m *machine) wake(c *coroutine, after time.Duration) {
	m.serial++
	heap.Push(&m.wakes, wake{at: m.now + max(after, 0), serial: m.serial, c: c})
}

func (m *machine) Go(_ string, f func()) {
	c := &coroutine{}
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if cause := recover(); cause != nil && cause != errEnded {
				panic(cause)
			}
		}()
		c.yield = yield
		f()
	})
	c.next = next
	m.t.Cleanup(stop)
	m.wake(c, 0)
}

// errEnded is what a coroutine panics with, where it waits, when the test is over before it is.
var errEnded = errors.New("the test is over")

func (m *machine) Sleep(d time.Duration) {
	c := m.current
	if m.over { // and the service has caught the panic
		panic(errEnded)
	}
	m.wake(c, d)
	if !c.yield(struct{}{}) {
		m.over = true
		panic(errEnded)
	}
}

func (m *machine) Now() time.Duration { return m.now }

func (m *machine) Time() time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(m.now)
}

func (m *machine) Random(stream string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, stream)
	return rand.New(rand.NewPCG(m.seed, h.Sum64()))
}

func (m *machine) Lookup(string) ([]string, error) {
	return []string{"10.0.0.1:80", "10.0.0.2:80"}, nil
}

func (m *machine) Dial(address string, _ time.Duration) (net.Conn, error) {
	m.Sleep(time.Millisecond)
	if m.refuse != nil {
		if err := m.refuse(); err != nil {
			return nil, err
		}
	}
	return &conn{m: m}, nil
}

// conn is a connection to the service.
type conn struct {
	net.Conn // nil: the methods that are not here are not used
	m        *machine
	request  bytes.Buffer
	verdict  verdict
	answer   *bytes.Reader // nil between requests
	deadline time.Time
	closed   bool
}

func (c *conn) SetDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

func (c *conn) Write(p []byte) (int, error) { return c.request.Write(p) }

func (c *conn) Close() error {
	c.closed = true
	return nil
}

// Read gives the answer to the request that was written.
func (c *conn) Read(p []byte) (int, error) {
	require.False(c.m.t, c.closed)
	if c.answer == nil {
		r, err := http.ReadRequest(bufio.NewReader(&c.request))
		require.NoError(c.m.t, err)
		body, err := io.ReadAll(r.Body)
		require.NoError(c.m.t, err)
		require.Zero(c.m.t, c.request.Len(), "one request at a time")
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.verdict = c.m.service(r)
		left := c.deadline.Sub(c.m.Time())
		if c.verdict.after > left {
			c.m.Sleep(left)
			return 0, os.ErrDeadlineExceeded
		}
		c.m.Sleep(c.verdict.after)
		c.answer = bytes.NewReader(c.verdict.answer)
	}
	n, err := c.answer.Read(p)
	switch {
	case err == nil && c.answer.Len() == 0 && c.verdict.err == nil:
		c.answer = nil // the next request may come
	case err == io.EOF && c.verdict.err != nil:
		return n, c.verdict.err
	}
	return n, err
}

// answer is an HTTP answer.
func answer(status int, body string) verdict {
	text := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
	return verdict{after: 5 * time.Millisecond, answer: []byte(text)}
}

// notes is a recorder.
type notes struct {
	operations []linearizability.Operation
	ended      []bool
}

func (n *notes) Begin(operation linearizability.Operation) int {
	operation.ID = len(n.operations)
	n.operations, n.ended = append(n.operations, operation), append(n.ended, false)
	return operation.ID
}

func (n *notes) End(id int, finish func(*linearizability.Operation)) {
	if n.ended[id] {
		panic(fmt.Sprintf("operation %d ends twice", id))
	}
	n.ended[id] = true
	finish(&n.operations[id])
}
