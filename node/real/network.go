package real

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"chasqui/node"
)

// keepAlive is how long a connection may be silent before TCP probes whether the other host is still there.
const keepAlive = 15 * time.Second

// network is TCP. Nagle's algorithm is off (Go's default): frames are coalesced by those who write them.
type network struct {
	local *net.TCPAddr // that connections come from; nil leaves it to the system
}

var _ node.Network = network{}

// Listen starts accepting TCP connections on address.
func (network) Listen(address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: keepAlive}
	listener, err := config.Listen(context.Background(), "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: %w", node.ErrAddressInUse, err)
	}
	return listener, err
}

// Dial connects to address by TCP, until ctx ends.
func (n network) Dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: keepAlive}
	if n.local != nil {
		dialer.LocalAddr = n.local
	}
	return dialer.DialContext(ctx, "tcp", address)
}

// localAddress reads Options.LocalAddress.
func localAddress(ip string) (*net.TCPAddr, error) {
	if ip == "" {
		return nil, nil
	}
	parsed := net.ParseIP(ip)
	if parsed == nil {
		return nil, fmt.Errorf("local address %q is not an IP address", ip)
	}
	return &net.TCPAddr{IP: parsed}, nil
}
