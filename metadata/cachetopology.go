package metadata

import (
	"context"
	"fmt"
	"sync"

	"chasqui/node"
	"chasqui/node/replication"
)

// slotCache holds the topology and the fetch under way.
type slotCache struct {
	mu      sync.Mutex // guards the fields below
	version uint64
	slots   []cachedSlot
	flight  *refresh
}

// cachedSlot is one slot in the form in which it is asked for.
type cachedSlot struct {
	hosts         []replication.Member
	addresses     []string
	leaderID      string
	leaderAddress string
	term          uint64
}

// refresh is one fetch of the topology. err is set before done closes.
type refresh struct {
	done chan struct{}
	err  error
}

func (c *slotCache) leader(slot uint16) (address string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if int(slot) >= len(c.slots) || c.slots[slot].leaderAddress == "" {
		return "", false
	}
	return c.slots[slot].leaderAddress, true
}

func (c *slotCache) members(slot uint16) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if int(slot) >= len(c.slots) {
		return nil
	}
	return c.slots[slot].addresses
}

func (c *slotCache) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.slots)
}

// refresh fetches the topology, or waits for the fetch under way.
func (c *Cache) refresh(ctx context.Context) error {
	f, started := c.slots.begin()
	if started && !c.tasks.Go("metadata topology fetch", func(ctx context.Context) { c.runRefresh(ctx, f) }) {
		f.err = fmt.Errorf("get topology: %w: the cache is closed", ErrUnavailable)
		c.slots.finish(f, nil)
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return fmt.Errorf("get topology: %w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

func (c *Cache) runRefresh(ctx context.Context, f *refresh) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.FetchTimeout)
	defer cancel()
	var topology *Topology
	topology, f.err = c.source.Topology(ctx)
	c.slots.finish(f, topology)
}

// refreshForever keeps the topology fresh. It logs when the service stops answering and when it answers again.
func (c *Cache) refreshForever(ctx context.Context) {
	failing := false
	for {
		err := c.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		if failing != (err != nil) {
			failing = err != nil
			if failing {
				c.host.Log.Warn("topology is not refreshed; the known one stays in use", "error", err)
			} else {
				c.host.Log.Info("topology is refreshed again")
			}
		}
		if node.Wait(ctx, c.host.Clock, c.cfg.TopologyInterval) != nil {
			return
		}
	}
}

func (c *slotCache) begin() (f *refresh, started bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight != nil {
		return c.flight, false
	}
	c.flight = &refresh{done: make(chan struct{})}
	return c.flight, true
}

func (c *slotCache) finish(f *refresh, topology *Topology) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flight = nil
	if topology != nil {
		c.merge(topology)
	}
	close(f.done)
}

// merge takes over what is later: members and addresses by version, a slot's leader by term. Metadata hosts differ in
// what they have heard, so an answer may be older than the one before it. c.mu is held.
func (c *slotCache) merge(t *Topology) {
	if t.Version >= c.version {
		c.version = t.Version
		c.slots = append(c.slots, make([]cachedSlot, max(0, len(t.Slots)-len(c.slots)))...)
		for i := range t.Slots {
			c.slots[i].setHosts(t.Slots[i].Members)
		}
	}
	for i := range min(len(c.slots), len(t.Slots)) {
		if assigned := &t.Slots[i]; assigned.Leader != "" && assigned.Term >= c.slots[i].term {
			c.slots[i].leaderID, c.slots[i].term = assigned.Leader, assigned.Term
		}
		c.slots[i].findLeader()
	}
}

func (s *cachedSlot) setHosts(hosts []replication.Member) {
	s.hosts = hosts
	s.addresses = make([]string, len(hosts)) // a new slice: callers may hold the old one
	for i, m := range hosts {
		s.addresses[i] = m.Address
	}
}

func (s *cachedSlot) findLeader() {
	s.leaderAddress = ""
	for _, m := range s.hosts {
		if m.ID == s.leaderID && s.leaderID != "" {
			s.leaderAddress = m.Address
		}
	}
}
