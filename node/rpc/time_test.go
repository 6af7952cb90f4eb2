package rpc

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// These tests run in virtual time over net.Pipe: a write waits until the peer reads it.

func newPipePair(t *testing.T, config Config) *pair {
	t.Helper()
	l := newPipeListener()
	return newPair(t, &pipes{l.dial}, l, config)
}

func TestDeadlineOfGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipePair(t, DefaultConfig())
		start := time.Now()
		ctx := within(t, 700*time.Millisecond)
		result := make(chan error, 1)
		p.client.Go(ctx, p.address, methodHold, nil, func(_ []byte, err error) { result <- err })
		call := <-p.held
		require.Equal(t, 700*time.Millisecond, call.Deadline().Sub(start))
		deadline, ok := call.Context().Deadline()
		require.True(t, ok)
		require.Equal(t, call.Deadline(), deadline)
		require.False(t, call.Expired())
		err := <-result
		require.ErrorIs(t, err, ErrUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.InDelta(t, 700, time.Since(start).Milliseconds(), 5)
		<-call.Context().Done()
		require.True(t, call.Expired())
		call.Reply(nil) // too late: nobody is told, nothing breaks
		_, err = p.client.Call(context.Background(), p.address, methodEcho, nil)
		require.NoError(t, err)
	})
}

// TestCallWithinEndsWithWhatComesFirst gives calls a timeout and a context, which the server learns of as well.
func TestCallWithinEndsWithWhatComesFirst(t *testing.T) {
	for _, c := range []struct {
		name             string
		timeout, context time.Duration
	}{
		{"the timeout", 300 * time.Millisecond, time.Second},
		{"the context", time.Second, 300 * time.Millisecond},
		{"the timeout, without another", 300 * time.Millisecond, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipePair(t, DefaultConfig())
				ctx := t.Context()
				if c.context > 0 {
					ctx = within(t, c.context)
				}
				start := time.Now()
				result := make(chan error, 1)
				go func() {
					_, err := p.client.CallParts(ctx, c.timeout, p.address, methodHold, Part{Data: []byte("two ")}, Part{Data: []byte("parts")})
					result <- err
				}()
				call := <-p.held
				require.Equal(t, "two parts", string(call.Body()))
				require.Equal(t, 300*time.Millisecond, call.Deadline().Sub(start))
				err := <-result
				require.ErrorIs(t, err, ErrUnknown)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.InDelta(t, 300, time.Since(start).Milliseconds(), 5)
			})
		})
	}
}

// TestDeadlinesEndInOrder starts calls with deadlines from late to early, so that each moves the alarm forward.
func TestDeadlinesEndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipePair(t, DefaultConfig())
		start := time.Now()
		result := make(chan time.Duration, 3)
		for _, d := range []time.Duration{30 * time.Second, 3 * time.Second, 50 * time.Millisecond} {
			p.client.Go(within(t, d), p.address, methodHold, nil, func([]byte, error) { result <- time.Since(start) })
			(<-p.held).Context()
		}
		for _, want := range []int{50, 3000, 30000} {
			require.InDelta(t, want, (<-result).Milliseconds(), 5)
		}
	})
}

func TestCancelReachesHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipePair(t, DefaultConfig())
		for _, contextFirst := range []bool{true, false} {
			ctx, cancel := context.WithCancel(context.Background())
			result := make(chan error, 1)
			go func() {
				_, err := p.client.Call(ctx, p.address, methodHold, nil)
				result <- err
			}()
			call := <-p.held
			if contextFirst {
				require.NoError(t, call.Context().Err())
			}
			cancel()
			require.ErrorIs(t, <-result, ErrUnknown)
			synctest.Wait() // the cancel frame has arrived
			require.ErrorIs(t, call.Context().Err(), context.Canceled)
			call.Reply(nil)
		}
	})
}

func TestContextEndsWithTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipePair(t, DefaultConfig())
		p.client.Go(context.Background(), p.address, methodHold, nil, func([]byte, error) {})
		call := <-p.held
		ctx := call.Context()
		require.NoError(t, ctx.Err())
		call.Reply(nil)
		require.Error(t, ctx.Err())
		require.Zero(t, call.Deadline())
	})
}

