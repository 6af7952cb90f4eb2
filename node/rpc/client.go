package rpc

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"chasqui/node"
)

// Method names what a request asks for. Each package has a range of its own: 1-19 replication, 20-59 metadata, 60-99
// backend, 100-109 host status and balancers, 200 the benchmark's bare path.
type Method uint16

// Client makes calls. It keeps one connection per address, dialled when first needed and dialled again, with growing
// pauses, after it is lost. All methods may be called concurrently.
type Client struct {
	host   node.Host
	config Config
	tasks  *node.Tasks
	// waiters holds *waiter for reuse. It is not shared between clients: a channel belongs to its synctest bubble.
	waiters sync.Pool

	mu     sync.Mutex // guards all below; never taken while a link's mu is held
	closed bool
	peers  map[string]*peer
}

// peer is what the client remembers of an address.
type peer struct {
	conn     *clientConn // nil while there is none
	failures int         // connections in a row that brought no frame
	retryAt  time.Time   // no dial before this
	lastErr  error       // why the last connection ended
}

// NewClient returns a client that reaches the network through host. It panics if config does not validate.
func NewClient(host node.Host, config Config) *Client {
	if err := config.Validate(); err != nil {
		panic(err)
	}
	return &Client{host: host, config: config, tasks: host.Tasks.Group(), peers: map[string]*peer{}}
}

// Call sends a request and waits for its answer or for ctx. body is not kept. The slice returned belongs to the
// caller. The error is a *RemoteError, or has exactly one of ErrNotSent and ErrUnknown in its chain. When ctx ends
// first, the handler's context is ended too, as soon as the network carries the news.
func (c *Client) Call(ctx context.Context, address string, m Method, body []byte) ([]byte, error) {
	return c.call(ctx, time.Time{}, address, m, Part{Data: body})
}

// CallWithin is Call that waits for at most timeout as well, late by at most sweepInterval. It costs less than a context
// with that timeout.
func (c *Client) CallWithin(ctx context.Context, timeout time.Duration, address string, m Method, body []byte) ([]byte, error) {
	return c.CallParts(ctx, timeout, address, m, Part{Data: body})
}

// CallParts is CallWithin with a body in parts, one after the other. Immutable ones may be kept until they are written, or
// the connection ends, which may be after CallParts has returned.
func (c *Client) CallParts(ctx context.Context, timeout time.Duration, address string, m Method, body ...Part) ([]byte, error) {
	return c.call(ctx, c.host.Clock.Now().Add(timeout), address, m, body...)
}

// call waits until the deadline, if there is one, and for ctx.
func (c *Client) call(ctx context.Context, deadline time.Time, address string, m Method, body ...Part) ([]byte, error) {
	w, ok := c.waiters.Get().(*waiter)
	if !ok {
		w = &waiter{answer: make(chan answer, 1)}
	}
	conn, id, err := c.begin(ctx, deadline, address, m, pendingCall{waiter: w}, body...)
	if err != nil {
		c.waiters.Put(w)
		return nil, err
	}
	var a answer
	select {
	case a = <-w.answer:
	case <-ctx.Done():
		if err := conn.abandon(id, ctx.Err()); err != nil {
			c.waiters.Put(w)
			return nil, callError(address, m, err)
		}
		a = <-w.answer // the answer is on its way to us already
	}
	c.waiters.Put(w)
	if a.err != nil {
		return nil, callError(address, m, a.err)
	}
	return a.body, nil
}

// Go sends a request and returns. done is called exactly once with what Call would return, at ctx's deadline at the
// latest (plus sweepInterval); of ctx only the deadline, and whether it is over at the time of the call, are looked
// at. body is not kept. done runs on a goroutine of the client's, which serves the other calls of the connection: it
// must not block. It never runs on the caller's goroutine before Go returns, unless the client was closed.
func (c *Client) Go(ctx context.Context, address string, m Method, body []byte, done func([]byte, error)) {
	deadline, _ := ctx.Deadline()
	c.goUntil(ctx, deadline, address, m, Part{Data: body}, done)
}

// GoWithin is Go that waits for at most timeout as well, late by at most sweepInterval. An immutable body may be kept until it
// is written, or the connection ends, which may be after done was called.
func (c *Client) GoWithin(ctx context.Context, timeout time.Duration, address string, m Method, body Part, done func([]byte, error)) {
	c.goUntil(ctx, c.host.Clock.Now().Add(timeout), address, m, body, done)
}

// goUntil is Go that ends at a deadline; a zero one is none but ctx's.
func (c *Client) goUntil(ctx context.Context, deadline time.Time, address string, m Method, body Part, done func([]byte, error)) {
	wrapped := func(body []byte, err error) {
		if err != nil {
			err = callError(address, m, err)
		}
		done(body, err)
	}
	_, _, err := c.begin(ctx, deadline, address, m, pendingCall{done: wrapped}, body)
	if err == nil {
		return
	}
	if !c.tasks.Go("rpc refuse", func(context.Context) { done(nil, err) }) {
		done(nil, err)
	}
}

