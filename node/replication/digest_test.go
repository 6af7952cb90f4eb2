package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// digestsSeen collects the digests of a cluster's hosts as Status shows them: index -> host -> digest.
type digestsSeen map[uint64]map[string]StateDigest

func (seen digestsSeen) look(c *testCluster) {
	for _, h := range c.hosts {
		if !h.running {
			continue
		}
		if d := h.replica.Status().Digest; d.Index > 0 {
			if seen[d.Index] == nil {
				seen[d.Index] = map[string]StateDigest{}
			}
			seen[d.Index][h.id] = d
		}
	}
}

// all tells whether all hosts have been seen at one index beyond from.
func (seen digestsSeen) all(c *testCluster, from uint64) bool {
	for index, digests := range seen {
		if index > from && len(digests) == len(c.hosts) {
			return true
		}
	}
	return false
}

func (seen digestsSeen) requireEqual(t *testing.T) {
	t.Helper()
	for index, digests := range seen {
		var one StateDigest
		for host, digest := range digests {
			if one.Index == 0 {
				one = digest
			}
			require.Equal(t, one, digest, "digest of %s at index %d", host, index)
		}
	}
}

func TestReplicasHaveEqualDigests(t *testing.T) {
	cfg := testConfig()
	cfg.DigestInterval = 40 * time.Millisecond
	cfg.SnapshotBytes, cfg.TrailingBytes = 32<<10, 4<<10
	c := newTestCluster(t, 3, cfg)
	leader := c.leader(t)
	var behind *testHost
	for _, h := range c.hosts {
		if h != leader {
			behind = h
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	seen := digestsSeen{}
	load := func(operations int) {
		for range operations {
			_, err := c.leader(t).propose(strings.Repeat(fmt.Sprint(random.Uint64()), 1+random.IntN(40)))
			require.NoError(t, err)
			seen.look(c)
		}
	}
	load(50)
	behind.stop()
	load(200)
	eventually(t, "the log that the stopped host needs is gone", func() bool { return leader.replica.group.FirstIndex() > 100 })
	behind.start()
	from := leader.replica.Status().LastIndex
	eventually(t, "a digest of all three at one index", func() bool {
		seen.look(c)
		return seen.all(c, from)
	})
	require.Positive(t, behind.replica.Status().SnapshotIndex, "the third was restored from a snapshot")
	load(20)
	seen.requireEqual(t)
	require.NotEmpty(t, behind.lines.named(t, "state digest"))
	for _, line := range behind.lines.named(t, "state digest") {
		require.Equal(t, "test", line["group"])
		if digest, ok := seen[uint64(line["index"].(float64))][leader.id]; ok {
			require.Equal(t, digest.String(), line["digest"])
		}
	}
}

func TestAReplicaThatDiffersIsReported(t *testing.T) {
	cfg := testConfig()
	cfg.DigestInterval = 30 * time.Millisecond
	c := newTestCluster(t, 3, cfg)
	_, err := c.leader(t).propose("the same everywhere")
	require.NoError(t, err)
	c.requireEqualStates(t, []string{"the same everywhere"})
	odd := c.hosts[2]
	odd.machine.mu.Lock()
	odd.machine.operations[0] = "not the same here"
	odd.machine.mu.Unlock()
	report := ""
	eventually(t, "the replicas are seen to differ", func() bool {
		var statuses []Status
		for _, h := range c.hosts {
			statuses = append(statuses, h.replica.Status())
		}
		report = Disagreement(statuses)
		return report != "" && strings.Count(report, "host-") == 3
	})
	require.Regexp(t, `^replicas differ at index \d+: host-0 ([0-9a-f]{16}), host-1 ([0-9a-f]{16}), host-2 [0-9a-f]{16}$`, report)
	digests := strings.Fields(strings.ReplaceAll(report[strings.Index(report, ":"):], ",", ""))
	require.Equal(t, digests[2], digests[4], "the two that agree")
	require.NotEqual(t, digests[2], digests[6])
}

func TestDisagreement(t *testing.T) {
	status := func(host string, index, hash uint64) Status {
		return Status{HostID: host, Digest: StateDigest{Index: index, Hash: hash}}
	}
	for _, c := range []struct {
		name     string
		replicas []Status
		want     string
	}{
		{"none", nil, ""},
		{"equal", []Status{status("a", 5, 1), status("b", 5, 1), status("c", 5, 1)}, ""},
		{"no digest yet", []Status{status("a", 0, 0), status("b", 0, 1)}, ""},
		{"not of one index", []Status{status("a", 5, 1), status("b", 6, 2)}, ""},
		{"different", []Status{status("a", 5, 1), status("b", 6, 2), status("c", 5, 0xff)},
			"replicas differ at index 5: a 0000000000000001, c 00000000000000ff"},
	} {
		require.Equal(t, c.want, Disagreement(c.replicas), c.name)
	}
}

func TestNoDigestsWithoutAnInterval(t *testing.T) {
	cfg := testConfig()
	cfg.DigestInterval = 0
	c := newTestCluster(t, 1, cfg)
	leader := c.leader(t)
	require.False(t, leader.replica.digests.due())
	require.Zero(t, leader.replica.Status().Digest)
}

// slowSnapshot is written only once it may be.
type slowSnapshot struct {
	write    chan struct{}
	released chan struct{}
	err      error
}

func (s slowSnapshot) WriteTo(w io.Writer) (int64, error) {
	<-s.write
	if s.err != nil {
		return 0, s.err
	}
	n, err := w.Write([]byte("state"))
	return int64(n), err
}

func (s slowSnapshot) Release() { close(s.released) }

// TestADigestIsLeftOutWhileAnotherIsHashed holds one back, asks for a second, and lets later ones succeed, fail, and
// come too late.
func TestADigestIsLeftOutWhileAnotherIsHashed(t *testing.T) {
	c := newTestCluster(t, 1, testConfig())
	d := c.leader(t).replica.digests
	first := slowSnapshot{write: make(chan struct{}), released: make(chan struct{})}
	of := func(s Snapshot) func() (fsmSnapshot, error) {
		return func() (fsmSnapshot, error) { return fsmSnapshot{snapshot: s, last: 3}, nil }
	}
	d.take(10, of(first))
	d.take(11, func() (fsmSnapshot, error) {
		t.Error("a second state was captured")
		return fsmSnapshot{}, nil
	})
	require.Zero(t, d.last())
	close(first.write)
	<-first.released
	require.Equal(t, uint64(10), d.last().Index)

	failing := slowSnapshot{write: first.write, released: make(chan struct{}), err: errors.New("broken")}
	d.take(12, of(failing))
	<-failing.released
	require.Equal(t, uint64(10), d.last().Index, "a digest that failed does not count")
	d.take(13, func() (fsmSnapshot, error) { return fsmSnapshot{}, errors.New("no state") })
	third := slowSnapshot{write: first.write, released: make(chan struct{})}
	d.take(14, of(third))
	<-third.released
	require.Equal(t, uint64(14), d.last().Index)
	want, err := fsmSnapshot{snapshot: slowSnapshot{write: first.write}, last: 3}.digest(context.Background())
	require.NoError(t, err)
	require.Equal(t, want, d.last().Hash)
	other, err := fsmSnapshot{snapshot: slowSnapshot{write: first.write}, last: 4}.digest(context.Background())
	require.NoError(t, err)
	require.NotEqual(t, want, other, "the replicated time is part of the state")

	c.hosts[0].stop()
	late := slowSnapshot{write: first.write, released: make(chan struct{})}
	d.take(15, of(late))
	<-late.released
	require.Equal(t, uint64(14), d.last().Index)
}

func TestHashingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := fsmSnapshot{snapshot: logSnapshot{"x"}}.digest(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// An entry that asks for a digest changes nothing, the time included: to a program that does not know it, it is a
// barrier of long ago.
func TestADigestEntryChangesNothing(t *testing.T) {
	asked := uint64(0)
	f := fsm{name: "test", machine: &logMachine{}, last: 1000, takeDigest: func(index uint64, capture func() (fsmSnapshot, error)) {
		asked = index
		state, err := capture()
		require.NoError(t, err)
		require.Equal(t, int64(1000), state.last)
	}}
	require.Empty(t, f.Apply(&raft.Log{Index: 9, Data: digestEntry()}))
	require.Equal(t, uint64(9), asked)
	require.Equal(t, int64(1000), f.last)
	require.Empty(t, f.Apply(&raft.Log{Index: 10, Data: appendEntryHeader(nil, 1001, 0)}), "a barrier")
	require.Len(t, f.Apply(&raft.Log{Index: 11, Data: appendOperation(appendEntryHeader(nil, digestTime, 1), []byte("x"))}), 1,
		"an entry of a host whose clock is wrong")
	require.Equal(t, uint64(9), asked)
}
