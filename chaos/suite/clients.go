package suite

import (
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"chasqui/sim/workload"
	"chasqui/sim/world"
)

// client is a host of clients: threads are goroutines, connections real.
type client struct {
	run  *run
	name string
	from *net.TCPAddr
}

var _ workload.Env = (*client)(nil)

// newClient returns a client host.
func newClient(r *run, name string) *client {
	return &client{run: r, name: name, from: &net.TCPAddr{IP: net.ParseIP(r.layout.ip(name))}}
}

// Now is the time since the beginning of the run.
func (c *client) Now() time.Duration { return c.run.now() }

// Sleep blocks the calling thread, but not beyond the end of a run that is given up.
func (c *client) Sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.run.ctx.Done():
	}
}

// Go starts a thread.
func (c *client) Go(_ string, f func()) { c.run.threads.Go(f) }

// Dial connects from the client's own address.
func (c *client) Dial(address string, timeout time.Duration) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: c.from, Timeout: timeout}
	return dialer.DialContext(c.run.ctx, "tcp", address)
}

// Time is the machine's clock.
func (c *client) Time() time.Time { return time.Now() }

// Lookup returns the address itself: the virtual IP has no other name here.
func (c *client) Lookup(name string) ([]string, error) {
	if name != c.run.layout.endpoint() {
		return nil, fmt.Errorf("there is no %s", name)
	}
	return []string{name}, nil
}

// Random returns a generator that depends on the seed and the stream's name.
func (c *client) Random(stream string) *rand.Rand {
	return world.Stream(c.run.plan.Seed, "chaos/"+stream)
}
