package replication

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/nodetest"
	"chasqui/node/rpc"
	"chasqui/node/wal"
)

// patience bounds what must happen soon; nothing waits for it unless a test fails.
const patience = 20 * time.Second

// logMachine is a state machine that keeps every operation in order; the result is its position.
type logMachine struct {
	mu         sync.Mutex
	operations []string
	lastNow    int64
}

func (m *logMachine) Apply(now int64, operations [][]byte) []any {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now < m.lastNow {
		panic(fmt.Sprintf("time ran back from %d to %d", m.lastNow, now))
	}
	m.lastNow = now
	results := make([]any, len(operations))
	for i, o := range operations {
		m.operations = append(m.operations, string(o))
		results[i] = len(m.operations)
	}
	return results
}

func (m *logMachine) Snapshot() (Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return logSnapshot(m.operations[:len(m.operations):len(m.operations)]), nil
}

func (m *logMachine) Restore(r io.Reader) error {
	all, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.operations = nil
	for len(all) > 0 {
		n := binary.LittleEndian.Uint32(all)
		m.operations = append(m.operations, string(all[4:4+n]))
		all = all[4+n:]
	}
	return nil
}

func (m *logMachine) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.operations...)
}

type logSnapshot []string

func (s logSnapshot) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for _, o := range s {
		n, err := w.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(o))), o...))
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s logSnapshot) Release() {}

// cutNetwork is a host's network with a plug: while it is pulled nothing gets in or out.
type cutNetwork struct {
	node.Network
	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

var errCut = errors.New("network is cut")

func (n *cutNetwork) set(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	if cut {
		for c := range n.conns {
			c.Close()
		}
		clear(n.conns)
	}
}

func (n *cutNetwork) admit(c net.Conn) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		c.Close()
		return errCut
	}
	n.conns[c] = true
	return nil
}

func (n *cutNetwork) Dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := n.Network.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return c, n.admit(c)
}

func (n *cutNetwork) Listen(address string) (net.Listener, error) {
	l, err := n.Network.Listen(address)
	return cutListener{l, n}, err
}

type cutListener struct {
	net.Listener
	network *cutNetwork
}

func (l cutListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.network.admit(c) == nil {
			return c, nil
		}
	}
}

// testHost is one host of a test cluster; it can be stopped and started again on its disk.
type testHost struct {
	t       *testing.T
	id      string
	dir     string
	disk    node.Disk // instead of dir
	cluster *testCluster
	address atomic.Value // string
	network *cutNetwork
	lines   logLines

	rejoin  bool // start with Config.Rejoin
	running bool
	tasks   *node.Tasks
	server  *rpc.Server
	client  *rpc.Client
	journal *wal.Journal
	node    *Node
	replica *Replica
	machine *logMachine
}

type testCluster struct {
	hosts []*testHost
	cfg   Config
}

func testConfig() Config {
	cfg := DefaultConfig()
	cfg.GroupID, cfg.Name = 7, "test"
	cfg.HeartbeatTimeout = 150 * time.Millisecond
	cfg.CommitTimeout = 50 * time.Millisecond
	cfg.CheckInterval = 20 * time.Millisecond
	return cfg
}

func newTestCluster(t *testing.T, size int, cfg Config) *testCluster {
	c := layTestCluster(t, size, cfg)
	for _, h := range c.hosts {
		h.start()
	}
	return c
}

// layTestCluster is newTestCluster whose hosts are not started.
func layTestCluster(t *testing.T, size int, cfg Config) *testCluster {
	c := &testCluster{cfg: cfg}
	for i := range size {
		h := &testHost{t: t, id: fmt.Sprintf("host-%d", i), dir: t.TempDir(), cluster: c}
		h.address.Store("")
		c.hosts = append(c.hosts, h)
		c.cfg.Members = append(c.cfg.Members, Member{ID: h.id})
	}
	return c
}

func (h *testHost) start() {
	h.t.Helper()
	host := nodetest.RealHostIn(h.t, h.id, h.dir)
	if h.disk != nil {
		host.Disk = h.disk
	}
	h.network = &cutNetwork{Network: host.Network, conns: make(map[net.Conn]bool)}
	host.Network = h.network
	host.Log = slog.New(slog.NewMultiHandler(host.Log.Handler(), slog.NewJSONHandler(&h.lines, nil)))
	h.tasks = host.Tasks
	journalConfig := wal.DefaultConfig()
	journalConfig.SegmentBytes = 4 << 20
	var err error
	h.journal, err = wal.Open(host, "journal", journalConfig)
	require.NoError(h.t, err)
	h.server, h.client = rpc.NewServer(host, rpc.DefaultConfig()), rpc.NewClient(host, rpc.DefaultConfig())
	listener, err := host.Network.Listen("127.0.0.1:0")
	require.NoError(h.t, err)
	h.address.Store(listener.Addr().String())
	h.node = NewNode(host, h.server, h.client, h.journal, "snapshots", func(id string) (string, bool) {
		for _, other := range h.cluster.hosts {
			if other.id == id {
				address := other.address.Load().(string)
				return address, address != ""
			}
		}
		return "", false
	})
	host.Tasks.Go("serve", func(context.Context) {
		if err := h.server.Serve(listener); err != nil {
			h.t.Errorf("serve: %v", err)
		}
	})
	h.machine = &logMachine{}
	cfg := h.cluster.cfg
	cfg.HostID = h.id
	cfg.Preferred = h.id == "host-0"
	cfg.Rejoin = h.rejoin
	h.replica, err = h.node.Start(cfg, h.machine)
	require.NoError(h.t, err)
	h.running = true
	h.t.Cleanup(h.stop) // before the host's own cleanup, which ends all its tasks
}

func (h *testHost) stop() {
	if !h.running {
		return
	}
	h.running = false
	h.node.Close()
	h.client.Close()
	h.server.Close()
	require.NoError(h.t, h.journal.Close())
	h.tasks.Stop()
}

// eventually polls on a condition that other goroutines bring about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, 2*time.Millisecond, what)
}

func (c *testCluster) leader(t *testing.T) *testHost {
	t.Helper()
	var leader *testHost
	eventually(t, "a leader that can commit", func() bool {
		for _, h := range c.hosts {
			if h.running && h.replica.IsLeader() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				err := h.replica.ReadBarrier(ctx)
				cancel()
				if err == nil {
					leader = h
					return true
				}
			}
		}
		return false
	})
	return leader
}

func (h *testHost) propose(operation string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	result, err := h.replica.Propose(ctx, []byte(operation))
	if err != nil {
		return 0, err
	}
	return result.(int), nil
}

func (c *testCluster) requireEqualStates(t *testing.T, want []string) {
	t.Helper()
	for _, h := range c.hosts {
		if !h.running {
			continue
		}
		eventually(t, h.id+" has all operations", func() bool { return len(h.machine.list()) == len(want) })
		require.Equal(t, want, h.machine.list(), h.id)
	}
}

// newNodeWithoutNetwork returns a node that reaches nobody.
func newNodeWithoutNetwork(host node.Host, journal *wal.Journal) *Node {
	server, client := rpc.NewServer(host, rpc.DefaultConfig()), rpc.NewClient(host, rpc.DefaultConfig())
	return NewNode(host, server, client, journal, "snapshots", nil)
}
