package world

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node/virtual/abi"
)

// echo is a guest that listens on an address and sends back what it reads.
type echo struct {
	host      *Host
	address   string
	listening bool
	listener  uint32
	accepted  int
	waits     func(e *echo) Wait // what it waits for; the card alone if nil
	resumed   int
	exit      bool
}

func (e *echo) Resume() (wait Wait, running bool) {
	defer func() {
		if cause := recover(); cause != nil {
			if cause != any(Killed{}) {
				panic(cause)
			}
			running = false
		}
	}()
	e.resumed++
	if !e.listening {
		e.listening = true
		id, errno := e.host.Listen(e.address)
		if errno != 0 {
			panic(errno)
		}
		e.listener = id
	}
	var events [16]abi.Event
	for n := e.host.Events(events[:]); n > 0; n = e.host.Events(events[:]) {
		for _, event := range events[:n] {
			switch event.Kind {
			case abi.EventAccepted:
				e.accepted++
				e.pump(uint32(event.Arg))
			case abi.EventReadable:
				e.pump(event.ID)
			case abi.EventStop:
				e.exit = true
			}
		}
	}
	if e.exit {
		return Wait{}, false
	}
	if e.waits != nil {
		return e.waits(e), true
	}
	return Wait{}, true
}

func (e *echo) pump(id uint32) {
	buffer := make([]byte, 1<<20)
	for {
		n, errno := e.host.Receive(id, buffer)
		switch {
		case errno == abi.WouldBlock:
			return
		case errno != 0 || n == 0:
			e.host.Close(id)
			return
		}
		for sent := 0; sent < n; {
			m, errno := e.host.Send(id, buffer[sent:n])
			if errno != 0 {
				return // the tests send no more than fits
			}
			sent += m
		}
	}
}

func (e *echo) Exit() (uint32, string) { return 7, "asked to" }
func (e *echo) Kill()                  {}

const echoAddress = "10.0.0.1:80"

// pair is a world of a host that echoes and a native one.
type pair struct {
	*World
	server, client *Host
	echo           *echo
	ends           []End
}

func newPair(t *testing.T, seed uint64) *pair { return newTracedPair(t, seed, nil) }

func newTracedPair(t *testing.T, seed uint64, trace func(*Trace)) *pair {
	p := &pair{World: New(seed, DefaultConfig())}
	if trace != nil {
		trace(p.Trace())
	}
	t.Cleanup(p.Close)
	p.server = p.AddHost(HostSpec{Name: "server", IP: "10.0.0.1", Ended: func(_ *Host, end End) { p.ends = append(p.ends, end) }})
	p.client = p.AddHost(HostSpec{Name: "client", IP: "10.0.0.2", Zone: 1})
	p.boot(t, echoAddress)
	return p
}

func (p *pair) boot(t *testing.T, address string) {
	require.NoError(t, p.server.Boot(func(h *Host) (Guest, error) {
		p.echo = &echo{host: h, address: address}
		return p.echo, nil
	}))
}

// in runs f in a thread of the client until it returns, at most a virtual minute.
func (p *pair) in(t *testing.T, f func(n Native)) {
	done := false
	n := Native{p.client.native}
	if p.client.native == nil {
		n = p.client.BootNative()
	}
	n.Go("test", func() {
		f(n)
		done = true
	})
	require.NoError(t, p.Run(p.Now()+time.Minute, func() bool { return done }))
	require.True(t, done, "the thread still waits after a minute")
}

func dial(t *testing.T, n Native) net.Conn {
	conn, err := n.Dial(echoAddress, time.Second)
	require.NoError(t, err)
	return conn
}