// Drop closes the connection to address, if there is one, and forgets what is known of the address. Its calls fail
// with ErrUnknown or ErrNotSent. A later call dials at once.
func (c *Client) Drop(address string) {
	c.mu.Lock()
	p := c.peers[address]
	delete(c.peers, address)
	c.mu.Unlock()
	if p != nil && p.conn != nil {
		p.conn.close(ErrClosed)
	}
}

// Close ends all connections and waits until every call's outcome has been delivered. It must not be called from a
// done function. Closing twice is harmless.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	for _, p := range c.peers {
		if p.conn != nil {
			p.conn.close(ErrClosed)
		}
	}
	c.mu.Unlock()
	c.tasks.Stop()
}

// callError says which call an error belongs to. Answers of the handler pass as they are.
func callError(address string, m Method, err error) error {
	var remote *RemoteError
	if errors.As(err, &remote) {
		return err
	}
	return fmt.Errorf("call method %d of %s: %w", m, address, err)
}

// begin hands the request to the connection of its address, which ends it at the deadline; a zero one is none. The error
// has ErrNotSent in its chain.
func (c *Client) begin(ctx context.Context, deadline time.Time, address string, m Method, call pendingCall, body ...Part) (*clientConn, uint64, error) {
	refuse := func(cause error) (*clientConn, uint64, error) {
		return nil, 0, callError(address, m, fmt.Errorf("%w: %w", ErrNotSent, cause))
	}
	if err := ctx.Err(); err != nil {
		return refuse(err)
	}
	if size := headerBytes + totalBytes(body); size > c.config.MaxFrameBytes {
		return refuse(fmt.Errorf("frame of %d bytes, the limit is %d", size, c.config.MaxFrameBytes))
	}
	until, bounded := ctx.Deadline()
	if !bounded || !deadline.IsZero() && deadline.Before(until) {
		until = deadline
	}
	for {
		conn, err := c.connection(address)
		if err != nil {
			return refuse(err)
		}
		id, err := conn.begin(m, body, until, !deadline.IsZero(), call)
		if err == nil {
			return conn, id, nil
		}
		// A connection that was closed before it took the call is replaced by another, once its end has been noted.
		if !errors.Is(err, errRefusedClosed) {
			return refuse(err)
		}
		c.ended(conn)
	}
}

// connection returns the connection to address, dialling it if there is none.
func (c *Client) connection(address string) (*clientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("rpc client: %w", ErrClosed)
	}
	p := c.peers[address]
	if p == nil {
		if err := c.makeRoomLocked(); err != nil {
			return nil, err
		}
		p = &peer{}
		c.peers[address] = p
	}
	if p.conn != nil {
		return p.conn, nil
	}
	if p.failures > 0 && c.host.Clock.Now().Before(p.retryAt) {
		return nil, fmt.Errorf("%w (failure %d): %w", errBackoff, p.failures, p.lastErr)
	}
	conn := newClientConn(c, address)
	if conn == nil {
		return nil, fmt.Errorf("rpc client: %w", ErrClosed)
	}
	p.conn = conn
	return conn, nil
}

// makeRoomLocked makes sure that one more address can be remembered, by forgetting one that has no connection and no
// pause to keep.
func (c *Client) makeRoomLocked() error {
	if len(c.peers) < c.config.MaxConnections {
		return nil
	}
	now := c.host.Clock.Now()
	for address, p := range c.peers {
		if p.conn == nil && !now.Before(p.retryAt) {
			delete(c.peers, address)
			return nil
		}
	}
	return fmt.Errorf("%w: connections to %d addresses", ErrOverloaded, len(c.peers))
}

// ended notes that a closed connection is gone. It may be called several times for the same one.
func (c *Client) ended(conn *clientConn) {
	cause, useful := conn.outcome()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[conn.address]
	if p == nil || p.conn != conn {
		return // dropped, replaced, or noted before
	}
	p.conn, p.lastErr = nil, cause
	if useful {
		p.failures, p.retryAt = 0, time.Time{}
		return
	}
	p.failures++
	p.retryAt = c.host.Clock.Now().Add(c.backoff(p.failures))
}

// backoff returns the pause after so many failures in a row: doubling from BackoffMin to BackoffMax, and between half
// of that and all of it at random, so that the clients of a host that comes back do not arrive as one.
func (c *Client) backoff(failures int) time.Duration {
	full := c.config.BackoffMin
	for i := 1; i < failures && full < c.config.BackoffMax; i++ {
		full *= 2
	}
	full = min(full, c.config.BackoffMax)
	return full/2 + time.Duration(float64(full/2)*(float64(c.host.Random.Uint64())/math.MaxUint64))
}

// answer is what a call came to.
type answer struct {
	body []byte
	err  error
}

// waiter is where Call waits. It is reused only by whoever has received from it or knows that nobody will send.
type waiter struct{ answer chan answer }
