package queue

import (
	"chasqui/backend/queue/sorted"
	"github.com/stretchr/testify/require"
)

// checkIndexes compares every partition's indexes and counts with those that follow from its messages.
func checkIndexes(t require.TestingT, m *Machine) {
	for id, p := range m.partitions {
		want := newPartition(id, p.settings, p.advancedMs, &memory{})
		p.messages.Ascend(func(m message) bool {
			want.lastSeq = m.seq
			want.add(m)
			return true
		})
		require.Equal(t, entries(want.ready), entries(p.ready), "ready of %v", id)
		require.Equal(t, entries(want.hidden), entries(p.hidden), "hidden of %v", id)
		require.Equal(t, entries(want.aged), entries(p.aged), "aged of %v", id)
		require.Equal(t, []int{want.inFlight, want.delayed, int(want.bytes)}, []int{p.inFlight, p.delayed, int(p.bytes)}, "in flight, delayed, bytes of %v", id)
		require.Equal(t, want.digest, p.digest)
		require.Len(t, p.groups, len(want.groups))
		for name, g := range want.groups {
			require.Contains(t, p.groups, name)
			require.Equal(t, *g, *p.groups[name])
		}
		require.Equal(t, listed(want.tenants), listed(p.tenants), "tenants of %v", id)
		checkLoads(t, want, p)
		aside := 0
		p.messages.Ascend(func(m message) bool {
			if m.move != 0 {
				aside++
				mv, ok := p.moves.Get(move{number: m.move})
				require.True(t, ok)
				require.Equal(t, m.seq, mv.seq)
			}
			return true
		})
		require.Equal(t, aside, p.moves.Len())
		_, noted := m.moving[id]
		require.Equal(t, aside > 0 || p.runningTask() != nil, noted)
		require.Len(t, p.dedupSeqs, p.dedup.Len())
		require.Len(t, p.attemptTimes, p.attempts.Len())
	}
	checkRegions(t, m)
}

// checkRegions compares what regions say is used of them with what the messages use, and what is unused with its bound.
func checkRegions(t require.TestingT, m *Machine) {
	require.Nil(t, m.memory.open)
	usedOf, unused, used := map[*extent]int{}, int64(0), int64(0)
	for id, p := range m.partitions {
		p.messages.Ascend(func(m message) bool {
			e := m.content.extent
			if e == nil {
				return true
			}
			require.Same(t, p, e.partition)
			require.NotNil(t, e.region, "message %d of %v keeps a region that was let go", m.seq, id)
			require.LessOrEqual(t, e.first, m.seq)
			require.GreaterOrEqual(t, e.last, m.seq)
			usedOf[e] += m.content.size()
			return true
		})
		for _, e := range entries(p.extents) {
			require.NotZero(t, usedOf[e], "an extent of %v without messages", id)
		}
	}
	usedOfRegion := map[*region]int{}
	for e, bytes := range usedOf {
		require.Equal(t, bytes, e.used)
		require.True(t, e.partition.extents.Has(e))
		require.Contains(t, e.region.extents, e)
		usedOfRegion[e.region] += bytes
	}
	for r, bytes := range usedOfRegion {
		require.Equal(t, bytes, r.used)
		require.GreaterOrEqual(t, r.used*2, r.bytes, "less than half of a region is used")
		used, unused = used+int64(r.used), unused+int64(r.bytes-r.used)
	}
	require.Equal(t, unused, m.memory.unused)
	require.LessOrEqual(t, unused, used)
}

// listed returns what each tenant has and where it stands.
func listed(tenants map[string]*tenant) map[string][]place {
	all := map[string][]place{}
	for group, t := range tenants {
		all[group] = append(entries(t.ready), t.listedAt)
	}
	return all
}

// checkLoads compares the loads with those that follow from the messages. A load may be left of messages that were in flight.
func checkLoads(t require.TestingT, want, p *partition) {
	p.loads.Ascend(func(l load) bool {
		counted, ok := want.loads.Get(l)
		require.Equal(t, counted.inFlight, l.inFlight, "load of %q of %v", l.group, p.id)
		require.True(t, ok || p.tenants[l.group] != nil, "load of %q of %v", l.group, p.id)
		return true
	})
	want.loads.Ascend(func(l load) bool {
		require.True(t, p.loads.Has(l), "load of %q of %v", l.group, p.id)
		return true
	})
}

func entries[T any](set *sorted.Set[T]) []T {
	all := []T{}
	set.Ascend(func(entry T) bool {
		all = append(all, entry)
		return true
	})
	return all
}
