package world

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"chasqui/node/virtual/abi"
)

// listener is an address on which a program accepts connections.
type listener struct {
	id      uint32
	ip      string
	port    int
	floater *floating // of a floating address
}

// floating is an address that no host owns. Each host sends its packets for it to the holder that it has learned of: from
// the announcement that a new holder sends to all (gratuitous ARP), or by asking for it again when the one it knows has
// not answered for a while.
type floating struct {
	holders []*Host           // that listen on it, the latest last
	learned map[uint64]*route // by the sender's index; never ranged over
}

// route is where a host sends the packets for a floating address.
type route struct {
	to      *Host
	stuck   bool  // it misses all announcements and never asks: a stale entry that somebody made permanent
	silent  bool  // to did not answer when it was last needed
	silence int64 // since when
}

// askAgainAfter is how long a host believes in a holder that does not answer: Linux's ARP cache takes about that.
const askAgainAfter = 5 * time.Second

// AddFloating makes ip an address that any host may listen on.
func (w *World) AddFloating(ip string) {
	w.links.floating[ip] = &floating{learned: map[uint64]*route{}}
}

// Holders returns the hosts that listen on a floating address, the latest last.
func (w *World) Holders(ip string) []*Host { return slices.Clone(w.links.floating[ip].holders) }

// Learned returns the host that another's packets for a floating address go to, or nil.
func (w *World) Learned(from *Host, ip string) *Host {
	if r := w.links.floating[ip].learned[from.index]; r != nil {
		return r.to
	}
	return nil
}

// StaleRoute makes a host miss all news of a floating address: its packets go on to where they go. Without stale it
// hears again.
func (w *World) StaleRoute(from *Host, ip string, stale bool) {
	f := w.links.floating[ip]
	if f.learned[from.index] == nil {
		f.learned[from.index] = &route{}
	}
	f.learned[from.index].stuck = stale
}

// Misled returns how many connections were begun to a host that did not hold the address any more, for a stale route.
func (w *World) Misled() uint64 { return w.links.misled }

// announce tells the hosts that can be reached who holds the address.
func (l *links) announce(f *floating, holder *Host) {
	for _, h := range l.w.hosts {
		if !l.passes(holder, h) {
			continue
		}
		if r := f.learned[h.index]; r == nil || !r.stuck {
			f.learned[h.index] = &route{to: holder}
		}
	}
}

// holder returns where a host's packets for a floating address go.
func (l *links) holder(f *floating, from *Host) *Host {
	r := f.learned[from.index]
	if r == nil {
		r = &route{}
		f.learned[from.index] = r
	}
	answers := func(h *Host) bool {
		return slices.Contains(f.holders, h) && h.answers() && l.passes(from, h) && l.passes(h, from)
	}
	switch {
	case r.stuck && r.to != nil:
		if !slices.Contains(f.holders, r.to) {
			l.misled++
		}
		return r.to
	case r.to != nil && answers(r.to):
		r.silent = false
		return r.to
	case r.to != nil && !r.silent:
		r.silent, r.silence = true, l.w.now
		return r.to
	case r.to != nil && l.w.now-r.silence < int64(askAgainAfter):
		return r.to
	}
	for _, h := range slices.Backward(f.holders) {
		if answers(h) {
			r.to, r.silent = h, false
			break
		}
	}
	return r.to
}

// SetName lets a name resolve to addresses.
func (w *World) SetName(name string, addresses ...string) { w.links.names[name] = addresses }

// Resolve returns the addresses of a name.
func (w *World) Resolve(name string) []string { return slices.Clone(w.links.names[name]) }

// route returns the host that packets to ip go to, or nil.
func (l *links) route(from *Host, ip string) *Host {
	if isLoopback(ip) {
		return from
	}
	if f := l.floating[ip]; f != nil {
		return l.holder(f, from)
	}
	for _, h := range l.w.hosts {
		if h.ip == ip {
			return h
		}
	}
	return nil
}

// Listen begins to accept connections.
func (h *Host) Listen(address string) (uint32, abi.Errno) {
	h.enter()
	ip, port, ok := splitAddress(address)
	if !ok {
		return 0, abi.Invalid
	}
	floater := h.w.links.floating[ip]
	if ip != h.ip && floater == nil && !isLoopback(ip) && ip != "0.0.0.0" {
		return 0, abi.Unreachable // no address of this machine
	}
	if port == 0 {
		port = h.nextPort()
	} else if slices.ContainsFunc(h.listening, func(l *listener) bool { return l.port == port && l.overlaps(ip) }) {
		return 0, abi.AddressInUse
	}
	l := &listener{id: h.newID(), ip: ip, port: port, floater: floater}
	h.listeners[l.id] = l
	h.listening = append(h.listening, l)
	if floater != nil {
		floater.holders = append(floater.holders, h)
		h.w.links.announce(floater, h)
	}
	return l.id, 0
}

// overlaps tells whether connections to ip come to the listener.
func (l *listener) overlaps(ip string) bool {
	return l.ip == ip || l.ip == "0.0.0.0" || ip == "0.0.0.0"
}

func (h *Host) listenerAt(address string) *listener {
	ip, port, _ := splitAddress(address)
	for _, l := range h.listening {
		if l.port == port && l.overlaps(ip) {
			return l
		}
	}
	return nil
}

// CloseListener ends it. Connections that it has accepted live on.
func (h *Host) CloseListener(id uint32) abi.Errno {
	h.enter()
	l := h.listeners[id]
	if l == nil {
		return abi.BadID
	}
	delete(h.listeners, id)
	h.listening = slices.DeleteFunc(h.listening, func(other *listener) bool { return other == l })
	h.w.links.giveUp(h, l)
	return 0
}

// giveUp takes a floating address from a host.
func (l *links) giveUp(h *Host, was *listener) {
	f := was.floater
	if f == nil {
		return
	}
	if i := slices.Index(f.holders, h); i >= 0 {
		f.holders = slices.Delete(f.holders, i, i+1)
	}
}

// Address returns one of the addresses of a connection or listener.
func (h *Host) Address(id, which uint32) (string, abi.Errno) {
	h.enter()
	if which == abi.AddressListener {
		if l := h.listeners[id]; l != nil {
			return joinAddress(l.ip, l.port), 0
		}
		return "", abi.BadID
	}
	e := h.ends[id]
	switch {
	case e == nil:
		return "", abi.BadID
	case which == abi.AddressLocal:
		return e.local, 0
	case which == abi.AddressRemote:
		return e.remote, 0
	}
	return "", abi.Invalid
}

func (h *Host) nextPort() int {
	for {
		h.ports++
		if h.ports > lastPort {
			h.ports = firstPort
		}
		if !slices.ContainsFunc(h.listening, func(l *listener) bool { return l.port == h.ports }) {
			return h.ports
		}
	}
}

func isLoopback(ip string) bool { return len(ip) > 4 && ip[:4] == "127." }

// splitAddress takes "ip:port" apart.
func splitAddress(address string) (ip string, port int, ok bool) {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().Is4() {
		return "", 0, false
	}
	return a.Addr().String(), int(a.Port()), true
}

func joinAddress(ip string, port int) string { return ip + ":" + strconv.Itoa(port) }
