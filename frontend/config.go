package frontend

import (
	"fmt"
	"net/url"
	"time"
)

// Config is what a Server can be told. The zero value is not valid: start from DefaultConfig.
type Config struct {
	// DefaultAccount is the account, 12 digits, of callers whose access key is not itself an account number.
	DefaultAccount string
	// DefaultRegion is the region of requests that are not signed for one.
	DefaultRegion string
	// PublicURL is the scheme, host and port that queue URLs begin with, for example "https://sqs.example.org". Empty
	// means those that the request was sent to.
	PublicURL string

	// NoDeleteQueue takes DeleteQueue off the API: queues are deleted by administrators only.
	NoDeleteQueue bool
	// CreateQueues makes a message that is sent to a queue of the caller's that does not exist create it, with default
	// settings.
	CreateQueues bool

	// RequestTimeout bounds the time from the end of a request's body to its answer; a long poll adds its wait.
	RequestTimeout time.Duration
	// ReadHeaderTimeout and ReadTimeout bound how long a client may take to send a request's header and all of it.
	ReadHeaderTimeout, ReadTimeout time.Duration
	// WriteTimeout bounds the time from the end of a request's header to the end of its answer. It must be longer
	// than ReadTimeout and the longest long poll (20 s) with its RequestTimeout.
	WriteTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds a request's header.
	MaxHeaderBytes int

	// MaxInFlight bounds the requests being answered at one time, without those that wait in a long poll. Those that
	// come beyond are refused with 503; sends and administration earlier, when the limit is near.
	MaxInFlight int
	// MaxLongPolls bounds the requests waiting in a long poll.
	MaxLongPolls int
	// MaxConnections bounds open connections; more wait in the operating system's queue.
	MaxConnections int
}

// The longest wait of a long poll in SQS.
const maxWait = 20 * time.Second

// DefaultConfig returns the configuration of a server that answers for any host name. Slow clients cannot hold its
// connections for long, and there is time for the longest poll.
func DefaultConfig() Config {
	return Config{
		DefaultAccount:    "000000000000",
		DefaultRegion:     "us-east-1",
		RequestTimeout:    5 * time.Second,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		MaxInFlight:       4096,
		MaxLongPolls:      16384,
		MaxConnections:    32768,
	}
}

// Validate returns an error that names the first field that cannot be so.
func (c *Config) Validate() error {
	if !isAccount(c.DefaultAccount) {
		return fmt.Errorf("default account %q is not 12 digits", c.DefaultAccount)
	}
	if c.DefaultRegion == "" {
		return fmt.Errorf("default region is empty")
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil {
			return fmt.Errorf("public URL: %w", err)
		}
		if u.Scheme == "" || u.Host == "" {
			return fmt.Errorf("public URL %q has no scheme or host", c.PublicURL)
		}
	}
	for _, duration := range []struct {
		name  string
		value time.Duration
	}{
		{"request timeout", c.RequestTimeout},
		{"read header timeout", c.ReadHeaderTimeout},
		{"read timeout", c.ReadTimeout},
		{"idle timeout", c.IdleTimeout},
	} {
		if duration.value <= 0 {
			return fmt.Errorf("%s is %v, must be above 0", duration.name, duration.value)
		}
	}
	if shortest := c.ReadTimeout + maxWait + c.RequestTimeout; c.WriteTimeout < shortest {
		return fmt.Errorf("write timeout is %v, must be at least %v for long polls", c.WriteTimeout, shortest)
	}
	if c.MaxHeaderBytes < 1<<10 || c.MaxInFlight < 1 || c.MaxLongPolls < 1 || c.MaxConnections < 1 {
		return fmt.Errorf("limits %d header bytes, %d in flight, %d long polls, %d connections: must be at least 1024, 1, 1, 1",
			c.MaxHeaderBytes, c.MaxInFlight, c.MaxLongPolls, c.MaxConnections)
	}
	return nil
}

// isAccount reports whether text is an account number: 12 digits.
func isAccount(text string) bool {
	if len(text) != 12 {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}
