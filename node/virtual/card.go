//go:build wasip1

package virtual

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"sync"

	"chasqui/node/virtual/abi"
)

// eventsPerRead is how many events are read from the card at once.
const eventsPerRead = 64

// card is the machine's virtual card: it knows who waits for what, and tells them. One goroutine reads it for as long as
// the process lives, which is also why Go never takes a process that waits for its peers to be deadlocked.
type card struct {
	// choice is the state of the generator behind interleave. It needs no lock: there is one thread, and nothing happens
	// between reading and writing it.
	choice uint64
	// asked ends when the program is asked to end in order.
	asked context.Context
	ask   context.CancelFunc

	// mu guards everything below, and of every listener, connection and file what its type says. It is held across
	// calls into the machine, which never block: so whoever is to be told of an event is known before the event is read,
	// and no call uses an id that another has freed.
	mu          sync.Mutex
	listeners   map[uint32]*listener
	connections map[uint32]*conn
	operations  map[uint32]*operation // of the disk, under way
	idle        []*operation          // for use again
}

// operation is a disk operation that takes time.
type operation struct {
	id   uint32
	done chan struct{} // has room for one
}

// theCard returns the card of this process, which exists from the first call on.
var theCard = sync.OnceValue(func() *card {
	var seed [8]byte
	if _, err := (random{}).Read(seed[:]); err != nil {
		panic(fmt.Sprintf("the virtual machine has no randomness: %v", err))
	}
	asked, ask := context.WithCancel(context.Background())
	c := &card{
		asked:       asked,
		ask:         ask,
		choice:      binary.LittleEndian.Uint64(seed[:]) | 1,
		listeners:   map[uint32]*listener{},
		connections: map[uint32]*conn{},
		operations:  map[uint32]*operation{},
	}
	go c.read(os.NewFile(abi.CardFD, "card"))
	return c
})

// read hands out events.
func (c *card) read(file *os.File) {
	buffer := make([]byte, eventsPerRead*abi.EventBytes)
	for {
		n, err := file.Read(buffer)
		if err != nil {
			panic(fmt.Sprintf("the virtual card does not answer: %v", err))
		}
		c.mu.Lock()
		for at := 0; at+abi.EventBytes <= n; at += abi.EventBytes {
			c.dispatch(abi.DecodeEvent(buffer[at:]))
		}
		c.mu.Unlock()
	}
}

// dispatch tells whoever waits for an event. Nobody does if what it is about has been closed meanwhile. mu is held.
func (c *card) dispatch(e abi.Event) {
	switch e.Kind {
	case abi.EventReadable:
		if conn := c.connections[e.ID]; conn != nil {
			conn.reading.poke()
		}
	case abi.EventWritable:
		if conn := c.connections[e.ID]; conn != nil {
			conn.writing.poke()
		}
	case abi.EventDisk:
		if o := c.operations[e.ID]; o != nil {
			delete(c.operations, e.ID)
			o.done <- struct{}{}
		}
	case abi.EventAccepted:
		c.accepted(e.ID, uint32(e.Arg))
	case abi.EventConnected:
		if conn := c.connections[e.ID]; conn != nil {
			if e.Arg != 0 {
				delete(c.connections, e.ID)
			}
			conn.connected <- abi.Errno(e.Arg)
		}
	case abi.EventStop:
		c.ask()
	}
}

// UntilAsked returns a context that ends when whoever runs the machine asks the program to end in order, or with
// release.
func UntilAsked() (ctx context.Context, release func()) {
	return context.WithCancel(theCard().asked)
}

// gives is how often interleave gives way, by four bits of chance.
var gives = [16]uint8{0: 1, 1: 1, 2: 2, 3: 3}

// interleave lets other goroutines go first, up to three times: at one call of four, and at other calls in every process.
// More would not give much else, and a switch of goroutines takes two microseconds of the simulator's time.
func (c *card) interleave() {
	c.choice ^= c.choice << 13
	c.choice ^= c.choice >> 7
	c.choice ^= c.choice << 17
	for range gives[c.choice>>60] {
		runtime.Gosched()
	}
}
