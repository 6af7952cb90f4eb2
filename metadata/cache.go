package metadata

import (
	"context"
	"fmt"
	"sync"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node"
)

// CacheConfig limits a Cache.
type CacheConfig struct {
	// MaxCachedQueues is the number of queue records kept; the least recently used goes first. Default 10,000.
	MaxCachedQueues int
	// RefreshAfter is the age at which a record that is used is fetched again in the background; the caller does not
	// wait. It bounds how long a changed attribute or a deletion stays unseen. Default 5 s.
	RefreshAfter time.Duration
	// TopologyInterval is how often the topology is fetched in the background. Default 2 s.
	TopologyInterval time.Duration
	// FetchTimeout bounds one fetch from the service, however long the callers wait. Default 3 s.
	FetchTimeout time.Duration
}

// DefaultCacheConfig returns the defaults.
func DefaultCacheConfig() CacheConfig {
	return CacheConfig{
		MaxCachedQueues:  10_000,
		RefreshAfter:     5 * time.Second,
		TopologyInterval: 2 * time.Second,
		FetchTimeout:     3 * time.Second,
	}
}

// Validate reports the first setting that cannot work.
func (c CacheConfig) Validate() error {
	for _, setting := range []struct {
		name string
		ok   bool
	}{
		{"MaxCachedQueues", c.MaxCachedQueues > 0},
		{"RefreshAfter", c.RefreshAfter > 0},
		{"TopologyInterval", c.TopologyInterval > 0},
		{"FetchTimeout", c.FetchTimeout > 0},
	} {
		if !setting.ok {
			return fmt.Errorf("metadata cache: setting %s must be above zero", setting.name)
		}
	}
	return nil
}

// source is what a Cache asks; *Client is one.
type source interface {
	GetQueue(ctx context.Context, account, name string) (*catalog.Queue, error)
	Topology(ctx context.Context) (*Topology, error)
}

// Cache answers from memory what a frontend needs for every request: queue records and where the slots' leaders are.
// It is safe for concurrent use.
//
// Records may be outdated by RefreshAfter, and for as long as the metadata service cannot be asked. That is safe:
// a backend refuses commands whose settings are outdated, and the caller then calls Invalidate. That a queue does
// not exist is never cached.
type Cache struct {
	host   node.Host
	source source
	cfg    CacheConfig
	tasks  *node.Tasks

	queues queueCache
	slots  slotCache

	closeOnce sync.Once
}

// NewCache returns a cache that asks client, and starts fetching the topology in the background.
func NewCache(host node.Host, client *Client, cfg CacheConfig) (*Cache, error) {
	return newCache(host, client, cfg)
}

func newCache(host node.Host, from source, cfg CacheConfig) (*Cache, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Cache{host: host.With("part", "metadata cache"), source: from, cfg: cfg, tasks: host.Tasks.Group()}
	c.queues.init()
	c.tasks.Go("metadata topology", c.refreshForever)
	return c, nil
}

// Close ends background work and waits for it. What is cached stays readable; nothing more is fetched.
func (c *Cache) Close() { c.closeOnce.Do(c.tasks.Stop) }

// Queue returns a queue's record, from memory if it is there. Concurrent calls for a record that is not there share
// one fetch. Errors: ErrNoSuchQueue, ErrUnavailable.
func (c *Cache) Queue(ctx context.Context, account, name string) (*catalog.Queue, error) {
	return c.queue(ctx, queueKey{account: account, name: name})
}

// Invalidate drops the cached record of a queue if its version is below olderThanVersion, and keeps a fetch that is
// under way from being used: the next Queue asks the service. A caller told by a backend that its record q is
// outdated passes q.Version+1.
func (c *Cache) Invalidate(account, name string, olderThanVersion uint64) {
	c.queues.invalidate(queueKey{account: account, name: name}, olderThanVersion)
}

// Store caches a record that the caller got from a Client, unless a later one is cached.
func (c *Cache) Store(q *catalog.Queue) {
	c.queues.store(queueKey{account: q.Account, name: q.Name}, q, c.host.Clock.Now(), c.cfg.MaxCachedQueues)
}

// SlotLeader returns the address of the backend host that leads a slot, as far as is known. It never waits.
func (c *Cache) SlotLeader(slot uint16) (address string, ok bool) { return c.slots.leader(slot) }

// SlotMembers returns the addresses of all backend hosts that hold a slot, for callers that know no leader; nil if
// the slot is not known. It never waits, and the slice must not be changed.
func (c *Cache) SlotMembers(slot uint16) []string { return c.slots.members(slot) }

// SlotCount returns the number of slots of the cluster; 0 until the topology is known.
func (c *Cache) SlotCount() int { return c.slots.count() }

// Refresh fetches the topology; concurrent calls share one fetch. When it fails the known topology stays in use.
// Error: ErrUnavailable.
func (c *Cache) Refresh(ctx context.Context) error { return c.refresh(ctx) }
