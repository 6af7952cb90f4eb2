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

// floating is an address that no host owns: whoever listens on it last is where its packets go, as a switch learns from
// the announcements of a new owner.
type floating struct {
	holders []*Host       // that listen on it, the latest last
	route   *Host         // where packets go
	stale   map[int]*Host // where those of a sender go that has missed the announcements, by its index
}

// refreshAfter is when a switch notices that the owner of a floating address has given it up while another holds it.
const refreshAfter = time.Second

// AddFloating makes ip an address that any host may listen on.
func (w *World) AddFloating(ip string) { w.links.floating[ip] = &floating{stale: map[int]*Host{}} }

// Holders returns the hosts that listen on a floating address, and where its packets go.
func (w *World) Holders(ip string) (holders []*Host, route *Host) {
	f := w.links.floating[ip]
	return slices.Clone(f.holders), f.route
}

// StaleRoute makes packets that a host sends to a floating address go to another host, whoever announces it; nil ends
// that.
func (w *World) StaleRoute(from *Host, ip string, to *Host) {
	f := w.links.floating[ip]
	if to == nil {
		delete(f.stale, int(from.index))
		return
	}
	f.stale[int(from.index)] = to
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
		if to := f.stale[int(from.index)]; to != nil {
			return to
		}
		return f.route
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
		floater.route = h
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

// giveUp takes a floating address from a host. The switch goes on to send packets there until it notices that another
// holds the address.
func (l *links) giveUp(h *Host, was *listener) {
	f := was.floater
	if f == nil {
		return
	}
	if i := slices.Index(f.holders, h); i >= 0 {
		f.holders = slices.Delete(f.holders, i, i+1)
	}
	l.w.After(refreshAfter, func() {
		if n := len(f.holders); n > 0 && !slices.Contains(f.holders, f.route) {
			f.route = f.holders[n-1]
		}
	})
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