// TestLongCallOnQuietConnection holds a call far longer than the silence that kills a connection: pings keep it.
// After it the connection is closed for disuse, and a later call dials again.
func TestLongCallOnQuietConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipePair(t, DefaultConfig())
		result := make(chan error, 1)
		p.client.Go(context.Background(), p.address, methodHold, nil, func(_ []byte, err error) { result <- err })
		call := <-p.held
		time.Sleep(10 * time.Minute) // virtual
		call.Reply(nil)
		require.NoError(t, <-result)
		require.False(t, p.log.contains("rpc connection"))
		time.Sleep(6 * time.Minute)
		require.True(t, p.log.contains("rpc connection ended"))
		_, err := p.client.Call(context.Background(), p.address, methodEcho, nil)
		require.NoError(t, err)
	})
}

// helloOnly returns a network whose peers shake hands and then do what f does.
func helloOnly(t *testing.T, f func(net.Conn)) *pipes {
	var peers sync.WaitGroup
	t.Cleanup(peers.Wait)
	return &pipes{func(context.Context, string) (net.Conn, error) {
		near, far := net.Pipe()
		peers.Go(func() {
			if err := readHello(far); err != nil {
				t.Error(err)
			}
			if _, err := far.Write(hello()); err != nil {
				t.Error(err)
			}
			f(far)
		})
		return near, nil
	}}
}

func TestSilentPeerIsNoticed(t *testing.T) {
	for name, peer := range map[string]func(net.Conn){
		"reads and says nothing": func(conn net.Conn) {
			for b := make([]byte, 100); ; {
				if _, err := conn.Read(b); err != nil {
					return
				}
			}
		},
		"does not even read": func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host, _ := testHost(t, helloOnly(t, peer))
				client := NewClient(host, DefaultConfig())
				defer client.Close()
				start := time.Now()
				_, err := client.Call(context.Background(), "peer", methodEcho, nil)
				require.ErrorIs(t, err, ErrUnknown)
				require.ErrorIs(t, err, errSilent)
				require.LessOrEqual(t, time.Since(start), 4*time.Second)
			})
		})
	}
}

// TestSilentClientIsNoticed holds the server to the same, before and after the hello.
func TestSilentClientIsNoticed(t *testing.T) {
	for _, sent := range [][]byte{nil, hello()} {
		synctest.Test(t, func(t *testing.T) {
			l := newPipeListener()
			p := newPair(t, &pipes{l.dial}, l, DefaultConfig())
			conn, err := l.dial(context.Background(), "")
			require.NoError(t, err)
			if sent != nil {
				_, err = conn.Write(sent)
				require.NoError(t, err)
			}
			start := time.Now()
			for b := make([]byte, 100); err == nil; {
				_, err = conn.Read(b)
			}
			require.InDelta(t, 3.5, time.Since(start).Seconds(), 0.6)
			synctest.Wait()
			require.True(t, p.log.contains("peer is silent"))
		})
	}
}

// TestNotHandedToKernel has a peer that stops reading: the first request is in a write under way, the second behind
// it. When the connection is dropped, only the second is certain not to have been sent.
func TestNotHandedToKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, _ := testHost(t, helloOnly(t, func(net.Conn) {}))
		client := NewClient(host, DefaultConfig())
		defer client.Close()
		first, second := make(chan error, 1), make(chan error, 1)
		client.Go(context.Background(), "peer", methodEcho, nil, func(_ []byte, err error) { first <- err })
		synctest.Wait()
		client.Go(context.Background(), "peer", methodEcho, nil, func(_ []byte, err error) { second <- err })
		client.Drop("peer")
		require.ErrorIs(t, <-first, ErrUnknown)
		require.ErrorIs(t, <-second, ErrNotSent)
	})
}

