//go:build wasip1

package virtual_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/nodetest"
	"chasqui/node/virtual"
)

// These tests run inside of the simulator's machine: sim/wasi has a test that builds them for wasip1 and runs them on a
// host of sim/world.

func TestConformance(t *testing.T) { nodetest.TestHost(t, newHost) }

// newHost returns the machine as a host with an empty disk.
func newHost(t *testing.T) node.Host {
	t.Helper()
	host, err := virtual.New(virtual.Options{
		Name: "host", HasDisk: true, LogOutput: t.Output(), Fail: func(err error) { t.Errorf("the host ended itself: %v", err) },
	})
	require.NoError(t, err)
	empty(t, host.Disk, ".")
	t.Cleanup(host.Tasks.Stop)
	return host
}

// empty removes everything in a folder.
func empty(t *testing.T, disk node.Disk, dir string) {
	t.Helper()
	names, err := disk.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		name = path.Join(dir, name)
		if err := disk.Remove(name); err != nil {
			empty(t, disk, name)
			require.NoError(t, disk.Remove(name))
		}
	}
}

// connect returns the two ends of a connection.
func connect(t *testing.T, host node.Host) (here, there net.Conn) {
	t.Helper()
	listener, err := host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	here, err = host.Network.Dial(t.Context(), listener.Addr().String())
	require.NoError(t, err)
	there, err = listener.Accept()
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return here, there
}

// closeWriter is what TCP connections have besides net.Conn's methods.
type closeWriter interface{ CloseWrite() error }

func TestCloseWrite(t *testing.T) {
	here, there := connect(t, newHost(t))
	_, err := here.Write([]byte("question"))
	require.NoError(t, err)
	require.NoError(t, here.(closeWriter).CloseWrite())
	got, err := io.ReadAll(there)
	require.NoError(t, err)
	require.Equal(t, "question", string(got))
	_, err = here.Write([]byte("more"))
	require.Error(t, err)
	_, err = there.Write([]byte("answer"))
	require.NoError(t, err, "the other direction lives on")
	require.NoError(t, there.Close())
	got, err = io.ReadAll(here)
	require.NoError(t, err)
	require.Equal(t, "answer", string(got))
	require.NoError(t, here.Close())
	require.ErrorIs(t, here.(closeWriter).CloseWrite(), net.ErrClosed)
}

// TestDeadlinesMove moves deadlines in every direction; a timer that was set for an earlier one must do no harm.
func TestDeadlinesMove(t *testing.T) {
	const tick = 10 * time.Millisecond
	tests := []struct {
		name      string
		deadlines []time.Duration // from the start; 0: none
		wait      time.Duration   // the read's, from the start
	}{
		{"later", []time.Duration{tick, 5 * tick}, 5 * tick},
		{"earlier", []time.Duration{time.Hour, tick}, tick},
		{"away and back", []time.Duration{tick, 0, 3 * tick}, 3 * tick},
		{"to the past", []time.Duration{time.Hour, -tick}, 0},
		{"from the past", []time.Duration{-tick, tick}, tick},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := newHost(t)
			here, there := connect(t, host)
			start := host.Clock.Now()
			for _, d := range test.deadlines {
				deadline := time.Time{}
				if d != 0 {
					deadline = start.Add(d)
				}
				require.NoError(t, here.SetReadDeadline(deadline))
			}
			_, err := here.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			waited := node.Since(host.Clock, start)
			require.GreaterOrEqual(t, waited, test.wait)
			require.Less(t, waited, test.wait+tick)
			_, err = here.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded, "a deadline stays passed")
			_, err = here.Write([]byte("a"))
			require.NoError(t, err, "it is the reads' deadline")
			require.NoError(t, here.Close())
			require.ErrorIs(t, here.SetDeadline(time.Time{}), net.ErrClosed)
			require.NoError(t, there.Close())
		})
	}
}

// TestTwoReadersOfOneConnection: each of two waiting reads gets its own byte.
func TestTwoReadersOfOneConnection(t *testing.T) {
	host := newHost(t)
	here, there := connect(t, host)
	got := make(chan byte, 2)
	for range cap(got) {
		host.Tasks.Go("reader", func(context.Context) {
			var p [1]byte
			if _, err := here.Read(p[:]); err == nil {
				got <- p[0]
			}
		})
	}
	require.NoError(t, node.Wait(t.Context(), host.Clock, time.Millisecond))
	_, err := there.Write([]byte("ab"))
	require.NoError(t, err)
	require.ElementsMatch(t, []byte("ab"), []byte{<-got, <-got})
	require.NoError(t, errors.Join(here.Close(), there.Close()))
}

// TestUnreadBytesReset: a peer whose bytes nobody will read is told so.
func TestUnreadBytesReset(t *testing.T) {
	host := newHost(t)
	here, there := connect(t, host)
	_, err := here.Write([]byte("for nobody"))
	require.NoError(t, err)
	require.NoError(t, node.Wait(t.Context(), host.Clock, 10*time.Millisecond))
	require.NoError(t, there.Close())
	_, err = here.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	require.NoError(t, here.Close())
}

// TestDialGivesUp: nobody has the address, and the machine takes longer to say so than the context allows.
func TestDialGivesUp(t *testing.T) {
	host := newHost(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	start := host.Clock.Now()
	_, err := host.Network.Dial(ctx, "10.255.255.1:80")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	require.Less(t, node.Since(host.Clock, start), time.Second)
	_, err = host.Network.Dial(t.Context(), "10.255.255.1:80")
	require.ErrorContains(t, err, "10.255.255.1:80")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

// TestLongLists: a folder whose names do not fit into the first answer.
func TestLongLists(t *testing.T) {
	disk := newHost(t).Disk
	require.NoError(t, disk.MakeDir("many"))
	const files, nameBytes = 100, 60
	for n := range files {
		name := make([]byte, nameBytes)
		for i := range name {
			name[i] = 'a' + byte(n%26)
		}
		name[0] = 'a' + byte(n/26)
		file, err := disk.Create("many/" + string(name))
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	names, err := disk.List("many")
	require.NoError(t, err)
	require.Len(t, names, files)
	require.IsIncreasing(t, names)
}
