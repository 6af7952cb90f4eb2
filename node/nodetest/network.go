package nodetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
)

// anyPort lets the host choose a free port of its own.
const anyPort = "127.0.0.1:0"

// testNetwork checks listeners, connections, deadlines and the errors that callers tell apart.
func testNetwork(t *testing.T, newHost func(t *testing.T) node.Host) {
	t.Run("port 0 picks a free port", func(t *testing.T) {
		host := newHost(t)
		first, second := listen(t, host), listen(t, host)
		_, port, err := net.SplitHostPort(first.Addr().String())
		require.NoError(t, err)
		require.NotEqual(t, "0", port)
		require.NotEqual(t, first.Addr().String(), second.Addr().String())
	})
	t.Run("an address in use is refused, and free again after close", func(t *testing.T) {
		host := newHost(t)
		first := listen(t, host)
		address := first.Addr().String()
		_, err := host.Network.Listen(address)
		require.ErrorIs(t, err, node.ErrAddressInUse)
		require.NoError(t, first.Close())
		again, err := host.Network.Listen(address)
		require.NoError(t, err)
		require.NoError(t, again.Close())
	})
	t.Run("an address that is none is refused", func(t *testing.T) {
		host := newHost(t)
		_, err := host.Network.Listen("no port")
		require.Error(t, err)
		_, err = host.Network.Dial(t.Context(), "no port")
		require.Error(t, err)
	})
	t.Run("bytes arrive in both directions", func(t *testing.T) {
		here, there := connect(t, newHost(t))
		exchange(t, here, there, "question")
		exchange(t, there, here, "answer")
	})
	t.Run("each end names the other", func(t *testing.T) {
		here, there := connect(t, newHost(t))
		require.Equal(t, here.LocalAddr().String(), there.RemoteAddr().String())
		require.Equal(t, there.LocalAddr().String(), here.RemoteAddr().String())
	})
	t.Run("dialling where nobody listens is refused", func(t *testing.T) {
		host := newHost(t)
		listener := listen(t, host)
		require.NoError(t, listener.Close())
		_, err := host.Network.Dial(t.Context(), listener.Addr().String())
		require.Error(t, err)
	})
	t.Run("dial honours its context", func(t *testing.T) {
		host := newHost(t)
		listener := listen(t, host)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := host.Network.Dial(ctx, listener.Addr().String())
		require.Error(t, err)
	})
	t.Run("a read past its deadline times out, and the connection lives on", func(t *testing.T) {
		host := newHost(t)
		here, there := connect(t, host)
		require.NoError(t, here.SetReadDeadline(host.Clock.Now().Add(tick)))
		_, err := here.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.NoError(t, here.SetReadDeadline(time.Time{}))
		exchange(t, there, here, "late")
	})
	t.Run("a deadline set during a read ends it", func(t *testing.T) {
		host := newHost(t)
		here, _ := connect(t, host)
		result := readOne(t, host, here)
		require.NoError(t, here.SetDeadline(host.Clock.Now().Add(tick)))
		require.ErrorIs(t, receive(t, host.Clock, result, "the read"), os.ErrDeadlineExceeded)
	})
	t.Run("a write that nobody reads times out", func(t *testing.T) {
		host := newHost(t)
		here, _ := connect(t, host)
		require.NoError(t, here.SetWriteDeadline(host.Clock.Now().Add(10*tick)))
		var err error
		for chunk := make([]byte, 1<<20); err == nil; {
			_, err = here.Write(chunk)
		}
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
	t.Run("close ends a read on the same side", func(t *testing.T) {
		host := newHost(t)
		here, _ := connect(t, host)
		result := readOne(t, host, here)
		require.NoError(t, here.Close())
		require.ErrorIs(t, receive(t, host.Clock, result, "the read"), net.ErrClosed)
	})
	t.Run("close ends a read on the other side with what was sent before", func(t *testing.T) {
		here, there := connect(t, newHost(t))
		_, err := there.Write([]byte("goodbye"))
		require.NoError(t, err)
		require.NoError(t, there.Close())
		got, err := io.ReadAll(here)
		require.NoError(t, err)
		require.Equal(t, "goodbye", string(got))
	})
	t.Run("close of a listener ends accept", func(t *testing.T) {
		host := newHost(t)
		listener := listen(t, host)
		result := make(chan error, 1)
		host.Tasks.Go("accept", func(context.Context) {
			_, err := listener.Accept()
			result <- err
		})
		require.NoError(t, listener.Close())
		require.ErrorIs(t, receive(t, host.Clock, result, "accept"), net.ErrClosed)
	})
	t.Run("a large transfer arrives whole and in order", func(t *testing.T) { testTransfer(t, newHost(t)) })
}

// testTransfer sends 1 MiB each way at the same time.
func testTransfer(t *testing.T, host node.Host) {
	here, there := connect(t, host)
	sent := make([]byte, 1<<20)
	_, err := host.Random.Read(sent)
	require.NoError(t, err)
	type outcome struct {
		got []byte
		err error
	}
	results := make(chan outcome, 2)
	for _, conn := range []net.Conn{here, there} {
		host.Tasks.Go("writer", func(context.Context) {
			if _, err := conn.Write(sent); err != nil {
				results <- outcome{err: err}
			}
		})
		host.Tasks.Go("reader", func(context.Context) {
			got := make([]byte, len(sent))
			_, err := io.ReadFull(conn, got)
			results <- outcome{got, err}
		})
	}
	for range 2 {
		result := receive(t, host.Clock, results, "the transfer")
		require.NoError(t, result.err)
		require.True(t, bytes.Equal(sent, result.got), "the bytes differ from those sent")
	}
}

func listen(t *testing.T, host node.Host) net.Listener {
	t.Helper()
	listener, err := host.Network.Listen(anyPort)
	require.NoError(t, err)
	t.Cleanup(func() { closeQuietly(t, listener) })
	return listener
}

// connect returns the two ends of a connection.
func connect(t *testing.T, host node.Host) (here, there net.Conn) {
	t.Helper()
	listener := listen(t, host)
	type outcome struct {
		conn net.Conn
		err  error
	}
	accepted := make(chan outcome, 1)
	host.Tasks.Go("accept", func(context.Context) {
		conn, err := listener.Accept()
		accepted <- outcome{conn, err}
	})
	here, err := host.Network.Dial(t.Context(), listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { closeQuietly(t, here) })
	result := receive(t, host.Clock, accepted, "a connection to accept")
	require.NoError(t, result.err)
	t.Cleanup(func() { closeQuietly(t, result.conn) })
	return here, result.conn
}

// closeQuietly closes what a test may have closed already.
func closeQuietly(t *testing.T, c io.Closer) {
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		require.NoError(t, err)
	}
}

// exchange sends text from one end to the other.
func exchange(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	n, err := from.Write([]byte(text))
	require.NoError(t, err)
	require.Equal(t, len(text), n)
	got := make([]byte, len(text))
	_, err = io.ReadFull(to, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

// readOne starts a read of one byte that is not there, and returns where its error will arrive.
func readOne(t *testing.T, host node.Host, conn net.Conn) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	require.True(t, host.Tasks.Go("read", func(context.Context) {
		_, err := conn.Read(make([]byte, 1))
		result <- err
	}))
	return result
}
