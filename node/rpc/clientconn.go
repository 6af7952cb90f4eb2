package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// errRefusedClosed means the connection was closed before it took a call; another may take it.
var errRefusedClosed = errors.New("connection is closed")

// clientConn is the calling end of a connection: from the first call, which makes it dial, to the last outcome
// delivered. Its tasks are run (dials, then reads answers), flush and watch.
type clientConn struct {
	link
	client  *Client
	address string
	ids     atomic.Uint64

	// Guarded by link.mu.
	calls map[uint64]pendingCall
	// waiting are the requests taken before the connection stood, in order, and their size. A call that has ended
	// meanwhile is in waiting but not in calls, and is not sent.
	waiting      []waitingRequest
	waitingBytes int
	useful       bool   // a frame has come from the peer
	begun        uint64 // calls so far, to notice disuse
}

// pendingCall is a call without an outcome. Exactly one of done and waiter is set.
type pendingCall struct {
	done     func([]byte, error)
	waiter   *waiter
	deadline time.Duration // at which watch ends it, since link.base; 0 = none. A waiter watches its context itself.
	start    int64         // the stream position of its frame; notWritten while it is in waiting
}

const notWritten = math.MaxInt64

// waitingRequest is a request that waits for the dial.
type waitingRequest struct {
	id       uint64
	method   Method
	body     []byte // of its own
	deadline time.Time
}

func (p pendingCall) finish(body []byte, err error) {
	if p.waiter != nil {
		p.waiter.answer <- answer{body, err} // has room: one send per call
		return
	}
	p.done(body, err)
}

// newClientConn returns a connection that is being dialled, or nil if the client is closing.
func newClientConn(client *Client, address string) *clientConn {
	c := &clientConn{client: client, address: address, calls: map[uint64]pendingCall{}}
	ctx, cancel := context.WithCancel(client.tasks.Context())
	c.init(client.host.With("peer", address), client.config, cancel)
	c.alarm = c.config.DialTimeout
	if !client.tasks.Go("rpc client connection", func(context.Context) { c.run(ctx) }) {
		cancel()
		return nil
	}
	return c
}

// run dials, reads until the connection ends, and then delivers the outcome of every call left.
func (c *clientConn) run(ctx context.Context) {
	err := ErrClosed
	if c.client.tasks.Go("rpc client watch", func(ctx context.Context) { c.watch(ctx, c.sweepLocked, c.closeIfIdle()) }) {
		var r *bufio.Reader
		if r, err = c.connect(ctx); err == nil {
			err = c.readAnswers(r)
		}
	}
	c.close(err)
	c.client.ended(c)
	c.deliverRest()
}

// connect dials and shakes hands. When it returns nil, frames may be written, and those that waited are.
func (c *clientConn) connect(ctx context.Context) (*bufio.Reader, error) {
	conn, err := c.host.Network.Dial(ctx, c.address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if err := c.attach(conn); err != nil {
		return nil, err
	}
	if _, err := conn.Write(hello()); err != nil {
		return nil, fmt.Errorf("write hello: %w", err)
	}
	r := c.reader(conn)
	if err := readHello(r); err != nil {
		return nil, err
	}
	if err := c.sendWaiting(); err != nil {
		return nil, err
	}
	if !c.client.tasks.Go("rpc client flush", c.flush) {
		return nil, ErrClosed
	}
	return r, nil
}

// sendWaiting puts the requests that waited for the dial into the stream and opens it for others.
func (c *clientConn) sendWaiting() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.cause
	}
	c.open = true
	for _, request := range c.waiting {
		call, ok := c.calls[request.id]
		if !ok {
			continue // its caller has been told that it was not sent, so it must not be
		}
		// A deadline that has passed since the last sweep is left for the next one to find: the call stays unsent.
		remainingMS, _, err := c.remaining(request.deadline)
		if err != nil {
			continue
		}
		body := Part{Data: request.body, Immutable: true}
		h := makeHeader(frameRequest, request.id, uint16(request.method), remainingMS, body)
		call.start = c.appended
		if err := c.appendLocked(&h, body); err != nil {
			return err
		}
		c.calls[request.id] = call
	}
	c.waiting, c.waitingBytes = nil, 0
	return nil
}

// remaining returns the time to deadline in milliseconds, rounded up, and the deadline as time since base; both 0 for
// no deadline. A deadline that has passed is an error.
func (c *clientConn) remaining(deadline time.Time) (uint32, time.Duration, error) {
	if deadline.IsZero() {
		return 0, 0, nil
	}
	now := c.host.Clock.Now()
	left := deadline.Sub(now)
	if left <= 0 {
		return 0, 0, context.DeadlineExceeded
	}
	ms := min((left+time.Millisecond-1)/time.Millisecond, math.MaxUint32)
	return uint32(ms), now.Sub(c.base) + left, nil
}

// begin takes a call that the server need not answer after the deadline. watched says that the call ends here then, too.
// With an error it has not been taken and call is not finished.
func (c *clientConn) begin(m Method, body []Part, deadline time.Time, watched bool, call pendingCall) (uint64, error) {
	remainingMS, alarm, err := c.remaining(deadline)
	if err != nil {
		return 0, err
	}
	if watched {
		call.deadline = alarm
	}
	id := c.ids.Add(1)
	h := makeHeader(frameRequest, id, uint16(m), remainingMS, body...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, errRefusedClosed
	}
	if len(c.calls) >= c.config.MaxUnanswered {
		return 0, fmt.Errorf("%w: %d calls without an answer", ErrOverloaded, len(c.calls))
	}
	if c.open {
		call.start = c.appended
		err = c.appendLocked(&h, body...)
	} else {
		call.start = notWritten
		err = c.waitLocked(waitingRequest{id, m, joined(body), deadline})
	}
	if err != nil {
		return 0, err
	}
	c.calls[id] = call
	c.begun++
	if call.deadline != 0 {
		c.wantAlarmLocked(call.deadline)
	}
	return id, nil
}

