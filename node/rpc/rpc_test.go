package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestCall(t *testing.T) {
	p := newLoopbackPair(t, DefaultConfig())
	ctx := within(t, time.Minute) // 64 MiB under the race detector, on a busy machine
	for _, m := range []Method{methodEcho, methodTask} {
		for _, size := range []int{0, 1, 100, 1 << 20, 16 << 20} {
			body := bytes.Repeat([]byte{byte(size)}, size)
			got, err := p.client.Call(ctx, p.address, m, body)
			require.NoError(t, err)
			require.True(t, bytes.Equal(body, got), "method %d, %d bytes", m, size)
		}
	}
	remoteError := func(m Method) *RemoteError {
		_, err := p.client.Call(ctx, p.address, m, nil)
		var remote *RemoteError
		require.ErrorAs(t, err, &remote)
		return remote
	}
	require.Equal(t, &RemoteError{Code: CodeConflict, Message: "no"}, remoteError(methodRefuse))
	require.Equal(t, CodeUnknownMethod, remoteError(999).Code)

	p.server.HandleInline(20, func(c *Call) { c.Fail(fmt.Errorf("wrapped: %w", &RemoteError{Code: 100, Message: "own"})) })
	require.Equal(t, &RemoteError{Code: 100, Message: "own"}, remoteError(20))
	p.server.HandleInline(21, func(c *Call) { c.Fail(errors.New("plain")) })
	require.Equal(t, &RemoteError{Code: CodeInternal, Message: "plain"}, remoteError(21))
	p.server.HandleInline(22, func(c *Call) { c.Reply(make([]byte, DefaultConfig().MaxFrameBytes)) })
	require.Equal(t, CodeInternal, remoteError(22).Code)

	_, err := p.client.Call(ctx, p.address, methodEcho, make([]byte, DefaultConfig().MaxFrameBytes))
	require.ErrorIs(t, err, ErrNotSent)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = p.client.Call(canceled, p.address, methodEcho, nil)
	require.ErrorIs(t, err, ErrNotSent)
	require.ErrorIs(t, err, context.Canceled)
}

// TestAnswersOutOfOrder holds two calls and answers the second first.
func TestAnswersOutOfOrder(t *testing.T) {
	p := newLoopbackPair(t, DefaultConfig())
	ctx := within(t, 10*time.Second)
	answers := make(chan string, 2)
	for _, name := range []string{"a", "b"} {
		p.client.Go(ctx, p.address, methodHold, []byte(name), func(body []byte, err error) { answers <- string(body) })
	}
	held := map[string]*Call{}
	for range 2 {
		c := <-p.held
		held[string(c.Body())] = c
	}
	held["b"].Reply([]byte("answer b"))
	require.Equal(t, "answer b", <-answers)
	held["a"].Reply([]byte("answer a"))
	require.Equal(t, "answer a", <-answers)
	require.Panics(t, func() { held["a"].Reply(nil) })
}

// TestManyCallers mixes all kinds of calls, and checks that every caller gets its own answer.
func TestManyCallers(t *testing.T) {
	p := newLoopbackPair(t, DefaultConfig())
	ctx := within(t, 30*time.Second)
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			for i := range 200 {
				body := bytes.Repeat([]byte{byte(caller), byte(i)}, 1+i*caller)
				got, err := p.client.Call(ctx, p.address, methodEcho+Method(i%2), body)
				if err != nil || !bytes.Equal(body, got) {
					t.Errorf("caller %d call %d: %d bytes, %v", caller, i, len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

// TestHostilePeers connects strangers to a server. Each must be hung up on, with a line in the log, while another
// client's calls go on.
func TestHostilePeers(t *testing.T) {
	p := newLoopbackPair(t, DefaultConfig())
	ctx := within(t, 30*time.Second)
	type stranger struct {
		sends []byte
		line  string // must be in the log
	}
	strangers := map[string]stranger{
		"http client":          {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "is HTTP"},
		"other version":        {[]byte("chqRPC\x00\x07"), "theirs is 7"},
		"sends server's frame": {append(hello(), frameBytes(frameResponse, 1, 0, 0, nil)...), "type 2 from a client"},
	}
	for name, c := range hostileFrames() {
		line := "bad frame"
		if c.want == io.ErrUnexpectedEOF {
			line = "unexpected EOF"
		}
		strangers[name] = stranger{append(hello(), c.stream...), line}
	}
	for name, s := range strangers {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", p.address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write(s.sends)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			_, err = io.Copy(io.Discard, conn) // until the server hangs up
			require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%v", err)
			local := conn.LocalAddr().String()
			require.Eventually(t, func() bool { return p.log.contains(local) && p.log.contains(s.line) }, 5*time.Second, time.Millisecond)
			got, err := p.client.Call(ctx, p.address, methodEcho, []byte("fine"))
			require.NoError(t, err)
			require.Equal(t, "fine", string(got))
		})
	}
}

// TestForeignServer dials something that answers with HTTP: no request may be said to have been sent.
func TestForeignServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); err != nil {
				t.Log(err)
			}
			conn.Close()
		}
	}()
	host, _ := testHost(t, loopback{})
	client := NewClient(host, DefaultConfig())
	defer client.Close()
	_, err = client.Call(within(t, 10*time.Second), l.Addr().String(), methodEcho, nil)
	require.ErrorIs(t, err, ErrNotSent)
	require.ErrorIs(t, err, errForeignPeer)
}

