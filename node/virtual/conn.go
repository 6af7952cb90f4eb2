//go:build wasip1

package virtual

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
	"unsafe"

	"chasqui/node/virtual/abi"
)

// conn is a connection. Besides what net.Conn promises it has CloseWrite, as TCP has.
type conn struct {
	card             *card
	id               uint32
	local, remote    *net.TCPAddr
	connected        chan abi.Errno // has room for one: how the dial ended
	reading, writing side

	// card.mu guards this. Once it is true the id may be another connection's.
	closed bool
}

var _ net.Conn = (*conn)(nil)

// side is what reads and writes have each of their own.
type side struct {
	turn sync.Mutex    // held by the call that may move bytes; others wait for it
	wake chan struct{} // has room for one: the call that holds turn looks again

	// card.mu guards these.
	deadline time.Time   // zero: none
	expired  bool        // deadline has passed
	timer    *time.Timer // nil until there is the first deadline
	fires    time.Time   // when the timer fires, no later than the deadline; zero: not at all
}

// newConn returns a connection that events find from now on. mu is held.
func (c *card) newConn(id uint32) *conn {
	conn := &conn{card: c, id: id}
	conn.reading.wake = make(chan struct{}, 1)
	conn.writing.wake = make(chan struct{}, 1)
	c.connections[id] = conn
	return conn
}

// learnAddresses asks the machine for the addresses of both sides.
func (c *conn) learnAddresses() (err error) {
	if c.local, err = addressOf(c.id, abi.AddressLocal); err == nil {
		c.remote, err = addressOf(c.id, abi.AddressRemote)
	}
	return err
}

// poke lets a waiting call look again.
func (s *side) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// failure returns why a call cannot go on, if there is a reason. card.mu is held.
func (c *conn) failure(s *side) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case s.expired:
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Read fills p with what has arrived, at least one byte; io.EOF at the end of the stream.
func (c *conn) Read(p []byte) (int, error) {
	c.card.interleave()
	c.reading.turn.Lock()
	defer c.reading.turn.Unlock()
	for {
		n, err := c.receive(p)
		switch {
		case err != nil:
			return 0, c.opError("read", err)
		case n > 0 || len(p) == 0:
			return int(n), nil
		case n == 0:
			return 0, io.EOF
		case n != -int64(abi.WouldBlock):
			return 0, c.opError("read", errorOf(n))
		}
		<-c.reading.wake
	}
}

// receive asks the machine for bytes.
func (c *conn) receive(p []byte) (int64, error) {
	c.card.mu.Lock()
	defer c.card.mu.Unlock()
	if err := c.failure(&c.reading); err != nil || len(p) == 0 {
		return 0, err
	}
	return netReceive(c.id, unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p))), nil
}

// Write sends p. With an error, the first n bytes were taken; whether they arrive is not known.
func (c *conn) Write(p []byte) (n int, err error) {
	c.card.interleave()
	c.writing.turn.Lock()
	defer c.writing.turn.Unlock()
	for {
		sent, err := c.send(p[n:])
		switch {
		case err != nil:
			return n, c.opError("write", err)
		case sent >= 0:
			if n += int(sent); n == len(p) {
				return n, nil
			}
		case sent == -int64(abi.WouldBlock):
			<-c.writing.wake
		default:
			return n, c.opError("write", errorOf(sent))
		}
	}
}

// send gives bytes to the machine.
func (c *conn) send(p []byte) (int64, error) {
	c.card.mu.Lock()
	defer c.card.mu.Unlock()
	if err := c.failure(&c.writing); err != nil || len(p) == 0 {
		return 0, err
	}
	return netSend(c.id, unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p))), nil
}

// CloseWrite ends this direction of the stream: the peer reads to its end. Reads go on.
func (c *conn) CloseWrite() error {
	c.card.interleave()
	c.card.mu.Lock()
	defer c.card.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	if result := netCloseWrite(c.id); result < 0 {
		return c.opError("close", errorOf(result))
	}
	return nil
}

// Close ends the connection and the calls that wait for it. What was sent still arrives, unless there are bytes that
// nobody has read: then the peer sees a reset.
func (c *conn) Close() error {
	c.card.interleave()
	c.card.mu.Lock()
	defer c.card.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	delete(c.card.connections, c.id)
	for _, s := range []*side{&c.reading, &c.writing} {
		if s.timer != nil {
			s.timer.Stop()
		}
		s.poke()
	}
	if result := netClose(c.id); result < 0 {
		return c.opError("close", errorOf(result))
	}
	return nil
}

// LocalAddr returns this side's address.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other side's address.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline has reads fail with os.ErrDeadlineExceeded from t on; never if t is zero.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.reading, t) }

// SetWriteDeadline has writes fail with os.ErrDeadlineExceeded from t on; never if t is zero.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writing, t) }

// setDeadline sets a deadline. Most are moved on long before they pass, so a timer that fires too early is left alone:
// it looks at the deadline when it fires. Only a deadline before that costs a change of the timer.
func (c *conn) setDeadline(s *side, t time.Time) error {
	c.card.mu.Lock()
	defer c.card.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	s.deadline, s.expired = t, false
	if !t.IsZero() {
		c.watch(s)
	}
	return nil
}

// watch sees to it that s expires at its deadline. card.mu is held.
func (c *conn) watch(s *side) {
	left := time.Until(s.deadline)
	switch {
	case left <= 0:
		s.expired = true
		s.poke()
		return
	case !s.fires.IsZero() && !s.deadline.Before(s.fires):
		return
	case s.timer == nil:
		s.timer = time.AfterFunc(left, func() { c.fire(s) })
	default:
		s.timer.Reset(left)
	}
	s.fires = s.deadline
}

// fire is called when the timer of s fires.
func (c *conn) fire(s *side) {
	c.card.mu.Lock()
	defer c.card.mu.Unlock()
	s.fires = time.Time{}
	if !c.closed && !s.deadline.IsZero() && !s.expired {
		c.watch(s)
	}
}
