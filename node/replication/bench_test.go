//go:build unix

package replication

import (
	"context"
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/node/nodetest"
	"chasqui/node/rpc"
	"chasqui/node/wal"
)

// idleMachine has no state: what is measured is the way of an operation to it.
type idleMachine struct{}

func (idleMachine) Apply(_ int64, operations [][]byte) []any { return make([]any, len(operations)) }
func (idleMachine) Snapshot() (Snapshot, error)              { return logSnapshot(nil), nil }
func (idleMachine) Restore(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// BenchmarkFlood keeps 4000 operations of a KiB on their way through three hosts of this process. Beside the time it
// reports the processor time that an operation takes on all of them together, which differs less from run to run.
func BenchmarkFlood(b *testing.B) {
	const window, size = 4000, 1 << 10
	cfg := DefaultConfig()
	cfg.GroupID, cfg.Name = 7, "flood"
	addresses := map[string]string{}
	for i := range 3 {
		cfg.Members = append(cfg.Members, Member{ID: fmt.Sprintf("host-%d", i)})
	}
	var starts []func() *Replica
	for _, m := range cfg.Members {
		host := nodetest.RealHostIn(b, m.ID, b.TempDir())
		listener, err := host.Network.Listen("127.0.0.1:0")
		require.NoError(b, err)
		addresses[m.ID] = listener.Addr().String()
		starts = append(starts, func() *Replica {
			journal, err := wal.Open(host, "journal", wal.DefaultConfig())
			require.NoError(b, err)
			server, client := rpc.NewServer(host, rpc.DefaultConfig()), rpc.NewClient(host, rpc.DefaultConfig())
			n := NewNode(host, server, client, journal, "snapshots", func(id string) (string, bool) {
				address, ok := addresses[id]
				return address, ok
			})
			host.Tasks.Go("serve", func(context.Context) {
				if err := server.Serve(listener); err != nil {
					b.Errorf("serve: %v", err)
				}
			})
			cfg := cfg
			cfg.HostID, cfg.Preferred = m.ID, m.ID == "host-0"
			replica, err := n.Start(cfg, idleMachine{})
			require.NoError(b, err)
			b.Cleanup(func() {
				n.Close()
				client.Close()
				server.Close()
				require.NoError(b, journal.Close())
			})
			return replica
		})
	}
	replicas := make([]*Replica, len(starts))
	for i, start := range starts {
		replicas[i] = start()
	}
	leader := replicas[0]
	require.Eventually(b, func() bool {
		ctx, cancel := context.WithTimeout(b.Context(), time.Second)
		defer cancel()
		return leader.IsLeader() && leader.ReadBarrier(ctx) == nil
	}, patience, 10*time.Millisecond)

	flood := func(operations int) {
		slots := make(chan struct{}, window)
		var wait sync.WaitGroup
		for range operations {
			slots <- struct{}{}
			wait.Add(1)
			leader.Submit(Operation{Data: make([]byte, size), Done: func(_ any, err error) {
				if err != nil {
					b.Error(err)
				}
				<-slots
				wait.Done()
			}})
		}
		wait.Wait()
	}
	flood(100_000) // until segments and memory are used again
	b.SetBytes(size)
	var before, after syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	b.ResetTimer()
	flood(b.N)
	b.StopTimer()
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	report := func(before, after syscall.Timeval, unit string) {
		b.ReportMetric(float64(after.Nano()-before.Nano())/float64(b.N), unit)
	}
	report(before.Utime, after.Utime, "user-ns/op")
	report(before.Stime, after.Stime, "system-ns/op")
}
