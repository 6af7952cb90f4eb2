package metadata_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"chasqui/metadata"
	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/real"
	"chasqui/node/replication"
	"chasqui/node/rpc"
	"chasqui/node/wal"

	"github.com/stretchr/testify/require"
)

// member is one metadata host with a disk, raft and TCP.
type member struct {
	host     node.Host
	listener net.Listener
	rpc      *rpc.Server
	client   *rpc.Client
	journal  *wal.Journal
	replicas *replication.Node
	server   *metadata.Server
}

func newHost(t *testing.T, name, dir string) node.Host {
	t.Helper()
	host, err := real.New(real.Options{Name: name, DataDir: dir, LogOutput: io.Discard, Fail: func(err error) { t.Errorf("%s failed: %v", name, err) }})
	require.NoError(t, err)
	t.Cleanup(host.Tasks.Stop)
	return host
}

func startMembers(t *testing.T, count int) (members []*member, addresses []string) {
	t.Helper()
	cfg := metadata.DefaultConfig()
	for i := range count {
		m := &member{host: newHost(t, fmt.Sprintf("meta-%d", i), t.TempDir())}
		var err error
		m.listener, err = m.host.Network.Listen("127.0.0.1:0")
		require.NoError(t, err)
		members = append(members, m)
		addresses = append(addresses, m.listener.Addr().String())
		cfg.Members = append(cfg.Members, replication.Member{ID: m.host.Name, Address: addresses[i]})
	}
	cfg.Replication.HeartbeatTimeout = 200 * time.Millisecond
	for i, m := range members {
		cfg.HostID, cfg.Replication.Preferred = m.host.Name, i == 0
		m.start(t, cfg)
		t.Cleanup(func() { m.stop(t) })
	}
	return members, addresses
}

func (m *member) start(t *testing.T, cfg metadata.Config) {
	t.Helper()
	journal := wal.DefaultConfig()
	journal.SegmentBytes, journal.FrameBytes, journal.RelocateBytes, journal.WatermarkBytes = 4<<20, 1<<20, 1<<20, 1<<20
	var err error
	m.journal, err = wal.Open(m.host, "journal", journal)
	require.NoError(t, err)
	m.rpc, m.client = rpc.NewServer(m.host, rpc.DefaultConfig()), rpc.NewClient(m.host, rpc.DefaultConfig())
	m.replicas = replication.NewNode(m.host, m.rpc, m.client, m.journal, "snapshots", nil)
	m.server, err = metadata.NewServer(m.host, m.rpc, m.replicas, cfg)
	require.NoError(t, err)
	m.host.Tasks.Go("serve", func(context.Context) {
		if err := m.rpc.Serve(m.listener); err != nil && !errors.Is(err, rpc.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
	})
}

func (m *member) stop(t *testing.T) {
	t.Helper()
	if m.server == nil {
		return
	}
	m.server.Close()
	m.replicas.Close()
	m.rpc.Close()
	m.client.Close()
	require.NoError(t, m.journal.Close())
	m.server = nil
}

// TestOverRaft runs three metadata hosts on TCP and disks: backends register, a queue is created, the leader stops, and
// nothing acknowledged is gone.
func TestOverRaft(t *testing.T) {
	members, addresses := startMembers(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	host := newHost(t, "outside", "")
	caller := rpc.NewClient(host, rpc.DefaultConfig())
	defer caller.Close()
	for i := range 3 {
		info := metadata.HeartbeatInfo{Host: catalog.Host{ID: fmt.Sprintf("backend-%d", i), Incarnation: 1, Address: fmt.Sprintf("backend-%d:1", i)}}
		r := metadata.NewRegistrar(host, caller, addresses, func() metadata.HeartbeatInfo { return info }, func(metadata.Topology) {})
		host.Tasks.Go("registrar", func(ctx context.Context) {
			if err := r.Run(ctx); err != nil {
				t.Errorf("registrar: %v", err)
			}
		})
	}
	client := metadata.NewClient(host, caller, addresses)
	created, err := client.CreateQueue(ctx, metadata.CreateRequest{Account: "111122223333", Name: "q"})
	require.NoError(t, err)
	sources, _, err := client.ListSources(ctx, "111122223333", "arn", "", 1)
	require.NoError(t, err, "every method has a handler")
	require.Empty(t, sources)
	require.Equal(t, []uint16{0}, created.Slots)

	status, err := client.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, status.Queues)
	require.Len(t, status.Slots, 8)
	leader := -1
	for i, m := range status.Members {
		require.True(t, m.Reachable, m.Error)
		if m.Group.Role == "leader" {
			leader = i
		}
	}
	require.NotEqual(t, -1, leader)
	members[leader].stop(t)

	got, err := client.GetQueue(ctx, "111122223333", "q")
	require.NoError(t, err)
	require.Equal(t, created, got)
	changed, err := client.SetAttributes(ctx, metadata.SetRequest{Account: "111122223333", Name: "q",
		Given: []string{"DelaySeconds"}, Attributes: catalog.Attributes{DelaySeconds: 7}})
	require.NoError(t, err)
	require.Greater(t, changed.Version, created.Version)

	cache, err := metadata.NewCache(host, client, metadata.DefaultCacheConfig())
	require.NoError(t, err)
	defer cache.Close()
	require.NoError(t, cache.Refresh(ctx))
	require.Equal(t, 8, cache.SlotCount())
	require.Equal(t, []string{"backend-1:1", "backend-2:1", "backend-0:1"}, cache.SlotMembers(1))
	cached, err := cache.Queue(ctx, "111122223333", "q")
	require.NoError(t, err)
	require.Equal(t, changed, cached)
}
