package wal

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
)

// TestAPromisedAppendIsStored has groups append without waiting, on a disk that has no room for another segment most of
// the time. Whatever was promised must be stored, beside hard states, compactions and copies forward; the rest is stored
// or refused for lack of room, and the host never ends (hostOn).
func TestAPromisedAppendIsStored(t *testing.T) {
	disk := memdisk.New()
	cfg := smallConfig()
	cfg.SegmentBytes, cfg.PromisedBytes, cfg.MaxSegments, cfg.CacheBytes = 1<<20, 512<<10, 2, 0
	j := openOn(t, disk, cfg)
	var promised, refused atomic.Int64
	models := make([]modelGroup, 6)
	var callers sync.WaitGroup
	for id := range models {
		callers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(id), 21))
			appendUnderPressure(t, disk, j.Group(uint32(id)), rng, &models[id], &promised, &refused)
		})
	}
	callers.Wait()
	require.Greater(t, promised.Load(), int64(500))
	require.Greater(t, refused.Load(), int64(5))
	disk.SetCapacity(1 << 40)
	require.NoError(t, j.Close())
	j = openOn(t, disk.CrashLosingEverythingUnsynced(), cfg)
	for id := range models {
		require.NoError(t, models[id].check(j.Group(uint32(id)), true))
	}
}

// appendUnderPressure appends to a group, waiting for some appends at a time, and compacts it when there is no room.
func appendUnderPressure(t *testing.T, disk *memdisk.Disk, g *Group, rng *rand.Rand, m *modelGroup, promised, refused *atomic.Int64) {
	next := uint64(1)
	var waiting []*Pending
	settle := func() {
		for _, p := range waiting {
			if err := p.Wait(); err != nil {
				t.Error("a promised append:", err)
			}
			if !p.Durable() {
				t.Error("an append that was waited for is not durable")
			}
		}
		waiting = nil
	}
	for i := range 400 {
		entries := entriesFrom(rng, next, 1+rng.IntN(3), 1+rng.IntN(9000))
		pending, err := g.AppendAsync(entries)
		switch {
		case pending != nil:
			promised.Add(1)
			waiting = append(waiting, pending)
			m.append(entries)
			next += uint64(len(entries))
		case err == nil:
			m.append(entries)
			next += uint64(len(entries))
		case errors.Is(err, node.ErrDiskFull):
			refused.Add(1)
			settle()
			if stored := g.LastIndex() + 1 - next; stored > 0 { // an error may leave a first part
				m.append(entries[:stored])
				next += stored
			}
			err := g.CompactTo(next - min(next, 3))
			if err == nil {
				m.compactTo(next - min(next, 3))
			} else if !errors.Is(err, node.ErrDiskFull) { // it stood in line with what found no room
				t.Error(err)
			}
		default:
			t.Error(err)
			return
		}
		switch {
		case rng.IntN(8) == 0:
			settle()
		case rng.IntN(30) == 0:
			m.state = HardState{Term: uint64(i)}
			if err := g.SetHardState(m.state); err != nil && !errors.Is(err, node.ErrDiskFull) {
				t.Error(err)
			} else if err != nil {
				m.state = g.HardState()
			}
		case rng.IntN(10) == 0:
			disk.SetCapacity(int64(3+rng.IntN(6)) << 20)
		}
	}
	settle()
}
