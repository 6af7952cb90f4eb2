package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Call is one request on its way to an answer. Exactly one of Reply and Fail must be called, exactly once, from any
// goroutine, also when the context has ended; a second answer panics, and a call never answered counts against
// MaxUnanswered as long as the connection lasts.
type Call struct {
	conn     *serverConn
	id       uint64
	method   Method
	body     []byte
	bodySum  uint32
	deadline time.Time // zero if the caller set none
	answered atomic.Bool

	// Guarded by conn.mu.
	abandoned bool                    // a cancel frame came
	ctx       context.Context         // nil until Context is called
	cancel    context.CancelCauseFunc // ends ctx
}

// Method returns what the request asks for.
func (c *Call) Method() Method { return c.method }

// Body returns the request's body. It belongs to the handler: nothing else uses or reuses it.
func (c *Call) Body() []byte { return c.body }

// BodyChecksum returns the CRC-32C of the body as it was sent, which the body had when it arrived.
func (c *Call) BodyChecksum() uint32 { return c.bodySum }

// Deadline returns when the caller stops waiting, by this host's clock: arrival plus the remaining time in the
// request. It is zero if the caller set none.
func (c *Call) Deadline() time.Time { return c.deadline }

// Expired reports whether the caller has stopped waiting because of its deadline.
func (c *Call) Expired() bool {
	return !c.deadline.IsZero() && !c.conn.host.Clock.Now().Before(c.deadline)
}

// Context returns a context that ends at the caller's deadline (up to 5 ms late), when the caller gives the call up,
// when the connection or the server ends, and when the call is answered. It is made at the first use and costs
// nothing before.
func (c *Call) Context() context.Context {
	l := &c.conn.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.ctx != nil {
		return c.ctx
	}
	ctx, cancel := context.WithCancelCause(c.conn.server.tasks.Context())
	c.ctx, c.cancel = callContext{ctx, c.deadline}, cancel
	switch {
	case c.answered.Load():
		cancel(errAnswered)
	case c.abandoned:
		cancel(context.Canceled)
	case l.closed:
		cancel(l.cause)
	default:
		c.conn.calls[c.id] = c // if track has yet to: the sweep for this deadline must find it
		if !c.deadline.IsZero() {
			l.wantAlarmLocked(c.deadline.Sub(l.base))
		}
	}
	return c.ctx
}

// errAnswered is the cause with which the context of an answered call ends.
var errAnswered = errors.New("call was answered")

// callContext adds the deadline to a context that is ended by conn.watch.
type callContext struct {
	context.Context
	deadline time.Time
}

func (c callContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

func (c callContext) Err() error {
	err := c.Context.Err()
	if err != nil && context.Cause(c.Context) == context.DeadlineExceeded {
		return context.DeadlineExceeded
	}
	return err
}

// Reply answers the call with body, which is copied before Reply returns. Reply does not wait for the network. When
// the caller or the connection is gone, the answer is dropped.
func (c *Call) Reply(body []byte) {
	kind, code, body := c.response(body)
	c.answer(kind, code, body)
}

// ReplyWhenRoom answers the call with what encode returns, for answers that may be large and many at once. encode is called
// when the network can take the answer: at once, or later on another goroutine, or never if the caller's deadline has
// passed by then. Until then the answer takes only the memory that encode holds on to. MaxUnanswered bounds how many wait.
func (c *Call) ReplyWhenRoom(encode func() []byte) {
	crowded := false
	c.end(func() { crowded = c.conn.crowdedLocked() })
	answer := lateFrame(func() lateFrame {
		if c.Expired() {
			c.conn.unanswered.Add(-1)
			return nil
		}
		return c.late(c.response(encode()))()
	})
	if !crowded {
		answer = answer()
	}
	if answer != nil {
		c.conn.appendLater(answer)
	}
}

// late returns the attempt to send an answer that waits for room.
func (c *Call) late(kind frameType, code uint16, body []byte) lateFrame {
	part := Part{Data: body}
	h := makeHeader(kind, c.id, code, 0, part)
	var try lateFrame
	try = func() lateFrame {
		c.conn.mu.Lock()
		err := c.conn.appendLocked(&h, part)
		c.conn.mu.Unlock()
		if errors.Is(err, ErrOverloaded) {
			return try
		}
		c.conn.unanswered.Add(-1)
		return nil
	}
	return try
}

// response returns the frame that answers with body.
func (c *Call) response(body []byte) (frameType, uint16, []byte) {
	if size, limit := headerBytes+len(body), c.conn.config.MaxFrameBytes; size > limit {
		return failure(errorf(CodeInternal, "answer of %d bytes, the limit is %d", size, limit))
	}
	return frameResponse, 0, body
}

// Fail answers the call with an error. The code and message of a *RemoteError in err's chain are passed on; any other
// error becomes CodeInternal with its text.
func (c *Call) Fail(err error) {
	kind, code, body := failure(err)
	c.answer(kind, code, body)
}

// failure returns the frame that answers with an error.
func failure(err error) (frameType, uint16, []byte) {
	remote := &RemoteError{Code: CodeInternal}
	if !errors.As(err, &remote) {
		remote.Message = err.Error()
	}
	message := remote.Message
	return frameError, uint16(remote.Code), []byte(message[:min(len(message), MaxErrorMessageBytes)])
}

func (c *Call) answer(kind frameType, code uint16, body []byte) {
	part := Part{Data: body}
	h := makeHeader(kind, c.id, code, 0, part)
	var err error
	c.end(func() { err = c.conn.appendLocked(&h, part) })
	c.conn.unanswered.Add(-1)
	if errors.Is(err, ErrOverloaded) {
		c.conn.close(fmt.Errorf("answers are not being read: %w", err))
	}
}

// end marks the call as answered, calls f with conn.mu held, and ends the call's context.
func (c *Call) end(f func()) {
	if !c.answered.CompareAndSwap(false, true) {
		panic(fmt.Sprintf("rpc: call %d of method %d answered twice", c.id, c.method))
	}
	conn := c.conn
	conn.mu.Lock()
	if conn.calls[c.id] == c {
		delete(conn.calls, c.id)
	}
	f()
	cancel := c.cancel
	conn.mu.Unlock()
	if cancel != nil {
		cancel(errAnswered)
	}
}
