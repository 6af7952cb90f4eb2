package load

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// waitSeconds is the longest wait of a long poll.
const waitSeconds = 20

// dialsAtOnce bounds the connections that are being made, so that none is refused.
const dialsAtOnce = 64

// Waiters are consumers that wait in a long poll each.
type Waiters struct {
	connections []*connection
	received    chan time.Time
	failed      chan error
	waiting     sync.WaitGroup
}

// Wait opens o.Clients connections and sends a receive on each that waits for as long as it may. It returns once all are sent.
func Wait(ctx context.Context, o Options) (*Waiters, error) {
	w := &Waiters{received: make(chan time.Time, o.Clients), failed: make(chan error, o.Clients)}
	request := fmt.Appendf(nil, `{"QueueUrl":%s,"WaitTimeSeconds":%d}`, strconv.Quote(o.QueueURL), waitSeconds)
	places := make(chan struct{}, dialsAtOnce)
	var sent sync.WaitGroup
	for len(w.connections) < o.Clients && ctx.Err() == nil {
		places <- struct{}{}
		sent.Add(1)
		c := &connection{address: o.Endpoint}
		w.connections = append(w.connections, c)
		w.waiting.Go(func() { w.wait(c, request, func() { <-places; sent.Done() }) })
	}
	sent.Wait()
	if err := ctx.Err(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// wait is one consumer. sent is called once its request has been written, or has failed.
func (w *Waiters) wait(c *connection, request []byte, sent func()) {
	err := c.send("ReceiveMessage", request)
	sent()
	var body []byte
	if err == nil {
		if err = c.conn.SetDeadline(time.Now().Add(waitSeconds*time.Second + requestTimeout)); err == nil {
			body, err = c.read()
		}
	}
	switch {
	case err != nil:
		w.failed <- err
	case len(handles(body)) > 0:
		w.received <- time.Now()
	}
}

// Received returns when a waiting consumer got a message.
func (w *Waiters) Received(ctx context.Context) (time.Time, error) {
	select {
	case at := <-w.received:
		return at, nil
	case err := <-w.failed:
		return time.Time{}, fmt.Errorf("a waiting receive failed: %w", err)
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// Close hangs up and waits for all consumers.
func (w *Waiters) Close() {
	for _, c := range w.connections {
		if c.conn != nil {
			c.conn.Close()
		}
	}
	w.waiting.Wait()
}
