package rpc

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func randomBytes(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// randomParts returns parts of lengths on both sides of what is worth sharing.
func randomParts(random *rand.Rand, n int) []Part {
	parts := make([]Part, n)
	for i := range parts {
		lengths := []int{0, 1, 50, sharedBytesMin - 1, sharedBytesMin, sharedBytesMin + 1, 3*sharedBytesMin + 7}
		parts[i] = Part{Data: randomBytes(random, lengths[random.IntN(len(lengths))]), Immutable: random.IntN(3) > 0}
	}
	return parts
}

// loopbackConns returns both ends of a TCP connection.
func loopbackConns(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	far, err = l.Accept()
	require.NoError(t, err)
	return near, far
}

// TestBatchKeepsTheOrder writes batches of parts that are copied and parts that are not, each batch with the memory of
// the one before, to a connection with gathering writes and to one without.
func TestBatchKeepsTheOrder(t *testing.T) {
	for name, connect := range map[string]func() (net.Conn, net.Conn){
		"TCP": func() (net.Conn, net.Conn) { return loopbackConns(t) }, "pipe": net.Pipe,
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			near, far := connect()
			defer far.Close()
			got := make(chan []byte)
			go func() {
				b, err := io.ReadAll(far)
				if err != nil {
					t.Error(err)
				}
				got <- b
			}()
			var want []byte
			var b batch
			for n := range 40 {
				parts := randomParts(random, 1+n%8)
				for _, p := range parts {
					b.add(p)
				}
				joined := joined(parts)
				require.Equal(t, len(joined), b.length)
				want = append(want, joined...)
				require.NoError(t, b.write(near))
				b = b.emptied()
				require.Zero(t, b.length)
			}
			require.NoError(t, near.Close())
			require.True(t, bytes.Equal(want, <-got))
		})
	}
}

func TestBatchCopiesNoLargeImmutablePart(t *testing.T) {
	large := make([]byte, 4*keepBufferBytes)
	var b batch
	b.add(Part{Data: []byte("head")})
	b.add(Part{Data: large, Immutable: true})
	require.Equal(t, "head", string(b.copied))
	require.Same(t, &large[0], &b.shared[0].data[0])
	used := b.shared
	b = b.emptied()
	require.Nil(t, used[0].data, "a batch that was written keeps nobody's memory")

	b.add(Part{Data: large})
	require.Len(t, b.copied, len(large))
	require.Nil(t, b.emptied().copied, "the buffer of a burst is kept")
}

// TestCallPartsArriveInOrder has many callers whose bodies go out in common batches, small ones of others between them.
func TestCallPartsArriveInOrder(t *testing.T) {
	p := newLoopbackPair(t, DefaultConfig())
	ctx := within(t, time.Minute)
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(caller)))
			for n := range 20 {
				parts := randomParts(random, n%6)
				answer, err := p.client.CallParts(ctx, time.Minute, p.address, methodEcho, parts...)
				if err != nil || !bytes.Equal(joined(parts), answer) {
					t.Errorf("caller %d, call %d: %v, %d bytes back for %d", caller, n, err, len(answer), totalBytes(parts))
					return
				}
			}
		})
	}
	callers.Wait()
}

// TestBodyOfACallThatGaveUp has a call end while its body waits for a peer that does not read. What the caller then does
// with a body that was not said to be immutable must not reach the peer: the frame goes out as it was.
func TestBodyOfACallThatGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := newPipeListener()
		host, _ := testHost(t, &pipes{dial: listener.dial})
		client := NewClient(host, DefaultConfig())
		defer client.Close()
		conns := make(chan net.Conn, 1)
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			if err := readHello(conn); err != nil {
				t.Error(err)
			}
			if _, err := conn.Write(hello()); err != nil {
				t.Error(err)
			}
			conns <- conn
		}()
		_, err := client.CallWithin(context.Background(), 100*time.Millisecond, "peer", methodEcho, nil)
		require.ErrorIs(t, err, ErrUnknown)
		conn := <-conns

		kept, mine := bytes.Repeat([]byte{1}, 2*sharedBytesMin), bytes.Repeat([]byte{2}, 2*sharedBytesMin)
		_, err = client.CallParts(context.Background(), 100*time.Millisecond, "peer", methodEcho, Part{Data: mine}, Part{Data: kept, Immutable: true})
		require.ErrorIs(t, err, ErrUnknown)
		_, err = client.CallWithin(context.Background(), 100*time.Millisecond, "peer", methodEcho, mine)
		require.ErrorIs(t, err, ErrUnknown)
		want := bytes.Clone(mine)
		clear(mine)

		r := bufio.NewReader(conn)
		var bodies [][]byte
		for len(bodies) < 3 {
			f, err := readFrame(r, DefaultConfig().MaxFrameBytes)
			require.NoError(t, err)
			if f.kind == frameRequest {
				bodies = append(bodies, f.body)
			}
		}
		require.Empty(t, bodies[0])
		require.True(t, bytes.Equal(append(want, kept...), bodies[1]))
		require.True(t, bytes.Equal(want, bodies[2]))
		require.NoError(t, conn.Close())
	})
}

// TestSharedPartsCountAsPending: parts that are not copied count against MaxPendingBytes all the same.
func TestSharedPartsCountAsPending(t *testing.T) {
	var l link
	l.gather.L = &l.mu
	l.config = DefaultConfig()
	h := makeHeader(framePing, 0, 0, 0)
	part := Part{Data: make([]byte, l.config.MaxPendingBytes/4), Immutable: true}
	for range 3 {
		require.NoError(t, l.appendLocked(&h, part))
	}
	require.True(t, l.crowdedLocked())
	require.ErrorIs(t, l.appendLocked(&h, part), ErrOverloaded)
	require.Equal(t, 3*(headerBytes+len(part.Data)), l.pending.length)
	require.EqualValues(t, l.pending.length, l.appended)
}