func say(t *testing.T, conn net.Conn, text string) {
	_, err := conn.Write([]byte(text))
	require.NoError(t, err)
	got := make([]byte, len(text))
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func TestBytesArriveInOrder(t *testing.T) {
	p := newPair(t, 1)
	p.cfg.ShortReadChance, p.cfg.ShortWriteChance = 500, 500
	p.in(t, func(n Native) {
		conn := dial(t, n)
		for i := range 100 {
			say(t, conn, strings.Repeat(string(rune('a'+i%26)), 1+i*37))
		}
		require.NoError(t, conn.Close())
	})
}

func TestACutDelaysAndLosesNothing(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		conn := dial(t, n)
		p.Cut(p.server, p.client)
		p.After(3*time.Second, func() { p.Heal(p.server, p.client) })
		start := n.Now()
		say(t, conn, "through the cut")
		require.Greater(t, n.Now()-start, 3*time.Second)
		require.Positive(t, p.HeldPackets())
	})
}

func TestAReadHasADeadline(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		conn := dial(t, n)
		p.Cut(p.client, p.server)
		_, err := conn.Write([]byte("lost"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(n.Time().Add(time.Second)))
		start := n.Now()
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Second, n.Now()-start)
	})
}

func TestAnEndlessCutEndsTheConnection(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		conn := dial(t, n)
		p.Cut(p.client, p.server)
		_, err := conn.Write([]byte("lost"))
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ETIMEDOUT)
		require.Greater(t, n.Now(), p.cfg.GiveUpAfter)
	})
}

func TestAKilledProcessResetsItsConnections(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		conn := dial(t, n)
		say(t, conn, "before")
		p.After(time.Millisecond, func() { p.server.Crash(CrashKill) })
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		_, err = n.Dial(echoAddress, time.Second)
		require.ErrorIs(t, err, syscall.ECONNREFUSED, "the machine lives on")
	})
	require.Equal(t, []End{{Crash: CrashKill}}, p.ends)
}

func TestAMachineWithoutPowerIsSilentUntilItComesBack(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		conn := dial(t, n)
		say(t, conn, "before")
		p.After(time.Millisecond, func() { p.server.Crash(CrashPower) })
		p.After(5*time.Second, func() { p.boot(t, echoAddress) })
		n.Sleep(time.Second)
		_, err := n.Dial(echoAddress, time.Second)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		_, err = conn.Write([]byte("anybody there?"))
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET, "the new program knows nothing of the connection")
		require.Greater(t, n.Now(), 5*time.Second)
		say(t, dial(t, n), "again")
	})
}

func TestAProgramEndsAtACall(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		conn := dial(t, n)
		say(t, conn, "before")
		p.server.CrashAtCall(3, CrashPower)
		calls := p.server.Calls()
		_, err := conn.Write([]byte("now"))
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(n.Time().Add(time.Second)))
		_, err = conn.Read(make([]byte, 3))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, calls+3, p.server.Calls())
	})
	require.Equal(t, []End{{Crash: CrashPower}}, p.ends)
}

func TestAProgramIsAskedToStop(t *testing.T) {
	p := newPair(t, 1)
	require.NoError(t, p.Run(time.Millisecond, nil))
	require.True(t, p.server.Stop())
	require.NoError(t, p.Run(time.Second, nil))
	require.Equal(t, []End{{Code: 7, Detail: "asked to"}}, p.ends)
	require.False(t, p.server.Stop())
}

func TestResetsAndHalfOpenConnections(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		conn := dial(t, n)
		require.Equal(t, 1, p.ResetConnections(p.client, p.server, false))
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)

		conn = dial(t, n)
		say(t, conn, "before")
		require.Equal(t, 1, p.ResetConnections(p.client, p.server, true))
		_, err = conn.Write([]byte("into the void"))
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(n.Time().Add(20*time.Second)))
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		say(t, dial(t, n), "others work")
	})
}

func TestAHalfCloseEndsOneDirection(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		conn := dial(t, n)
		say(t, conn, "before")
		require.Equal(t, 1, p.client.HalfClose(p.server))
		_, err := conn.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "the other side has read to the end and closed")
	})
}

func TestSendersWaitForReaders(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		n.Sleep(time.Millisecond)
		conn := dial(t, n)
		p.server.Pause(5 * time.Second)
		require.NoError(t, conn.SetWriteDeadline(n.Time().Add(time.Second)))
		written, err := conn.Write(make([]byte, 1<<20))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, p.cfg.SendBuffer, written)
	})
}

