package wasi

import (
	"encoding/binary"

	"chasqui/node/virtual/abi"
	"chasqui/sim/world"
)

// The layouts of poll_oneoff, in bytes:
//
//	subscription  0 userdata (8)   8 kind (1)   16 clock: id (4), 24 timeout (8), 40 flags (2) | descriptor (4)   48
//	event         0 userdata (8)   8 errno (2)  10 kind (1)   16 bytes (8), 24 flags (2)                          32
const (
	subscriptionBytes = 48
	eventBytes        = 32
	// subscriptionsMax bounds the subscriptions of one poll; Go subscribes to one clock and once per descriptor.
	subscriptionsMax = 64

	pollClock = 0
	pollRead  = 1

	clockIsAbsolute = 1 // a flag
)

// poll is what a program waits for.
type poll struct {
	out     []byte // room for one event per subscription
	events  uint32 // written to out
	clock   uint64 // userdata of the earliest timeout
	card    uint64 // userdata of the card's subscription
	hasCard bool
	wait    world.Wait
}

// pollOneoff is poll_oneoff(subscriptions, events, count, written): the one place where a program waits. It returns at
// once with what has happened already. About half of all calls ask for no more than that, with a timeout of 0: Go's
// scheduler looks for input while other goroutines can run.
func pollOneoff(i *Instance, stack []uint64) {
	count := uint32(stack[2])
	if count == 0 || count > subscriptionsMax {
		stack[0] = errnoInvalid
		return
	}
	in, ok := i.memory.Read(uint32(stack[0]), count*subscriptionBytes)
	out, outOK := i.memory.Read(uint32(stack[1]), count*eventBytes)
	if !ok || !outOK {
		stack[0] = errnoFault
		return
	}
	p := poll{out: out}
	now := p.subscribe(i, in)
	for {
		if p.hasCard && i.machine.EventsWait() {
			p.event(p.card, 0, pollRead)
		}
		if p.wait.HasDeadline && p.wait.Deadline <= now {
			p.event(p.clock, 0, pollClock)
		}
		if p.events > 0 {
			break
		}
		i.wait(p.wait)
		if p.wait.HasDeadline {
			now = i.machine.Monotonic()
		}
	}
	if !i.memory.WriteUint32Le(uint32(stack[3]), p.events) {
		stack[0] = errnoFault
		return
	}
	stack[0] = errnoSuccess
}

// subscribe reads the subscriptions and returns the time, which it asks for only if a timeout depends on it.
func (p *poll) subscribe(i *Instance, in []byte) (now int64) {
	for ; len(in) > 0; in = in[subscriptionBytes:] {
		userdata, kind := binary.LittleEndian.Uint64(in), in[8]
		switch {
		case kind == pollClock:
			timeout := int64(min(binary.LittleEndian.Uint64(in[24:]), 1<<62))
			absolute := in[40]&clockIsAbsolute != 0
			if timeout != 0 && now == 0 {
				now = i.machine.Monotonic()
			}
			if absolute && binary.LittleEndian.Uint32(in[16:]) == clockWall {
				timeout -= i.machine.Wall()
				absolute = false
			}
			if !absolute && timeout != 0 {
				timeout += now
			}
			if !p.wait.HasDeadline || timeout < p.wait.Deadline {
				p.wait, p.clock = world.Wait{Deadline: timeout, HasDeadline: true}, userdata
			}
		case kind == pollRead && binary.LittleEndian.Uint32(in[16:]) == abi.CardFD:
			p.hasCard, p.card = true, userdata
		default:
			p.event(userdata, errnoBadDescriptor, kind)
		}
	}
	return now
}

// event writes one event.
func (p *poll) event(userdata uint64, errno uint16, kind byte) {
	e := p.out[p.events*eventBytes:][:eventBytes]
	clear(e)
	binary.LittleEndian.PutUint64(e, userdata)
	binary.LittleEndian.PutUint16(e[8:], errno)
	e[10] = kind
	p.events++
}
