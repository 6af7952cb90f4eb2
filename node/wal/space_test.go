package wal

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
)

// TestSegmentsAreRecycled writes a hundred segments' worth and compacts as it goes: the disk holds a few files.
func TestSegmentsAreRecycled(t *testing.T) {
	disk := memdisk.New()
	cfg := smallConfig()
	disk.SetCapacity(8 * cfg.SegmentBytes)
	j := openOn(t, disk, cfg)
	var model modelGroup
	rng := rand.New(rand.NewPCG(1, 10))
	for j.Stats().BytesWritten < 30*cfg.SegmentBytes {
		entries := entriesFrom(rng, model.last()+1, 2, 30000)
		require.NoError(t, j.Group(1).Append(entries))
		model.append(entries)
		if model.last() > 20 {
			model.compactTo(model.last() - 20)
			require.NoError(t, j.Group(1).CompactTo(model.last()-20))
		}
	}
	require.NoError(t, model.check(j.Group(1), false))
	require.NoError(t, j.Close())
	j = openOn(t, disk, cfg)
	require.NoError(t, model.check(j.Group(1), false))
}

// TestAFullDiskHasRoomForHardStates fills the disk: entries find no room, hard states do for a while, also when entries
// wait beside them, and all of it is there after a power cut.
func TestAFullDiskHasRoomForHardStates(t *testing.T) {
	disk := memdisk.New()
	cfg := smallConfig()
	disk.SetCapacity(3 * cfg.SegmentBytes)
	j := openOn(t, disk, cfg)
	last, err := uint64(0), error(nil)
	add := func() error { return j.Group(1).Append([]Entry{{Index: last + 1, Data: make([]byte, 20000)}}) }
	for err = add(); err == nil; err = add() {
		last++
	}
	require.ErrorIs(t, err, node.ErrDiskFull)
	stored := uint64(0)
	for term := uint64(1); ; term++ {
		waiting := make(chan error, 1)
		go func() { waiting <- add() }()
		err := j.Group(2).SetHardState(HardState{Term: term})
		require.ErrorIs(t, <-waiting, node.ErrDiskFull)
		if err != nil {
			require.ErrorIs(t, err, node.ErrDiskFull)
			break
		}
		stored = term
	}
	require.GreaterOrEqual(t, stored, uint64(2))
	require.Equal(t, stored, j.Group(2).HardState().Term)

	disk.SetCapacity(30 * cfg.SegmentBytes)
	after := openOn(t, disk.CrashLosingEverythingUnsynced(), cfg)
	require.Equal(t, stored, after.Group(2).HardState().Term)
	require.Equal(t, last, after.Group(1).LastIndex())
	require.NoError(t, after.Group(2).SetHardState(HardState{Term: stored + 1}))
	require.NoError(t, j.Group(1).CompactTo(last), "what makes room has kept some")
	require.Eventually(t, func() bool { return add() == nil }, 10*time.Second, time.Millisecond, "work goes on with room")
}

// TestFewEntriesAreCopiedForward has one group that writes little and never compacts beside one that writes a lot. The
// quiet one must not keep all segments of the busy one.
func TestFewEntriesAreCopiedForward(t *testing.T) {
	disk := memdisk.New()
	cfg := smallConfig()
	cfg.CacheBytes = 0
	j := openOn(t, disk, cfg)
	rng := rand.New(rand.NewPCG(1, 11))
	var quiet, busy modelGroup
	quiet.state = HardState{Term: 3, VoteTerm: 2, VotedFor: []byte("b")}
	require.NoError(t, j.Group(1).SetHardState(quiet.state))
	for i := range 600 {
		if i%20 == 0 {
			entries := entriesFrom(rng, quiet.last()+1, 1, 500)
			require.NoError(t, j.Group(1).Append(entries))
			quiet.append(entries)
		}
		entries := entriesFrom(rng, busy.last()+1, 1, 20000)
		require.NoError(t, j.Group(2).Append(entries))
		busy.append(entries)
		busy.compactTo(busy.last() - min(busy.last(), 4))
		require.NoError(t, j.Group(2).CompactTo(busy.last()-min(busy.last(), 4)))
		require.LessOrEqual(t, j.Stats().Segments, cfg.MaxSegments+3)
	}
	j.mu.RLock()
	require.NotContains(t, j.files, uint64(1))
	j.mu.RUnlock()
	require.NoError(t, quiet.check(j.Group(1), false))
	require.NoError(t, j.Close())
	j = openOn(t, disk, cfg)
	require.NoError(t, quiet.check(j.Group(1), false))
	require.NoError(t, busy.check(j.Group(2), false))
}

