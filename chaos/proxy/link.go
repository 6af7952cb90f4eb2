package proxy

import (
	"sync"
	"time"
)

// Link is one direction between two hosts: whatever is sent from the one to the other passes it. Its methods may be called
// concurrently.
type Link struct {
	mu    sync.Mutex // guards the fields below
	cuts  int        // that keep it from passing anything
	open  chan struct{}
	delay time.Duration
	count Counts
}

// Counts is what has happened on a link: the proof that a fault had an effect.
type Counts struct {
	// Held is the pieces of data, ends of streams and new connections that a cut held back.
	Held int
	// HeldBytes is the data among them.
	HeldBytes int64
	// Delayed is the bytes that were sent while there was a delay.
	Delayed int64
	// Passed is the bytes that arrived.
	Passed int64
}

func newLink() *Link {
	l := &Link{open: make(chan struct{})}
	close(l.open)
	return l
}

// Cut lets nothing pass until Heal. Cuts add up: a link that was cut twice passes when both are healed.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts++
	if l.cuts == 1 {
		l.open = make(chan struct{})
	}
}

// Heal takes one cut back. What was held back arrives now, in order.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts == 0 {
		panic("proxy: a link is healed more often than it was cut")
	}
	l.cuts--
	if l.cuts == 0 {
		close(l.open)
	}
}

// AddDelay makes everything take that much longer, from now on; a negative delay takes an earlier one back. Bytes stay in
// order.
func (l *Link) AddDelay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay += d
}

// Counts returns what has happened so far.
func (l *Link) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// sent notes bytes that leave now and returns when they are due at the other side.
func (l *Link) sent(bytes int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.delay > 0 {
		l.count.Delayed += int64(bytes)
	}
	return time.Now().Add(l.delay)
}

// pass waits until the link lets something of that many bytes through; false if done is closed first.
func (l *Link) pass(bytes int, done <-chan struct{}) bool {
	held := false
	for {
		l.mu.Lock()
		if l.cuts == 0 {
			l.count.Passed += int64(bytes)
			l.mu.Unlock()
			return true
		}
		if !held {
			held = true
			l.count.Held++
			l.count.HeldBytes += int64(bytes)
		}
		open := l.open
		l.mu.Unlock()
		select {
		case <-open:
		case <-done:
			return false
		}
	}
}

// IsCut tells whether nothing passes now.
func (l *Link) IsCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cuts > 0
}
