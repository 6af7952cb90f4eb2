package world

import (
	"time"

	"chasqui/node/virtual/abi"
)

// The network carries TCP as far as programs can tell: each direction of a connection is a stream whose bytes arrive in
// order and whole, or the connection fails. What happens to packets below shows as delay, as silence, or as a reset,
// never as missing bytes in the middle.

// end is one side of a connection.
type end struct {
	host          *Host
	id            uint32 // 0 once the program has no hold of it
	local, remote string
	in, out       *flow
	connected     bool
	gone          bool // its program has ended without closing it
	buffer        [][]byte
	buffered      int
	consumed      int       // bytes read that the other side has not been told of
	fin           bool      // the other side will send no more
	failed        abi.Errno // why the connection is of no use any more; 0 while it is
	wantRead      bool
	wantWrite     bool
	finSent       bool
	awaitsFirst   bool // it was accepted, and no bytes have arrived
}

// flow is one direction of a connection.
type flow struct {
	w        *World
	number   uint64 // of the connection, twice, plus the direction
	from, to *end
	last     int64    // when the last packet that was sent arrives; later ones arrive later
	unread   int      // bytes sent that are not known to be read
	held     []packet // packets that could not arrive yet
	repeat   *Event
	giveUp   *Event
	heldAt   int64 // since when it holds packets back
	vanishes bool  // packets are lost for ever: a middlebox has forgotten the connection
}

type packetKind uint8

const (
	packetOpen packetKind = iota + 1
	packetOpened
	packetRefused
	packetData
	packetFin
	packetReset
	packetRead // the other side's program has read size bytes
)

type packet struct {
	kind packetKind
	data []byte
	size int
	port string // of packetOpen: the address that was dialled
	hash uint64
}

// send lets a packet leave. It arrives after those that were sent before.
func (f *flow) send(p packet) {
	if p.data != nil {
		p.size = len(p.data)
		p.hash = hashBytes(p.data)
	}
	now := f.from.host.localNow()
	f.last = max(f.last+1, now+f.w.links.latency(f.from.host, f.to.host, len(p.data)))
	f.w.schedule(f.last, func() { f.arrive(p) })
}

// arrive hands a packet over, or holds it back while it cannot get through.
func (f *flow) arrive(p packet) {
	if f.vanishes {
		return
	}
	if len(f.held) > 0 || !f.passes() {
		f.hold(p)
		return
	}
	f.deliver(p)
}

func (f *flow) passes() bool {
	return f.w.links.passes(f.from.host, f.to.host) && f.to.host.answers()
}

func (f *flow) hold(p packet) {
	f.held = append(f.held, p)
	f.w.links.heldCount++
	if len(f.held) > 1 {
		return
	}
	f.heldAt = f.w.now
	f.w.links.hold(f)
	f.giveUp = f.w.After(f.w.cfg.GiveUpAfter, func() {
		f.drop()
		f.from.fail(abi.TimedOut)
	})
}

// repeatSoon lets the sender notice that packets get through again: when it next repeats the first of them.
func (f *flow) repeatSoon() {
	if f.repeat != nil {
		f.repeat.Cancel()
	}
	lost := time.Duration(f.w.now - f.heldAt)
	bound := min(max(lost/2, repeatMin), repeatMax)
	f.repeat = f.w.After(time.Duration(f.w.links.random.Int64N(int64(bound)))+time.Millisecond, f.repeatNow)
}

func (f *flow) repeatNow() {
	f.repeat = nil
	if !f.passes() {
		return
	}
	held := f.held
	f.drop()
	for _, p := range held {
		f.deliver(p)
	}
}

// drop forgets the packets held back.
func (f *flow) drop() {
	if len(f.held) > 0 {
		f.w.links.unhold(f)
		f.giveUp.Cancel()
	}
	f.held = nil
	if f.repeat != nil {
		f.repeat.Cancel()
		f.repeat = nil
	}
}

// deliver hands a packet to the other side.
func (f *flow) deliver(p packet) {
	f.w.trace.add(f.w.now, TracePacket, f.number, uint64(p.kind)<<32|uint64(p.size), p.hash)
	e := f.to
	switch p.kind {
	case packetOpen:
		e.host.accept(e, p.port)
		return
	case packetRefused:
		e.fail(abi.Refused)
		return
	case packetReset:
		e.fail(abi.Reset)
		return
	}
	if e.gone || e.failed != 0 {
		if e.gone || p.kind == packetData {
			e.out.send(packet{kind: packetReset})
		}
		return
	}
	switch p.kind {
	case packetOpened:
		if e.id == 0 { // the program has given up meanwhile
			e.out.send(packet{kind: packetReset})
			return
		}
		e.connected = true
		e.host.post(abi.Event{Kind: abi.EventConnected, ID: e.id})
	case packetData:
		if e.id == 0 { // closed: nobody will read it
			e.failed = abi.Reset
			e.out.send(packet{kind: packetReset})
			return
		}
		if e.awaitsFirst && e.host.greeted != nil {
			e.host.greeted(e.host, f.from.host, e.local, p.data)
		}
		e.awaitsFirst = false
		e.buffer = append(e.buffer, p.data)
		e.buffered += len(p.data)
		e.readable()
	case packetFin:
		e.fin = true
		e.readable()
	case packetRead:
		e.out.unread -= p.size
		e.writable()
	}
}

