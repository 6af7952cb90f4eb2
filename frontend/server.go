package frontend

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"chasqui/node"
)

// Server answers the SQS API. It is an http.Handler; Serve runs it on a listener. All methods may be called
// concurrently.
type Server struct {
	host    node.Host
	config  Config
	catalog Catalog
	records Records
	backend Backend

	// tasks are the parallel commands of requests that touch several partitions.
	tasks *node.Tasks
	http  *http.Server
	load  load
	probe probe
	// draining says that this frontend is about to stop and wants no new work.
	draining atomic.Bool
	// sends and receives count requests, to spread them over the partitions of a queue. They are counted apart: a
	// consumer that sends after each receive would otherwise always meet the same partition.
	sends, receives atomic.Uint64
	buffers         sync.Pool
}

// NewServer returns a server that is not yet listening.
func NewServer(host node.Host, config Config, catalog Catalog, records Records, backend Backend) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("frontend config: %w", err)
	}
	s := &Server{
		host:    host,
		config:  config,
		catalog: catalog,
		records: records,
		backend: backend,
		tasks:   host.Tasks.Group(),
		load:    load{maxInFlight: int64(config.MaxInFlight), maxLongPolls: int64(config.MaxLongPolls)},
	}
	s.buffers.New = func() any { return new(buffers) }
	// net/http starts a goroutine for each connection by itself; Close and Shutdown end them.
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: config.ReadHeaderTimeout,
		ReadTimeout:       config.ReadTimeout,
		WriteTimeout:      config.WriteTimeout,
		IdleTimeout:       config.IdleTimeout,
		MaxHeaderBytes:    config.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(host.Log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return s.tasks.Context() },
	}
	return s, nil
}

// Serve answers requests that come in on the listener, until Shutdown or Close is called; then it returns nil. It
// closes the listener.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(newLimitedListener(l, s.config.MaxConnections))
	if err == http.ErrServerClosed {
		return nil
	}
	return fmt.Errorf("serve HTTP on %v: %w", l.Addr(), err)
}

// Drain makes health checks fail while requests are still answered, so that balancers send no new ones.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown drains the server and returns when all requests have been answered, or when ctx ends. Long polls take up to
// 20 s. Close must follow.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("wait for requests to end: %w", err)
	}
	return nil
}

// Close ends all connections and waits for the server's tasks. Closing twice is harmless.
func (s *Server) Close() {
	s.Drain()
	if err := s.http.Close(); err != nil {
		s.host.Log.Warn("close HTTP listener", "error", err)
	}
	s.tasks.Stop()
}
