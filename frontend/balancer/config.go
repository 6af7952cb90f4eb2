package balancer

import (
	"errors"
	"fmt"
	"time"
)

// Limits of a balancer.
const (
	// FrontendsMax bounds the frontends of one balancer: each is checked five times a second.
	FrontendsMax = 256
	// connectionsMax bounds Config.MaxConnections: two descriptors each, well below what Linux gives a process.
	connectionsMax = 500_000
)

// Config says what a balancer does. DefaultConfig has every default; the addresses have none.
type Config struct {
	// ID names this balancer, for example "balancer-1". The two of a pair have different ids.
	ID string
	// Priority ranks the pair. The primary takes a free VIP at once, the secondary leaves it a second to do so.
	Priority Priority
	// VIP is the address that clients connect to and the holder listens on, "host:port".
	VIP string
	// Frontends are the "host:port" addresses of all frontends, 1 to FrontendsMax of them.
	Frontends []string

	// CheckInterval is the time between the starts of two health checks of a frontend (default 200 ms).
	CheckInterval time.Duration
	// CheckTimeout is how long a frontend may take to answer a check (default 500 ms).
	CheckTimeout time.Duration
	// UnhealthyAfter is the number of failures in a row that make a frontend unhealthy (default 2). One success makes
	// it healthy.
	UnhealthyAfter int
	// DialTimeout bounds one attempt to reach a frontend for a client (default 1 s).
	DialTimeout time.Duration
	// IdleTimeout ends a connection on which no byte moved in either direction for that long; the connection ends
	// between one and three times this duration (default 2 min). It is longer than the longest long poll, 20 s.
	IdleTimeout time.Duration
	// MaxConnections bounds the client connections served at a time; one more is closed at once (default 10,000).
	MaxConnections int

	// PingInterval is the time between the starts of two questions to the peer (default 200 ms).
	PingInterval time.Duration
	// PingTimeout is how long the peer may take to answer (default 300 ms).
	PingTimeout time.Duration
	// SilentAfter is the number of unanswered questions after which the peer is taken for dead (default 3).
	SilentAfter int
	// SecondaryWait is how long a secondary leaves a VIP that neither holds to its primary (default 1 s).
	SecondaryWait time.Duration
}

// DefaultConfig returns the defaults given at Config's fields: a dead holder is replaced in 0.6 s when its machine
// refuses connections and in 1.1 s when it is silent.
func DefaultConfig() Config {
	return Config{
		CheckInterval:  200 * time.Millisecond,
		CheckTimeout:   500 * time.Millisecond,
		UnhealthyAfter: 2,
		DialTimeout:    time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxConnections: 10_000,
		PingInterval:   200 * time.Millisecond,
		PingTimeout:    300 * time.Millisecond,
		SilentAfter:    3,
		SecondaryWait:  time.Second,
	}
}

// Validate returns an error that names the first field out of range.
func (c Config) Validate() error {
	if c.ID == "" {
		return errors.New("balancer: the id is empty")
	}
	if c.VIP == "" {
		return errors.New("balancer: the virtual IP's address is empty")
	}
	if c.Priority != Primary && c.Priority != Secondary {
		return fmt.Errorf("balancer: priority %d is neither primary nor secondary", c.Priority)
	}
	if len(c.Frontends) == 0 || len(c.Frontends) > FrontendsMax {
		return fmt.Errorf("balancer: %d frontends given, 1 to %d are possible", len(c.Frontends), FrontendsMax)
	}
	seen := map[string]bool{}
	for _, address := range c.Frontends {
		if address == "" || seen[address] {
			return fmt.Errorf("balancer: frontend address %q is empty or given twice", address)
		}
		seen[address] = true
	}
	for _, field := range []struct {
		name  string
		value time.Duration
	}{
		{"check interval", c.CheckInterval}, {"check timeout", c.CheckTimeout}, {"dial timeout", c.DialTimeout},
		{"idle timeout", c.IdleTimeout}, {"ping interval", c.PingInterval}, {"ping timeout", c.PingTimeout},
		{"secondary wait", c.SecondaryWait},
	} {
		if field.value <= 0 {
			return fmt.Errorf("balancer: %s is %v and must be positive", field.name, field.value)
		}
	}
	if c.UnhealthyAfter < 1 || c.SilentAfter < 1 {
		return fmt.Errorf("balancer: unhealthy after %d and silent after %d failures: both must be at least 1", c.UnhealthyAfter, c.SilentAfter)
	}
	if c.MaxConnections < 1 || c.MaxConnections > connectionsMax {
		return fmt.Errorf("balancer: %d connections at most given, 1 to %d are possible", c.MaxConnections, connectionsMax)
	}
	return nil
}
