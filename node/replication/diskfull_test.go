package replication

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
	"chasqui/node/rpc"
	"chasqui/node/wal"
)

const (
	smallSegment = 1 << 20
	// bulk is what each operation carries, so that a segment is soon full.
	bulk = 32 << 10
)

// replicaOn starts a group of one host on a disk. stop ends it; a host that ended itself fails the test.
func replicaOn(t *testing.T, disk node.Disk) (replica *Replica, machine *logMachine, stop func()) {
	t.Helper()
	host := nodetest.RealHost(t)
	host.Disk = disk
	journalConfig := wal.DefaultConfig()
	journalConfig.SegmentBytes = smallSegment
	journal, err := wal.Open(host, "journal", journalConfig)
	require.NoError(t, err)
	server, client := rpc.NewServer(host, rpc.DefaultConfig()), rpc.NewClient(host, rpc.DefaultConfig())
	n := NewNode(host, server, client, journal, "snapshots", nil)
	machine = &logMachine{}
	cfg := testConfig()
	cfg.HostID, cfg.Members, cfg.Preferred = "a", []Member{{ID: "a"}}, true
	replica, err = n.Start(cfg, machine)
	require.NoError(t, err)
	return replica, machine, func() {
		n.Close()
		client.Close()
		server.Close()
		require.NoError(t, journal.Close())
		host.Tasks.Stop()
	}
}

// TestAFullDiskLosesNothing fills the disk below a replica. What finds no room gets an error that does not say "not
// done"; the host need not end; with room the replica goes on by itself; and all that was acknowledged is there, also
// after a power cut.
func TestAFullDiskLosesNothing(t *testing.T) {
	disk := memdisk.New()
	disk.SetCapacity(4*smallSegment + smallSegment/2)
	replica, machine, stop := replicaOn(t, disk)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	eventually(t, "a leader", func() bool { return replica.ReadBarrier(ctx) == nil })

	var acknowledged, unknown []string
	submit := func() error {
		body := fmt.Sprintf("%d %s", len(acknowledged)+len(unknown), strings.Repeat("x", bulk))
		answer := make(chan error, 1)
		replica.Submit(Operation{Data: []byte(body), Done: func(_ any, err error) { answer <- err }})
		err := <-answer
		switch {
		case err == nil:
			acknowledged = append(acknowledged, body)
		case errors.Is(err, ErrUnknownOutcome):
			unknown = append(unknown, body)
		}
		return err
	}
	var err error
	for err == nil {
		err = submit()
	}
	disk.SetCapacity(1 << 30) // before raft has to write that it campaigns again
	require.ErrorIs(t, err, ErrUnknownOutcome)
	require.ErrorIs(t, err, node.ErrDiskFull)
	full := len(acknowledged)
	require.Greater(t, full, smallSegment/bulk, "more than a segment was written")

	eventually(t, "work goes on with room", func() bool { return submit() == nil })
	for range 2 * smallSegment / bulk {
		require.NoError(t, submit())
	}
	requireAll := func(m *logMachine) {
		t.Helper()
		have := map[string]bool{}
		for _, operation := range m.list() {
			require.False(t, have[operation], "applied twice")
			have[operation] = true
		}
		for i, operation := range acknowledged {
			require.True(t, have[operation], "operation %d of %d is gone; the disk was full after %d", i, len(acknowledged), full)
		}
		require.LessOrEqual(t, len(have), len(acknowledged)+len(unknown))
	}
	requireAll(machine)
	after := disk.CrashLosingEverythingUnsynced()
	stop()

	replica, machine, stop = replicaOn(t, after)
	defer stop()
	eventually(t, "a leader after the power cut", func() bool { return replica.ReadBarrier(ctx) == nil })
	requireAll(machine)
}
