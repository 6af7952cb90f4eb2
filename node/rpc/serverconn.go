package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// idleWorkersMax is how many tasks of a connection wait for the next call instead of ending. Starting a task costs
// more than waking one.
const idleWorkersMax = 16

// serverConn is the answering end of a connection. Its tasks are run (reads requests), flush, watch, and a worker for
// each Handle function under way.
type serverConn struct {
	link
	server     *Server
	unanswered atomic.Int64

	// work hands calls to workers. workers counts those that exist, idle those that wait on work or are about to.
	work    chan workItem
	workers atomic.Int64
	idle    atomic.Int64

	// calls are those not answered whose handler may still ask for a context, for cancel frames and for the end of
	// the connection. Guarded by link.mu.
	calls map[uint64]*Call
}

type workItem struct {
	call *Call
	f    func(*Call)
}

func newServerConn(s *Server, conn net.Conn) *serverConn {
	c := &serverConn{server: s, work: make(chan workItem), calls: map[uint64]*Call{}}
	c.init(s.host.With("peer", conn.RemoteAddr().String()), s.config, func() {})
	c.conn = conn
	return c
}

// run serves the connection until it ends.
func (c *serverConn) run() {
	defer c.server.ended(c)
	err := ErrClosed
	if c.server.tasks.Go("rpc server watch", func(ctx context.Context) { c.watch(ctx, c.sweepLocked, func() {}) }) {
		err = c.serve()
	}
	c.close(err)
	c.mu.Lock()
	calls := c.calls
	c.calls = map[uint64]*Call{}
	var cancels []context.CancelCauseFunc
	for _, call := range calls {
		if call.cancel != nil {
			cancels = append(cancels, call.cancel)
		}
	}
	err = c.cause
	c.mu.Unlock()
	for _, cancel := range cancels {
		cancel(err)
	}
	c.logEnd(err)
}

// logEnd writes the line about the end of a connection: loud when the peer or the network broke the rules.
func (c *serverConn) logEnd(err error) {
	for _, bad := range []error{errForeignPeer, errVersion, errBadFrame, errSilent, errWriteStall, ErrOverloaded} {
		if errors.Is(err, bad) {
			c.host.Log.Warn("rpc connection closed", "err", err)
			return
		}
	}
	c.host.Log.Debug("rpc connection ended", "err", err)
}

// serve shakes hands and reads frames until the connection ends, and returns why it did.
func (c *serverConn) serve() error {
	r := c.reader(c.conn)
	helloErr := readHello(r)
	if helloErr != nil && !errors.Is(helloErr, errVersion) {
		return helloErr
	}
	// A client of another version gets our hello too, so that its log can name both versions.
	if _, err := c.conn.Write(hello()); err != nil {
		return fmt.Errorf("write hello: %w", err)
	}
	if helloErr != nil {
		return helloErr
	}
	c.mu.Lock()
	c.open = true
	c.mu.Unlock()
	if !c.server.tasks.Go("rpc server flush", c.flush) {
		return ErrClosed
	}
	return c.readRequests(r)
}

func (c *serverConn) readRequests(r *bufio.Reader) error {
	for {
		c.waitForRoom()
		f, err := readFrame(r, c.config.MaxFrameBytes)
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		switch f.kind {
		case frameRequest:
			if err := c.dispatch(f); err != nil {
				return err
			}
		case frameCancel:
			c.cancelCall(f.id)
		case framePing: // its arrival was its message
		default:
			return fmt.Errorf("read: %w: type %d from a client", errBadFrame, f.kind)
		}
	}
}

// dispatch gives a request to its handler. It blocks while MaxInFlightPerConnection handlers run. An error means that
// the connection must end.
func (c *serverConn) dispatch(f frame) error {
	call := &Call{conn: c, id: f.id, method: Method(f.method), body: f.body, bodySum: f.bodySum}
	if f.remainingMS > 0 {
		call.deadline = c.host.Clock.Now().Add(time.Duration(f.remainingMS) * time.Millisecond)
	}
	if held := c.unanswered.Add(1); held > int64(c.config.MaxUnanswered) {
		call.Fail(errorf(CodeOverloaded, "%d calls without an answer on this connection", held-1))
		return nil
	}
	h, ok := (*c.server.handlers.Load())[call.method]
	switch {
	case !ok:
		call.Fail(errorf(CodeUnknownMethod, "no handler for method %d", call.method))
		return nil
	case h.inline:
		h.f(call)
		c.track(call)
		return nil
	default:
		c.track(call)
		return c.giveToWorker(workItem{call, h.f})
	}
}

// track makes an unanswered call known to cancel frames, which only the goroutine that calls this reads.
func (c *serverConn) track(call *Call) {
	if call.answered.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Between the first look and the lock the answer may have come; answer removes the call after setting answered.
	if !call.answered.Load() && !c.closed {
		c.calls[call.id] = call
	}
}

// giveToWorker runs the handler in a task: a waiting one, a new one, or, at the limit, the next to finish.
func (c *serverConn) giveToWorker(item workItem) error {
	select {
	case c.work <- item:
		return nil
	default: // nobody waits
	}
	if c.workers.Add(1) <= int64(c.config.MaxInFlightPerConnection) {
		if !c.server.tasks.Go("rpc handler", func(context.Context) { c.worker(item) }) {
			return ErrClosed
		}
		return nil
	}
	c.workers.Add(-1)
	c.holding.Store(true)
	defer c.holding.Store(false)
	select {
	case c.work <- item:
		return nil
	case <-c.done:
		return ErrClosed
	}
}

// worker runs handlers one after the other until enough others wait, or the connection ends.
func (c *serverConn) worker(item workItem) {
	defer c.workers.Add(-1)
	for {
		if item.call.Expired() {
			item.call.Fail(errorf(CodeExpired, "deadline passed before the call's turn came"))
		} else {
			item.f(item.call)
		}
		if c.idle.Add(1) > idleWorkersMax {
			c.idle.Add(-1)
			return
		}
		select {
		case item = <-c.work:
			c.idle.Add(-1)
		case <-c.done:
			return
		}
	}
}

// cancelCall ends the context of a call that its caller gave up.
func (c *serverConn) cancelCall(id uint64) {
	c.mu.Lock()
	call := c.calls[id]
	var cancel context.CancelCauseFunc
	if call != nil {
		call.abandoned = true
		cancel = call.cancel
	}
	c.mu.Unlock()
	if cancel != nil {
		cancel(context.Canceled)
	}
}

// sweepLocked is watch's look at every call: contexts whose deadline has passed are ended.
func (c *serverConn) sweepLocked(now time.Duration) (next time.Duration, after func()) {
	var expired []context.CancelCauseFunc
	for _, call := range c.calls {
		if call.cancel == nil || call.deadline.IsZero() {
			continue
		}
		switch at := call.deadline.Sub(c.base); {
		case at <= now:
			expired = append(expired, call.cancel)
		case next == 0 || at < next:
			next = at
		}
	}
	return next, func() {
		for _, cancel := range expired {
			cancel(context.DeadlineExceeded)
		}
	}
}