func (e *end) readable() {
	if e.wantRead && e.id != 0 {
		e.wantRead = false
		e.host.post(abi.Event{Kind: abi.EventReadable, ID: e.id})
	}
}

func (e *end) writable() {
	if e.wantWrite && e.id != 0 {
		e.wantWrite = false
		e.host.post(abi.Event{Kind: abi.EventWritable, ID: e.id})
	}
}

// fail ends the connection on this side.
func (e *end) fail(why abi.Errno) {
	if e.gone || e.failed != 0 {
		return
	}
	e.failed = why
	e.buffer, e.buffered = nil, 0
	e.out.drop()
	if e.id == 0 {
		return
	}
	if !e.connected {
		id := e.id
		e.host.forget(e)
		e.host.post(abi.Event{Kind: abi.EventConnected, ID: id, Arg: uint64(why)})
		return
	}
	e.readable()
	e.writable()
}

// answers tells whether the machine is there to answer packets, with a reset if no program wants them.
func (h *Host) answers() bool { return !h.dark }

// keep lets the program know a connection by an id.
func (h *Host) keep(e *end) {
	e.id = h.newID()
	h.ends[e.id] = e
	h.order = append(h.order, e)
}

// forget frees the connection's id.
func (h *Host) forget(e *end) {
	delete(h.ends, e.id)
	e.id = 0
	for i, other := range h.order {
		if other == e {
			h.order = append(h.order[:i], h.order[i+1:]...)
			return
		}
	}
}

// dropConnections ends all connections and listeners of a program that has ended. Unless the machine died with it, the
// other sides are told.
func (h *Host) dropConnections(tell bool) {
	h.dark = !tell
	for _, l := range h.listening {
		h.w.links.giveUp(h, l)
	}
	h.listening = nil
	clear(h.listeners)
	for _, e := range h.order {
		delete(h.ends, e.id)
		e.gone = true
		e.buffer = nil
		e.out.drop()
		if tell && e.failed == 0 {
			e.out.send(packet{kind: packetReset})
		}
	}
	h.order = nil
}

// Dial begins a connection.
func (h *Host) Dial(address string) (uint32, abi.Errno) {
	h.enter()
	ip, port, ok := splitAddress(address)
	if !ok || port == 0 {
		return 0, abi.Invalid
	}
	w := h.w
	w.conns++
	e := &end{host: h, remote: address}
	h.keep(e)
	target := w.links.route(h, ip)
	if target == nil {
		id, incarnation := e.id, h.incarnation
		w.schedule(h.localNow()+int64(unreachableAfter), func() {
			if h.incarnation == incarnation && h.ends[id] == e {
				e.fail(abi.Unreachable)
			}
		})
		e.out = &flow{w: w, from: e, to: e, vanishes: true}
		e.in = e.out
		e.local = joinAddress(h.ip, h.nextPort())
		return e.id, 0
	}
	if target == h {
		e.local = joinAddress(ip, h.nextPort())
	} else {
		e.local = joinAddress(h.ip, h.nextPort())
	}
	other := &end{host: target, local: address, remote: e.local}
	e.out = &flow{w: w, number: w.conns * 2, from: e, to: other}
	e.in = &flow{w: w, number: w.conns*2 + 1, from: other, to: e}
	other.in, other.out = e.out, e.in
	e.out.send(packet{kind: packetOpen, port: address, hash: hashBytes([]byte(address))})
	return e.id, 0
}

// unreachableAfter is how long the system looks for the owner of an address that nobody has.
const unreachableAfter = 3 * time.Second

// accept gives an arriving connection to the listener at the address, or refuses it.
func (h *Host) accept(e *end, address string) {
	l := h.listenerAt(address)
	if l == nil || !h.Running() {
		e.gone = true
		e.out.send(packet{kind: packetRefused})
		return
	}
	e.connected, e.awaitsFirst = true, true
	h.keep(e)
	h.post(abi.Event{Kind: abi.EventAccepted, ID: l.id, Arg: uint64(e.id)})
	e.out.send(packet{kind: packetOpened})
}

