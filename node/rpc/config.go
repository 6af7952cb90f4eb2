package rpc

import (
	"fmt"
	"time"
)

// MaxErrorMessageBytes is how much of a RemoteError's message travels; the rest is cut off.
const MaxErrorMessageBytes = 4096

// Config holds the limits of a Client or a Server. All limits are per connection unless their comment says otherwise.
type Config struct {
	// MaxFrameBytes is the largest frame, header included, that is sent or accepted. Default 16 MiB + 64 KiB: the
	// largest replication batch and room for its header.
	MaxFrameBytes int
	// MaxPendingBytes bounds the frames that wait for the network to take them. A client's call above it fails with
	// ErrNotSent. A server reads no further requests while half of it is taken, and ends the connection when the
	// answers to what it has read pass the whole: that peer does not read. Those of Call.ReplyWhenRoom wait outside of it.
	// Default 64 MiB.
	MaxPendingBytes int

	// MaxInFlightPerConnection is how many Handle functions run at once for one connection of a Server. Further
	// requests are left unread (back-pressure on the client's writes), inline ones behind them too. Default 1024.
	MaxInFlightPerConnection int
	// MaxUnanswered is how many calls of one connection a Server holds without an answer, inline handlers' included;
	// a call above it is answered with CodeOverloaded. A Client holds no more calls than that on one connection
	// either, and fails further ones with ErrNotSent. Default 65536.
	MaxUnanswered int
	// MaxConnections is how many connections a Server accepts, and how many addresses a Client keeps connections to.
	// Default 4096.
	MaxConnections int

	// DialTimeout bounds a dial together with the handshake. Default 1 s.
	DialTimeout time.Duration
	// BackoffMin and BackoffMax bound the wait after a failed dial, which doubles with each failure; the real wait is
	// between half of it and all of it at random. Calls in that time fail at once with ErrNotSent. Default 20 ms and
	// 500 ms.
	BackoffMin, BackoffMax time.Duration
	// PingInterval is how long either end stays silent at most: an end that wrote nothing for that long sends a ping.
	// A connection that brought no byte for SilentPings intervals is dead. Both ends must be configured alike.
	// Default 1 s.
	PingInterval time.Duration
	// WriteTimeout is how long one write may be stuck although the peer is alive, rounded up to whole ping intervals.
	// It must exceed the longest time that handlers may run, because a server under back-pressure does not read for
	// that long. Default 30 s.
	WriteTimeout time.Duration
	// IdleTimeout is how long a Client keeps a connection that has no calls. Default 5 min.
	IdleTimeout time.Duration
}

// SilentPings is how many ping intervals without a byte make a connection dead.
const SilentPings = 3

// DefaultConfig returns the defaults named at the fields of Config.
func DefaultConfig() Config {
	return Config{
		MaxFrameBytes:            16<<20 + 64<<10,
		MaxPendingBytes:          64 << 20,
		MaxInFlightPerConnection: 1024,
		MaxUnanswered:            65536,
		MaxConnections:           4096,
		DialTimeout:              time.Second,
		BackoffMin:               20 * time.Millisecond,
		BackoffMax:               500 * time.Millisecond,
		PingInterval:             time.Second,
		WriteTimeout:             30 * time.Second,
		IdleTimeout:              5 * time.Minute,
	}
}

// Validate returns an error that names the first field out of range.
func (c Config) Validate() error {
	switch {
	case c.MaxFrameBytes < headerBytes+MaxErrorMessageBytes || c.MaxFrameBytes > 1<<30:
		return fmt.Errorf("rpc: MaxFrameBytes %d is not in [%d, 1 GiB]", c.MaxFrameBytes, headerBytes+MaxErrorMessageBytes)
	case c.MaxPendingBytes < c.MaxFrameBytes:
		return fmt.Errorf("rpc: MaxPendingBytes %d is below MaxFrameBytes %d", c.MaxPendingBytes, c.MaxFrameBytes)
	case c.MaxInFlightPerConnection < 1 || c.MaxUnanswered < 1 || c.MaxConnections < 1:
		return fmt.Errorf("rpc: MaxInFlightPerConnection %d, MaxUnanswered %d, MaxConnections %d must be at least 1",
			c.MaxInFlightPerConnection, c.MaxUnanswered, c.MaxConnections)
	case c.DialTimeout <= 0 || c.PingInterval <= 0 || c.WriteTimeout <= 0 || c.IdleTimeout <= 0:
		return fmt.Errorf("rpc: DialTimeout %s, PingInterval %s, WriteTimeout %s, IdleTimeout %s must be positive",
			c.DialTimeout, c.PingInterval, c.WriteTimeout, c.IdleTimeout)
	case c.BackoffMin <= 0 || c.BackoffMax < c.BackoffMin:
		return fmt.Errorf("rpc: backoff from %s to %s is not a range", c.BackoffMin, c.BackoffMax)
	}
	return nil
}

// ticks returns how many ping intervals d takes, rounded up.
func (c Config) ticks(d time.Duration) int {
	return int((d + c.PingInterval - 1) / c.PingInterval)
}
