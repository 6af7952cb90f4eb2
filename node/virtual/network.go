//go:build wasip1

package virtual

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"chasqui/node"
	"chasqui/node/virtual/abi"
)

const (
	// backlogMax bounds the connections of a listener that nobody has accepted; more are reset.
	backlogMax = 1024
	// addressBytes is room for the longest "ip:port".
	addressBytes = 64
)

// network is the card's connections, which look like TCP.
type network struct{ card *card }

var _ node.Network = network{}

// Listen starts accepting connections on address.
func (n network) Listen(address string) (net.Listener, error) {
	n.card.interleave()
	n.card.mu.Lock()
	defer n.card.mu.Unlock()
	id := netListen(address)
	if id < 0 {
		return nil, fmt.Errorf("listen on %s: %w", address, errorOf(id))
	}
	bound, err := addressOf(uint32(id), abi.AddressListener)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	l := &listener{card: n.card, id: uint32(id), address: bound, wake: make(chan struct{}, 1)}
	n.card.listeners[l.id] = l
	return l, nil
}

// Dial connects to address, until ctx ends.
func (n network) Dial(ctx context.Context, address string) (net.Conn, error) {
	n.card.interleave()
	c, err := n.dial(ctx, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: dialled(address), Err: err}
	}
	return c, nil
}

func (n network) dial(ctx context.Context, address string) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.card.mu.Lock()
	id := netDial(address)
	if id < 0 {
		n.card.mu.Unlock()
		return nil, errorOf(id)
	}
	c := n.card.newConn(uint32(id))
	c.connected = make(chan abi.Errno, 1)
	n.card.mu.Unlock()
	select {
	case errno := <-c.connected:
		if errno != 0 {
			return nil, errorOf(-int64(errno))
		}
	case <-ctx.Done():
		n.card.abandon(c)
		return nil, ctx.Err()
	}
	if err := c.learnAddresses(); err != nil {
		n.card.abandon(c)
		return nil, err
	}
	return c, nil
}

// dialled is an address as it was given to Dial, for errors.
type dialled string

// Network returns "tcp".
func (dialled) Network() string { return "tcp" }

// String returns the address.
func (d dialled) String() string { return string(d) }

// abandon closes a connection that nobody has seen. If it ended by itself, there is nothing left to close.
func (c *card) abandon(conn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connections[conn.id] == conn {
		delete(c.connections, conn.id)
		netClose(conn.id)
	}
}

// addressOf returns an address that the machine knows.
func addressOf(id, which uint32) (*net.TCPAddr, error) {
	var out [addressBytes]byte
	n := netAddress(id, which, unsafe.Pointer(&out[0]), addressBytes)
	if n < 0 {
		return nil, fmt.Errorf("learn an address: %w", errorOf(n))
	}
	address, err := netip.ParseAddrPort(string(out[:n]))
	if err != nil {
		return nil, fmt.Errorf("learn an address: %w", err)
	}
	return net.TCPAddrFromAddrPort(address), nil
}

// listener is a listening port.
type listener struct {
	card    *card
	id      uint32
	address *net.TCPAddr
	wake    chan struct{} // has room for one: there may be a connection; closed with the listener

	// card.mu guards these.
	backlog []uint32 // connections that nobody has accepted
	closed  bool
}

var _ net.Listener = (*listener)(nil)

// accepted puts a connection that has arrived where Accept finds it. mu is held.
func (c *card) accepted(listener, connection uint32) {
	l := c.listeners[listener]
	if l == nil || len(l.backlog) >= backlogMax {
		netClose(connection)
		return
	}
	l.backlog = append(l.backlog, connection)
	l.poke()
}

func (l *listener) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	l.card.interleave()
	for {
		c, err := l.take()
		if err != nil {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.address, Err: err}
		}
		if c != nil {
			return c, nil
		}
		<-l.wake
	}
}

// take returns the oldest connection of the backlog, or nil if there is none.
func (l *listener) take() (*conn, error) {
	l.card.mu.Lock()
	defer l.card.mu.Unlock()
	if l.closed {
		return nil, net.ErrClosed
	}
	if len(l.backlog) == 0 {
		return nil, nil
	}
	c := l.card.newConn(l.backlog[0])
	if l.backlog = l.backlog[1:]; len(l.backlog) > 0 {
		l.poke() // another Accept may wait
	}
	return c, c.learnAddresses()
}

// Close stops listening, and resets the connections that nobody has accepted.
func (l *listener) Close() error {
	l.card.interleave()
	l.card.mu.Lock()
	defer l.card.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.address, Err: net.ErrClosed}
	}
	l.closed = true
	close(l.wake)
	delete(l.card.listeners, l.id)
	for _, connection := range l.backlog {
		netClose(connection)
	}
	if result := netListenClose(l.id); result < 0 {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.address, Err: errorOf(result)}
	}
	return nil
}

// Addr returns the address that is listened on.
func (l *listener) Addr() net.Addr { return l.address }