// TestPinnedNamesTheGroupThatMustCompact has a group with more than can be copied.
func TestPinnedNamesTheGroupThatMustCompact(t *testing.T) {
	j := openOn(t, memdisk.New(), smallConfig())
	rng := rand.New(rand.NewPCG(1, 12))
	require.Empty(t, j.Pinned())
	require.NoError(t, j.Group(9).Append(entriesFrom(rng, 1, 1, 10)))
	for i := range uint64(100) {
		require.NoError(t, j.Group(4).Append([]Entry{{Index: i + 1, Data: make([]byte, 20000)}}))
	}
	require.Equal(t, []uint32{4, 9}, j.Pinned())
	require.Greater(t, j.Stats().LiveBytes, int64(100*20000))
	require.NoError(t, j.Group(4).CompactTo(100))
	require.NoError(t, j.Group(4).SetHardState(HardState{Term: 1}))
	require.Empty(t, j.Pinned())
	require.Equal(t, 1, int(j.Group(9).LastIndex()))
}

// TestCompactionBecomesDurableWhenIdle waits for the frame that carries a compaction nobody waits for.
func TestCompactionBecomesDurableWhenIdle(t *testing.T) {
	disk := memdisk.New()
	cfg := smallConfig()
	cfg.IdleDelay = time.Millisecond
	j := openOn(t, disk, cfg)
	rng := rand.New(rand.NewPCG(1, 13))
	require.NoError(t, j.Group(1).Append(entriesFrom(rng, 1, 10, 100)))
	frames := j.Stats().Frames
	require.NoError(t, j.Group(1).CompactTo(6))
	require.Equal(t, uint64(7), j.Group(1).FirstIndex())
	require.Eventually(t, func() bool { return j.Stats().Frames > frames }, 10*time.Second, time.Millisecond)
	after := openOn(t, disk.CrashLosingEverythingUnsynced(), cfg)
	require.Equal(t, uint64(7), after.Group(1).FirstIndex())
	require.Equal(t, uint64(10), after.Group(1).LastIndex())
}

// TestRemovalAfterCompactionIsDurable empties a group in memory alone, and then removes "nothing" durably.
func TestRemovalAfterCompactionIsDurable(t *testing.T) {
	for name, remove := range map[string]func(*Group) error{
		"reset":    (*Group).Reset,
		"truncate": func(g *Group) error { return g.TruncateAfter(2) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := memdisk.New()
			cfg := smallConfig()
			cfg.IdleDelay = time.Hour
			j := openOn(t, disk, cfg)
			require.NoError(t, j.Group(1).Append([]Entry{{Index: 1}, {Index: 2}, {Index: 3}}))
			require.NoError(t, j.Group(1).CompactTo(3))
			require.NoError(t, remove(j.Group(1)))
			after := openOn(t, disk.CrashLosingEverythingUnsynced(), cfg)
			require.Zero(t, after.Group(1).LastIndex())
		})
	}
}

// TestWaitingCallersShareASync holds the first sync until others wait: they all go into the second frame.
func TestWaitingCallersShareASync(t *testing.T) {
	disk := memdisk.New()
	cfg := smallConfig()
	cfg.IdleDelay = time.Hour
	j := openOn(t, disk, cfg)
	const callers = 10
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpSync && op.Name == segmentPath(testDir, 1) {
			once.Do(func() { close(held); <-release })
		}
		return nil
	})
	before := j.Stats().Syncs
	var wait sync.WaitGroup
	store := func(id uint32) {
		wait.Go(func() {
			if err := j.Group(id).Append([]Entry{{Index: 1, Data: []byte(fmt.Sprint(id))}}); err != nil {
				t.Error(err)
			}
		})
	}
	store(0)
	<-held
	for id := range uint32(callers) {
		store(id + 1)
	}
	require.Eventually(t, func() bool { return len(j.queue) == callers }, 10*time.Second, time.Millisecond)
	require.Zero(t, j.Group(0).LastIndex(), "visible before it is durable")
	close(release)
	wait.Wait()
	require.Equal(t, before+2, j.Stats().Syncs)
	require.Equal(t, uint64(1), j.Group(callers).LastIndex())
}
