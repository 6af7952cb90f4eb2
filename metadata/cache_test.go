package metadata

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node/replication"

	"github.com/stretchr/testify/require"
)

// fakeSource answers from maps, or fails, or waits.
type fakeSource struct {
	mu         sync.Mutex // guards the fields below
	queues     map[string]*catalog.Queue
	topology   *Topology
	err        error
	hold       chan struct{} // if not nil: answers wait until it is closed
	gets       int
	topologies int
}

func (s *fakeSource) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *fakeSource) GetQueue(ctx context.Context, _, name string) (*catalog.Queue, error) {
	s.mu.Lock()
	s.gets++
	q, ok, err, hold := s.queues[name], s.queues[name] != nil, s.err, s.hold
	s.mu.Unlock()
	if err := wait(ctx, hold); err != nil {
		return nil, err
	}
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, ErrNoSuchQueue
	default:
		return q, nil
	}
}

func (s *fakeSource) Topology(ctx context.Context) (*Topology, error) {
	s.mu.Lock()
	s.topologies++
	topology, err, hold := s.topology, s.err, s.hold
	s.mu.Unlock()
	if err := wait(ctx, hold); err != nil {
		return nil, err
	}
	return topology, err
}

func wait(ctx context.Context, hold chan struct{}) error {
	if hold == nil {
		return nil
	}
	select {
	case <-hold:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

func version(name string, v uint64) *catalog.Queue {
	return &catalog.Queue{ID: 1, Account: "1", Name: name, Version: v}
}

func newTestCache(t *testing.T, cfg CacheConfig) (*Cache, *fakeSource) {
	t.Helper()
	source := &fakeSource{queues: map[string]*catalog.Queue{"q": version("q", 5)}, topology: &Topology{}}
	c, err := newCache(testHost(t), source, cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	synctest.Wait() // the first fetch of the topology is over
	return c, source
}

// testCache runs a test in a bubble with a cache of the default limits.
func testCache(t *testing.T, test func(t *testing.T, c *Cache, s *fakeSource)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, DefaultCacheConfig())
		test(t, c, s)
	})
}

func mustGet(t *testing.T, c *Cache, name string) *catalog.Queue {
	t.Helper()
	q, err := c.Queue(t.Context(), "1", name)
	require.NoError(t, err)
	return q
}

func TestCacheSharesFetches(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		hold := make(chan struct{})
		s.set(func() { s.hold = hold })
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { require.EqualValues(t, 5, mustGet(t, c, "q").Version) })
		}
		synctest.Wait()
		close(hold)
		group.Wait()
		require.Equal(t, 1, s.gets)
		mustGet(t, c, "q")
		require.Equal(t, 1, s.gets)
	})
}

func TestCacheDoesNotRememberAbsence(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		_, err := c.Queue(t.Context(), "1", "new")
		require.ErrorIs(t, err, ErrNoSuchQueue)
		s.set(func() { s.queues["new"] = version("new", 6) })
		require.EqualValues(t, 6, mustGet(t, c, "new").Version)
	})
}

func TestCacheRefreshesBehindTheCaller(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		mustGet(t, c, "q")
		s.set(func() { s.queues["q"] = version("q", 9) })
		time.Sleep(DefaultCacheConfig().RefreshAfter - time.Second)
		require.EqualValues(t, 5, mustGet(t, c, "q").Version)
		synctest.Wait()
		require.Equal(t, 1, s.gets, "the record is young")
		time.Sleep(time.Second)
		require.EqualValues(t, 5, mustGet(t, c, "q").Version, "the caller does not wait")
		synctest.Wait()
		require.EqualValues(t, 9, mustGet(t, c, "q").Version)
		// A deletion is seen in the same way.
		s.set(func() { delete(s.queues, "q") })
		time.Sleep(DefaultCacheConfig().RefreshAfter)
		mustGet(t, c, "q")
		synctest.Wait()
		_, err := c.Queue(t.Context(), "1", "q")
		require.ErrorIs(t, err, ErrNoSuchQueue)
	})
}

// TestCacheServesThroughAnOutage: a record stays usable while the service is down, at one fetch per RefreshAfter.
func TestCacheServesThroughAnOutage(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		mustGet(t, c, "q")
		s.set(func() { s.err = ErrUnavailable })
		for range 100 {
			time.Sleep(time.Second)
			require.EqualValues(t, 5, mustGet(t, c, "q").Version)
		}
		synctest.Wait()
		require.Equal(t, 1+20, s.gets)
		_, err := c.Queue(t.Context(), "1", "other")
		require.ErrorIs(t, err, ErrUnavailable)
	})
}

func TestCacheCallerGivesUp(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		hold := make(chan struct{})
		s.set(func() { s.hold = hold })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Queue(ctx, "1", "q")
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(hold) // the fetch goes on for the others
		synctest.Wait()
		require.EqualValues(t, 5, mustGet(t, c, "q").Version)
		require.Equal(t, 1, s.gets)
	})
}

func TestInvalidate(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		mustGet(t, c, "q")
		c.Invalidate("1", "q", 5)
		mustGet(t, c, "q")
		require.Equal(t, 1, s.gets, "version 5 is not older than 5")
		s.set(func() { s.queues["q"] = version("q", 6) })
		c.Invalidate("1", "q", 6)
		require.EqualValues(t, 6, mustGet(t, c, "q").Version)
		require.Equal(t, 2, s.gets)
		c.Invalidate("1", "unknown", 6)
	})
}

