package metadata

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/replication"
	"chasqui/node/rpc"

	"github.com/stretchr/testify/require"
)

func TestManagerRegistersAndAssignsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, func(cfg *Config) { cfg.Slots = 4; cfg.Replicas = 2 })
		answer := c.beat(backendHost(0))
		require.Equal(t, StandingPending, answer.Standing)
		require.Empty(t, answer.Topology.Slots)
		synctest.Wait() // the heartbeat has woken the manager
		c.beat(backendHost(1))
		synctest.Wait()
		require.Equal(t, []string{"backend-0", "backend-1"}, hostIDs(c.servers[0].topology()))
		require.Empty(t, c.servers[0].topology().Slots, "two of three hosts are not enough")
		require.Equal(t, StandingAccepted, c.servers[0].mustBeat(t, backendHost(0)).Standing)

		c.beat(backendHost(2))
		synctest.Wait()
		topology := c.servers[0].topology()
		require.Len(t, topology.Slots, 4)
		require.Equal(t, []replication.Member{{ID: "backend-2", Address: "backend-2:1"}, {ID: "backend-0", Address: "backend-0:1"}}, topology.Slots[2].Members)

		// A fourth host is registered; the assignment stays.
		c.beat(backendHost(3))
		synctest.Wait()
		later := c.servers[0].topology()
		require.Len(t, later.Hosts, 4)
		require.Equal(t, topology.Slots, later.Slots)
		require.Greater(t, later.Version, topology.Version)
	})
}

func TestHostMovesAndImpostorIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		c.ready()
		moved := backendHost(1)
		moved.Address = "elsewhere:1"
		c.beat(moved)
		synctest.Wait()
		require.Equal(t, "elsewhere:1", c.servers[0].topology().Hosts[1].Address)
		require.Equal(t, "elsewhere:1", c.servers[0].topology().Slots[0].Members[1].Address)

		impostor := backendHost(1)
		impostor.Incarnation = 999
		answer := c.beat(impostor)
		require.Equal(t, StandingRefused, answer.Standing)
		require.Contains(t, answer.Message, "host backend-1 is registered with data folder 0000000000000065 and came back with 00000000000003e7")
		synctest.Wait()
		require.Equal(t, "elsewhere:1", c.servers[0].topology().Hosts[1].Address)

		// It does not keep the real host alive either, and operators see both.
		time.Sleep(2 * DeadAfter)
		c.beat(impostor)
		require.False(t, c.servers[0].topology().Hosts[1].Alive)
		backends := c.servers[0].status().Backends
		require.Len(t, backends, 4)
		require.Equal(t, StandingAccepted, backends[1].Standing)
		require.Equal(t, StandingRefused, backends[2].Standing)
		require.Equal(t, answer.Message, backends[2].Message)
	})
}

// A folder that replaces a lost one is accepted by hosts that know and is pending at those that do not yet know; the one
// that it replaced is refused.
func TestAFolderIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		c.ready()
		lost, next := backendHost(1), backendHost(1)
		next.Incarnation, next.RejoinMs, next.Address = 999, 5000, "elsewhere:1"
		require.Equal(t, StandingAccepted, c.beat(lost).Standing)
		require.Equal(t, StandingPending, c.beat(next).Standing)
		synctest.Wait()
		require.Equal(t, StandingAccepted, c.beat(next).Standing)
		require.Equal(t, "elsewhere:1", c.servers[0].topology().Hosts[1].Address)
		require.Equal(t, StandingRefused, c.beat(lost).Standing)
		earlier := next
		earlier.Incarnation, earlier.RejoinMs = 998, 4000
		require.Equal(t, StandingRefused, c.beat(earlier).Standing)
		synctest.Wait()
		require.Equal(t, StandingAccepted, c.beat(next).Standing)
	})
}

