package rpc

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
)

// testLog keeps what a host logs, for tests that look for a line.
type testLog struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *testLog) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buffer.String(), s)
}

// clock is the time of the process, or of the synctest bubble.
type clock struct{}

func (clock) Now() time.Time                      { return time.Now() }
func (clock) NewTimer(d time.Duration) node.Timer { return timer{time.NewTimer(d)} }

type timer struct{ *time.Timer }

func (t timer) C() <-chan time.Time { return t.Timer.C }

// loopback is the kernel's network.
type loopback struct{}

func (loopback) Listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }
func (loopback) Dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// pipes is a network of net.Pipe connections, for synctest: the first Listen's listener takes every dial.
type pipes struct {
	dial func(ctx context.Context, address string) (net.Conn, error)
}

func (p *pipes) Listen(string) (net.Listener, error) { panic("not used") }
func (p *pipes) Dial(ctx context.Context, address string) (net.Conn, error) {
	return p.dial(ctx, address)
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
func (l *pipeListener) dial(ctx context.Context, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type random struct{}

func (random) Read(p []byte) (int, error) { panic("not used") }
func (random) Uint64() uint64             { return rand.Uint64() }

func testHost(t testing.TB, network node.Network) (node.Host, *testLog) {
	t.Helper()
	log := &testLog{}
	host := node.Host{
		Name: "test", Clock: clock{}, Network: network, Random: random{},
		Log:   slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Tasks: node.NewTasks(context.Background()),
		Fail:  func(err error) { panic(err) },
	}
	t.Cleanup(host.Tasks.Stop)
	return host, log
}

const (
	methodEcho   Method = 1 // inline: answers with the body
	methodTask   Method = 2 // in a task: answers with the body
	methodHold   Method = 3 // in a task: sends the call to held and leaves it there
	methodRefuse Method = 4 // fails with CodeConflict
)

// pair is a client and a server that reach each other.
type pair struct {
	server  *Server
	client  *Client
	address string
	log     *testLog
	held    chan *Call
	serve   chan error
}

// newPair starts a server on l with the handlers above, and a client.
func newPair(t testing.TB, network node.Network, l net.Listener, config Config) *pair {
	t.Helper()
	host, log := testHost(t, network)
	p := &pair{server: NewServer(host, config), client: NewClient(host, config), address: l.Addr().String(), log: log,
		held: make(chan *Call, 1000), serve: make(chan error, 1)}
	p.server.HandleInline(methodEcho, func(c *Call) { c.Reply(c.Body()) })
	p.server.Handle(methodTask, func(c *Call) { c.Reply(c.Body()) })
	p.server.Handle(methodHold, func(c *Call) { p.held <- c })
	p.server.HandleInline(methodRefuse, func(c *Call) { c.Fail(&RemoteError{Code: CodeConflict, Message: "no"}) })
	go func() { p.serve <- p.server.Serve(l) }()
	t.Cleanup(func() {
		p.client.Close()
		p.server.Close()
		require.NoError(t, <-p.serve)
	})
	return p
}

func newLoopbackPair(t testing.TB, config Config) *pair {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return newPair(t, loopback{}, l, config)
}