// TestInvalidateOvertakesAFetch: an answer that was under way when the caller learnt better must not come back.
func TestInvalidateOvertakesAFetch(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		hold := make(chan struct{})
		s.set(func() { s.hold = hold })
		old := make(chan *catalog.Queue)
		go func() { old <- mustGet(t, c, "q") }()
		synctest.Wait()
		c.Invalidate("1", "q", 8)
		s.set(func() { s.queues["q"], s.hold = version("q", 8), nil })
		require.EqualValues(t, 8, mustGet(t, c, "q").Version)
		close(hold)
		require.EqualValues(t, 5, (<-old).Version)
		synctest.Wait()
		require.EqualValues(t, 8, mustGet(t, c, "q").Version)
	})
}

func TestStoreKeepsTheLaterRecord(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		c.Store(version("q", 7))
		c.Store(version("q", 6))
		require.EqualValues(t, 7, mustGet(t, c, "q").Version)
		require.Zero(t, s.gets)
	})
}

func TestCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultCacheConfig()
		cfg.MaxCachedQueues = 3
		c, s := newTestCache(t, cfg)
		for i := range 3 {
			c.Store(version(fmt.Sprint(i), 1))
		}
		mustGet(t, c, "0")           // used: "1" is the oldest
		c.Store(version("fresh", 1)) // drops it
		require.Len(t, c.queues.entries, 3)
		require.Equal(t, 3, c.queues.recent.Len())
		mustGet(t, c, "0")
		require.Zero(t, s.gets)
		_, err := c.Queue(t.Context(), "1", "1")
		require.ErrorIs(t, err, ErrNoSuchQueue)
		require.Equal(t, 1, s.gets)
	})
}

func topologyOf(v uint64, leader string, term uint64, addresses ...string) *Topology {
	slot := SlotAssignment{Leader: leader, Term: term}
	for i, address := range addresses {
		slot.Members = append(slot.Members, replication.Member{ID: fmt.Sprint(i), Address: address})
	}
	return &Topology{Version: v, Slots: []SlotAssignment{slot}}
}

// TestTopologyMerge feeds answers of metadata hosts that know more or less than the one before.
func TestTopologyMerge(t *testing.T) {
	for _, step := range []struct {
		name       string
		topologies []*Topology
		leader     string
	}{
		{"the leader of a later term", []*Topology{topologyOf(1, "0", 4, "a", "b"), topologyOf(1, "1", 5, "a", "b")}, "b"},
		{"an earlier term is ignored", []*Topology{topologyOf(1, "1", 5, "a", "b"), topologyOf(1, "0", 4, "a", "b")}, "b"},
		{"no leader known keeps the known one", []*Topology{topologyOf(1, "1", 5, "a", "b"), topologyOf(1, "", 0, "a", "b")}, "b"},
		{"the leader has moved", []*Topology{topologyOf(1, "1", 5, "a", "b"), topologyOf(2, "1", 5, "a", "c")}, "c"},
		{"older addresses are ignored, a later leader is not", []*Topology{topologyOf(2, "1", 5, "a", "c"), topologyOf(1, "0", 6, "x", "y")}, "a"},
		{"slots disappear from a host that restarts", []*Topology{topologyOf(2, "1", 5, "a", "c"), {}}, "c"},
		{"a leader that is no member", []*Topology{topologyOf(2, "7", 5, "a", "c")}, ""},
		{"nothing is known", nil, ""},
	} {
		t.Run(step.name, func(t *testing.T) {
			var c slotCache
			for _, topology := range step.topologies {
				c.finish(&refresh{done: make(chan struct{})}, topology)
			}
			leader, ok := c.leader(0)
			require.Equal(t, step.leader, leader)
			require.Equal(t, step.leader != "", ok)
		})
	}
}

func TestTopologyRefresh(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		_, ok := c.SlotLeader(0)
		require.False(t, ok)
		require.Nil(t, c.SlotMembers(0))
		require.Zero(t, c.SlotCount())
		hold := make(chan struct{})
		s.set(func() { s.topology, s.hold, s.topologies = topologyOf(1, "0", 1, "a", "b"), hold, 0 })
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { require.NoError(t, c.Refresh(t.Context())) })
		}
		synctest.Wait()
		close(hold)
		group.Wait()
		require.Equal(t, 1, s.topologies)
		require.Equal(t, []string{"a", "b"}, c.SlotMembers(0))
		require.Equal(t, 1, c.SlotCount())

		// In the background, and through an outage.
		s.set(func() { s.topology = topologyOf(1, "1", 2, "a", "b") })
		time.Sleep(DefaultCacheConfig().TopologyInterval)
		synctest.Wait()
		leader, _ := c.SlotLeader(0)
		require.Equal(t, "b", leader)
		s.set(func() { s.err = ErrUnavailable })
		require.ErrorIs(t, c.Refresh(t.Context()), ErrUnavailable)
		leader, _ = c.SlotLeader(0)
		require.Equal(t, "b", leader)
	})
}

func TestClosedCache(t *testing.T) {
	testCache(t, func(t *testing.T, c *Cache, s *fakeSource) {
		mustGet(t, c, "q")
		c.Close()
		mustGet(t, c, "q")
		_, err := c.Queue(t.Context(), "1", "other")
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorIs(t, c.Refresh(t.Context()), ErrUnavailable)
	})
}

func TestCacheConfigValidate(t *testing.T) {
	cfg := DefaultCacheConfig()
	require.NoError(t, cfg.Validate())
	cfg.MaxCachedQueues = 0
	_, err := newCache(testHost(t), &fakeSource{}, cfg)
	require.ErrorContains(t, err, "setting MaxCachedQueues must be above zero")
}