// A metadata host that lags does not know yet that a folder was replaced. It must not accept a process that comes with the
// old one: the process would serve, and vote, until another metadata host refuses it.
func TestAMetadataHostThatLagsAcceptsNobodyNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		c.ready()
		lost, next := backendHost(1), backendHost(1)
		next.Incarnation, next.RejoinMs = 999, 5000
		c.set(func() { c.leader = 2 })
		require.NoError(t, c.servers[2].replica.ReadBarrier(t.Context()))
		require.Equal(t, StandingAccepted, c.servers[2].mustBeat(t, lost).Standing, "it leads, and knows")
		c.set(func() { c.leader = 0 })
		require.Equal(t, StandingPending, c.servers[2].mustBeat(t, lost).Standing, "it may not know")
		c.servers[0].mustBeat(t, next)
		synctest.Wait()
		require.Equal(t, StandingAccepted, c.servers[0].mustBeat(t, next).Standing)
		require.Equal(t, StandingPending, c.servers[2].mustBeat(t, lost).Standing)
		require.Equal(t, StandingRefused, c.servers[0].mustBeat(t, lost).Standing)

		// A process that was accepted before needs no barrier with every heartbeat.
		info := HeartbeatInfo{Host: lost, Accepted: true}
		body, err := c.Call(t.Context(), metaAddress(2), methodHeartbeat, rpc.Encode(&info))
		require.NoError(t, err)
		var answer HeartbeatAnswer
		require.NoError(t, rpc.Decode(body, &answer))
		require.Equal(t, StandingAccepted, answer.Standing)
	})
}

func TestSlotLeaderIsThatOfTheHighestTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		c.ready()
		says := func(host int, term uint64, leader string) {
			c.beat(backendHost(host), replication.Status{Group: 3, Term: term, Leader: leader})
		}
		leaderOf := func() string { return c.servers[0].topology().Slots[3].Leader }
		require.Empty(t, leaderOf())
		says(0, 5, "backend-0")
		require.Equal(t, "backend-0", leaderOf())
		says(1, 6, "backend-2") // a follower knows of an election before the old leader does
		says(0, 5, "backend-0")
		says(2, 4, "backend-1") // has not heard of any of it
		require.Equal(t, "backend-2", leaderOf())
		says(1, 7, "") // a candidate knows no leader
		require.Equal(t, "backend-0", leaderOf(), "of those that are claimed")
		address, ok := c.servers[0].topology().Slots[3].LeaderAddress()
		require.True(t, ok)
		require.Equal(t, "backend-0:1", address)
		// Silence makes hosts dead and what they said void.
		require.True(t, c.servers[0].topology().Hosts[0].Alive)
		time.Sleep(DeadAfter)
		require.False(t, c.servers[0].topology().Hosts[0].Alive)
		require.EqualValues(t, DeadAfter.Milliseconds(), c.servers[0].topology().Hosts[0].AgeMs)
		require.Empty(t, leaderOf())
	})
}

func TestStatusFromAllHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		c.set(func() { c.leader = 1 })
		c.ready()
		client := c.client()
		_, err := client.CreateQueue(t.Context(), createOf("q"))
		require.NoError(t, err)
		c.beat(backendHost(0), replication.Status{Group: 0, Role: "leader", Term: 4, Leader: "backend-0", LastIndex: 10,
			Followers: []replication.FollowerStatus{{ID: "backend-1", Match: 7, Lag: 3, AgeMs: 5}}})
		c.beat(backendHost(1), replication.Status{Group: 0, Role: "follower", Term: 4, Leader: "backend-0", LastIndex: 7})
		c.set(func() { c.down[metaAddress(2)] = true })
		status, err := client.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, "meta-1", status.AnsweredBy)
		require.Equal(t, 1, status.Queues)
		require.Equal(t, []string{"follower", "leader", ""}, []string{status.Members[0].Group.Role, status.Members[1].Group.Role, status.Members[2].Group.Role})
		require.True(t, status.Members[1].Reachable)
		require.False(t, status.Members[2].Reachable)
		require.Contains(t, status.Members[2].Error, "connection refused")
		require.Equal(t, 7, status.Backends[0].PID)
		require.True(t, status.Backends[0].Alive)
		slot := status.Slots[0]
		require.Equal(t, "backend-0", slot.Leader)
		require.Equal(t, 1, slot.Partitions)
		require.EqualValues(t, 3, slot.Replicas[1].Lag)
		require.True(t, slot.Replicas[1].Heard)
		require.EqualValues(t, 7, slot.Replicas[1].Group.LastIndex)

		c.set(func() { c.down[metaAddress(0)], c.down[metaAddress(1)] = true, true })
		_, err = client.Status(t.Context())
		require.ErrorIs(t, err, ErrUnavailable)
	})
}

