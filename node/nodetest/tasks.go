package nodetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
)

// testTasks checks that a host's tasks run and end with it. node's own tests go further.
func testTasks(t *testing.T, newHost func(t *testing.T) node.Host) {
	t.Run("stop ends the contexts and waits", func(t *testing.T) {
		host := newHost(t)
		ended := make(chan string, 1)
		require.True(t, host.Tasks.Go("waiter", func(ctx context.Context) {
			<-ctx.Done()
			ended <- ctx.Err().Error()
		}))
		host.Tasks.Stop()
		select {
		case why := <-ended:
			require.Equal(t, context.Canceled.Error(), why)
		default:
			require.Fail(t, "stop returned before the task did")
		}
	})
	t.Run("nothing starts after stop", func(t *testing.T) {
		host := newHost(t)
		host.Tasks.Stop()
		require.False(t, host.Tasks.Go("late", func(context.Context) { t.Error("started after stop") }))
		host.Tasks.Stop()
	})
}

// testRandom checks that randomness is not a constant, within a host and between hosts.
func testRandom(t *testing.T, newHost func(t *testing.T) node.Host) {
	t.Run("draws differ", func(t *testing.T) {
		one, other := newHost(t).Random, newHost(t).Random
		seen := map[string]bool{}
		for range 100 {
			for _, random := range []node.Random{one, other} {
				key := make([]byte, 16)
				n, err := random.Read(key)
				require.NoError(t, err)
				require.Equal(t, len(key), n)
				require.False(t, seen[string(key)], "16 random bytes came twice")
				seen[string(key)] = true
			}
		}
	})
	t.Run("numbers use all their bits", func(t *testing.T) {
		random := newHost(t).Random
		var ones, zeros uint64
		for range 1000 {
			n := random.Uint64()
			ones, zeros = ones|n, zeros|^n
		}
		require.Equal(t, ^uint64(0), ones)
		require.Equal(t, ^uint64(0), zeros)
	})
}
