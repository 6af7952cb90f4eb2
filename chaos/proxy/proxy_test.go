package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The hosts of these tests dial from addresses of their own.
var addresses = map[string]string{"a": "127.0.0.2", "b": "127.0.0.3"}

// patience bounds what must happen, and silence is how long nothing may come where nothing must: a read with that deadline.
const (
	patience = 10 * time.Second
	silence  = 50 * time.Millisecond
)

// pair is a network with a listener of host b, reached through a proxy.
type pair struct {
	*Network
	t        *testing.T
	listener *net.TCPListener
	at       string
}

func newPair(t *testing.T) *pair {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP("127.0.0.1")})
	require.NoError(t, err)
	p := &pair{Network: New(addresses), t: t, listener: listener}
	t.Cleanup(func() {
		p.Close()
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) { // a test may have closed it
			require.NoError(t, err)
		}
	})
	p.at, err = p.Serve("127.0.0.1:0", func(from string) (string, string, bool) {
		return "b", listener.Addr().String(), from == "a"
	})
	require.NoError(t, err)
	return p
}

func dialFrom(t *testing.T, ip, address string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: patience}
	conn, err := d.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // some are closed by the test
	return conn.(*net.TCPConn)
}

// connect returns the two ends of a connection from a to b.
func (p *pair) connect() (near, far *net.TCPConn) {
	p.t.Helper()
	near = dialFrom(p.t, addresses["a"], p.at)
	require.NoError(p.t, p.listener.SetDeadline(time.Now().Add(patience)))
	far, err := p.listener.AcceptTCP()
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = far.Close() })
	return near, far
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
}

func expect(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	got := make([]byte, len(text))
	_, err := io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func expectSilence(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(silence)))
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func expectReset(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// expectRefused dials and is reset, be it so soon that the dial itself notices.
func expectRefused(t *testing.T, ip, address string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: patience}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		require.ErrorIs(t, err, syscall.ECONNRESET)
		return
	}
	defer conn.Close()
	expectReset(t, conn)
}

func TestBytesAndEndsPass(t *testing.T) {
	p := newPair(t)
	near, far := p.connect()
	send(t, near, "question")
	expect(t, far, "question")
	send(t, far, "answer")
	expect(t, near, "answer")
	require.NoError(t, near.CloseWrite())
	_, err := far.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	send(t, far, "afterwards")
	expect(t, near, "afterwards")
	require.NoError(t, far.Close())
	_, err = near.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	require.Equal(t, Counts{Passed: 8}, p.Link("a", "b").Counts())
	require.Equal(t, Counts{Passed: 16}, p.Link("b", "a").Counts())
}

func TestALongStreamArrivesWhole(t *testing.T) {
	p := newPair(t)
	near, far := p.connect()
	sent := make([]byte, 5<<20) // more than is under way at a time
	for i := range sent {
		sent[i] = byte(i * i >> 8)
	}
	done := make(chan error, 1)
	go func() {
		_, err := near.Write(sent)
		done <- errors.Join(err, near.CloseWrite())
	}()
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.True(t, string(sent) == string(got), "%d bytes of %d", len(got), len(sent))
}

func TestACutHoldsBackOneDirection(t *testing.T) {
	p := newPair(t)
	near, far := p.connect()
	link := p.Link("a", "b")
	link.Cut()
	link.Cut()
	send(t, near, "one")
	expectSilence(t, far)
	send(t, near, "two")
	send(t, far, "the other way is open")
	expect(t, near, "the other way is open")
	link.Heal()
	expectSilence(t, far)
	link.Heal()
	expect(t, far, "onetwo")
	counts := link.Counts()
	require.Positive(t, counts.Held)
	require.EqualValues(t, 3, counts.HeldBytes, "the second piece waited behind the first")
	require.Zero(t, p.Link("b", "a").Counts().Held)
	require.Panics(t, link.Heal)
}

