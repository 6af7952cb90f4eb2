package backend

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/backend/queue"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/nodetest"
	"chasqui/node/replication"
	"chasqui/node/rpc"
	"chasqui/node/wal"
)

const (
	patience = 20 * time.Second
	slot     = uint16(0)
	// stateBytesMax is far above what the tests keep, but for the one that fills it.
	stateBytesMax = 4 << 20
)

// world is one backend host with one slot, on real TCP, and a client that knows where it is.
type world struct {
	t        *testing.T
	host     node.Host
	server   *Server
	client   *Client
	topology *fixedTopology
	records  *fixedRecords
}

// fixedTopology is a Topology that a test sets.
type fixedTopology struct{ addresses []string }

func (f *fixedTopology) SlotLeader(uint16) (string, bool) { return "", false }
func (f *fixedTopology) SlotMembers(uint16) []string      { return f.addresses }
func (f *fixedTopology) Refresh(context.Context) error    { return nil }

func newWorld(t *testing.T) *world {
	t.Helper()
	host := nodetest.RealHost(t)
	cfg := wal.DefaultConfig()
	cfg.SegmentBytes = 4 << 20
	journal, err := wal.Open(host, "journal", cfg)
	require.NoError(t, err)
	rpcServer, rpcClient := rpc.NewServer(host, rpc.DefaultConfig()), rpc.NewClient(host, rpc.DefaultConfig())
	listener, err := host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	resolve := func(string) (string, bool) { return address, true }
	replicas := replication.NewNode(host, rpcServer, rpcClient, journal, "snapshots", resolve)
	limits := DefaultConfig()
	limits.MaxStateBytes = stateBytesMax
	limits.Replication.HostID, limits.Replication.HeartbeatTimeout = "backend-1", 50*time.Millisecond
	server := NewServer(host, rpcServer, replicas, limits, resolve)
	host.Tasks.Go("serve", func(context.Context) {
		if err := rpcServer.Serve(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		server.Close()
		replicas.Close()
		rpcClient.Close()
		rpcServer.Close()
		require.NoError(t, journal.Close())
	})
	topology := &fixedTopology{addresses: []string{address}}
	w := &world{t: t, host: host, server: server, client: NewClient(host, rpcClient, topology), topology: topology, records: newFixedRecords()}
	server.MoveWith(NewRedriver(w.records, w.client))
	require.NoError(t, server.Ensure(slot, []replication.Member{{ID: "backend-1", Address: address}}))
	return w
}

// fixedRecords is Records that a test sets, with a cache that is as old as it may be.
type fixedRecords struct {
	mu     sync.Mutex // guards the fields below
	known  map[string]*catalog.Queue
	cached map[string]*catalog.Queue
}

func newFixedRecords() *fixedRecords {
	return &fixedRecords{known: map[string]*catalog.Queue{}, cached: map[string]*catalog.Queue{}}
}

func (f *fixedRecords) Queue(_ context.Context, _, name string) (*catalog.Queue, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cached[name] == nil {
		f.cached[name] = f.known[name]
	}
	if f.cached[name] == nil {
		return nil, metadata.ErrNoSuchQueue
	}
	return f.cached[name], nil
}

func (f *fixedRecords) Invalidate(_, name string, olderThan uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if q := f.cached[name]; q != nil && q.Version < olderThan {
		delete(f.cached, name)
	}
}

// set changes what is known, not what is cached.
func (f *fixedRecords) set(name string, q *catalog.Queue) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[name] = q
}

// do carries out a command that must be answered.
func (w *world) do(command queue.Command, wait time.Duration) *queue.Result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	result, err := w.client.Do(ctx, slot, &command, wait)
	require.NoError(w.t, err)
	return result
}

var partition = queue.PartitionID{Queue: 1}

// configure gives the partition its settings.
func (w *world) configure(version uint64, fifo bool) {
	w.t.Helper()
	result := w.do(queue.Command{Kind: queue.KindConfigure, Partition: partition, Settings: &queue.Settings{
		Version: version, FIFO: fifo, RetentionMs: 345_600_000,
	}}, 0)
	require.Equal(w.t, queue.OK, result.Code)
}

func (w *world) send(sends ...queue.Send) {
	w.t.Helper()
	result := w.do(queue.Command{Kind: queue.KindSend, Partition: partition, SettingsVersion: 1, Sends: sends}, 0)
	require.Equal(w.t, queue.OK, result.Code)
}

func receive(max int, visibility time.Duration) queue.Command {
	return queue.Command{Kind: queue.KindReceive, Partition: partition, SettingsVersion: 1,
		Receive: &queue.Receive{Max: max, VisibilityMs: visibility.Milliseconds()}}
}

// poll starts a long poll and returns where its result will be, once it is parked at the leader.
func (w *world) poll() <-chan *queue.Result {
	w.t.Helper()
	before := w.server.slots[slot].Waiting()
	results := make(chan *queue.Result, 1)
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	go func() {
		defer cancel()
		command := receive(1, time.Minute)
		result, err := w.client.Do(ctx, slot, &command, patience/2)
		if err != nil {
			w.t.Errorf("long poll: %v", err)
		}
		results <- result
	}()
	require.Eventually(w.t, func() bool { return w.server.slots[slot].Waiting() > before }, patience, time.Millisecond)
	return results
}

// refusing returns the address of a port that nobody listens on.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
