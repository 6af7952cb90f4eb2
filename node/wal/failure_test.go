package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
)

// failingHost returns a host on the disk and the errors that it was ended with.
func failingHost(t *testing.T, disk node.Disk) (node.Host, chan error) {
	t.Helper()
	ended := make(chan error, 8)
	host := hostOn(t, disk)
	host.Fail = func(err error) { ended <- err }
	return host, ended
}

func TestFailedWriteOrSyncIsFinal(t *testing.T) {
	for _, kind := range []memdisk.OpKind{memdisk.OpWrite, memdisk.OpSync} {
		t.Run(kind.String(), func(t *testing.T) {
			disk := memdisk.New()
			host, ended := failingHost(t, disk)
			j, err := Open(host, testDir, smallConfig())
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(1, 8))
			entries := entriesFrom(rng, 1, 4, 100)
			require.NoError(t, j.Group(1).Append(entries[:2]))

			diskError := errors.New("medium error")
			var operations atomic.Int64
			disk.SetFault(func(op memdisk.Op) error {
				if op.Name != segmentPath(testDir, 1) || op.Kind != memdisk.OpWrite && op.Kind != memdisk.OpSync {
					return nil
				}
				operations.Add(1)
				if op.Kind == kind {
					return diskError
				}
				return nil
			})
			err = j.Group(1).Append(entries[2:])
			require.ErrorIs(t, err, ErrPoisoned)
			require.ErrorIs(t, err, diskError)
			require.ErrorIs(t, <-ended, diskError)
			after := operations.Load()
			require.ErrorIs(t, j.Group(2).SetHardState(HardState{Term: 1}), ErrPoisoned)
			require.ErrorIs(t, j.Group(1).CompactTo(1), ErrPoisoned)
			require.Equal(t, uint64(2), j.Group(1).LastIndex())
			_, err = j.Group(1).Get(1)
			require.NoError(t, err)
			require.NoError(t, j.Close())
			require.Equal(t, after, operations.Load(), "the disk was written to after a failure")
			require.Empty(t, ended, "the host was ended more than once")

			j = openOn(t, disk.CrashLosingEverythingUnsynced(), smallConfig())
			require.Equal(t, uint64(2), j.Group(1).LastIndex())
		})
	}
}

// TestTheHostEndsBeforeAnybodySeesTheFailure holds the end of the host up: until then no caller may be told, for raft panics
// at what it is told, and the process would end with that instead.
func TestTheHostEndsBeforeAnybodySeesTheFailure(t *testing.T) {
	disk := memdisk.New()
	host := hostOn(t, disk)
	ending, goOn := make(chan error), make(chan struct{})
	host.Fail = func(err error) {
		ending <- err
		<-goOn
	}
	j, err := Open(host, testDir, smallConfig())
	require.NoError(t, err)
	diskError := errors.New("medium error")
	disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpSync {
			return diskError
		}
		return nil
	})
	told := make(chan error, 2)
	go func() { told <- j.Group(1).SetHardState(HardState{Term: 1}) }()
	require.ErrorIs(t, <-ending, diskError)
	go func() { // another part of the journal fails meanwhile
		j.poison(errors.New("another error"))
		told <- j.poisoned()
	}()
	require.NoError(t, j.poisoned())
	require.Empty(t, told)
	close(goOn)
	for range 2 {
		require.ErrorIs(t, <-told, diskError, "the first cause stays")
	}
	require.NoError(t, j.Close())
}

// TestRecoveryHardensWhatItFinds has a sync fail: the system goes on showing the bytes, and a later sync of the file says
// nothing of them. What a restarted process finds and shows to others must survive a power cut all the same.
func TestRecoveryHardensWhatItFinds(t *testing.T) {
	disk := memdisk.New()
	host, _ := failingHost(t, disk)
	cfg := smallConfig()
	cfg.IdleDelay = time.Hour
	j, err := Open(host, testDir, cfg)
	require.NoError(t, err)
	disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpSync && op.Name == segmentPath(testDir, 1) {
			return errors.New("medium error")
		}
		return nil
	})
	require.ErrorIs(t, j.Group(1).Append([]Entry{{Index: 1}}), ErrPoisoned)
	require.NoError(t, j.Close())
	require.Zero(t, openOn(t, disk.CrashLosingEverythingUnsynced(), smallConfig()).Group(1).LastIndex())

	disk.SetFault(nil)
	j = openOn(t, disk, cfg)
	require.Equal(t, uint64(1), j.Group(1).LastIndex())
	after := openOn(t, disk.CrashLosingEverythingUnsynced(), smallConfig())
	require.Equal(t, uint64(1), after.Group(1).LastIndex())
}

func TestHungDiskEndsTheHost(t *testing.T) {
	disk := memdisk.New()
	host, ended := failingHost(t, disk)
	cfg := smallConfig()
	cfg.WriteDeadline = 50 * time.Millisecond
	j, err := Open(host, testDir, cfg)
	require.NoError(t, err)
	release := make(chan struct{})
	disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpSync {
			<-release
		}
		return nil
	})
	err = j.Group(1).SetHardState(HardState{Term: 1})
	require.ErrorIs(t, err, ErrPoisoned)
	require.ErrorContains(t, err, "the disk hangs")
	require.ErrorContains(t, <-ended, "the disk hangs")
	close(release)
	require.NoError(t, j.Close())
	require.Zero(t, j.Group(1).HardState().Term, "a write that was given up as unknown became visible")
}