func TestConnectionLost(t *testing.T) {
	p := newLoopbackPair(t, DefaultConfig())
	ctx := within(t, 10*time.Second)
	result := make(chan error, 1)
	p.client.Go(ctx, p.address, methodHold, nil, func(_ []byte, err error) { result <- err })
	call := <-p.held
	p.server.Close()
	require.ErrorIs(t, <-result, ErrUnknown)
	<-call.Context().Done()
	require.Error(t, call.Context().Err())
	call.Reply(nil) // into the void
	_, err := p.client.Call(ctx, p.address, methodEcho, nil)
	require.ErrorIs(t, err, ErrNotSent, "connection refused")
}

func TestDropAndClose(t *testing.T) {
	p := newLoopbackPair(t, DefaultConfig())
	ctx := within(t, 10*time.Second)
	result := make(chan error, 1)
	hold := func() *Call {
		p.client.Go(ctx, p.address, methodHold, nil, func(_ []byte, err error) { result <- err })
		return <-p.held
	}
	call := hold()
	p.client.Drop(p.address)
	require.ErrorIs(t, <-result, ErrUnknown)
	<-call.Context().Done()
	_, err := p.client.Call(ctx, p.address, methodEcho, nil)
	require.NoError(t, err, "a call after Drop dials at once")

	hold()
	p.client.Close()
	require.ErrorIs(t, <-result, ErrClosed)
	p.client.Close()
	_, err = p.client.Call(ctx, p.address, methodEcho, nil)
	require.ErrorIs(t, err, ErrNotSent)
	require.ErrorIs(t, err, ErrClosed)
	p.client.Go(ctx, p.address, methodEcho, nil, func(_ []byte, err error) { result <- err })
	require.ErrorIs(t, <-result, ErrNotSent)
}

func TestCloseWaitsForHandlers(t *testing.T) {
	p := newLoopbackPair(t, DefaultConfig())
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	p.server.Handle(30, func(c *Call) {
		close(entered)
		<-c.Context().Done() // Close ends it
		<-leave
		c.Reply(nil)
		close(left)
	})
	p.client.Go(within(t, 10*time.Second), p.address, 30, nil, func([]byte, error) {})
	<-entered
	closed := make(chan struct{})
	go func() { p.server.Close(); close(closed) }()
	select {
	case <-closed:
		t.Fatal("Close returned before the handler")
	case leave <- struct{}{}:
	}
	<-closed
	<-left
}

func TestMaxConnections(t *testing.T) {
	config := DefaultConfig()
	config.MaxConnections = 1
	p := newLoopbackPair(t, config)
	ctx := within(t, 10*time.Second)
	_, err := p.client.Call(ctx, p.address, methodEcho, nil)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", p.address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.ReadAll(conn)
	require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%v", err)
	require.True(t, p.log.contains("rpc connections refused"))
	_, err = p.client.Call(ctx, p.address, methodEcho, nil)
	require.NoError(t, err)

	_, err = p.client.Call(ctx, "127.0.0.1:1", methodEcho, nil)
	require.ErrorIs(t, err, ErrNotSent)
	require.ErrorIs(t, err, ErrOverloaded, "the client's own limit of addresses")
}

