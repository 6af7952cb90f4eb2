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

// Send lets callers send side by side, batch messages (1 to 10) per command: 8 callers are synchronous clients,
// thousands a pipeline.
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
				if err := b.send(id.Add(1), batch, body); err != nil {
					all.failed(err)
					continue
				}
				all.done(begin, batch)
			}
		})
	}
	wait.Wait()
	r := all.result(name, time.Since(start))
	if all.lastError != nil {
		r.Name += fmt.Sprintf(" (last error: %v)", all.lastError)
	}
	return r
}

func (b *Backend) send(id uint64, batch int, body []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	sends := make([]queue.Send, batch)
	for i := range sends {
		sends[i] = queue.Send{Body: body, SenderID: b.queue.Account}
		binary.BigEndian.PutUint64(sends[i].MessageID[:], id)
		sends[i].MessageID[8] = byte(i)
	}
	result, err := b.client.Do(ctx, b.Slot(), &queue.Command{
		Partition: b.partition, SettingsVersion: b.queue.Version, Kind: queue.KindSend, Sends: sends,
	}, 0)
	if err != nil {
		return err
	}
	if result.Code != queue.OK {
		return fmt.Errorf("send answered %v", result.Code)
	}
	return nil
}
