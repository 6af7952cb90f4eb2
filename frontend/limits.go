package frontend

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"chasqui/frontend/protocol"
)

// load counts what the server is busy with and refuses what is too much. A refusal costs next to nothing: nobody is
// asked, and in the JSON protocol the body is not even read.
type load struct {
	maxInFlight, maxLongPolls int64
	inFlight, longPolls       atomic.Int64
}

// admitPercent is up to which part of MaxInFlight each priority is let in. So when the limit is near, the actions that
// add work are refused first and those that take it away go on.
var admitPercent = [...]int64{
	protocol.PriorityAdministration: 70,
	protocol.PrioritySend:           80,
	protocol.PriorityReceive:        90,
	protocol.PriorityDelete:         100,
}

// enter counts a request in, or refuses it. After true, leave must follow.
func (l *load) enter(priority protocol.Priority) bool {
	if l.inFlight.Add(1) > l.limit(priority) {
		l.inFlight.Add(-1)
		return false
	}
	return true
}

// admits tells whether a request that is counted in may go on with this priority.
func (l *load) admits(priority protocol.Priority) bool { return l.inFlight.Load() <= l.limit(priority) }

func (l *load) limit(priority protocol.Priority) int64 {
	return max(1, l.maxInFlight*admitPercent[priority]/100)
}

func (l *load) leave() { l.inFlight.Add(-1) }

// park counts a request as waiting instead of in flight, or refuses it. After true, unpark must follow.
func (l *load) park() bool {
	if l.longPolls.Add(1) > l.maxLongPolls {
		l.longPolls.Add(-1)
		return false
	}
	l.inFlight.Add(-1)
	return true
}

func (l *load) unpark() {
	l.inFlight.Add(1)
	l.longPolls.Add(-1)
}

// limitedListener is a listener with at most so many open connections. Others wait to be accepted.
type limitedListener struct {
	net.Listener
	slots  chan struct{}
	closed context.Context
	cancel context.CancelFunc
}

func newLimitedListener(l net.Listener, most int) *limitedListener {
	closed, cancel := context.WithCancel(context.Background())
	return &limitedListener{Listener: l, slots: make(chan struct{}, most), closed: closed, cancel: cancel}
}

// Accept waits for a free slot and a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed.Done():
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close ends Accept.
func (l *limitedListener) Close() error {
	l.cancel()
	return l.Listener.Close()
}

// limitedConn gives its slot back when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
