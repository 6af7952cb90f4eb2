package world

import (
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"chasqui/node/virtual/abi"
)

// native is a program that is part of the simulator itself: threads that are coroutines, one running at a time, which
// the world resumes in an order that the seed decides. They use the same network as guests do.
type native struct {
	host    *Host
	running bool
	current *thread
	threads []*thread
	waiting map[uint32]*waiters // by connection; never ranged over
}

// waiters are the threads that wait for something of a connection.
type waiters struct{ connect, read, write *thread }

// thread is one coroutine.
type thread struct {
	name   string
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	wake   *Event
	parked bool
	ended  bool
	// result is what woke the thread: the errno of a dial.
	result  abi.Errno
	expired bool
}

// Native is what a thread of a native program sees of its host. Its methods are called by the host's threads only.
type Native struct{ n *native }

// BootNative starts a program of the simulator's own, whose threads are begun with Go. It ends by Crash, or when the
// world is closed.
func (h *Host) BootNative() Native {
	h.begin()
	h.native = &native{host: h, running: true, waiting: map[uint32]*waiters{}}
	return Native{h.native}
}

// Go starts a thread.
func (n Native) Go(name string, f func()) {
	p := n.n
	if !p.running {
		return
	}
	t := &thread{name: name}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if cause := recover(); cause != nil && cause != any(Killed{}) {
				panic(fmt.Sprintf("%s, thread %s: %v", p.host.name, name, cause))
			}
		}()
		t.yield = yield
		f()
	})
	p.threads = append(p.threads, t)
	p.resumeAfter(t, 0)
}

func (p *native) resumeAfter(t *thread, d time.Duration) {
	at := max(p.host.w.now+int64(d), p.host.pausedUntil)
	t.wake = p.host.w.schedule(at, func() { p.resume(t) })
}

func (p *native) resume(t *thread) {
	if !p.running || t.ended {
		return
	}
	if p.host.pausedUntil > p.host.w.now {
		p.resumeAfter(t, 0)
		return
	}
	t.parked = false
	p.current = t
	_, alive := t.next()
	p.current = nil
	if !alive {
		t.ended = true
		for i, other := range p.threads {
			if other == t {
				p.threads = append(p.threads[:i], p.threads[i+1:]...)
				break
			}
		}
	}
}

// stop ends all threads where they wait. Their deferred calls run; what these ask of the host is refused.
func (p *native) stop() {
	if !p.running {
		return
	}
	p.running = false
	for _, t := range p.threads {
		t.ended = true
		if t.wake != nil {
			t.wake.Cancel()
		}
		t.stop()
	}
	p.threads = nil
}

// park lets the current thread wait until something wakes it, for at most d if d >= 0. It returns whether the time was
// up.
func (p *native) park(d time.Duration) (expired bool) {
	t := p.current
	if t == nil {
		broken("%s: a call from outside of the host's threads", p.host.name)
	}
	t.parked, t.expired = true, false
	if d >= 0 {
		t.wake = p.host.w.After(d, func() {
			t.expired = true
			p.resume(t)
		})
	}
	if !t.yield(struct{}{}) {
		panic(Killed{})
	}
	return t.expired
}

// unpark wakes a thread.
func (p *native) unpark(t *thread) {
	if t == nil || !t.parked {
		return
	}
	t.parked = false
	if t.wake != nil {
		t.wake.Cancel()
	}
	p.resumeAfter(t, 0)
}

// post gives an event of the card to the thread that waits for it.
func (p *native) post(e abi.Event) {
	w := p.waiting[e.ID]
	if w == nil {
		return
	}
	switch e.Kind {
	case abi.EventConnected:
		if w.connect != nil {
			w.connect.result = abi.Errno(e.Arg)
		}
		p.unpark(w.connect)
	case abi.EventReadable:
		p.unpark(w.read)
	case abi.EventWritable:
		p.unpark(w.write)
	}
}

// Now returns the true time since the beginning of the run.
func (n Native) Now() time.Duration { return n.n.host.w.Now() }

// Time returns the host's wall clock.
func (n Native) Time() time.Time { return time.Unix(0, n.n.host.clock.wall(n.n.host.w.now)).UTC() }

// Random returns a generator for a named use on this host.
func (n Native) Random(stream string) *rand.Rand {
	return n.n.host.w.Stream("native/" + n.n.host.name + "/" + stream)
}

// Lookup resolves a name to "ip:port" addresses.
func (n Native) Lookup(name string) ([]string, error) {
	addresses := n.n.host.w.Resolve(name)
	if len(addresses) == 0 {
		return nil, fmt.Errorf("lookup %s: no such name", name)
	}
	return addresses, nil
}

// Sleep lets the thread wait.
func (n Native) Sleep(d time.Duration) { n.n.park(max(d, 0)) }

