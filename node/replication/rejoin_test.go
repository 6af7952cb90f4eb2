package replication

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
	"chasqui/node/wal"
)

// wipe stops a host and gives it an empty disk; it rejoins when it is started.
func (h *testHost) wipe() {
	h.t.Helper()
	h.stop()
	h.dir, h.rejoin = h.t.TempDir(), true
}

// campaigns is time enough for several attempts to be elected.
const campaigns = 750 * time.Millisecond

// member tells whether the host is an ordinary member, which votes.
func (h *testHost) member() bool { return h.replica.memory.Load() == remembersAll }

// others returns the hosts of a cluster of three besides one.
func (c *testCluster) others(one *testHost) (a, b *testHost) {
	for _, h := range c.hosts {
		switch {
		case h == one:
		case a == nil:
			a = h
		default:
			b = h
		}
	}
	return a, b
}

func propose(t *testing.T, h *testHost, operations ...string) {
	t.Helper()
	for _, operation := range operations {
		_, err := h.propose(operation)
		require.NoError(t, err)
	}
}

func TestAHostWithoutItsDiskRejoinsAndCounts(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	leader := c.leader(t)
	wiped, other := c.others(leader)
	propose(t, leader, "a", "b")
	wiped.wipe()
	propose(t, leader, "c")
	term := leader.replica.Status().Term
	wiped.start()
	require.Equal(t, RoleRejoining, wiped.replica.Status().Role)
	eventually(t, "the wiped host has caught up", wiped.member)
	require.Equal(t, term, leader.replica.Status().Term, "nobody had to campaign")
	c.requireEqualStates(t, []string{"a", "b", "c"})
	other.stop()
	propose(t, c.leader(t), "d")
	require.Equal(t, []string{"a", "b", "c", "d"}, c.leader(t).machine.list())

	// Restarted, it is as any other, whatever was lost before.
	wiped.rejoin = false
	wiped.stop()
	wiped.start()
	require.True(t, wiped.member())
	propose(t, c.leader(t), "e")
	c.requireEqualStates(t, []string{"a", "b", "c", "d", "e"})
}

func TestAHostRejoinsBySnapshot(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	leader := c.leader(t)
	wiped, _ := c.others(leader)
	var want []string
	leader.replica.cfg.TrailingBytes = 0
	for _, operation := range []string{"a", "b", "c", "d"} {
		propose(t, leader, operation)
		want = append(want, operation)
		require.NoError(t, leader.replica.Snapshot())
	}
	require.NotEqual(t, uint64(1), leader.replica.group.FirstIndex(), "the log alone is not enough")
	wiped.wipe()
	wiped.start()
	eventually(t, "the wiped host has caught up", wiped.member)
	c.requireEqualStates(t, want)
}

// The counterexample of rejoin.go: a stale leader and a host that has forgotten must not commit over an acknowledged
// entry.
func TestAHostThatForgotDoesNotHelpAStaleLeader(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	stale := c.leader(t)
	propose(t, stale, "before")
	c.requireEqualStates(t, []string{"before"})
	stale.network.set(true)
	a, b := c.others(stale)
	var leader, wiped *testHost
	eventually(t, "another leader", func() bool {
		switch {
		case a.replica.IsLeader():
			leader, wiped = a, b
		case b.replica.IsLeader():
			leader, wiped = b, a
		}
		return leader != nil
	})
	propose(t, leader, "acknowledged")
	wiped.wipe()
	leader.stop()
	stale.network.set(false)
	wiped.start()

	// The two are a majority, and nothing they do may count.
	committed := stale.replica.Status().CommitIndex
	deadline := time.Now().Add(campaigns)
	for time.Now().Before(deadline) {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		_, err := stale.replica.Propose(ctx, []byte("over it"))
		cancel()
		require.Error(t, err)
		require.Equal(t, committed, stale.replica.Status().CommitIndex)
		require.Equal(t, RoleRejoining, wiped.replica.Status().Role, "one of two answers is not enough")
		require.Zero(t, wiped.replica.group.LastIndex())
	}

	leader.start()
	eventually(t, "the wiped host has caught up", wiped.member)
	propose(t, c.leader(t), "after")
	for _, h := range c.hosts {
		eventually(t, "all operations", func() bool { return len(h.machine.list()) >= 3 })
		require.Equal(t, []string{"before", "acknowledged"}, h.machine.list()[:2], h.id)
	}
}

