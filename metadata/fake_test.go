package metadata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/real"
	"chasqui/node/replication"
	"chasqui/node/rpc"

	"github.com/stretchr/testify/require"
)

// cluster is some metadata hosts over a log that never fails, and the network to them, which can.
type cluster struct {
	t       *testing.T
	host    node.Host
	servers []*Server

	mu       sync.Mutex // guards the fields below
	leader   int        // index of the host that leads; -1 for none
	term     uint64
	log      [][]byte
	down     map[string]bool // addresses that cannot be reached
	loseNext int             // so many of the next answers to changes are lost
	calls    []string        // "address method" of every call
}

const fakeNow = 1_700_000_000_000

func newCluster(t *testing.T, hosts int, change func(*Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, host: testHost(t), term: 1, down: map[string]bool{}}
	cfg := DefaultConfig()
	for i := range hosts {
		cfg.Members = append(cfg.Members, replication.Member{ID: fmt.Sprintf("meta-%d", i), Address: metaAddress(i)})
	}
	if change != nil {
		change(&cfg)
	}
	for i := range hosts {
		cfg.HostID = cfg.Members[i].ID
		require.NoError(t, cfg.Validate())
		m := newMachine()
		c.servers = append(c.servers, newServer(c.host, &fakeReplica{cluster: c, self: i, machine: m}, m, cfg))
	}
	t.Cleanup(func() {
		for _, s := range c.servers {
			s.Close()
			s.Close() // twice is harmless
		}
	})
	return c
}

func testHost(t *testing.T) node.Host {
	t.Helper()
	host, err := real.New(real.Options{Name: "test", LogOutput: io.Discard})
	require.NoError(t, err)
	t.Cleanup(host.Tasks.Stop)
	return host
}

func metaAddress(i int) string { return fmt.Sprintf("meta-%d:1", i) }

func (c *cluster) client() *Client {
	var addresses []string
	for i := range c.servers {
		addresses = append(addresses, metaAddress(i))
	}
	return NewClient(c.host, c, addresses)
}

// Call carries a call to the host at address, or does not.
func (c *cluster) Call(ctx context.Context, address string, m rpc.Method, body []byte) ([]byte, error) {
	c.mu.Lock()
	down := c.down[address]
	c.calls = append(c.calls, fmt.Sprintf("%s %d", address, m))
	c.mu.Unlock()
	if down {
		return nil, fmt.Errorf("%w: connection refused", rpc.ErrNotSent)
	}
	for i, s := range c.servers {
		if metaAddress(i) != address {
			continue
		}
		answer, err := s.answer(ctx, m, body)
		if m == methodChange && err == nil && c.losesAnswer() {
			return nil, fmt.Errorf("%w: connection lost", rpc.ErrUnknown)
		}
		return answer, err
	}
	return nil, fmt.Errorf("%w: no such host", rpc.ErrNotSent)
}

func (c *cluster) losesAnswer() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loseNext == 0 {
		return false
	}
	c.loseNext--
	return true
}

// set changes the cluster under its lock.
func (c *cluster) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// callsOf returns and forgets the calls made so far.
func (c *cluster) takeCalls() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

// beat sends a heartbeat of backend host b to every metadata host that is up and returns the last answer.
func (c *cluster) beat(h catalog.Host, groups ...replication.Status) *HeartbeatAnswer {
	c.t.Helper()
	var answer HeartbeatAnswer
	for i := range c.servers {
		info := HeartbeatInfo{Host: h, PID: 7, StartedMs: 8, Groups: groups}
		body, err := c.Call(context.Background(), metaAddress(i), methodHeartbeat, rpc.Encode(&info))
		if errors.Is(err, rpc.ErrNotSent) {
			continue
		}
		require.NoError(c.t, err)
		require.NoError(c.t, rpc.Decode(body, &answer))
	}
	return &answer
}

// fakeReplica is a member of the cluster's log. A follower, and a leader that has just won, has not applied the last
// entries: ReadBarrier and Propose make up for it, as in raft.
type fakeReplica struct {
	cluster *cluster
	self    int
	machine *machine
	applied int
}

func (r *fakeReplica) Propose(ctx context.Context, operation []byte) (any, error) {
	r.cluster.mu.Lock()
	defer r.cluster.mu.Unlock()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", replication.ErrExpired, ctx.Err())
	}
	if r.cluster.leader != r.self {
		return nil, replication.ErrNotLeader
	}
	r.cluster.log = append(r.cluster.log, operation)
	return r.catchUp(), nil
}

func (r *fakeReplica) ReadBarrier(context.Context) error {
	r.cluster.mu.Lock()
	defer r.cluster.mu.Unlock()
	if r.cluster.leader != r.self {
		return replication.ErrNotLeader
	}
	r.catchUp()
	return nil
}

// catchUp applies what is in the log and returns the last result. The cluster's lock is held.
func (r *fakeReplica) catchUp() (last any) {
	for ; r.applied < len(r.cluster.log); r.applied++ {
		last = r.machine.Apply(fakeNow, [][]byte{r.cluster.log[r.applied]})[0]
	}
	return last
}

func (r *fakeReplica) IsLeader() bool {
	r.cluster.mu.Lock()
	defer r.cluster.mu.Unlock()
	return r.cluster.leader == r.self
}

func (r *fakeReplica) Leader() (string, bool) {
	r.cluster.mu.Lock()
	defer r.cluster.mu.Unlock()
	if r.cluster.leader < 0 {
		return "", false
	}
	return fmt.Sprintf("meta-%d", r.cluster.leader), true
}

func (r *fakeReplica) Status() replication.Status {
	r.cluster.mu.Lock()
	defer r.cluster.mu.Unlock()
	status := replication.Status{Name: "catalog", HostID: fmt.Sprintf("meta-%d", r.self), Role: "follower",
		Term: r.cluster.term, AppliedIndex: uint64(r.applied), LastIndex: uint64(len(r.cluster.log))}
	if r.cluster.leader == r.self {
		status.Role = roleLeader
	}
	return status
}

// backendHost is the registration of a backend host of the tests.
func backendHost(i int) catalog.Host {
	return catalog.Host{ID: fmt.Sprintf("backend-%d", i), Incarnation: uint64(100 + i), Address: fmt.Sprintf("backend-%d:1", i), Zone: "dc"}
}

// ready registers three backend hosts and waits until the slots are assigned.
func (c *cluster) ready() {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		for i := range 3 {
			c.beat(backendHost(i))
		}
		return len(c.servers[c.leader].topology().Slots) > 0
	}, 10*DeadAfter, HeartbeatInterval)
}