func TestDiskFullAtStart(t *testing.T) {
	disk := memdisk.New()
	disk.SetCapacity(1000)
	_, err := Open(hostOn(t, disk), testDir, smallConfig())
	require.ErrorIs(t, err, node.ErrDiskFull)
	disk.SetCapacity(1 << 30)
	j := openOn(t, disk, smallConfig())
	require.NoError(t, j.Group(1).SetHardState(HardState{Term: 1}))
}

func TestDiskFullLater(t *testing.T) {
	disk := memdisk.New()
	cfg := smallConfig()
	disk.SetCapacity(3*cfg.SegmentBytes + 1000)
	j := openOn(t, disk, cfg)
	rng := rand.New(rand.NewPCG(1, 9))
	var model modelGroup
	fill := func() error {
		for {
			entries := entriesFrom(rng, model.last()+1, 1, 9000)
			if err := j.Group(1).Append(entries); err != nil {
				return err
			}
			model.append(entries)
		}
	}
	require.ErrorIs(t, fill(), node.ErrDiskFull)
	require.Greater(t, j.Stats().BytesWritten, 2*cfg.SegmentBytes)
	require.ErrorIs(t, fill(), node.ErrDiskFull)
	require.NoError(t, model.check(j.Group(1), false))

	// A compaction goes into the reserve of the last segment, frees segments, and makes room on the same disk.
	written := model.last()
	model.compactTo(model.last() - 3)
	require.NoError(t, j.Group(1).CompactTo(model.last()-3))
	for model.last() == written {
		require.ErrorIs(t, fill(), node.ErrDiskFull)
	}
	require.NoError(t, model.check(j.Group(1), false))

	// More space helps, too.
	disk.SetCapacity(20 * cfg.SegmentBytes)
	for written = model.last(); model.last() < written+200; {
		entries := entriesFrom(rng, model.last()+1, 1, 9000)
		require.NoError(t, j.Group(1).Append(entries))
		model.append(entries)
	}
	require.NoError(t, j.Close())
	j = openOn(t, disk, cfg)
	require.NoError(t, model.check(j.Group(1), false))
}

func TestFolderIsLocked(t *testing.T) {
	disk := memdisk.New()
	j := openOn(t, disk, smallConfig())
	_, err := Open(hostOn(t, disk), testDir, smallConfig())
	require.ErrorIs(t, err, node.ErrLocked)
	require.NoError(t, j.Close())
	require.NoError(t, j.Close(), "closing twice is harmless")
	require.ErrorIs(t, j.Group(1).Reset(), ErrClosed)
	openOn(t, disk, smallConfig())
}

func TestRefusedRequests(t *testing.T) {
	cfg := smallConfig()
	j := openOn(t, memdisk.New(), cfg)
	g := j.Group(1)
	require.NoError(t, g.Append([]Entry{{Index: 7}, {Index: 8}}))
	cases := []struct {
		name string
		err  error
		want error
	}{
		{"a gap behind the last entry", g.Append([]Entry{{Index: 10}}), ErrNotContiguous},
		{"an index that is there", g.Append([]Entry{{Index: 8}}), ErrNotContiguous},
		{"a gap inside", g.Append([]Entry{{Index: 9}, {Index: 11}}), ErrNotContiguous},
		{"index 0", j.Group(2).Append([]Entry{{Index: 0}}), ErrNotContiguous},
		{"an entry too large", g.Append([]Entry{{Index: 9, Data: make([]byte, cfg.SegmentBytes/2+1)}}), ErrTooLarge},
		{"a name too long", g.SetHardState(HardState{VotedFor: make([]byte, 257)}), ErrTooLarge},
		{"nothing", g.Append(nil), nil},
		{"the largest entry", g.Append([]Entry{{Index: 9, Data: make([]byte, cfg.SegmentBytes/2)}}), nil},
	}
	for _, c := range cases {
		require.ErrorIs(t, c.err, c.want, c.name)
	}
	for id := uint32(0); ; id++ {
		if err := j.Group(id).SetHardState(HardState{Term: uint64(id), VotedFor: []byte(strings.Repeat("x", 256))}); err != nil {
			require.ErrorIs(t, err, ErrTooManyGroups)
			require.Equal(t, cfg.groupsMax(), int(id))
			break
		}
	}
	// With as many groups as allowed the largest entry still fits.
	for i := range uint64(6) {
		require.NoError(t, g.Append([]Entry{{Index: 10 + i, Data: make([]byte, cfg.SegmentBytes/2)}}))
	}
	require.Equal(t, uint64(15), g.LastIndex())
}

func TestConfigIsChecked(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	for i, change := range []func(*Config){
		func(c *Config) { c.SegmentBytes = 1 << 20 * 3 / 2 * 3 / 4096 * 4095 },
		func(c *Config) { c.SpareSegments = 0 },
		func(c *Config) { c.CacheBytes = -1 },
		func(c *Config) { c.QueueDepth = 0 },
		func(c *Config) { c.WriteDeadline = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		_, err := Open(hostOn(t, memdisk.New()), testDir, cfg)
		require.ErrorContains(t, err, "journal config", fmt.Sprint("case ", i))
	}
}
