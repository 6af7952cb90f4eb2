package balancer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/real"
)

const patience = 5 * time.Second // a test's longest wait for something that should take milliseconds

func newHost(t *testing.T) node.Host {
	t.Helper()
	host, err := real.New(real.Options{Name: t.Name(), LogOutput: io.Discard})
	require.NoError(t, err)
	t.Cleanup(host.Tasks.Stop)
	return host
}

// fakeFrontend answers health checks, and to anything else sends its name and a colon before every line it got, and
// "end" after the last one. It sends nothing to a client that says "silence", and a dot every few milliseconds to one
// that says "dots".
type fakeFrontend struct {
	name     string
	host     node.Host
	listener net.Listener
	sick     atomic.Bool
	draining atomic.Bool
	clients  atomic.Int64
	mu       sync.Mutex // guards conns
	conns    []net.Conn
}

func startFrontend(t *testing.T, host node.Host, name string) *fakeFrontend {
	t.Helper()
	listener, err := host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	f := &fakeFrontend{name: name, host: host, listener: listener}
	f.run(t)
	return f
}

// run accepts connections until the end of the test.
func (f *fakeFrontend) run(t *testing.T) {
	host := f.host
	host.Tasks.Go("fake-frontend", func(context.Context) {
		for {
			conn, err := f.listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			host.Tasks.Go("fake-frontend-connection", func(ctx context.Context) { f.serve(ctx, conn) })
		}
	})
	t.Cleanup(f.close)
}

func (f *fakeFrontend) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.conns {
		_ = conn.Close()
	}
}

func (f *fakeFrontend) address() string { return f.listener.Addr().String() }

func (f *fakeFrontend) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		if strings.HasPrefix(line, "GET /healthz ") {
			status, text := "200 OK", "ok\n"
			if f.sick.Load() {
				status, text = "503 Service Unavailable", "sick\n"
			}
			if f.draining.Load() {
				status, text = "503 Service Unavailable", "draining\n"
			}
			fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(text), text)
			return
		}
		if first {
			f.clients.Add(1)
			defer f.clients.Add(-1)
		}
		switch line {
		case "silence":
		case "dots":
			for node.Wait(ctx, f.host.Clock, 5*time.Millisecond) == nil {
				if _, err := io.WriteString(conn, ".\n"); err != nil {
					return
				}
			}
		default:
			fmt.Fprintf(conn, "%s:%s\n", f.name, line)
		}
	}
	io.WriteString(conn, "end\n")
}

// testConfig has short waits, and a VIP on a free port.
func testConfig(frontends ...*fakeFrontend) Config {
	cfg := DefaultConfig()
	cfg.ID, cfg.Priority, cfg.VIP = "balancer-1", Primary, "127.0.0.1:0"
	for _, f := range frontends {
		cfg.Frontends = append(cfg.Frontends, f.address())
	}
	cfg.CheckInterval = 10 * time.Millisecond
	cfg.PingInterval = 10 * time.Millisecond
	cfg.SecondaryWait = 50 * time.Millisecond
	return cfg
}

func start(t *testing.T, host node.Host, cfg Config, peer Peer) *Balancer {
	t.Helper()
	b, err := New(host, cfg, peer)
	require.NoError(t, err)
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// startServing starts a balancer and waits until it holds the VIP and sees the given number of healthy frontends.
func startServing(t *testing.T, host node.Host, cfg Config, healthy int) *Balancer {
	t.Helper()
	b := start(t, host, cfg, nil)
	eventually(t, "the balancer serves", func() bool {
		n, _ := b.Counts()
		return b.Address() != nil && n == healthy
	})
	return b
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, time.Millisecond, what)
}

// client is a connection through a balancer.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func connect(t *testing.T, host node.Host, b *Balancer) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := host.Network.Dial(ctx, b.Address().String())
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(host.Clock.Now().Add(patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func (c *client) send(line string) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, line+"\n")
	require.NoError(c.t, err)
}

func (c *client) receive() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	require.NoError(c.t, err)
	return strings.TrimSuffix(line, "\n")
}

// requireClosed waits for the end of the connection, by a reset or in order.
func (c *client) requireClosed() {
	c.t.Helper()
	_, err := c.in.ReadByte()
	var timeout net.Error
	require.Error(c.t, err)
	require.False(c.t, errors.As(err, &timeout) && timeout.Timeout(), "the connection is still open after %v", patience)
}