func TestAFloatingAddressFollowsItsLatestHolder(t *testing.T) {
	const floating = "10.9.9.9"
	p := newPair(t, 1)
	p.AddFloating(floating)
	other := p.AddHost(HostSpec{Name: "other", IP: "10.0.0.3"})
	var second *echo
	p.server.Crash(CrashKill)
	p.boot(t, floating+":80")
	require.NoError(t, p.Run(time.Millisecond, nil))
	try := func(n Native) error {
		conn, err := n.Dial(floating+":80", time.Second)
		if err != nil {
			return err
		}
		say(t, conn, "hello")
		return conn.Close()
	}
	p.in(t, func(n Native) {
		require.NoError(t, try(n))
		require.Equal(t, 1, p.echo.accepted)
		require.NoError(t, other.Boot(func(h *Host) (Guest, error) {
			second = &echo{host: h, address: floating + ":80"}
			return second, nil
		}))
		n.Sleep(time.Millisecond)
		require.Equal(t, []*Host{p.server, other}, p.Holders(floating))
		require.Equal(t, other, p.Learned(p.client, floating))
		require.NoError(t, try(n))
		require.Equal(t, 1, second.accepted)

		other.Crash(CrashPower)
		require.ErrorIs(t, try(n), os.ErrDeadlineExceeded)
		p.StaleRoute(p.client, floating, true)
		n.Sleep(askAgainAfter)
		require.ErrorIs(t, try(n), os.ErrDeadlineExceeded, "it does not ask")
		require.EqualValues(t, 1, p.Misled())
		p.StaleRoute(p.client, floating, false)
		require.NoError(t, try(n), "the first holder is found again")
		require.Equal(t, 2, p.echo.accepted)
	})
}

func TestAHolderThatIsNotHeardAnnouncesNothing(t *testing.T) {
	const floating = "10.9.9.9"
	p := newPair(t, 1)
	p.AddFloating(floating)
	other := p.AddHost(HostSpec{Name: "other", IP: "10.0.0.3"})
	p.server.Crash(CrashKill)
	p.boot(t, floating+":80")
	require.NoError(t, p.Run(time.Millisecond, nil))
	p.Cut(other, p.client)
	require.NoError(t, other.Boot(func(h *Host) (Guest, error) { return &echo{host: h, address: floating + ":80"}, nil }))
	require.NoError(t, p.Run(2*time.Millisecond, nil))
	require.Equal(t, []*Host{p.server, other}, p.Holders(floating))
	require.Equal(t, p.server, p.Learned(p.client, floating))
	require.Equal(t, other, p.Learned(p.server, floating))
}

func TestNobodyAnswersForAnUnknownAddress(t *testing.T) {
	p := newPair(t, 1)
	p.in(t, func(n Native) {
		_, err := n.Dial("10.7.7.7:80", 10*time.Second)
		require.ErrorIs(t, err, syscall.EHOSTUNREACH)
		_, err = n.Lookup("nowhere")
		require.Error(t, err)
		p.SetName("here", echoAddress)
		addresses, err := n.Lookup("here")
		require.NoError(t, err)
		require.Equal(t, []string{echoAddress}, addresses)
	})
}

func TestClocksDriftAndJump(t *testing.T) {
	p := newPair(t, 1)
	require.NoError(t, p.Run(time.Second, nil))
	p.server.Drift(1000)
	before := p.server.clock.monotonic(p.now)
	require.NoError(t, p.Run(11*time.Second, nil))
	require.Equal(t, int64(10*time.Second+10*time.Millisecond), p.server.clock.monotonic(p.now)-before)
	require.Equal(t, 10*time.Millisecond, p.server.WallSkew())
	p.server.JumpWall(-time.Hour)
	require.Equal(t, -time.Hour+10*time.Millisecond, p.server.WallSkew())
	require.Equal(t, int64(10*time.Second+10*time.Millisecond), p.server.clock.monotonic(p.now)-before, "nothing jumps")
	for _, reading := range []int64{before, before + 1, before + 12345, before + int64(time.Hour)} {
		at := p.server.clock.trueTime(reading)
		require.GreaterOrEqual(t, p.server.clock.monotonic(at), reading)
		require.Less(t, p.server.clock.monotonic(at-2), reading)
	}
}

