package queue

import (
	"chasqui/backend/queue/sorted"
	"github.com/stretchr/testify/require"
)

// checkIndexes compares every partition's indexes and counts with those that follow from its messages.
func checkIndexes(t require.TestingT, m *Machine) {
	for id, p := range m.partitions {
		want := newPartition(id, p.settings, p.advancedMs)
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
	kept := 0
	for _, s := range m.sessions.byID {
		kept += s.kept
	}
	require.Equal(t, m.sessions.kept.Len(), kept)
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