// TestReplicaErrors holds the three outcomes apart on the server's side.
func TestReplicaErrors(t *testing.T) {
	c := newCluster(t, 3, nil)
	s := c.servers[1]
	for _, test := range []struct {
		err    error
		change rpc.Code
		read   rpc.Code
	}{
		{replication.ErrNotLeader, rpc.CodeNotLeader, rpc.CodeNotLeader},
		{replication.ErrOverloaded, rpc.CodeOverloaded, rpc.CodeOverloaded},
		{replication.ErrExpired, rpc.CodeExpired, rpc.CodeExpired},
		{replication.ErrClosed, rpc.CodeUnavailable, rpc.CodeUnavailable},
		{replication.ErrUnknownOutcome, rpc.CodeUnknownOutcome, rpc.CodeUnavailable},
		{fmt.Errorf("%w: %w", replication.ErrUnknownOutcome, context.DeadlineExceeded), rpc.CodeUnknownOutcome, rpc.CodeUnavailable},
		{errors.New("anything else"), rpc.CodeUnknownOutcome, rpc.CodeUnavailable},
	} {
		for code, uncertain := range map[rpc.Code]rpc.Code{test.change: rpc.CodeUnknownOutcome, test.read: rpc.CodeUnavailable} {
			if test.change == test.read {
				uncertain = rpc.CodeUnknownOutcome
			}
			var remote *rpc.RemoteError
			require.ErrorAs(t, s.remoteError(test.err, uncertain), &remote)
			require.Equal(t, code, remote.Code, "%v", test.err)
		}
	}
	require.Equal(t, "meta-0 meta-0:1", s.leaderHint())
	require.Empty(t, c.servers[0].leaderHint(), "a host that has just lost the leadership must not name itself")
}

// TestServerRefusesWhatClientsMayNot sends what only the manager may propose, and rubbish.
func TestServerRefusesWhatClientsMayNot(t *testing.T) {
	c := newCluster(t, 1, nil)
	host := catalog.Command{Kind: catalog.KindRegisterHost, Host: backendHost(0)}
	for method, bodies := range map[rpc.Method][][]byte{
		methodChange:     {host.Encode(), {0xc1}, nil},
		methodGetQueue:   {nil, {0x93}},
		methodListQueues: {nil, {0xff}}, methodListSources: {nil, {0xff}}, methodListDeleted: {nil, {0xff}},
		methodHeartbeat: {nil, rpc.Encode(&HeartbeatInfo{})},
	} {
		for _, body := range bodies {
			_, err := c.servers[0].answer(t.Context(), method, body)
			var remote *rpc.RemoteError
			require.ErrorAs(t, err, &remote, "method %d", method)
			require.Equal(t, rpc.CodeBadRequest, remote.Code)
		}
	}
	_, err := c.servers[0].answer(t.Context(), 59, nil)
	require.ErrorContains(t, err, "no metadata method 59")
}

func TestLivenessIsBounded(t *testing.T) {
	l := newLiveness(DeadAfter)
	start := time.Unix(0, 0)
	for i := range heardMax + 10 {
		require.True(t, l.hear(HeartbeatInfo{Host: catalog.Host{ID: fmt.Sprint(i), Incarnation: 1}}, start.Add(time.Duration(i))))
	}
	require.Len(t, l.all(), heardMax)
	_, ok := l.of(&catalog.Host{ID: "9", Incarnation: 1})
	require.False(t, ok, "the oldest went first")
	_, ok = l.of(&catalog.Host{ID: "10", Incarnation: 1})
	require.True(t, ok)
}