func TestTimersFollowTheHostsClock(t *testing.T) {
	p := newPair(t, 1)
	p.server.Drift(-500_000) // half speed
	var fired time.Duration
	p.echo.waits = func(e *echo) Wait {
		if e.resumed > 1 {
			fired = p.Now()
			return Wait{}
		}
		return Wait{Deadline: int64(time.Second), HasDeadline: true}
	}
	require.NoError(t, p.Run(time.Minute, nil))
	require.InDelta(t, 2*time.Second, fired, float64(p.cfg.TimerSlack))
}

func TestThreadsEndWithTheirHost(t *testing.T) {
	p := newPair(t, 1)
	n := p.client.BootNative()
	ended := false
	var err error
	n.Go("sleeper", func() {
		defer func() { ended = true }()
		conn := dial(t, n)
		defer func() { _, err = conn.Write([]byte("x")) }()
		n.Sleep(time.Hour)
	})
	require.NoError(t, p.Run(time.Second, nil))
	p.client.Crash(CrashPower)
	require.True(t, ended)
	require.True(t, errors.Is(err, net.ErrClosed))
}

// story runs a little traffic under faults and returns the trace.
func story(t *testing.T, seed uint64, trace func(*Trace), disturb func(p *pair)) *Trace {
	p := newTracedPair(t, seed, trace)
	if disturb != nil {
		p.After(500*time.Millisecond, func() { disturb(p) })
	}
	n := p.client.BootNative()
	random := n.Random("test")
	for range 3 {
		n.Go("talker", func() {
			for {
				conn, err := n.Dial(echoAddress, time.Second)
				if err != nil {
					continue
				}
				for range 5 {
					n.Sleep(time.Duration(random.Int64N(int64(50 * time.Millisecond))))
					if _, err := conn.Write(make([]byte, random.IntN(3000))); err != nil {
						break
					}
				}
				_ = conn.Close()
			}
		})
	}
	p.After(700*time.Millisecond, func() { p.Cut(p.client, p.server) })
	p.After(900*time.Millisecond, func() { p.Heal(p.client, p.server) })
	require.NoError(t, p.Run(2*time.Second, nil))
	p.Trace().End()
	return p.Trace()
}

func TestTheSameSeedGivesTheSameTrace(t *testing.T) {
	first := story(t, 1, (*Trace).Record, nil)
	second := story(t, 1, func(trace *Trace) { trace.Expect(first.Records()) }, nil)
	require.Nil(t, second.Difference())
	require.Equal(t, first.Hash(), second.Hash())
	require.Greater(t, first.Count(), uint64(200))
	require.NotEqual(t, first.Hash(), story(t, 2, nil, nil).Hash())
}

func TestTheFirstDifferentEventIsShown(t *testing.T) {
	first := story(t, 1, (*Trace).Record, nil)
	for name, disturb := range map[string]func(p *pair){
		"the host's clock":   func(p *pair) { p.Lag(p.client, p.server, time.Duration(time.Now().UnixNano()%1000+1)*time.Microsecond) },
		"one draw more":      func(p *pair) { p.links.random.Uint64() },
		"a note more":        func(p *pair) { p.Note("which the first run did not have") },
		"an end before time": func(p *pair) { p.client.Crash(CrashPower) },
	} {
		t.Run(name, func(t *testing.T) {
			second := story(t, 1, func(trace *Trace) { trace.Expect(first.Records()) }, disturb)
			d := second.Difference()
			require.NotNil(t, d)
			require.GreaterOrEqual(t, max(d.Earlier.At, d.Repeated.At), int64(500*time.Millisecond))
			require.NotEqual(t, d.Earlier, d.Repeated)
			require.NotEmpty(t, d.Before)
		})
	}
}
