package metadata

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node"
)

// queueCache holds queue records, the most recently used first, and the fetches under way.
type queueCache struct {
	mu      sync.Mutex // guards the fields below
	entries map[queueKey]*list.Element
	recent  *list.List // of *queueEntry, the most recently used in front
	fetches map[queueKey]*fetch
}

type queueEntry struct {
	key       queueKey
	queue     *catalog.Queue
	fetchedAt time.Time
}

// fetch is one question to the service, shared by all who want the answer. queue and err are set before done closes.
type fetch struct {
	done  chan struct{}
	queue *catalog.Queue
	err   error
}

func (c *queueCache) init() {
	c.entries = make(map[queueKey]*list.Element)
	c.recent = list.New()
	c.fetches = make(map[queueKey]*fetch)
}

// queue serves a record from memory. One that is old is fetched again behind the caller's back.
func (c *Cache) queue(ctx context.Context, key queueKey) (*catalog.Queue, error) {
	q, fetchedAt, ok := c.queues.lookup(key)
	if ok {
		if node.Since(c.host.Clock, fetchedAt) >= c.cfg.RefreshAfter {
			c.fetchQueue(key)
		}
		return q, nil
	}
	f := c.fetchQueue(key)
	select {
	case <-f.done:
		return f.queue, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("get queue %s/%s: %w: %w", key.account, key.name, ErrUnavailable, context.Cause(ctx))
	}
}

// fetchQueue starts a fetch, or returns the one under way.
func (c *Cache) fetchQueue(key queueKey) *fetch {
	f, started := c.queues.begin(key)
	if !started {
		return f
	}
	if !c.tasks.Go("metadata fetch", func(ctx context.Context) { c.runFetch(ctx, key, f) }) {
		f.err = fmt.Errorf("%w: the cache is closed", ErrUnavailable)
		c.queues.finish(key, f, c.host.Clock.Now(), c.cfg.MaxCachedQueues)
	}
	return f
}

func (c *Cache) runFetch(ctx context.Context, key queueKey, f *fetch) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.FetchTimeout)
	defer cancel()
	f.queue, f.err = c.source.GetQueue(ctx, key.account, key.name)
	c.queues.finish(key, f, c.host.Clock.Now(), c.cfg.MaxCachedQueues)
}

func (c *queueCache) lookup(key queueKey) (q *catalog.Queue, fetchedAt time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return nil, time.Time{}, false
	}
	c.recent.MoveToFront(element)
	entry := element.Value.(*queueEntry)
	return entry.queue, entry.fetchedAt, true
}

func (c *queueCache) begin(key queueKey) (f *fetch, started bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.fetches[key]; ok {
		return f, false
	}
	f = &fetch{done: make(chan struct{})}
	c.fetches[key] = f
	return f, true
}

// finish puts a fetch's answer into the cache, unless an invalidation has come since the fetch began, and wakes those
// who wait for it. When the service could not be asked, an old record stays in use.
func (c *queueCache) finish(key queueKey, f *fetch, now time.Time, limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fetches[key] == f {
		delete(c.fetches, key)
		switch {
		case f.err == nil:
			c.put(key, f.queue, now, limit)
		case errors.Is(f.err, ErrNoSuchQueue):
			c.drop(key)
		default:
			// Asked again no sooner than RefreshAfter from here, or an outage would cost a fetch per request.
			if element, ok := c.entries[key]; ok {
				element.Value.(*queueEntry).fetchedAt = now
			}
		}
	}
	close(f.done)
}

func (c *queueCache) store(key queueKey, q *catalog.Queue, now time.Time, limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.fetches, key) // its answer may be older than q
	c.put(key, q, now, limit)
}

func (c *queueCache) invalidate(key queueKey, olderThanVersion uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if ok && element.Value.(*queueEntry).queue.Version >= olderThanVersion {
		return
	}
	delete(c.fetches, key) // begun before the caller learnt what it knows: the answer may be as old
	c.drop(key)
}

// put keeps the later of q and what is cached. c.mu is held.
func (c *queueCache) put(key queueKey, q *catalog.Queue, now time.Time, limit int) {
	if element, ok := c.entries[key]; ok {
		entry := element.Value.(*queueEntry)
		if q.Version >= entry.queue.Version {
			entry.queue = q
		}
		entry.fetchedAt = now
		c.recent.MoveToFront(element)
		return
	}
	c.entries[key] = c.recent.PushFront(&queueEntry{key: key, queue: q, fetchedAt: now})
	for c.recent.Len() > limit {
		c.drop(c.recent.Back().Value.(*queueEntry).key)
	}
}

// drop removes a record. c.mu is held.
func (c *queueCache) drop(key queueKey) {
	if element, ok := c.entries[key]; ok {
		c.recent.Remove(element)
		delete(c.entries, key)
	}
}