func TestMaxUnanswered(t *testing.T) {
	clientConfig, serverConfig := DefaultConfig(), DefaultConfig()
	serverConfig.MaxUnanswered = 2
	p := newLoopbackPair(t, serverConfig)
	ctx := within(t, 10*time.Second)
	host, _ := testHost(t, loopback{})
	client := NewClient(host, clientConfig)
	defer client.Close()
	hold := func(c *Client) { c.Go(ctx, p.address, methodHold, nil, func([]byte, error) {}) }
	hold(client)
	hold(client)
	one := <-p.held
	<-p.held
	_, err := client.Call(ctx, p.address, methodEcho, nil)
	var remote *RemoteError
	require.ErrorAs(t, err, &remote)
	require.Equal(t, CodeOverloaded, remote.Code)
	one.Reply(nil)
	_, err = client.Call(ctx, p.address, methodEcho, nil)
	require.NoError(t, err)

	hold(p.client) // this client has the limit too, and a connection of its own
	hold(p.client)
	_, err = p.client.Call(ctx, p.address, methodEcho, nil)
	require.ErrorIs(t, err, ErrNotSent)
	require.ErrorIs(t, err, ErrOverloaded)
}

// TestSlowReader sends requests and reads no answers: the server must hang up instead of keeping them.
func TestSlowReader(t *testing.T) {
	config := DefaultConfig()
	config.MaxFrameBytes, config.MaxPendingBytes = 1<<20, 2<<20
	p := newLoopbackPair(t, config)
	conn, err := net.Dial("tcp", p.address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(hello())
	require.NoError(t, err)
	// Held requests are read by the server; their answers then come all at once.
	for id := range uint64(100) {
		_, err = conn.Write(frameBytes(frameRequest, id, uint16(methodHold), 0, nil))
		require.NoError(t, err)
	}
	calls := make([]*Call, 100)
	for i := range calls {
		calls[i] = <-p.held // all of them first: the server hangs up in the middle of the answers
	}
	for _, call := range calls {
		call.Reply(make([]byte, 512<<10))
	}
	require.Eventually(t, func() bool { return p.log.contains("answers are not being read") }, 5*time.Second, time.Millisecond)
	_, err = p.client.Call(within(t, 10*time.Second), p.address, methodEcho, nil)
	require.NoError(t, err)
}

// TestManyLargeAnswersAtOnce answers many calls at one moment with more than may wait to be written: all arrive.
func TestManyLargeAnswersAtOnce(t *testing.T) {
	config := DefaultConfig()
	config.MaxFrameBytes, config.MaxPendingBytes = 1<<20, 2<<20
	const calls, size = 100, 512 << 10
	p := newLoopbackPair(t, config)
	ctx := within(t, 20*time.Second)
	type outcome struct {
		size int
		err  error
	}
	outcomes := make(chan outcome, calls)
	for range calls {
		p.client.Go(ctx, p.address, methodHold, nil, func(body []byte, err error) { outcomes <- outcome{len(body), err} })
	}
	held := make([]*Call, calls)
	for i := range held {
		held[i] = <-p.held
	}
	var answering sync.WaitGroup
	for _, call := range held { // from many goroutines, so that some find less room than they saw
		answering.Go(func() { call.ReplyWhenRoom(func() []byte { return make([]byte, size) }) })
	}
	for range calls {
		require.Equal(t, outcome{size: size}, <-outcomes)
	}
	answering.Wait()
	require.Eventually(t, func() bool { return held[0].conn.unanswered.Load() == 0 }, 5*time.Second, time.Millisecond)
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for name, spoil := range map[string]func(*Config){
		"frame too small": func(c *Config) { c.MaxFrameBytes = 10 },
		"frame too large": func(c *Config) { c.MaxFrameBytes = 1<<30 + 1 },
		"pending":         func(c *Config) { c.MaxPendingBytes = c.MaxFrameBytes - 1 },
		"in flight":       func(c *Config) { c.MaxInFlightPerConnection = 0 },
		"ping":            func(c *Config) { c.PingInterval = 0 },
		"backoff":         func(c *Config) { c.BackoffMax = c.BackoffMin - 1 },
	} {
		config := DefaultConfig()
		spoil(&config)
		require.Error(t, config.Validate(), name)
	}
}