func TestAConnectionBegunDuringACutIsSilentAndThenReset(t *testing.T) {
	for _, cut := range [][2]string{{"a", "b"}, {"b", "a"}} {
		p := newPair(t)
		link := p.Link(cut[0], cut[1])
		link.Cut()
		near := dialFrom(t, addresses["a"], p.at)
		send(t, near, "hello")
		expectSilence(t, near)
		require.Equal(t, 1, link.Counts().Held)
		link.Heal()
		expectReset(t, near)
		near, far := p.connect()
		send(t, near, "again")
		expect(t, far, "again")
	}
}

func TestAResetReachesBothSides(t *testing.T) {
	p := newPair(t)
	require.Zero(t, p.Reset("a", "b"))
	near, far := p.connect()
	send(t, near, "x")
	expect(t, far, "x") // it is under way
	require.Zero(t, p.Reset("a", "c"))
	require.Equal(t, 1, p.Reset("b", "a"))
	expectReset(t, near)
	expectReset(t, far)
}

func TestAProcessThatDiesResetsThroughTheProxy(t *testing.T) {
	p := newPair(t)
	near, far := p.connect()
	send(t, near, "x")
	expect(t, far, "x")
	require.NoError(t, far.SetLinger(0))
	require.NoError(t, far.Close())
	expectReset(t, near)
}

func TestForgottenConnectionsSwallow(t *testing.T) {
	p := newPair(t)
	near, far := p.connect()
	other, otherFar := p.connect()
	send(t, near, "x")
	expect(t, far, "x")
	send(t, other, "x")
	expect(t, otherFar, "x")
	require.Equal(t, 2, p.Forget("a", "b"))
	require.Zero(t, p.Forget("a", "b"))
	send(t, near, "lost")
	send(t, far, "lost too")
	expectSilence(t, near)
	expectSilence(t, far)
	require.EqualValues(t, 12, p.Swallowed())
	require.NoError(t, other.Close())
	expectSilence(t, otherFar) // nobody is told
	fresh, freshFar := p.connect()
	send(t, fresh, "new connections work")
	expect(t, freshFar, "new connections work")
	p.Remember("a", "b")
	expectReset(t, near)
	expectReset(t, far)
	send(t, fresh, "still")
	expect(t, freshFar, "still")
}

func TestADelayKeepsOrder(t *testing.T) {
	p := newPair(t)
	near, far := p.connect()
	link := p.Link("a", "b")
	const delay = 80 * time.Millisecond
	link.AddDelay(delay)
	start := time.Now()
	send(t, near, "late")
	expect(t, far, "late")
	require.GreaterOrEqual(t, time.Since(start), delay)
	require.EqualValues(t, 4, link.Counts().Delayed)
	send(t, near, "first,")
	require.Eventually(t, func() bool { return link.Counts().Delayed == 10 }, patience, time.Millisecond)
	link.AddDelay(-delay)
	send(t, near, "second")
	expect(t, far, "first,second")
}

func TestWhoIsNobodyIsRefused(t *testing.T) {
	p := newPair(t)
	expectRefused(t, "127.0.0.77", p.at) // no host's address
	expectRefused(t, addresses["b"], p.at)
	require.NoError(t, p.listener.Close())
	expectRefused(t, addresses["a"], p.at) // nobody listens
}

func TestCloseEndsEverything(t *testing.T) {
	p := newPair(t)
	near, far := p.connect()
	p.Link("a", "b").Cut()
	waiting := dialFrom(t, addresses["a"], p.at)
	require.Eventually(t, func() bool { return p.Link("a", "b").Counts().Held == 1 }, patience, time.Millisecond)
	p.Close()
	p.Close()
	expectReset(t, near)
	expectReset(t, far)
	expectReset(t, waiting)
	_, err := p.Serve("127.0.0.1:0", nil)
	require.ErrorIs(t, err, net.ErrClosed)
}
