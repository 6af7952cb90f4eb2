package balancer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/rpc"
)

// process is a balancer with the RPC server and client that it has in a process of its own.
type process struct {
	balancer *Balancer
	server   *rpc.Server
	client   *rpc.Client
}

func startProcess(t *testing.T, host node.Host, cfg Config, control, peer string) process {
	t.Helper()
	host.Tasks = host.Tasks.Group()
	p := process{server: rpc.NewServer(host, rpc.DefaultConfig()), client: rpc.NewClient(host, rpc.DefaultConfig())}
	var err error
	p.balancer, err = New(host, cfg, NewPeer(p.client, peer))
	require.NoError(t, err)
	p.balancer.Register(p.server)
	listener, err := host.Network.Listen(control)
	require.NoError(t, err)
	host.Tasks.Go("serve", func(context.Context) { _ = p.server.Serve(listener) })
	p.balancer.Start()
	t.Cleanup(func() { p.stop(); host.Tasks.Stop() })
	return p
}

func (p process) stop() {
	p.server.Close()
	p.balancer.Stop()
	p.client.Close()
}

func TestAPairOverTheNetwork(t *testing.T) {
	host := newHost(t)
	primaryConfig, secondaryConfig := pairConfigs(t, host)
	a, b := freeAddress(t, host), freeAddress(t, host)
	primary := startProcess(t, host, primaryConfig, a, b)
	eventually(t, "the primary holds", holds(primary.balancer))
	secondary := startProcess(t, host, secondaryConfig, b, a)
	eventually(t, "they hear each other", func() bool {
		return secondary.balancer.view().condition == peerAnswers && primary.balancer.view().condition == peerAnswers
	})
	require.False(t, secondary.balancer.State().Holding)
	primary.stop()
	eventually(t, "the secondary takes over", holds(secondary.balancer))

	returned := startProcess(t, host, primaryConfig, a, b)
	eventually(t, "the primary hears of the holder", func() bool { return returned.balancer.view().peer.Holding })
	require.False(t, returned.balancer.State().Holding)
}

func TestStatesOnTheWire(t *testing.T) {
	for _, state := range []State{{ID: "balancer-1", Priority: Primary, Holding: true}, {ID: "", Priority: Secondary}} {
		var got State
		require.NoError(t, rpc.Decode(rpc.Encode(&state), &got))
		require.Equal(t, state, got)
	}
	golden := []byte{0x94, 1, 0xa1, 'x', 2, 0xc3}
	require.Equal(t, golden, rpc.Encode(&State{ID: "x", Priority: Secondary, Holding: true}))
	for _, bad := range [][]byte{nil, {0x93, 1, 0xa1, 'x', 2}, {0x94, 2, 0xa1, 'x', 2, 0xc3}, {0x94, 1, 0xa1, 'x', 3, 0xc3}, {0x94, 1, 0xdb, 0xff, 0xff, 0xff, 0xff}} {
		var state State
		require.Error(t, rpc.Decode(bad, &state), "%x", bad)
	}
}