func TestConfigValidate(t *testing.T) {
	good := DefaultConfig()
	good.HostID, good.Members = "a", []replication.Member{{ID: "a"}}
	require.NoError(t, good.Validate())
	for name, spoil := range map[string]func(*Config){
		"HostID": func(c *Config) { c.HostID = "" }, "Members": func(c *Config) { c.Members = nil },
		"Slots": func(c *Config) { c.Slots = 65 }, "Replicas": func(c *Config) { c.Replicas = 0 },
		"ExpectBackends": func(c *Config) { c.ExpectBackends = 0 }, "DeleteCooldown": func(c *Config) { c.DeleteCooldown = time.Hour },
		"PurgeCooldown": func(c *Config) { c.PurgeCooldown = -1 }, "RestoreWindow": func(c *Config) { c.RestoreWindow = 31 * 24 * time.Hour }, "DeadAfter": func(c *Config) { c.DeadAfter = 0 },
	} {
		bad := good
		spoil(&bad)
		require.ErrorContains(t, bad.Validate(), "setting "+name+" ")
	}
}

func TestRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, nil)
		topologies := make(chan Topology, 100)
		var registrars []*Registrar
		ends := make(chan error, 3)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 3 {
			r := NewRegistrar(c.host, c, []string{metaAddress(0), metaAddress(1), metaAddress(2)},
				func() HeartbeatInfo { return HeartbeatInfo{Host: backendHost(i)} }, func(topology Topology) {
					if i == 0 {
						topologies <- topology
					}
				})
			registrars = append(registrars, r)
			c.host.Tasks.Go("registrar", func(context.Context) { ends <- r.Run(ctx) })
		}
		require.Len(t, (<-topologies).Slots, 8)
		require.True(t, registrars[0].Accepted())
		time.Sleep(10 * HeartbeatInterval)
		for len(topologies) > 0 {
			require.Len(t, (<-topologies).Hosts, 3)
		}
		time.Sleep(10 * HeartbeatInterval)
		require.Empty(t, topologies, "nothing has changed")
		require.True(t, c.servers[2].liveness.alive(c.servers[2].liveness.all()[0], c.host.Clock.Now()), "followers hear heartbeats too")
		cancel()
		for range 3 {
			require.NoError(t, <-ends)
		}
	})
}

func TestRegistrarEndsWhenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, nil)
		c.ready()
		impostor := backendHost(0)
		impostor.Incarnation = 999
		r := NewRegistrar(c.host, c, []string{metaAddress(0), "unreachable:1"},
			func() HeartbeatInfo { return HeartbeatInfo{Host: impostor} }, func(Topology) { t.Error("a refused host must not start slots") })
		err := r.Run(t.Context())
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, "start the host on an empty one with --rejoin")
		require.False(t, r.Accepted())
	})
}

// TestStoppingTheHostEndsTheRegistrar: Run returns when the process's tasks are stopped, whatever its context.
func TestStoppingTheHostEndsTheRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := testHost(t)
		host.Tasks = node.NewTasks(context.Background())
		r := NewRegistrar(host, &cluster{down: map[string]bool{}}, []string{"unreachable:1"}, func() HeartbeatInfo { return HeartbeatInfo{Host: backendHost(0)} }, func(Topology) {})
		end := make(chan error)
		go func() { end <- r.Run(context.Background()) }()
		synctest.Wait()
		host.Tasks.Stop()
		require.NoError(t, <-end)
	})
}

func hostIDs(t *Topology) (ids []string) {
	for _, h := range t.Hosts {
		ids = append(ids, h.ID)
	}
	return ids
}

// mustBeat sends a heartbeat to one server.
func (s *Server) mustBeat(t *testing.T, h catalog.Host) *HeartbeatAnswer {
	t.Helper()
	body, err := s.answer(t.Context(), methodHeartbeat, rpc.Encode(&HeartbeatInfo{Host: h}))
	require.NoError(t, err)
	answer := new(HeartbeatAnswer)
	require.NoError(t, rpc.Decode(body, answer))
	return answer
}
