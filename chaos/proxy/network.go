package proxy

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// dialTimeout bounds the wait for a host's own listener, which is on this machine.
	dialTimeout = 2 * time.Second
	// connectionsMax bounds the connections of a network at a time; one more is reset.
	connectionsMax = 20_000
	// acceptPause is the wait after an accept that failed.
	acceptPause = 10 * time.Millisecond
)

// Route says where a connection goes that a host has begun: to which host, and where that listens. false means that nobody is
// there, and the connection is reset.
type Route func(from string) (to, address string, ok bool)

// Network is the proxies of a cluster. Its methods may be called concurrently.
type Network struct {
	names map[string]string // of hosts, by the IP address that they dial from
	tasks sync.WaitGroup

	mu          sync.Mutex // guards the fields below
	closed      bool
	listeners   []net.Listener
	links       map[[2]string]*Link
	connections map[*connection]struct{}
	waiting     map[net.Conn]struct{} // accepted, not yet connections
	swallowed   int64
}

// New returns a network of hosts, each with the IP address that it dials from.
func New(hosts map[string]string) *Network {
	n := &Network{
		names: map[string]string{}, links: map[[2]string]*Link{}, connections: map[*connection]struct{}{},
		waiting: map[net.Conn]struct{}{},
	}
	for name, ip := range hosts {
		n.names[ip] = name
	}
	return n
}

// Serve accepts connections at an address, and asks route about each. It returns the address, which is useful for port 0.
func (n *Network) Serve(address string, route Route) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen for others: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return "", errors.Join(net.ErrClosed, listener.Close())
	}
	n.listeners = append(n.listeners, listener)
	n.tasks.Go(func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // the machine is short of something, for a moment
				time.Sleep(acceptPause)
				continue
			}
			if !n.admit(conn) {
				resetPart(conn.(*net.TCPConn))
				continue
			}
			n.tasks.Go(func() { n.connect(conn.(*net.TCPConn), route) })
		}
	})
	return listener.Addr().String(), nil
}

// admit notes an accepted connection; false if there are too many, or the network is closed.
func (n *Network) admit(conn net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.connections)+len(n.waiting) >= connectionsMax {
		return false
	}
	n.waiting[conn] = struct{}{}
	return true
}

// connect finds the other side of a connection and serves it to its end.
func (n *Network) connect(near *net.TCPConn, route Route) {
	c := n.open(near, route)
	n.mu.Lock()
	delete(n.waiting, near)
	if c == nil || n.closed {
		n.mu.Unlock()
		resetPart(near)
		if c != nil {
			resetPart(c.far)
		}
		return
	}
	n.connections[c] = struct{}{}
	n.mu.Unlock()
	c.run(n.Link(c.from, c.to), n.Link(c.to, c.from))
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.connections, c)
}

// open reaches the host that a connection is for; nil if that is not possible.
func (n *Network) open(near *net.TCPConn, route Route) *connection {
	from := n.names[near.RemoteAddr().(*net.TCPAddr).IP.String()]
	to, address, ok := route(from)
	if from == "" || !ok {
		return nil
	}
	there, back := n.Link(from, to), n.Link(to, from)
	if there.IsCut() || back.IsCut() {
		// The handshake does not come through. Who waits for it gives up, or is reset when the cut is over.
		closed := make(chan struct{}) // never: Close of the network heals all links
		_ = there.pass(0, closed) && back.pass(0, closed)
		return nil
	}
	far, err := net.DialTimeout("tcp", address, dialTimeout)
	if err != nil {
		return nil
	}
	return &connection{from: from, to: to, near: near, far: far.(*net.TCPConn), done: make(chan struct{}), swallowed: n.swallow}
}

func (n *Network) swallow(bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.swallowed += int64(bytes)
}

// Swallowed returns how many bytes have vanished on forgotten connections.
func (n *Network) Swallowed() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.swallowed
}

// Link returns the direction from one host to another.
func (n *Network) Link(from, to string) *Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := [2]string{from, to}
	l := n.links[key]
	if l == nil {
		l = newLink()
		n.links[key] = l
	}
	return l
}

// Reset resets the connections between two hosts, whoever began them, and returns how many there were.
func (n *Network) Reset(one, other string) int {
	all := n.between(one, other)
	for _, c := range all {
		c.reset()
	}
	return len(all)
}

// Forget lets the bytes of the connections between two hosts vanish from now on, as a middlebox does that has lost its table:
// both sides believe in them. It returns how many there were.
func (n *Network) Forget(one, other string) int {
	number := 0
	for _, c := range n.between(one, other) {
		if c.forget() {
			number++
		}
	}
	return number
}

// Remember resets the connections between two hosts that were forgotten: what remains of them is refused.
func (n *Network) Remember(one, other string) {
	for _, c := range n.between(one, other) {
		if c.isForgotten() {
			c.reset()
		}
	}
}

func (n *Network) between(one, other string) []*connection {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*connection
	for c := range n.connections {
		if c.from == one && c.to == other || c.from == other && c.to == one {
			all = append(all, c)
		}
	}
	return all
}

// Close ends everything and waits for it. Closing twice is harmless.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	for _, l := range n.listeners {
		_ = l.Close() // it holds nothing
	}
	for conn := range n.waiting {
		resetPart(conn.(*net.TCPConn))
	}
	var all []*connection
	for c := range n.connections {
		all = append(all, c)
	}
	links := make([]*Link, 0, len(n.links))
	for _, l := range n.links {
		links = append(links, l)
	}
	n.mu.Unlock()
	for _, c := range all {
		c.reset()
	}
	for _, l := range links {
		for l.IsCut() {
			l.Heal()
		}
	}
	n.tasks.Wait()
}