// Send takes bytes to send.
func (h *Host) Send(id uint32, p []byte) (int, abi.Errno) {
	h.enter()
	e := h.ends[id]
	switch {
	case e == nil || !e.connected && e.failed == 0:
		return 0, abi.BadID
	case e.failed != 0:
		return 0, e.failed
	case e.finSent:
		return 0, abi.BrokenPipe
	case len(p) == 0:
		return 0, 0
	}
	n := min(len(p), h.w.cfg.SendBuffer-e.out.unread)
	if n <= 0 {
		e.wantWrite = true
		return 0, abi.WouldBlock
	}
	n = h.w.links.shorten(n, h.w.cfg.ShortWriteChance)
	e.out.unread += n
	e.out.send(packet{kind: packetData, data: append([]byte(nil), p[:n]...)})
	return n, 0
}

// Receive fills p with what has arrived.
func (h *Host) Receive(id uint32, p []byte) (int, abi.Errno) {
	h.enter()
	e := h.ends[id]
	switch {
	case e == nil:
		return 0, abi.BadID
	case e.failed != 0:
		return 0, e.failed
	case len(p) == 0:
		return 0, 0
	case e.buffered == 0 && e.fin:
		return 0, 0
	case e.buffered == 0:
		e.wantRead = true
		return 0, abi.WouldBlock
	}
	p = p[:h.w.links.shorten(len(p), h.w.cfg.ShortReadChance)]
	n := 0
	for n < len(p) && len(e.buffer) > 0 {
		c := copy(p[n:], e.buffer[0])
		n += c
		if e.buffer[0] = e.buffer[0][c:]; len(e.buffer[0]) == 0 {
			e.buffer[0] = nil
			e.buffer = e.buffer[1:]
		}
	}
	e.buffered -= n
	e.consumed += n
	if e.consumed >= h.w.cfg.SendBuffer/4 {
		e.out.send(packet{kind: packetRead, size: e.consumed})
		e.consumed = 0
	}
	return n, 0
}

// shorten returns n, or by chance (of 1000) less, but not 0.
func (l *links) shorten(n, chance int) int {
	if chance == 0 || n < 2 || l.random.IntN(1000) >= chance {
		return n
	}
	return 1 + l.random.IntN(n-1)
}

// CloseWrite lets the other side read to the end.
func (h *Host) CloseWrite(id uint32) abi.Errno {
	h.enter()
	e := h.ends[id]
	switch {
	case e == nil || !e.connected:
		return abi.BadID
	case e.failed != 0:
		return e.failed
	case e.finSent:
		return 0
	}
	e.finSent = true
	e.out.send(packet{kind: packetFin})
	return 0
}

// Close ends the program's use of a connection or the attempt to make one.
func (h *Host) Close(id uint32) abi.Errno {
	h.enter()
	e := h.ends[id]
	if e == nil {
		return abi.BadID
	}
	h.forget(e)
	switch {
	case e.failed != 0:
	case e.buffered > 0 || !e.connected:
		e.failed = abi.Reset
		e.buffer = nil
		e.out.send(packet{kind: packetReset})
	case !e.finSent:
		e.finSent = true
		e.out.send(packet{kind: packetFin})
	}
	return 0
}

// ResetConnections ends every connection between two hosts as a middlebox does that has lost its tables: with
// vanish both sides keep believing in it while all packets vanish, else both sides get a reset. It returns how many.
func (w *World) ResetConnections(a, b *Host, vanish bool) int {
	n := 0
	for _, e := range append([]*end(nil), a.order...) {
		if !e.connected || e.failed != 0 || e.out.to.host != b || e.out.to.gone {
			continue
		}
		n++
		if vanish {
			e.out.vanishes, e.in.vanishes = true, true
			e.out.drop()
			e.in.drop()
			continue
		}
		other := e.out.to
		e.fail(abi.Reset)
		other.fail(abi.Reset)
	}
	return n
}

// HalfClose ends the sending direction of every connection that h's program has with other's, as a shutdown by somebody
// else on h would. It returns how many.
func (h *Host) HalfClose(other *Host) int {
	n := 0
	for _, e := range h.order {
		if e.connected && e.failed == 0 && !e.finSent && e.out.to.host == other {
			n++
			e.finSent = true
			e.out.send(packet{kind: packetFin})
		}
	}
	return n
}

// Connections returns how many connections the host's program has, and how many of their directions hold packets back.
func (h *Host) Connections() (open, stalled int) {
	for _, e := range h.order {
		open++
		if len(e.out.held) > 0 {
			stalled++
		}
	}
	return open, stalled
}
