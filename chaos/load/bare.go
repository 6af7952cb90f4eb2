package load

import (
	"context"
	"fmt"
	"time"

	"chasqui/node"
	"chasqui/node/rpc"
)

// MethodBare is the RPC of a bare group (package bench): the body becomes an operation, and the answer is empty.
const MethodBare rpc.Method = 200

// Bare drives a replicated group without a queue: what is left of the backend's path when nothing is done with the
// messages.
type Bare struct {
	rpc    *rpc.Client
	leader string
}

// barePause is how long OpenBare waits between two looks for a leader.
const barePause = 50 * time.Millisecond

// OpenBare waits until one of the group's hosts takes an operation.
func OpenBare(ctx context.Context, host node.Host, addresses []string) (*Bare, error) {
	client := rpc.NewClient(host, rpc.DefaultConfig())
	for {
		var err error
		for _, address := range addresses {
			if _, err = client.CallWithin(ctx, time.Second, address, MethodBare, []byte("hello")); err == nil {
				return &Bare{rpc: client, leader: address}, nil
			}
		}
		if waitErr := node.Wait(ctx, host.Clock, barePause); waitErr != nil {
			client.Close()
			return nil, fmt.Errorf("no host of %v leads: %w", addresses, err)
		}
	}
}

// Close ends the connections.
func (b *Bare) Close() { b.rpc.Close() }

// Pipeline is Backend.Pipeline: an operation is as long as batch bodies.
func (b *Bare) Pipeline(ctx context.Context, name string, window, batch, bodyBytes int, duration time.Duration) Result {
	body := make([]byte, batch*bodyBytes)
	return pipeline(ctx, name, window, batch, duration, func(requests context.Context, _ uint64, done func(error)) {
		b.rpc.GoWithin(requests, requestTimeout, b.leader, MethodBare, rpc.Part{Data: body, Immutable: true}, func(_ []byte, err error) { done(err) })
	})
}
