package balancer

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"chasqui/node"
)

const (
	// chunkBytes is how much is copied between two looks at the idle limit.
	chunkBytes = 1 << 20
	// acceptPause is the wait after an accept that did not succeed, usually for lack of file descriptors: it gives
	// connections time to end instead of spinning.
	acceptPause = 10 * time.Millisecond
)

// halfCloser is a connection whose sending direction can be ended while it still receives. TCP connections are.
type halfCloser interface{ CloseWrite() error }

var _ halfCloser = (*net.TCPConn)(nil)

// accept serves the clients of listener until it is closed.
func (b *Balancer) accept(ctx context.Context, listener net.Listener) {
	full := false
	for {
		client, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			b.host.Log.Warn("accepting a connection", "vip", b.cfg.VIP, "error", err)
			if node.Wait(ctx, b.host.Clock, acceptPause) != nil {
				return
			}
			continue
		}
		s := b.pool.open(client)
		if s == nil {
			closeConn(client)
			if !full {
				b.host.Log.Warn("too many connections: more are closed at once", "connections_max", b.cfg.MaxConnections)
			}
			full = true
			continue
		}
		full = false
		if !b.host.Tasks.Go("balancer-connection", func(ctx context.Context) { b.serve(ctx, s) }) {
			b.pool.finish(nil, s)
		}
	}
}

// serve finds a frontend for the client of s and moves bytes until one side is done.
func (b *Balancer) serve(ctx context.Context, s *session) {
	u := b.connect(ctx, s)
	if u != nil {
		b.relay(s)
	}
	b.pool.finish(u, s)
}

// connect reaches a healthy frontend, trying each at most once. Nothing of the client has been read so far, so a
// frontend that refuses costs no request. It returns nil if none could be reached.
func (b *Balancer) connect(ctx context.Context, s *session) *upstream {
	tried := map[*upstream]bool{}
	for {
		u := b.pool.acquire(s, tried)
		if u == nil {
			return nil
		}
		tried[u] = true
		dialCtx, cancel := context.WithTimeout(ctx, b.cfg.DialTimeout)
		server, err := b.host.Network.Dial(dialCtx, u.address)
		cancel()
		if err == nil && b.pool.attach(u, s, server) {
			return u
		}
		b.pool.leave(u, s)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			b.pool.report(u, err)
		}
	}
}

// relay copies both directions until both have ended, or until one broke, which ends the other too.
func (b *Balancer) relay(s *session) {
	var active atomic.Int64 // Unix nanoseconds at which a byte last moved, give or take IdleTimeout
	active.Store(b.host.Clock.Now().UnixNano())
	done := make(chan struct{})
	started := b.host.Tasks.Go("balancer-answers", func(context.Context) {
		defer close(done)
		b.copyOneWay(s.client, s.server, &active)
	})
	if !started {
		return
	}
	b.copyOneWay(s.server, s.client, &active)
	<-done
}

// copyOneWay copies from src to dst. At the end of src it ends dst's sending direction only, for the other direction
// may still have an answer to carry; after an error it closes both connections.
func (b *Balancer) copyOneWay(dst, src net.Conn, active *atomic.Int64) {
	if b.copyUntilEnd(dst, src, active) == nil {
		if half, ok := dst.(halfCloser); ok && half.CloseWrite() == nil {
			return
		}
	}
	closeConn(dst)
	closeConn(src)
}

// copyUntilEnd returns nil at the end of src. Each round is one io.Copy with a limit, which on Linux moves the bytes
// inside the kernel (splice). A round that ran into the read deadline is no failure as long as bytes move in one of
// the directions. The write deadline is twice as far away, so whatever ends a round after it was a receiver that took
// nothing for at least IdleTimeout; bytes may be stuck half way then, and the connection is of no more use.
func (b *Balancer) copyUntilEnd(dst, src net.Conn, active *atomic.Int64) error {
	for {
		started := b.host.Clock.Now()
		if err := src.SetReadDeadline(started.Add(b.cfg.IdleTimeout)); err != nil {
			return err
		}
		if err := dst.SetWriteDeadline(started.Add(2 * b.cfg.IdleTimeout)); err != nil {
			return err
		}
		n, err := io.Copy(dst, io.LimitReader(src, chunkBytes))
		if n > 0 {
			active.Store(b.host.Clock.Now().UnixNano())
		}
		switch {
		case err == nil && n < chunkBytes:
			return nil
		case err == nil:
			continue
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		now := b.host.Clock.Now()
		if now.Sub(started) >= 2*b.cfg.IdleTimeout || now.UnixNano()-active.Load() >= int64(2*b.cfg.IdleTimeout) {
			return err
		}
	}
}