// A crash at any moment of rejoining goes on rejoining, also without being told to: the mark says so.
func TestACrashWhileRejoining(t *testing.T) {
	for _, test := range []struct {
		name  string
		stage func(r *Replica, mark rejoinMark) error
	}{
		{"mark stored", func(r *Replica, mark rejoinMark) error { return r.storeMark(mark) }},
		{"mark and term stored", func(r *Replica, mark rejoinMark) error {
			return errors.Join(r.storeMark(mark), r.resume(mark))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTestCluster(t, 3, testConfig())
			leader := c.leader(t)
			wiped, other := c.others(leader)
			propose(t, leader, "a", "b")
			c.requireEqualStates(t, []string{"a", "b"})
			mark := rejoinMark{heardTerm: leader.replica.Status().Term, index: leader.replica.Status().LastIndex}
			wiped.wipe()
			other.network.set(true) // so that the wiped host goes no further than to ask
			wiped.start()
			require.NoError(t, test.stage(wiped.replica, mark))
			wiped.stop()
			wiped.rejoin = false // the mark tells
			leader.stop()        // so that nobody lets it catch up
			wiped.start()
			require.Equal(t, RoleRejoining, wiped.replica.Status().Role)
			state := wiped.replica.group.HardState()
			require.Equal(t, mark.heardTerm, state.Term)
			require.Equal(t, mark.heardTerm, state.VoteTerm)
			other.network.set(false)
			deadline := time.Now().Add(campaigns)
			for time.Now().Before(deadline) {
				ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				_, err := other.replica.Propose(ctx, []byte("x"))
				cancel()
				require.ErrorIs(t, err, ErrNotLeader, "it gives no vote")
				require.False(t, wiped.member())
			}
			leader.start()
			eventually(t, "the wiped host has caught up", wiped.member)
			_, found, err := wiped.replica.loadMark()
			require.NoError(t, err)
			require.False(t, found)
			propose(t, c.leader(t), "c")
			c.requireEqualStates(t, []string{"a", "b", "c"})
		})
	}
}

// Without a leader's answer the replica begins a term beyond all it heard of.
func TestAHostRejoinsAGroupOfFiveWithOneMissing(t *testing.T) {
	c := newTestCluster(t, 5, testConfig())
	leader := c.leader(t)
	propose(t, leader, "a")
	c.requireEqualStates(t, []string{"a"})
	var down, wiped *testHost
	for _, h := range c.hosts {
		if h != leader {
			down, wiped = wiped, h
		}
	}
	term := leader.replica.Status().Term
	down.stop()
	wiped.wipe()
	wiped.start()
	eventually(t, "the wiped host has caught up", wiped.member)
	require.Greater(t, wiped.replica.Status().Term, term)
	propose(t, c.leader(t), "b")
	down.start()
	c.requireEqualStates(t, []string{"a", "b"})
}

func TestAGroupThatNobodyKnowsIsFormed(t *testing.T) {
	c := &testCluster{cfg: testConfig()}
	for _, id := range []string{"host-0", "host-1", "host-2"} {
		h := &testHost{t: t, id: id, dir: t.TempDir(), cluster: c, rejoin: true}
		h.address.Store("")
		c.hosts = append(c.hosts, h)
		c.cfg.Members = append(c.cfg.Members, Member{ID: id})
	}
	for _, h := range c.hosts {
		h.start()
	}
	propose(t, c.leader(t), "first")
	c.requireEqualStates(t, []string{"first"})
}

func TestOnlyAHostWithoutDataMayRejoin(t *testing.T) {
	start := func(disk node.Disk, members []Member, rejoin bool) (holds bool, err error) {
		host := nodetest.RealHostIn(t, "host-0", t.TempDir())
		host.Disk = disk
		journalConfig := wal.DefaultConfig()
		journalConfig.SegmentBytes = 1 << 20
		journal, err := wal.Open(host, "journal", journalConfig)
		require.NoError(t, err)
		defer func() { require.NoError(t, journal.Close()) }()
		n := newNodeWithoutNetwork(host, journal)
		defer n.Close()
		cfg := testConfig()
		cfg.HostID, cfg.Members, cfg.Rejoin = "host-0", members, rejoin
		_, err = n.Start(cfg, &logMachine{})
		holds, holdsErr := n.Holds(cfg.GroupID)
		require.NoError(t, holdsErr)
		return holds, err
	}
	three := []Member{{ID: "host-0"}, {ID: "host-1"}, {ID: "host-2"}}
	disk := memdisk.New()
	holds, err := start(disk, three, true)
	require.NoError(t, err)
	require.False(t, holds, "it only asks")
	holds, err = start(disk, three, false)
	require.NoError(t, err)
	require.True(t, holds)
	_, err = start(disk, three, true)
	require.ErrorIs(t, err, ErrMayNotRejoin)
	_, err = start(memdisk.New(), three[:1], true)
	require.ErrorIs(t, err, ErrMayNotRejoin)
}

