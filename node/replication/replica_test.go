package replication

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"chasqui/node/nodetest"
	"chasqui/node/rpc"
)

func TestOperationsReachAllHostsInOneOrder(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	leader := c.leader(t)
	const callers, each = 16, 50
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				if _, err := leader.propose(fmt.Sprintf("%d-%d", caller, i)); err != nil {
					t.Errorf("propose: %v", err)
				}
			}
		})
	}
	wg.Wait()
	want := leader.machine.list()
	require.Len(t, want, callers*each)
	c.requireEqualStates(t, want)
	status := leader.replica.Status()
	require.Equal(t, "leader", status.Role)
	require.Len(t, status.Followers, 2)
	require.Less(t, status.LastIndex, uint64(callers*each), "concurrent operations share log entries")
}

func TestPreferredHostLeadsAfterAColdStart(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	require.Equal(t, "host-0", c.leader(t).id)
}

func TestAFollowerRefusesAndNamesTheLeader(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	leader := c.leader(t)
	for _, h := range c.hosts {
		if h == leader {
			continue
		}
		_, err := h.propose("x")
		require.ErrorIs(t, err, ErrNotLeader)
		eventually(t, "follower knows the leader", func() bool {
			id, ok := h.replica.Leader()
			return ok && id == leader.id
		})
	}
	require.Empty(t, leader.machine.list())
}

func TestAcknowledgedOperationsSurviveTheLeader(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	var acknowledged []string
	for round := range 3 {
		leader := c.leader(t)
		for i := range 20 {
			operation := fmt.Sprintf("%d-%d", round, i)
			_, err := leader.propose(operation)
			require.NoError(t, err)
			acknowledged = append(acknowledged, operation)
		}
		leader.stop()
		c.leader(t)
		leader.start()
	}
	c.requireEqualStates(t, acknowledged)
}

func TestAllHostsRestart(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	leader := c.leader(t)
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprint(i))
		_, err := leader.propose(want[i])
		require.NoError(t, err)
	}
	for _, h := range c.hosts {
		h.stop()
	}
	for _, h := range c.hosts {
		h.start()
	}
	c.leader(t)
	c.requireEqualStates(t, want)
}

func TestAReturningFollowerGetsASnapshot(t *testing.T) {
	cfg := testConfig()
	cfg.SnapshotBytes, cfg.TrailingBytes = 64<<10, 8<<10
	c := newTestCluster(t, 3, cfg)
	leader := c.leader(t)
	var follower *testHost
	for _, h := range c.hosts {
		if h != leader {
			follower = h
		}
	}
	follower.stop()
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprintf("%d %01000d", i, i))
		_, err := leader.propose(want[i])
		require.NoError(t, err)
	}
	eventually(t, "leader has compacted its log", func() bool { return leader.replica.group.FirstIndex() > 50 })
	follower.start()
	c.requireEqualStates(t, want)
	require.Positive(t, follower.replica.Status().SnapshotIndex, "the follower was sent a snapshot")
}

// raft sends a follower so many entries at once, however large they are: what it lacks must not outgrow a frame.
func TestAReturningFollowerGetsLargeEntries(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	leader := c.leader(t)
	follower, _ := c.others(leader)
	follower.stop()
	var want []string
	for bytes := 0; bytes <= 2*rpc.DefaultConfig().MaxFrameBytes; bytes += c.cfg.BatchBytesMax {
		want = append(want, fmt.Sprint(len(want), strings.Repeat("x", c.cfg.BatchBytesMax)))
		_, err := leader.propose(want[len(want)-1])
		require.NoError(t, err)
	}
	follower.start()
	c.requireEqualStates(t, want)
	require.Zero(t, follower.replica.Status().SnapshotIndex, "the follower was sent the log")
}

// A deposed leader holds more log than the snapshot it is sent (hashicorp/raft #697).
func TestASnapshotReplacesALongerLog(t *testing.T) {
	cfg := testConfig()
	cfg.TrailingBytes = 0
	c := newTestCluster(t, 3, cfg)
	old := c.leader(t)
	_, err := old.propose("first")
	require.NoError(t, err)
	c.requireEqualStates(t, []string{"first"})

	old.network.set(true)
	deposed := old.replica.current().raft
	// Straight to raft, past the batcher, so that many entries are on its disk before it notices that it is alone.
	for i := range 40 {
		deposed.ApplyLog(raft.Log{Data: appendOperation(appendEntryHeader(nil, 1, 1), []byte(fmt.Sprint("lost ", i)))}, time.Second)
	}
	eventually(t, "the lost entries are stored", func() bool { return old.replica.group.LastIndex() >= 30 })
	eventually(t, "the old leader steps down", func() bool { return !old.replica.IsLeader() })
	var fresh *testHost
	eventually(t, "another leader", func() bool {
		for _, h := range c.hosts {
			if h != old && h.replica.IsLeader() {
				fresh = h
				return true
			}
		}
		return false
	})
	want := []string{"first"}
	for i := range 4 {
		want = append(want, fmt.Sprint("kept ", i))
		_, err := fresh.propose(want[i+1])
		require.NoError(t, err)
	}
	// Twice, because the log is kept back to the older of two snapshots.
	require.NoError(t, fresh.replica.Snapshot())
	_, err = fresh.propose("kept 4")
	require.NoError(t, err)
	want = append(want, "kept 4")
	require.NoError(t, fresh.replica.Snapshot())
	require.Less(t, fresh.replica.group.LastIndex(), old.replica.group.LastIndex())

	old.network.set(false)
	c.requireEqualStates(t, want)
	_, err = c.leader(t).propose("after")
	require.NoError(t, err)
	c.requireEqualStates(t, append(want, "after"))
}

