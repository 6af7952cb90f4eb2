package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/rpc"
)

// Backend drives a queue's first partition through the RPCs that frontends use, without HTTP.
type Backend struct {
	client    *backend.Client
	queue     *catalog.Queue
	partition queue.PartitionID
	rpc       *rpc.Client
	cache     *metadata.Cache
}

// OpenBackend finds the queue by way of the metadata hosts. The queue must have been used before, so that its
// partition knows its settings.
func OpenBackend(ctx context.Context, host node.Host, metadataAddresses []string, account, name string) (*Backend, error) {
	client := rpc.NewClient(host, rpc.DefaultConfig())
	meta := metadata.NewClient(host, client, metadataAddresses)
	cache, err := metadata.NewCache(host, meta, metadata.DefaultCacheConfig())
	if err != nil {
		return nil, err
	}
	if err := cache.Refresh(ctx); err != nil {
		return nil, err
	}
	q, err := cache.Queue(ctx, account, name)
	if err != nil {
		return nil, err
	}
	return &Backend{
		client: backend.NewClient(host, client, cache), queue: q, rpc: client, cache: cache,
		partition: queue.PartitionID{Queue: q.ID},
	}, nil
}

// Close ends the connections.
func (b *Backend) Close() {
	b.cache.Close()
	b.rpc.Close()
}

// Slot is the slot of the queue's first partition.
func (b *Backend) Slot() uint16 { return b.queue.Slots[0] }

// Send lets callers send side by side, batch messages (1 to 10) per command. Each waits for its answer before it sends
// again.
func (b *Backend) Send(ctx context.Context, name string, callers, batch, bodyBytes int, duration time.Duration) Result {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	body := make([]byte, bodyBytes)
	var all recorder
	var wait sync.WaitGroup
	var id atomic.Uint64
	start := time.Now()
	for range callers {
		wait.Go(func() {
			for ctx.Err() == nil {
				begin := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
				err := sent(b.client.Do(ctx, b.Slot(), b.command(id.Add(1), batch, body), 0))
				cancel()
				all.note(begin, batch, err)
			}
		})
	}
	wait.Wait()
	return all.result(name, time.Since(start))
}

// Pipeline keeps a window of commands under way, batch messages (1 to 10) each, and sends the next one as soon as one is
// answered.
func (b *Backend) Pipeline(ctx context.Context, name string, window, batch, bodyBytes int, duration time.Duration) Result {
	body := make([]byte, bodyBytes)
	return pipeline(ctx, name, window, batch, duration, func(requests context.Context, id uint64, done func(error)) {
		b.client.Go(requests, b.Slot(), b.command(id, batch, body), func(result *queue.Result, err error) {
			done(sent(result, err))
		})
	})
}

// pipeline keeps a window of requests under way, batch messages each. start begins the request with that number; done is
// called once, not before start returns, and starts the next.
func pipeline(ctx context.Context, name string, window, batch int, duration time.Duration,
	start func(requests context.Context, id uint64, done func(error))) Result {
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	// The last answers may be waited for longer than the phase lasts.
	requests, cancelRequests := context.WithTimeout(context.WithoutCancel(ctx), duration+requestTimeout)
	defer cancelRequests()
	var all recorder
	var id atomic.Uint64
	var underWay sync.WaitGroup
	var next func()
	next = func() {
		begin := time.Now()
		start(requests, id.Add(1), func(err error) {
			all.note(begin, batch, err)
			if ctx.Err() != nil {
				underWay.Done()
				return
			}
			next()
		})
	}
	began := time.Now()
	for range window {
		underWay.Add(1)
		next()
	}
	underWay.Wait()
	return all.result(name, time.Since(began))
}

// command is a send of batch messages with ids of their own.
func (b *Backend) command(id uint64, batch int, body []byte) *queue.Command {
	sends := make([]queue.Send, batch)
	for i := range sends {
		sends[i] = queue.Send{Body: body, SenderID: b.queue.Account}
		binary.BigEndian.PutUint64(sends[i].MessageID[:], id)
		sends[i].MessageID[8] = byte(i)
	}
	return &queue.Command{Partition: b.partition, SettingsVersion: b.queue.Version, Kind: queue.KindSend, Sends: sends}
}

// sent returns why a send was not acknowledged.
func sent(result *queue.Result, err error) error {
	if err == nil && result.Code != queue.OK {
		return fmt.Errorf("send answered %v", result.Code)
	}
	return err
}