// waitLocked keeps a request until the connection stands.
func (c *clientConn) waitLocked(request waitingRequest) error {
	size := headerBytes + len(request.body)
	if c.waitingBytes+size > c.config.MaxPendingBytes {
		return fmt.Errorf("%w: %d bytes wait for the dial, the limit is %d", ErrOverloaded, c.waitingBytes, c.config.MaxPendingBytes)
	}
	c.waiting = append(c.waiting, request)
	c.waitingBytes += size
	return nil
}

// abandon gives a call up because of cause and tells the server. It returns the call's outcome, or nil if the call
// has another one already, which is being delivered.
func (c *clientConn) abandon(id uint64, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	call, ok := c.calls[id]
	if !ok {
		return nil
	}
	delete(c.calls, id)
	return c.giveUpLocked(id, call, cause)
}

// giveUpLocked returns the outcome of a call that ends without an answer on a connection that may go on.
func (c *clientConn) giveUpLocked(id uint64, call pendingCall, cause error) error {
	if call.start == notWritten {
		return fmt.Errorf("%w: %w", ErrNotSent, cause) // sendWaiting will not find it
	}
	h := makeHeader(frameCancel, id, 0, 0)
	if err := c.appendLocked(&h); err != nil {
		// The cancel only saves the server work: the outcome is unknown with or without it.
		c.host.Log.Debug("cancel frame not sent", "err", err)
	}
	return fmt.Errorf("%w: %w", ErrUnknown, cause)
}

// readAnswers delivers answers until the connection ends, and returns why it did.
func (c *clientConn) readAnswers(r *bufio.Reader) error {
	for {
		f, err := readFrame(r, c.config.MaxFrameBytes)
		if err != nil {
			if errors.Is(err, errBadFrame) {
				c.host.Log.Warn("rpc server sent a bad frame", "err", err)
			}
			return fmt.Errorf("read: %w", err)
		}
		if f.kind == framePing {
			c.mu.Lock()
			c.useful = true
			c.mu.Unlock()
			continue
		}
		if f.kind != frameResponse && f.kind != frameError {
			c.host.Log.Warn("rpc server sent a frame that only clients send", "type", f.kind)
			return fmt.Errorf("read: %w: type %d from a server", errBadFrame, f.kind)
		}
		c.mu.Lock()
		call, ok := c.calls[f.id]
		delete(c.calls, f.id)
		c.useful = true
		c.mu.Unlock()
		switch {
		case !ok: // the caller gave it up
		case f.kind == frameResponse:
			call.finish(f.body, nil)
		default:
			call.finish(nil, &RemoteError{Code: Code(f.method), Message: string(f.body)})
		}
	}
}

// sweepLocked is watch's look at every call: those whose deadline has passed are given up.
func (c *clientConn) sweepLocked(now time.Duration) (next time.Duration, after func()) {
	if !c.open && now >= c.config.DialTimeout {
		return 0, func() { c.close(errDialTimeout) }
	}
	if !c.open {
		next = c.config.DialTimeout
	}
	var expired []uint64
	for id, call := range c.calls {
		switch {
		case call.deadline == 0:
		case call.deadline <= now:
			expired = append(expired, id)
		case next == 0 || call.deadline < next:
			next = call.deadline
		}
	}
	if len(expired) == 0 {
		return next, nil
	}
	slices.Sort(expired) // map order must not show
	finish := make([]func(), len(expired))
	for i, id := range expired {
		call := c.calls[id]
		delete(c.calls, id)
		err := c.giveUpLocked(id, call, context.DeadlineExceeded)
		finish[i] = func() { call.finish(nil, err) }
	}
	return next, func() {
		for _, f := range finish {
			f()
		}
	}
}

// closeIfIdle returns a function that, called once per interval, closes the connection when it has had no calls for
// IdleTimeout.
func (c *clientConn) closeIfIdle() func() {
	var begun uint64
	idleFor := 0
	return func() {
		c.closeIf(errIdle, func() bool {
			idleFor++
			if len(c.calls) > 0 || c.begun != begun {
				begun, idleFor = c.begun, 0
			}
			return idleFor >= c.config.ticks(c.config.IdleTimeout)
		})
	}
}

// outcome returns why the connection was closed, and whether it was of use: whether the peer had said anything.
func (c *clientConn) outcome() (cause error, useful bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause, c.useful
}

// deliverRest ends the calls that the closed connection leaves without an answer. The frame of a call that starts
// behind what flush gave to the kernel never left this process; for any other nobody can tell.
func (c *clientConn) deliverRest() {
	c.mu.Lock()
	calls, handed, cause := c.calls, c.handed, c.cause
	c.calls, c.waiting = nil, nil // begin refuses calls from the moment of closing
	c.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(calls)) {
		call, outcome := calls[id], ErrUnknown
		if call.start >= handed {
			outcome = ErrNotSent
		}
		call.finish(nil, fmt.Errorf("%w: %w", outcome, cause))
	}
}
