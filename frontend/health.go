package frontend

import (
	"context"
	"net/http"
	"sync"
	"time"

	"chasqui/node"
)

// healthPath is where balancers ask whether to send requests here.
const healthPath = "/healthz"

// probeInterval is how long an answer of the metadata service counts. It bounds what health checks cost.
const probeInterval = time.Second

// probe remembers whether the metadata service can be reached, and whether it ever could.
type probe struct {
	mu      sync.Mutex // guards the fields below; held while the service is asked, so that only one asks
	at      time.Time
	err     error
	reached bool
}

// check asks the metadata service, unless it has been asked just before.
func (p *probe) check(ctx context.Context, clock node.Clock, ask func(context.Context) error) (reached bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := clock.Now(); p.at.IsZero() || now.Sub(p.at) >= probeInterval {
		p.at, p.err = now, ask(ctx)
		p.reached = p.reached || p.err == nil
	}
	return p.reached, p.err
}

// serveHealth answers 200 if this frontend can do its work, and 503 if it cannot or is draining. A frontend that has
// once known the cluster goes on without the metadata service: sends and receives need only what it has cached, and
// every frontend would fail the check at once.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, "ok\n"
	ctx, cancel := context.WithTimeout(r.Context(), s.config.RequestTimeout)
	defer cancel()
	if s.draining.Load() {
		status, text = http.StatusServiceUnavailable, "draining\n"
	} else if reached, err := s.probe.check(ctx, s.host.Clock, s.records.Refresh); !reached {
		status, text = http.StatusServiceUnavailable, "metadata service is out of reach\n"
	} else if err != nil {
		text = "ok, but the metadata service is out of reach\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	s.write(w, []byte(text))
}
