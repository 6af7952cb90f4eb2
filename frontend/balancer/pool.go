package balancer

import (
	"errors"
	"log/slog"
	"net"
	"sync"
)

// pool knows the frontends, which of them are healthy, and the connections that run through each. All methods may be
// called concurrently.
type pool struct {
	log            *slog.Logger
	unhealthyAfter int
	sessionsMax    int

	mu        sync.Mutex // guards the fields below and those of every upstream
	upstreams []*upstream
	next      int // index at which the search for the next upstream starts, so that ties go round
	sessions  map[*session]struct{}
}

// upstream is one frontend as the balancer sees it. The pool's mu guards it, except for address, which never changes.
type upstream struct {
	address  string
	healthy  bool
	failures int // failed checks and dials since the last success
	sessions map[*session]struct{}
}

// session is one client connection and, once a frontend has been reached, the connection to that. The pool's mu
// guards server and closed.
type session struct {
	client net.Conn
	server net.Conn
	closed bool
}

func newPool(log *slog.Logger, cfg Config) *pool {
	p := &pool{
		log:            log,
		unhealthyAfter: cfg.UnhealthyAfter,
		sessionsMax:    cfg.MaxConnections,
		sessions:       map[*session]struct{}{},
	}
	for _, address := range cfg.Frontends {
		p.upstreams = append(p.upstreams, &upstream{address: address, sessions: map[*session]struct{}{}})
	}
	return p
}

// open admits a client connection; it returns nil when the pool is full.
func (p *pool) open(client net.Conn) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sessions) >= p.sessionsMax {
		return nil
	}
	s := &session{client: client}
	p.sessions[s] = struct{}{}
	return s
}

// acquire reserves a place for s on the healthy frontend with the fewest connections that is not in tried, or
// returns nil if there is none. Frontends with equally many take turns.
func (p *pool) acquire(s *session, tried map[*upstream]bool) *upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	var best *upstream
	bestAt := 0
	for i := range p.upstreams {
		at := (p.next + i) % len(p.upstreams)
		u := p.upstreams[at]
		if !u.healthy || tried[u] || s.closed {
			continue
		}
		if best == nil || len(u.sessions) < len(best.sessions) {
			best, bestAt = u, at
		}
	}
	if best != nil {
		p.next = bestAt + 1
		best.sessions[s] = struct{}{}
	}
	return best
}

// attach gives s its connection to u. It returns false, and closes server, if in the meantime s was closed or u turned
// unhealthy.
func (p *pool) attach(u *upstream, s *session, server net.Conn) bool {
	p.mu.Lock()
	usable := u.healthy && !s.closed
	if usable {
		s.server = server
	}
	p.mu.Unlock()
	if !usable {
		closeConn(server)
	}
	return usable
}

// leave takes s off u after a dial that did not succeed, so that another frontend can be tried.
func (p *pool) leave(u *upstream, s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(u.sessions, s)
}

// finish closes both connections of s and forgets it. u is nil if no frontend was found.
func (p *pool) finish(u *upstream, s *session) {
	p.mu.Lock()
	delete(p.sessions, s)
	if u != nil {
		delete(u.sessions, s)
	}
	conns := s.markClosed()
	p.mu.Unlock()
	closeConns(conns)
}

// markClosed marks s closed and returns the connections for the caller to close after letting go of the pool's mu.
func (s *session) markClosed() []net.Conn {
	if s.closed {
		return nil
	}
	s.closed = true
	conns := []net.Conn{s.client}
	if s.server != nil {
		conns = append(conns, s.server)
	}
	return conns
}

// report takes the outcome of a check, or of a dial for a client, into account. A frontend that turns unhealthy loses
// its connections: whatever was on its way through it would otherwise hang until the client's own timeout. One that
// says it is draining gets no more connections, but finishes those it has.
func (p *pool) report(u *upstream, err error) {
	p.mu.Lock()
	was, before := u.healthy, p.healthyLocked()
	doomed := p.judge(u, err)
	is, after := u.healthy, p.healthyLocked()
	p.mu.Unlock()
	closeConns(doomed)
	if !was && is {
		p.log.Info("frontend is healthy", "frontend", u.address, "healthy", after)
	}
	if was && !is {
		p.log.Warn("frontend is unhealthy", "frontend", u.address, "healthy", after, "connections_closed", len(doomed)/2, "error", err)
	}
	if before > 0 && after == 0 {
		p.log.Error("no healthy frontend is left: connections are closed at once")
	}
}

// judge updates u and returns the connections to close. The caller holds mu.
func (p *pool) judge(u *upstream, err error) (doomed []net.Conn) {
	if err == nil {
		u.healthy, u.failures = true, 0
		return nil
	}
	if errors.Is(err, errDraining) {
		u.healthy, u.failures = false, 0
		return nil
	}
	u.failures++
	if u.failures < p.unhealthyAfter {
		return nil
	}
	u.healthy = false
	for s := range u.sessions {
		if s.server != nil { // one still dialling moves on to another frontend
			doomed = append(doomed, s.markClosed()...)
		}
	}
	return doomed
}

// closeAll closes every session, including those still looking for a frontend.
func (p *pool) closeAll() {
	p.mu.Lock()
	var doomed []net.Conn
	for s := range p.sessions {
		doomed = append(doomed, s.markClosed()...)
	}
	p.mu.Unlock()
	closeConns(doomed)
}

// counts returns the number of healthy frontends and of client connections.
func (p *pool) counts() (healthy, sessions int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.healthyLocked(), len(p.sessions)
}

func (p *pool) healthyLocked() int {
	n := 0
	for _, u := range p.upstreams {
		if u.healthy {
			n++
		}
	}
	return n
}

func closeConns(conns []net.Conn) {
	for _, conn := range conns {
		closeConn(conn)
	}
}

// closeConn closes a connection that nobody uses after it. What Close could report, bytes that did not reach the
// other side, is what closing a proxied connection early means anyway.
func closeConn(conn net.Conn) { _ = conn.Close() }
