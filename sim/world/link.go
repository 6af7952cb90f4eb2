package world

import (
	"math/rand/v2"
	"time"
)

// Latency is how long a packet takes from one host to another.
type Latency struct {
	// Near is between hosts of one zone, Far between zones, Loopback within a host.
	Near, Far, Loopback time.Duration
	// Jitter is the mean of what is added, drawn anew for each packet from an exponential distribution.
	Jitter time.Duration
	// PerKiB is the time on the wire for each KiB.
	PerKiB time.Duration
}

// DefaultLatency returns that of three data centers of one city.
func DefaultLatency() Latency {
	return Latency{
		Near: 80 * time.Microsecond, Far: 400 * time.Microsecond, Loopback: 10 * time.Microsecond,
		Jitter: 40 * time.Microsecond, PerKiB: 8 * time.Microsecond,
	}
}

// links is the network between hosts. A link has a direction.
type links struct {
	w      *World
	random *rand.Rand
	table  [][]link // by index of the sender and the receiver
	// floating says who answers at an address that is no host's own; names what a name resolves to.
	floating map[string]*floating
	names    map[string][]string
	// flows are the directions of connections that hold packets back, in the order in which they began to.
	held      []*flow
	heldCount uint64 // packets ever held back
	misled    uint64 // connections begun over a stale route
}

type link struct {
	cut     bool
	clogged bool
	slow    time.Duration // added to the latency
}

func (l *links) init(w *World) {
	l.w, l.random = w, w.Stream("network")
	l.floating, l.names = map[string]*floating{}, map[string][]string{}
}

func (l *links) addHost(h *Host) {
	for i := range l.table {
		l.table[i] = append(l.table[i], link{})
	}
	l.table = append(l.table, make([]link, len(l.w.hosts)))
}

func (l *links) at(from, to *Host) *link { return &l.table[from.index][to.index] }

// passes tells whether packets arrive.
func (l *links) passes(from, to *Host) bool {
	k := l.at(from, to)
	return !k.cut && !k.clogged
}

func (l *links) latency(from, to *Host, size int) int64 {
	c := &l.w.cfg.Latency
	base := c.Far
	switch {
	case from == to:
		base = c.Loopback
	case from.zone == to.zone:
		base = c.Near
	}
	jitter := int64(l.random.ExpFloat64() * float64(c.Jitter))
	return int64(base) + int64(l.at(from, to).slow) + jitter + int64(size)*int64(c.PerKiB)/1024
}

// Cut stops all packets from one host to another; the other direction is a link of its own. A host is never cut off
// from itself.
func (w *World) Cut(from, to *Host) {
	if from != to {
		w.links.at(from, to).cut = true
	}
}

// Heal lets packets pass again. What was held back arrives as TCP repeats it: after a while that grows with the time
// that was lost.
func (w *World) Heal(from, to *Host) {
	w.links.at(from, to).cut = false
	w.links.release(from, to)
}

// Clog holds all packets from one host to another back; Unclog lets them go, those of different connections in another
// order than they came.
func (w *World) Clog(from, to *Host) {
	if from != to {
		w.links.at(from, to).clogged = true
	}
}

// Unclog ends a clog.
func (w *World) Unclog(from, to *Host) {
	w.links.at(from, to).clogged = false
	w.links.release(from, to)
}

// Lag adds d to the latency from one host to another.
func (w *World) Lag(from, to *Host, d time.Duration) { w.links.at(from, to).slow = d }

// HeldPackets returns how many packets were ever held back, by a cut, a clog or a machine without power.
func (w *World) HeldPackets() uint64 { return w.links.heldCount }

// repeatMin and repeatMax bound the time after which a sender repeats packets that were lost.
const (
	repeatMin = 5 * time.Millisecond
	repeatMax = 3 * time.Second
)

// release lets the flows of a link that passes again repeat what they hold.
func (l *links) release(from, to *Host) {
	if !l.passes(from, to) {
		return
	}
	for _, f := range l.held {
		if f.from.host == from && f.to.host == to {
			f.repeatSoon()
		}
	}
}

// hostIsBack lets packets arrive that were held back because the host was down.
func (l *links) hostIsBack(h *Host) {
	for _, f := range l.held {
		if f.to.host == h {
			f.repeatSoon()
		}
	}
}

func (l *links) hold(f *flow) {
	l.held = append(l.held, f)
}

func (l *links) unhold(f *flow) {
	for i, other := range l.held {
		if other == f {
			l.held = append(l.held[:i], l.held[i+1:]...)
			return
		}
	}
}
