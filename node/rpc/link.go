package rpc

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chasqui/node"
)

const (
	// readBufferBytes is the size of a connection's read buffer: one read from the kernel takes that many small
	// frames.
	readBufferBytes = 64 << 10
	// smallBatchBytes is the size of a batch that the flusher finds too small to write before it has let other
	// goroutines run once, who may be about to add to it.
	smallBatchBytes = 4 << 10
	// sweepInterval is the least time between two looks at all calls of a connection for expired ones: deadlines of
	// Client.Go and of Call.Context are late by at most that much.
	sweepInterval = 5 * time.Millisecond
)

// link is what both ends of a connection share: the frames that wait to be written, the signs of life, and the
// alarm for the earliest deadline.
//
// Writing: callers append whole frames to pending under mu and go on; one task, flush, hands all that has gathered to
// the kernel in one Write. While that Write lasts, the next batch gathers. So a lone caller pays one hop and a
// thousand callers share a syscall. Large parts that stay as they are need not be copied (batch.go).
//
// Life: each end sends something at least once per PingInterval (a ping if there is nothing else), so SilentPings
// intervals without a byte mean that the peer or the path to it is gone. No answer to a ping is needed, and an end
// that does not read because of back-pressure still pings. Intervals are counted rather than times compared: a
// process that was stopped for a minute does not come back to find all its peers dead.
type link struct {
	host   node.Host
	config Config
	base   time.Time     // deadlines are kept as time since base, which compares cheaply
	done   chan struct{} // closed when the link is closed
	// stop ends what the owner has under way for the link besides conn: the client's dial. Called once, by close.
	stop func()

	// reads counts reads that brought bytes. holding is true while the reader waits for room instead of reading.
	reads   atomic.Uint64
	holding atomic.Bool

	mu      sync.Mutex // guards all below
	closed  bool
	cause   error // why closed
	conn    net.Conn
	open    bool          // the handshake is over: frames may be written
	gather  sync.Cond     // flush waits here for pending or late
	room    chan struct{} // holds a token after a flush; the server's reader waits here for pending and late to shrink
	pending batch
	spare   batch // an empty one with the other's memory, while that is not being written
	writing int   // bytes in the Write that is under way, 0 if none
	// late are a server's answers that found no room in pending, in order. Each appends its frame when it is called, without
	// mu, and returns what is to be called later instead if it found no room again.
	late []lateFrame
	// appended is the stream position behind pending; handed is the position up to which bytes were given to the
	// kernel, whatever came of it. A frame that starts at or behind handed was certainly not sent.
	appended, handed int64
	flushes          uint64
	// alarm is the time of the next sweep, 0 if none is needed. rearm tells watch that it became earlier.
	alarm time.Duration
	rearm chan struct{}
}

// lateFrame is a frame that waits for room: see link.late.
type lateFrame func() lateFrame

func (l *link) init(host node.Host, config Config, stop func()) {
	l.host, l.config, l.base, l.stop = host, config, host.Clock.Now(), stop
	l.done, l.room, l.rearm = make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
	l.gather.L = &l.mu
}

// now returns the time since base.
func (l *link) now() time.Duration { return l.host.Clock.Now().Sub(l.base) }

// attach gives the link its connection. It returns the cause if the link was closed meanwhile, and closes conn then.
func (l *link) attach(conn net.Conn) error {
	l.mu.Lock()
	if !l.closed {
		l.conn = conn
		l.mu.Unlock()
		return nil
	}
	cause := l.cause
	l.mu.Unlock()
	if err := conn.Close(); err != nil {
		l.host.Log.Debug("close rpc connection", "err", err)
	}
	return cause
}

// close ends the link for the given cause; the first cause stays. What waits to be written is dropped. The reader
// sees its connection end and does the rest.
func (l *link) close(cause error) { l.closeIf(cause, func() bool { return true }) }

// closeIf closes the link if it is open and condition, which is called with mu held, is true.
func (l *link) closeIf(cause error, condition func() bool) {
	l.mu.Lock()
	if l.closed || !condition() {
		l.mu.Unlock()
		return
	}
	l.closed, l.cause = true, cause
	conn := l.conn
	close(l.done)
	l.gather.Broadcast()
	l.mu.Unlock()
	l.stop()
	if conn != nil {
		if err := conn.Close(); err != nil {
			l.host.Log.Debug("close rpc connection", "err", err)
		}
	}
}

// reader returns a buffered reader of conn that counts signs of life.
func (l *link) reader(conn net.Conn) *bufio.Reader {
	return bufio.NewReaderSize(countingReader{conn, &l.reads}, readBufferBytes)
}

type countingReader struct {
	conn  net.Conn
	reads *atomic.Uint64
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.conn.Read(p)
	if n > 0 {
		r.reads.Add(1)
	}
	return n, err
}

// appendLocked adds a frame to pending. ErrOverloaded means that it did not fit and nothing was added; a frame always
// fits when nothing else waits.
func (l *link) appendLocked(h *header, body ...Part) error {
	if l.closed {
		return l.cause
	}
	size := len(h) + totalBytes(body)
	if waiting := l.pending.length + l.writing; waiting > 0 && waiting+size > l.config.MaxPendingBytes {
		return fmt.Errorf("%w: %d bytes wait to be written, the limit is %d", ErrOverloaded, waiting, l.config.MaxPendingBytes)
	}
	if l.pending.length == 0 && l.writing == 0 {
		l.gather.Signal()
	}
	l.pending.copy(h[:])
	for _, part := range body {
		l.pending.add(part)
	}
	l.appended += int64(size)
	return nil
}