// TestPendingBytesLimit has the same peer, and callers who do not give up.
func TestPendingBytesLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, _ := testHost(t, helloOnly(t, func(net.Conn) {}))
		config := DefaultConfig()
		config.MaxFrameBytes, config.MaxPendingBytes = 1<<20, 1<<20
		client := NewClient(host, config)
		defer client.Close()
		overloaded := 0
		for range 20 {
			client.Go(context.Background(), "peer", methodEcho, make([]byte, 100<<10), func(_ []byte, err error) {
				if errors.Is(err, ErrOverloaded) && errors.Is(err, ErrNotSent) {
					overloaded++
				}
			})
			synctest.Wait()
		}
		require.Equal(t, 10, overloaded)
	})
}

// TestWriteStall has a peer that is alive but does not read for longer than WriteTimeout.
func TestWriteStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, _ := testHost(t, helloOnly(t, func(conn net.Conn) {
			for {
				time.Sleep(time.Second)
				if _, err := conn.Write(frameBytes(framePing, 0, 0, 0, nil)); err != nil {
					return
				}
			}
		}))
		client := NewClient(host, DefaultConfig())
		defer client.Close()
		start := time.Now()
		_, err := client.Call(context.Background(), "peer", methodEcho, nil)
		require.ErrorIs(t, err, ErrUnknown)
		require.ErrorIs(t, err, errWriteStall)
		require.InDelta(t, 31, time.Since(start).Seconds(), 1)
	})
}

// TestAnswersThatWaitForRoom has a peer that reads late: an answer for which there is no room is not made before there is,
// and not at all when its caller has stopped waiting.
func TestAnswersThatWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := DefaultConfig()
		config.MaxFrameBytes, config.MaxPendingBytes = 1<<20, 2<<20
		l := newPipeListener()
		p := newPair(t, &pipes{l.dial}, l, config)
		conn, err := l.dial(context.Background(), "")
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write(hello())
		require.NoError(t, err)
		require.NoError(t, readHello(conn))
		size := config.MaxFrameBytes - headerBytes
		made := make([]bool, 4)
		var calls []*Call
		for id, waitsMS := range []uint32{0, 0, 1000, 0} {
			_, err = conn.Write(frameBytes(frameRequest, uint64(id), uint16(methodHold), waitsMS, nil))
			require.NoError(t, err)
			calls = append(calls, <-p.held)
		}
		for id, call := range calls {
			call.ReplyWhenRoom(func() []byte {
				made[id] = true
				return make([]byte, size)
			})
			synctest.Wait() // the first fills half of the room, in a Write that waits for the peer
		}
		require.Equal(t, []bool{true, false, false, false}, made)
		time.Sleep(1500 * time.Millisecond)
		r := bufio.NewReaderSize(conn, readBufferBytes)
		for _, id := range []uint64{0, 1, 3} {
			f, err := readFrame(r, config.MaxFrameBytes)
			for ; err == nil && f.kind == framePing; f, err = readFrame(r, config.MaxFrameBytes) {
			}
			require.NoError(t, err)
			require.Equal(t, id, f.id)
			require.Len(t, f.body, size)
		}
		require.Equal(t, []bool{true, true, false, true}, made)
	})
}

// TestAnswersThatNobodyWaitsForMakeRoom: when all answers that waited for room are dropped, the server reads on at once, though
// it has nothing to write.
func TestAnswersThatNobodyWaitsForMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		p := newPair(t, &pipes{l.dial}, l, DefaultConfig())
		conn, err := l.dial(context.Background(), "")
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Write(hello())
		require.NoError(t, err)
		require.NoError(t, readHello(conn))
		request := func(id uint64, m Method) {
			_, err := conn.Write(frameBytes(frameRequest, id, uint16(m), 0, nil))
			require.NoError(t, err)
		}
		request(0, methodHold)
		server := (<-p.held).conn
		dropped := make(chan struct{})
		server.appendLater(func() lateFrame {
			<-dropped
			return nil
		})
		server.appendLater(func() lateFrame { return nil })
		request(1, methodHold) // the reader takes one more before it looks for room
		<-p.held
		synctest.Wait() // it finds that frames wait
		close(dropped)
		synctest.Wait()
		asked := time.Now()
		request(2, methodEcho)
		f, err := readFrame(bufio.NewReaderSize(conn, readBufferBytes), DefaultConfig().MaxFrameBytes)
		require.NoError(t, err)
		require.Equal(t, uint64(2), f.id)
		require.Zero(t, time.Since(asked), "it did not take a ping to go on")
	})
}

