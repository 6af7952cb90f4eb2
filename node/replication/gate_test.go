package replication

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
)

// heldDisk is a disk whose syncs of the journal can be held back.
type heldDisk struct {
	*memdisk.Disk
	mu      sync.Mutex // guards the fields below
	changed *sync.Cond
	held    bool
	waiting int // syncs that are held back
}

func newHeldDisk() *heldDisk {
	d := &heldDisk{Disk: memdisk.New()}
	d.changed = sync.NewCond(&d.mu)
	d.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpSync && strings.Contains(op.Name, "journal/") {
			d.pass()
		}
		return nil
	})
	return d
}

func (d *heldDisk) pass() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting++
	for d.held {
		d.changed.Wait()
	}
	d.waiting--
}

func (d *heldDisk) hold(held bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = held
	d.changed.Broadcast()
}

// TestNothingCommitsBeforeItIsDurableOnAMajority holds the disks of a leader, or of its followers, back. Entries reach all
// hosts, heartbeats go on, and nothing is acknowledged until the disks do their work.
func TestNothingCommitsBeforeItIsDurableOnAMajority(t *testing.T) {
	for name, holdLeader := range map[string]bool{"the leader's disk is held": true, "the followers' disks are held": false} {
		t.Run(name, func(t *testing.T) {
			c := layTestCluster(t, 3, testConfig())
			for _, h := range c.hosts {
				h.disk = newHeldDisk()
				h.start()
			}
			leader := c.leader(t)
			_, err := leader.propose("before")
			require.NoError(t, err)
			c.requireEqualStates(t, []string{"before"})

			var held []*testHost
			for _, h := range c.hosts {
				if (h == leader) == holdLeader {
					held = append(held, h)
					h.disk.(*heldDisk).hold(true)
					defer h.disk.(*heldDisk).hold(false)
				}
			}
			done, want := make(chan error, 1), leader.replica.logs.last()+1
			leader.replica.Submit(Operation{Data: []byte("held"), Done: func(_ any, err error) { done <- err }})
			for _, h := range c.hosts {
				eventually(t, h.id+" has the entry", func() bool { return h.replica.logs.last() >= want })
			}
			for _, h := range c.hosts {
				if (h == leader) != holdLeader {
					eventually(t, h.id+" has stored it", func() bool { return h.replica.group.LastIndex() >= want })
				}
			}
			// Whoever acknowledges without waiting has done so by the time that a few heartbeats have come and gone.
			for range 5 {
				before := leader.replica.current().transport.progress()
				eventually(t, "a heartbeat", func() bool {
					now := leader.replica.current().transport.progress()
					for id := range before {
						if !now[id].contact.After(before[id].contact) {
							return false
						}
					}
					return true
				})
			}
			select {
			case err := <-done:
				t.Fatalf("acknowledged, with error %v, before a majority has it on disk", err)
			default:
			}
			for _, h := range held {
				h.disk.(*heldDisk).hold(false)
			}
			require.NoError(t, <-done)
			c.requireEqualStates(t, []string{"before", "held"})
		})
	}
}

// TestEntriesAreReadBeforeTheyAreDurable holds the disk back below a gated store: raft sees what it has stored, the journal
// does not yet, and what removes entries waits for them.
func TestEntriesAreReadBeforeTheyAreDurable(t *testing.T) {
	disk := newHeldDisk()
	host := nodetest.RealHost(t)
	host.Disk = disk
	s := &logStore{group: openGroup(t, host), oldestSnapshot: func() uint64 { return 0 }, gated: true}
	require.Nil(t, s.newest())
	disk.hold(true)
	defer disk.hold(false)
	require.NoError(t, s.StoreLogs(entries(1, 3)))
	require.NoError(t, s.StoreLogs(entries(4, 5)))
	first, err := s.FirstIndex()
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 5}, []uint64{first, s.last()})
	require.Zero(t, s.group.LastIndex())
	for index := uint64(1); index <= 5; index++ {
		var log raft.Log
		require.NoError(t, s.GetLog(index, &log))
		require.Equal(t, []byte{byte(index)}, log.Data)
	}
	require.ErrorIs(t, s.GetLog(6, &raft.Log{}), raft.ErrLogNotFound)
	require.False(t, s.newest().Durable())

	removed := make(chan error, 1)
	go func() { removed <- s.DeleteRange(4, 5) }()
	eventually(t, "the sync", func() bool {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		return disk.waiting > 0
	})
	disk.hold(false)
	require.NoError(t, <-removed)
	require.Equal(t, uint64(3), s.last())
	require.NoError(t, s.StoreLogs(entries(4, 6)))
	require.NoError(t, s.flush())
	require.Equal(t, uint64(6), s.group.LastIndex())
	require.NoError(t, s.StoreLogs(entries(7, 7)))
	require.Len(t, s.pending, 1, "what is durable is left to the journal")
}

// TestCompactingWhatIsDurableSparesWhatIsNot compacts all that the journal has while an entry is on its way to the disk.
func TestCompactingWhatIsDurableSparesWhatIsNot(t *testing.T) {
	disk := newHeldDisk()
	host := nodetest.RealHost(t)
	host.Disk = disk
	s := &logStore{group: openGroup(t, host), oldestSnapshot: func() uint64 { return 3 }, gated: true}
	require.NoError(t, s.StoreLogs(entries(1, 3)))
	require.NoError(t, s.flush())
	disk.hold(true)
	defer disk.hold(false)
	require.NoError(t, s.StoreLogs(entries(4, 4)))
	compacted := make(chan error, 1)
	go func() { compacted <- s.DeleteRange(1, 3) }()
	eventually(t, "the sync", func() bool {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		return disk.waiting > 0
	})
	disk.hold(false)
	require.NoError(t, <-compacted)
	require.NoError(t, s.flush())
	require.NoError(t, s.GetLog(4, &raft.Log{}))
	require.Equal(t, uint64(4), s.group.FirstIndex())
	require.Equal(t, uint64(4), s.group.LastIndex())
}

// TestCompactingAllOfTheLogSparesWhatComesMeanwhile compacts up to the last entry again and again while others are appended:
// raft does so from a goroutine of its own where no log is kept behind a snapshot.
func TestCompactingAllOfTheLogSparesWhatComesMeanwhile(t *testing.T) {
	for _, gated := range []bool{false, true} {
		t.Run(fmt.Sprint("gated ", gated), func(t *testing.T) {
			host := nodetest.RealHost(t)
			host.Disk = memdisk.New()
			var compacted atomic.Uint64 // up to here entries may be gone
			s := &logStore{group: openGroup(t, host), oldestSnapshot: compacted.Load, gated: gated}
			const last = 3000
			var compacting sync.WaitGroup
			compacting.Go(func() {
				for compacted.Load() < last {
					first, err := s.FirstIndex()
					hi := s.last()
					if err != nil || hi <= compacted.Load() {
						runtime.Gosched()
						continue
					}
					compacted.Store(hi)
					runtime.Gosched() // entries may come now
					if err := s.DeleteRange(first, hi); err != nil {
						t.Error(err)
					}
				}
			})
			for index := uint64(1); index <= last; index++ {
				require.NoError(t, s.StoreLogs(entries(index, index)))
				err := s.GetLog(index, &raft.Log{})
				if err != nil && compacted.Load() < index {
					t.Errorf("entry %d, which nobody removed: %v", index, err)
				}
			}
			compacting.Wait()
		})
	}
}
