package rpc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"chasqui/node"
)

// Pauses after an Accept that failed for want of something (file descriptors, memory).
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// Server answers calls. Register handlers before Serve hands them the first call; one registered later is found by
// calls that come later. All methods may be called concurrently.
type Server struct {
	host     node.Host
	config   Config
	tasks    *node.Tasks
	handlers atomic.Pointer[map[Method]handler] // replaced as a whole, under mu

	mu        sync.Mutex // guards all below
	closed    bool
	listeners map[net.Listener]bool
	conns     map[*serverConn]bool
	refusing  bool // the last connection was refused for MaxConnections, and logged
}

// handler is a registered function and how it runs.
type handler struct {
	f      func(*Call)
	inline bool
}

// NewServer returns a server without handlers. It panics if config does not validate.
func NewServer(host node.Host, config Config) *Server {
	if err := config.Validate(); err != nil {
		panic(err)
	}
	s := &Server{
		host: host, config: config, tasks: host.Tasks.Group(),
		listeners: map[net.Listener]bool{}, conns: map[*serverConn]bool{},
	}
	s.handlers.Store(&map[Method]handler{})
	return s
}

// Handle registers f for calls of m. f runs in a task of its own, at most MaxInFlightPerConnection at once for one
// connection, and not at all for a call that has expired before its turn came. It answers the call once, before or
// after it returns. A panic in f is not recovered: it ends the process. Registering a method twice panics.
func (s *Server) Handle(m Method, f func(c *Call)) { s.register(m, handler{f: f}) }

// HandleInline registers f for calls of m. f runs on the reader goroutine of the connection, so the calls of one
// client arrive in the order in which they were sent, and cost no task. f must not block; it may hand the call to
// another goroutine to answer.
func (s *Server) HandleInline(m Method, f func(c *Call)) { s.register(m, handler{f: f, inline: true}) }

func (s *Server) register(m Method, h handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	handlers := maps.Clone(*s.handlers.Load())
	if _, ok := handlers[m]; ok {
		panic(fmt.Sprintf("rpc: method %d has a handler already", m))
	}
	handlers[m] = h
	s.handlers.Store(&handlers)
}

// Serve accepts connections on l until Close, and then returns nil. It closes l. An error means that l can accept no
// more for another reason. A server may serve several listeners.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.closeListener(l)
		return nil
	}
	s.listeners[l] = true
	s.mu.Unlock()
	pause := acceptPauseMin
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = acceptPauseMin
			s.accept(conn)
			continue
		}
		if s.isClosed() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("rpc: accept on %s: %w", l.Addr(), err)
		}
		s.host.Log.Warn("rpc accept", "address", l.Addr().String(), "err", err, "pause", pause)
		if node.Wait(s.tasks.Context(), s.host.Clock, pause) != nil {
			return nil // closed
		}
		pause = min(2*pause, acceptPauseMax)
	}
}

// Close ends the listeners and all connections, ends the contexts of the calls under way and waits for the handlers
// to return. Answers not yet written are lost: to their callers the outcome is unknown. It must not be called from a
// handler. Closing twice is harmless.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	listeners, conns := s.listeners, s.conns
	s.listeners, s.conns = nil, nil
	s.mu.Unlock()
	for l := range listeners {
		s.closeListener(l)
	}
	for c := range conns {
		c.close(ErrClosed)
	}
	s.tasks.Stop()
}

func (s *Server) closeListener(l net.Listener) {
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.host.Log.Warn("close rpc listener", "address", l.Addr().String(), "err", err)
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed || s.tasks.Context().Err() != nil
}

// accept starts serving a connection, or closes it when there are too many.
func (s *Server) accept(conn net.Conn) {
	c := newServerConn(s, conn)
	s.mu.Lock()
	refuse := s.closed
	if !s.closed && len(s.conns) >= s.config.MaxConnections {
		refuse = true
		if !s.refusing { // one line per shortage, not one per stranger at the door
			s.host.Log.Warn("rpc connections refused", "limit", s.config.MaxConnections)
		}
		s.refusing = true
	}
	if !refuse {
		s.refusing = false
		s.conns[c] = true
	}
	s.mu.Unlock()
	if refuse {
		c.close(ErrOverloaded)
		return
	}
	if !s.tasks.Go("rpc server connection", func(context.Context) { c.run() }) {
		c.close(ErrClosed)
	}
}

// ended forgets a connection.
func (s *Server) ended(c *serverConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c) // a no-op on the nil map after Close
}