func TestJudgeAnswers(t *testing.T) {
	empty, formed := memory{rejoins: true}, memory{term: 1, lastIndex: 1}
	follows, leads := memory{term: 5, lastIndex: 20}, memory{term: 5, lastIndex: 30, leads: true}
	for _, test := range []struct {
		name    string
		members int
		answers []memory
		mark    rejoinMark
		form    bool
		ok      bool
	}{
		{"nobody", 3, nil, rejoinMark{}, false, false},
		{"one of two", 3, []memory{leads}, rejoinMark{}, false, false},
		{"both, with a leader", 3, []memory{follows, leads}, rejoinMark{5, 30}, false, true},
		{"both, without a leader", 3, []memory{follows, follows}, rejoinMark{5, 0}, false, true},
		{"a stale leader", 3, []memory{{term: 4, lastIndex: 99, leads: true}, follows}, rejoinMark{5, 0}, false, true},
		{"the other forgot too", 3, []memory{leads, {term: 6, lastIndex: 9, rejoins: true}}, rejoinMark{}, false, false},
		{"two of four", 5, []memory{leads, follows}, rejoinMark{}, false, false},
		{"three of four", 5, []memory{leads, follows, follows}, rejoinMark{5, 0}, false, true},
		{"three of four remember", 5, []memory{leads, follows, follows, {term: 7, rejoins: true}}, rejoinMark{7, 0}, false, true},
		{"two of four remember", 5, []memory{leads, follows, empty, empty}, rejoinMark{}, false, false},
		{"two members", 2, []memory{leads}, rejoinMark{5, 30}, false, true},
		{"all know nothing", 3, []memory{empty, formed}, rejoinMark{}, true, true},
		{"one knows nothing", 3, []memory{empty}, rejoinMark{}, false, false},
		{"one has voted", 3, []memory{formed, {term: 2, lastIndex: 1}}, rejoinMark{2, 0}, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			mark, form, ok := judgeAnswers(test.members, test.answers)
			require.Equal(t, test.ok, ok)
			require.Equal(t, test.form, form)
			require.Equal(t, test.mark, mark)
		})
	}
}

// A term without the mark would look like a replica that remembers everything.
func TestNoTermWithoutTheMark(t *testing.T) {
	disk := memdisk.New()
	host := nodetest.RealHostIn(t, "host-0", t.TempDir())
	host.Disk = disk
	journalConfig := wal.DefaultConfig()
	journalConfig.SegmentBytes = 1 << 20
	journal, err := wal.Open(host, "journal", journalConfig)
	require.NoError(t, err)
	defer func() { require.NoError(t, journal.Close()) }()
	n := newNodeWithoutNetwork(host, journal)
	defer n.Close()
	cfg := testConfig()
	cfg.HostID, cfg.Members, cfg.Rejoin = "host-0", []Member{{ID: "host-0"}, {ID: "host-1"}, {ID: "host-2"}}, true
	r, err := n.Start(cfg, &logMachine{})
	require.NoError(t, err)
	broken := errors.New("injected")
	disk.SetFault(func(op memdisk.Op) error {
		if strings.Contains(op.Name, "group-7") {
			return broken
		}
		return nil
	})
	require.ErrorIs(t, r.begin(rejoinMark{heardTerm: 5, index: 9}, false), broken)
	require.Zero(t, r.group.HardState().Term)
	disk.SetFault(nil)
	require.NoError(t, r.begin(rejoinMark{heardTerm: 5, index: 9}, false))
	require.Equal(t, wal.HardState{Term: 5, VoteTerm: 5, VotedFor: []byte("host-0")}, r.group.HardState())
}

func TestTheMarkOnDisk(t *testing.T) {
	disk := memdisk.New()
	host := nodetest.RealHostIn(t, "host-0", t.TempDir())
	host.Disk = disk
	snapshots, err := openSnapshotStore(host, "snapshots/group-7", &pace{clock: host.Clock})
	require.NoError(t, err)
	r := &Replica{node: &Node{host: host}, snapshots: snapshots}
	_, found, err := r.loadMark()
	require.NoError(t, err)
	require.False(t, found)
	require.NoError(t, r.storeMark(rejoinMark{heardTerm: 3, index: 9}))

	content, err := disk.CrashLosingEverythingUnsynced().Contents(r.markName())
	require.NoError(t, err, "durable, and the folders' names too")
	require.Equal(t, "chqrjoin\x01\x03\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00", string(content[:rejoinBytes-4]))
	mark, found, err := r.loadMark()
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, rejoinMark{heardTerm: 3, index: 9}, mark)
	for i := range content {
		file, err := disk.Open(r.markName())
		require.NoError(t, err)
		_, err = file.WriteAt([]byte{content[i] ^ 1}, int64(i))
		require.NoError(t, err)
		_, _, err = r.loadMark()
		require.ErrorIs(t, err, errMark, "byte %d", i)
		_, err = file.WriteAt(content[i:i+1], int64(i))
		require.NoError(t, errors.Join(err, file.Close()))
	}
	require.NoError(t, r.removeMark())
	_, err = disk.CrashLosingEverythingUnsynced().Contents(r.markName())
	require.Error(t, err, "removed for good")
}
