package replication

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"chasqui/node"
)

// logRepeatInterval is how long a message of raft's is held back after it was written: a peer that is down makes
// raft complain several times a second.
const logRepeatInterval = 5 * time.Second

// newLogger returns a logger for raft that writes to the host's log.
func newLogger(host node.Host, name string) hclog.Logger {
	level := hclog.Warn
	if host.Log.Enabled(context.Background(), slog.LevelDebug) {
		level = hclog.Debug
	}
	logger := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: name, Level: level, Output: io.Discard})
	logger.RegisterSink(&logSink{host: host, level: level, written: make(map[string]repeated)})
	return logger
}

type repeated struct {
	at   time.Time
	held int
}

// logSink passes raft's messages on, each text at most once per logRepeatInterval.
type logSink struct {
	host  node.Host
	level hclog.Level

	mu      sync.Mutex // guards written
	written map[string]repeated
}

var _ hclog.SinkAdapter = (*logSink)(nil)

// Accept writes one message.
func (s *logSink) Accept(name string, level hclog.Level, message string, arguments ...any) {
	if level < s.level {
		return
	}
	now := s.host.Clock.Now()
	s.mu.Lock()
	last, seen := s.written[message]
	if seen && now.Sub(last.at) < logRepeatInterval {
		last.held++
		s.written[message] = last
		s.mu.Unlock()
		return
	}
	s.written[message] = repeated{at: now} // raft's texts are constants, so the map stays small
	s.mu.Unlock()
	attributes := append([]any{"group", name}, arguments...)
	if last.held > 0 {
		attributes = append(attributes, "held_back", last.held)
	}
	s.host.Log.Log(context.Background(), slogLevel(level), "raft: "+message, attributes...)
}

func slogLevel(level hclog.Level) slog.Level {
	switch level {
	case hclog.Trace, hclog.Debug:
		return slog.LevelDebug
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}