// crowdedLocked reports whether half of MaxPendingBytes waits to be written, or frames wait even for that.
func (l *link) crowdedLocked() bool {
	return len(l.late) > 0 || l.pending.length+l.writing >= l.config.MaxPendingBytes/2
}

// appendLater keeps a frame for when there is room. It is dropped if the link closes before.
func (l *link) appendLater(f lateFrame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.late = append(l.late, f)
		l.gather.Signal()
	}
}

// admitLateLocked moves late frames to pending while less than half of MaxPendingBytes is there. It lets go of mu meanwhile.
// Only flush calls it.
func (l *link) admitLateLocked() {
	for len(l.late) > 0 && !l.closed && l.pending.length < l.config.MaxPendingBytes/2 {
		f := l.late[0]
		l.late[0] = nil
		l.late = l.late[1:]
		l.mu.Unlock()
		again := f()
		l.mu.Lock()
		if again != nil {
			l.late = slices.Insert(l.late, 0, again)
			return // others were faster, so there is something to write
		}
	}
}

// flush writes pending to the connection until the link closes.
func (l *link) flush(context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		l.admitLateLocked()
		if l.pending.length == 0 && !l.closed {
			l.tellRoom() // late frames that were dropped leave room without a Write
			l.gather.Wait()
			continue
		}
		if l.pending.length < smallBatchBytes && !l.closed {
			l.mu.Unlock()
			runtime.Gosched()
			l.mu.Lock()
		}
		if l.closed {
			return
		}
		full := l.pending
		l.pending, l.spare = l.spare, batch{}
		l.writing, l.handed = full.length, l.appended
		conn := l.conn
		l.mu.Unlock()
		if err := full.write(conn); err != nil {
			l.close(fmt.Errorf("write: %w", err))
		}
		l.mu.Lock()
		l.writing = 0
		l.flushes++
		l.spare = full.emptied()
		l.tellRoom()
	}
}

// tellRoom has the server's reader look whether there is room.
func (l *link) tellRoom() {
	select {
	case l.room <- struct{}{}:
	default: // the token is there already
	}
}

// waitForRoom blocks while the link is crowded and open.
func (l *link) waitForRoom() {
	for {
		l.mu.Lock()
		full := l.crowdedLocked()
		l.mu.Unlock()
		if !full {
			return
		}
		l.holding.Store(true)
		select {
		case <-l.room:
		case <-l.done:
		}
		l.holding.Store(false)
		select {
		case <-l.done:
			return
		default:
		}
	}
}

// wantAlarmLocked makes watch call sweep at the given time or before.
func (l *link) wantAlarmLocked(at time.Duration) {
	if l.alarm != 0 && l.alarm <= at {
		return
	}
	l.alarm = at
	select {
	case l.rearm <- struct{}{}:
	default: // watch has a message to look already
	}
}

// watch runs until the link closes. It pings and checks for life once per PingInterval, and calls sweep when the
// alarm is due. sweepLocked is called with mu held, looks at every call, and returns the time of the next alarm (0
// for none) and what is to be done without the lock. everyInterval is called once per PingInterval. A link whose ctx
// ends is closed.
func (l *link) watch(ctx context.Context, sweepLocked func(now time.Duration) (time.Duration, func()), everyInterval func()) {
	pulse := pulse{link: l}
	tick := l.now() + l.config.PingInterval
	timer := l.host.Clock.NewTimer(l.config.PingInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C():
		case <-l.rearm:
		case <-ctx.Done():
			l.close(ErrClosed)
			return
		case <-l.done:
			return
		}
		now := l.now()
		if now >= tick {
			tick = now + l.config.PingInterval
			if err := pulse.check(); err != nil {
				l.close(err)
				return
			}
			everyInterval()
		}
		var after func()
		l.mu.Lock()
		if l.alarm != 0 && now >= l.alarm {
			var next time.Duration
			if next, after = sweepLocked(now); next != 0 {
				next = max(next, now+sweepInterval)
			}
			l.alarm = next
		}
		wake := tick
		if l.alarm != 0 {
			wake = min(wake, l.alarm)
		}
		l.mu.Unlock()
		if after != nil {
			after()
		}
		timer.Reset(wake - now)
	}
}

// pulse is watch's memory of the last intervals.
type pulse struct {
	link                  *link
	reads, flushes        uint64
	appended              int64
	silentFor, stalledFor int // intervals
}

// check looks at one interval that has passed. It returns why the link must be closed, or nil.
func (p *pulse) check() error {
	l := p.link
	p.silentFor++
	if reads := l.reads.Load(); reads != p.reads || l.holding.Load() {
		p.reads, p.silentFor = reads, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open && l.conn == nil {
		p.silentFor = 0 // still dialling, which has a limit of its own
	}
	p.stalledFor++
	if l.writing == 0 || l.flushes != p.flushes {
		p.stalledFor = 0
	}
	p.flushes = l.flushes
	switch {
	case p.silentFor >= SilentPings:
		return fmt.Errorf("%w: no byte for %d intervals of %s", errSilent, p.silentFor, l.config.PingInterval)
	case p.stalledFor >= l.config.ticks(l.config.WriteTimeout):
		return fmt.Errorf("%w: a write of %d bytes is stuck for %d intervals of %s",
			errWriteStall, l.writing, p.stalledFor, l.config.PingInterval)
	}
	if l.open && l.appended == p.appended && l.writing == 0 && !l.closed {
		h := makeHeader(framePing, 0, 0, 0)
		if err := l.appendLocked(&h); err != nil {
			return err
		}
	}
	p.appended = l.appended
	return nil
}