func TestASingleHostIsAGroup(t *testing.T) {
	c := newTestCluster(t, 1, testConfig())
	_, err := c.leader(t).propose("alone")
	require.NoError(t, err)
	c.hosts[0].stop()
	c.hosts[0].start()
	c.leader(t)
	c.requireEqualStates(t, []string{"alone"})
}

func TestSubmitWithoutRoomOrTime(t *testing.T) {
	cfg := testConfig()
	cfg.PendingBytesMax = cfg.BatchBytesMax
	c := newTestCluster(t, 1, cfg)
	leader := c.leader(t)
	answer := make(chan error, 1)
	done := func(_ any, err error) { answer <- err }
	leader.replica.Submit(Operation{Data: make([]byte, cfg.PendingBytesMax+1), Done: done})
	require.ErrorIs(t, <-answer, ErrOverloaded)
	leader.replica.Submit(Operation{Data: []byte("late"), Deadline: time.Now().Add(-time.Second), Done: done})
	require.ErrorIs(t, <-answer, ErrExpired)
	leader.replica.Close()
	leader.replica.Submit(Operation{Data: []byte("closed"), Done: done})
	require.ErrorIs(t, <-answer, ErrClosed)
	require.Empty(t, leader.machine.list())
}

func TestMeaningOfRaftErrors(t *testing.T) {
	for _, c := range []struct {
		raft error
		want error
	}{
		{raft.ErrNotLeader, ErrNotLeader},
		{raft.ErrLeadershipTransferInProgress, ErrNotLeader},
		{raft.ErrEnqueueTimeout, ErrOverloaded},
		{raft.ErrLeadershipLost, ErrUnknownOutcome},
		{raft.ErrAbortedByRestore, ErrUnknownOutcome},
		{raft.ErrRaftShutdown, ErrUnknownOutcome},
		{errors.New("a failed StoreLogs"), ErrUnknownOutcome},
	} {
		err := proposeError(c.raft)
		require.ErrorIs(t, err, c.want)
		for _, other := range []error{ErrNotLeader, ErrOverloaded, ErrUnknownOutcome} {
			if other != c.want {
				require.NotErrorIs(t, err, other)
			}
		}
	}
}

func TestACutLeaderAnswersUnknownAndNotDone(t *testing.T) {
	c := newTestCluster(t, 3, testConfig())
	leader := c.leader(t)
	leader.network.set(true)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := leader.replica.Propose(ctx, []byte("nobody hears"))
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.ErrorIs(t, leader.replica.ReadBarrier(ctx), ErrNotLeader, "a deposed leader serves no reads")
}

// Heartbeats must take raft's main loop (hashicorp/raft #695), appends must not be pipelined (#612), and leadership
// must not be transferred (#696).
func TestTransportAvoidsTheTraps(t *testing.T) {
	cfg := testConfig()
	cfg.HostID, cfg.Members = "a", []Member{{ID: "a"}}
	tr := newTransport(nil, &cfg, nil)
	tr.SetHeartbeatHandler(func(raft.RPC) { t.Error("a heartbeat took the fast path") })
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		message := <-tr.Consumer()
		message.Respond(&raft.AppendEntriesResponse{}, nil)
	}()
	_, err := tr.deliver(context.Background(), raft.RPC{Command: &raft.AppendEntriesRequest{Term: 1}})
	require.NoError(t, err)
	<-answered
	_, err = tr.AppendEntriesPipeline("b", "b")
	require.ErrorIs(t, err, raft.ErrPipelineReplicationNotSupported)
	require.Error(t, tr.TimeoutNow("b", "b", nil, nil))
	var _ raft.WithPreVote = tr
	r := &Replica{node: &Node{host: nodetest.RealHost(t)}, cfg: cfg}
	require.Nil(t, r.raftConfig().NotifyCh, "raft's main loop blocks on it")
}

// raft sets no deadline on an append, and a stuck one would end replication to that peer.
func TestAnAppendToASilentPeerEnds(t *testing.T) {
	host := nodetest.RealHost(t)
	silent, err := host.Network.Listen("127.0.0.1:0") // takes connections and says nothing
	require.NoError(t, err)
	defer silent.Close()
	client := rpc.NewClient(host, rpc.DefaultConfig())
	defer client.Close()
	cfg := testConfig()
	cfg.HostID, cfg.Members = "a", []Member{{ID: "a"}, {ID: "b", Address: silent.Addr().String()}}
	cfg.HeartbeatTimeout, cfg.AppendTimeout = 20*time.Millisecond, 40*time.Millisecond
	tr := newTransport(&Node{host: host, client: client}, &cfg, &logStore{})
	for _, request := range []*raft.AppendEntriesRequest{{}, {Entries: []*raft.Log{{Index: 1, Term: 1}}}} {
		ended := make(chan error, 1)
		go func() { ended <- tr.AppendEntries("b", "b", request, &raft.AppendEntriesResponse{}) }()
		select {
		case err := <-ended:
			require.Error(t, err)
		case <-time.After(patience):
			t.Fatal("the append is stuck")
		}
	}
}
