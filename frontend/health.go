package frontend

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// healthPath is where balancers ask whether to send requests here.
const healthPath = "/healthz"

// probeInterval is how long an answer of the metadata service counts. It bounds what health checks cost.
const probeInterval = time.Second

// probe remembers whether the metadata service can be reached, and whether it ever could.
type probe struct {
	mu      sync.Mutex // guards the fields below; not held while the service is asked
	at      time.Time  // when it was asked last
	asking  bool
	err     error
	reached bool
}

// look returns what is known, and whether it is time to ask the service: then note must be called with its answer.
func (p *probe) look(now time.Time) (due, reached bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due = !p.asking && (p.at.IsZero() || now.Sub(p.at) >= probeInterval)
	if due {
		p.asking, p.at = true, now
	}
	return due, p.reached, p.err
}

func (p *probe) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking, p.err = false, err
	p.reached = p.reached || err == nil
}

// metadataReached returns whether the metadata service could ever be reached, and its latest answer. It waits for an answer only
// as long as there was none: a balancer does not wait for long, and a service that cannot be heard must not make every
// frontend look dead.
func (s *Server) metadataReached(ctx context.Context) (reached bool, err error) {
	due, reached, err := s.probe.look(s.host.Clock.Now())
	ask := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
		defer cancel()
		s.probe.note(s.records.Refresh(ctx))
	}
	switch {
	case !due:
	case reached:
		if !s.tasks.Go("probe", ask) {
			s.probe.note(err) // this server is closing
		}
	default:
		ask(ctx)
		_, reached, err = s.probe.look(s.host.Clock.Now())
	}
	return reached, err
}

// serveHealth answers 200 if this frontend can do its work, and 503 if it cannot or is draining. A frontend that has
// once known the cluster goes on without the metadata service: sends and receives need only what it has cached, and
// every frontend would fail the check at once.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusOK, "ok\n"
	if s.draining.Load() {
		status, text = http.StatusServiceUnavailable, "draining\n"
	} else if reached, err := s.metadataReached(r.Context()); !reached {
		status, text = http.StatusServiceUnavailable, "metadata service is out of reach\n"
	} else if err != nil {
		text = "ok, but the metadata service is out of reach\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	s.write(w, []byte(text))
}