// TestBackPressure fills MaxInFlightPerConnection: the next call waits unread, longer than silence is allowed to last,
// until a handler ends. One that expires meanwhile is not run.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := DefaultConfig()
		config.MaxInFlightPerConnection = 2
		p := newPipePair(t, config)
		release, running := make(chan struct{}), 0
		p.server.Handle(30, func(c *Call) {
			running++ // synctest.Wait orders the test behind it; handlers end one at a time
			<-release
			c.Reply(nil)
		})
		results := make(chan error, 4)
		done := func(_ []byte, err error) { results <- err }
		for range 2 {
			p.client.Go(context.Background(), p.address, 30, nil, done)
			synctest.Wait()
		}
		p.client.Go(within(t, 5*time.Second), p.address, 30, nil, done)
		p.client.Go(context.Background(), p.address, 30, nil, done)
		synctest.Wait()
		require.Equal(t, 2, running)
		time.Sleep(20 * time.Second)
		require.Equal(t, 2, running)
		require.ErrorIs(t, <-results, ErrUnknown, "the third, at its deadline")
		release <- struct{}{}
		require.NoError(t, <-results)
		synctest.Wait()
		require.Equal(t, 3, running, "the fourth runs, the third was dropped")
		release <- struct{}{}
		release <- struct{}{}
		require.NoError(t, <-results)
		require.NoError(t, <-results)
	})
}

// TestDialIsShared starts calls while the dial is under way. All wait for the same one; a call that is given up, or
// whose deadline passes, before the connection stands is not sent.
func TestDialIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		dials := 0
		slow := &pipes{func(ctx context.Context, address string) (net.Conn, error) {
			dials++
			time.Sleep(500 * time.Millisecond)
			return l.dial(ctx, address)
		}}
		p := newPair(t, slow, l, DefaultConfig())
		var served []string
		p.server.HandleInline(30, func(c *Call) { served = append(served, string(c.Body())); c.Reply(nil) })
		results := make(chan error, 3)
		done := func(_ []byte, err error) { results <- err }
		body := []byte("a")
		p.client.Go(context.Background(), p.address, 30, body, done)
		p.client.Go(within(t, 100*time.Millisecond), p.address, 30, []byte("late"), done)
		copy(body, "x") // Go has copied it
		canceled, cancel := context.WithCancel(context.Background())
		go func() {
			_, err := p.client.Call(canceled, p.address, 30, []byte("given up"))
			results <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-results, ErrNotSent)
		p.client.Go(context.Background(), p.address, 30, []byte("b"), done)
		require.ErrorIs(t, <-results, ErrNotSent)
		require.NoError(t, <-results)
		require.NoError(t, <-results)
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, served)
		require.Equal(t, 1, dials)
	})
}

// TestBackoff counts dials to an address that refuses, and then one that does not answer.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		dials := 0
		host, _ := testHost(t, &pipes{func(ctx context.Context, address string) (net.Conn, error) {
			dials++
			if address == "hole" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, refused
		}})
		client := NewClient(host, DefaultConfig())
		defer client.Close()
		for range 1000 { // 10 s
			_, err := client.Call(context.Background(), "peer", methodEcho, nil)
			require.ErrorIs(t, err, ErrNotSent)
			require.ErrorIs(t, err, refused)
			time.Sleep(10 * time.Millisecond)
		}
		require.Greater(t, dials, 10000/500)
		require.Less(t, dials, 50)

		client.Drop("peer")
		before := dials
		_, err := client.Call(context.Background(), "peer", methodEcho, nil)
		require.ErrorIs(t, err, ErrNotSent)
		require.Equal(t, before+1, dials, "Drop ends the pause")

		start := time.Now()
		_, err = client.Call(context.Background(), "hole", methodEcho, nil)
		require.ErrorIs(t, err, ErrNotSent)
		require.ErrorIs(t, err, errDialTimeout)
		require.InDelta(t, 1000, time.Since(start).Milliseconds(), 10)
	})
}
