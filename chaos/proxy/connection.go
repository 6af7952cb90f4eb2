package proxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// pieceBytes is how much is read at a time, and piecesMax how many pieces are under way in one direction: 1 MiB
	// together. Beyond that the sender is held up, as by a full socket buffer.
	pieceBytes = 16 << 10
	piecesMax  = 64
)

// connection is one connection between two hosts, in two parts with the proxy between them.
type connection struct {
	from, to string
	near     *net.TCPConn // to the host that began it
	far      *net.TCPConn // to the host that it is for

	swallowed func(bytes int) // is told what has vanished

	done chan struct{} // closed when both parts are gone
	once sync.Once

	mu        sync.Mutex // guards forgotten
	forgotten bool       // nothing passes any more, and nobody is told
}

// piece is what one read has brought.
type piece struct {
	bytes []byte
	due   time.Time
	end   error // io.EOF, or why the stream broke; nil if it goes on
}

// run moves bytes until both directions have ended.
func (c *connection) run(there, back *Link) {
	var directions sync.WaitGroup
	move := func(source, target *net.TCPConn, link, reverse *Link) {
		pieces := make(chan piece, piecesMax)
		directions.Go(func() { c.read(source, pieces, link) })
		directions.Go(func() { c.write(source, target, pieces, link, reverse) })
	}
	move(c.near, c.far, there, back)
	move(c.far, c.near, back, there)
	directions.Wait()
	c.reset()
}

// read hands on what comes from source.
func (c *connection) read(source *net.TCPConn, pieces chan<- piece, link *Link) {
	defer close(pieces)
	for {
		buffer := make([]byte, pieceBytes)
		n, err := source.Read(buffer)
		if c.isForgotten() {
			c.swallowed(n)
			if err != nil {
				_ = source.Close() // the host is done with it, and the other is not told
				return
			}
			continue
		}
		select {
		case pieces <- piece{bytes: buffer[:n], due: link.sent(n), end: err}:
		case <-c.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// write sends pieces to target when they are due and the link lets them pass.
func (c *connection) write(source, target *net.TCPConn, pieces <-chan piece, link, reverse *Link) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p := range pieces {
		if wait := time.Until(p.due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-c.done:
				return
			}
		}
		if !link.pass(len(p.bytes), c.done) {
			return
		}
		if c.isForgotten() {
			c.swallowed(len(p.bytes))
			continue
		}
		if _, err := target.Write(p.bytes); err != nil {
			// The target has reset the connection; its host's answer has the way back before it.
			if reverse.pass(0, c.done) {
				c.reset()
			}
			return
		}
		switch {
		case p.end == nil:
		case errors.Is(p.end, io.EOF):
			if target.CloseWrite() != nil { // it is gone as a whole
				c.reset()
			}
		default:
			c.reset()
		}
	}
}

// reset ends both parts at once, as a reset does.
func (c *connection) reset() {
	c.once.Do(func() {
		close(c.done)
		for _, part := range []*net.TCPConn{c.near, c.far} {
			resetPart(part)
		}
	})
}

// resetPart closes a part without the farewell of TCP. Errors say that it is closed already.
func resetPart(part *net.TCPConn) {
	_ = part.SetLinger(0)
	_ = part.Close()
}

// forget lets the connection's bytes vanish from now on. It tells whether it did not do so before.
func (c *connection) forget() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.forgotten
	c.forgotten = true
	return !was
}

func (c *connection) isForgotten() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forgotten
}