// Dial connects to "ip:port" within the timeout.
func (n Native) Dial(address string, timeout time.Duration) (net.Conn, error) {
	p := n.n
	if !p.running {
		return nil, net.ErrClosed
	}
	id, errno := p.host.Dial(address)
	if errno != 0 {
		return nil, fmt.Errorf("dial %s: %w", address, systemError(errno))
	}
	t := p.current
	p.waiting[id] = &waiters{connect: t}
	t.result = 0
	if p.park(timeout) {
		p.host.Close(id)
		delete(p.waiting, id)
		return nil, fmt.Errorf("dial %s: %w", address, os.ErrDeadlineExceeded)
	}
	if t.result != 0 {
		delete(p.waiting, id)
		return nil, fmt.Errorf("dial %s: %w", address, systemError(t.result))
	}
	p.waiting[id].connect = nil
	return &nativeConn{p: p, id: id, waiters: p.waiting[id]}, nil
}

// systemError is the operating system's error of an errno, as a real connection returns it.
func systemError(errno abi.Errno) error {
	switch errno {
	case abi.Refused:
		return syscall.ECONNREFUSED
	case abi.Reset:
		return syscall.ECONNRESET
	case abi.BrokenPipe:
		return syscall.EPIPE
	case abi.Unreachable:
		return syscall.EHOSTUNREACH
	case abi.TimedOut:
		return syscall.ETIMEDOUT
	case abi.BadID:
		return net.ErrClosed
	default:
		return fmt.Errorf("errno %d of the virtual machine", errno)
	}
}

// nativeConn is a connection of a native program.
type nativeConn struct {
	p       *native
	id      uint32
	waiters *waiters
	closed  bool
	// readBy and writeBy are deadlines on the host's wall clock.
	readBy, writeBy time.Time
}

var _ net.Conn = (*nativeConn)(nil)

// left returns the time until a deadline: negative for none.
func (c *nativeConn) left(deadline time.Time) (d time.Duration, expired bool) {
	if deadline.IsZero() {
		return -1, false
	}
	d = deadline.Sub(Native{c.p}.Time())
	return max(d, 0), d <= 0
}

// Read reads what has arrived, or waits for it.
func (c *nativeConn) Read(b []byte) (int, error) {
	for {
		if c.closed || !c.p.running {
			return 0, net.ErrClosed
		}
		n, errno := c.p.host.Receive(c.id, b)
		switch {
		case errno == abi.WouldBlock:
		case errno != 0:
			return 0, systemError(errno)
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
		d, expired := c.left(c.readBy)
		if expired {
			return 0, os.ErrDeadlineExceeded
		}
		c.waiters.read = c.p.current
		timeUp := c.p.park(d)
		c.waiters.read = nil
		if timeUp {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// Write writes all of b.
func (c *nativeConn) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		if c.closed || !c.p.running {
			return written, net.ErrClosed
		}
		n, errno := c.p.host.Send(c.id, b[written:])
		written += n
		switch {
		case errno == 0:
			continue
		case errno != abi.WouldBlock:
			return written, systemError(errno)
		}
		d, expired := c.left(c.writeBy)
		if expired {
			return written, os.ErrDeadlineExceeded
		}
		c.waiters.write = c.p.current
		timeUp := c.p.park(d)
		c.waiters.write = nil
		if timeUp {
			return written, os.ErrDeadlineExceeded
		}
	}
	return written, nil
}

// Close closes the connection.
func (c *nativeConn) Close() error {
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	delete(c.p.waiting, c.id)
	if c.p.running {
		c.p.host.Close(c.id)
	}
	c.p.unpark(c.waiters.read)
	c.p.unpark(c.waiters.write)
	return nil
}

func (c *nativeConn) address(which uint32) net.Addr {
	text, errno := c.p.host.Address(c.id, which)
	if errno != 0 {
		return &net.TCPAddr{}
	}
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text))
}

// LocalAddr returns the address of this side.
func (c *nativeConn) LocalAddr() net.Addr { return c.address(abi.AddressLocal) }

// RemoteAddr returns the address that was dialled.
func (c *nativeConn) RemoteAddr() net.Addr { return c.address(abi.AddressRemote) }

// SetDeadline sets both deadlines, on the host's wall clock. It does not end calls under way.
func (c *nativeConn) SetDeadline(t time.Time) error {
	c.readBy, c.writeBy = t, t
	return nil
}

// SetReadDeadline sets the deadline of later reads.
func (c *nativeConn) SetReadDeadline(t time.Time) error {
	c.readBy = t
	return nil
}

// SetWriteDeadline sets the deadline of later writes.
func (c *nativeConn) SetWriteDeadline(t time.Time) error {
	c.writeBy = t
	return nil
}
