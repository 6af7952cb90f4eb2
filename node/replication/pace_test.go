package replication

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"chasqui/node/nodetest"
)

// TestSnapshotsArePaced writes a snapshot in virtual time, in which the disk takes none.
func TestSnapshotsArePaced(t *testing.T) {
	host := nodetest.RealHost(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := openSnapshotStore(host, "snapshots", &pace{clock: host.Clock})
		require.NoError(t, err)
		write := func(bytes int) time.Duration {
			start := time.Now()
			sink, err := s.Create(1, 1, 1, raft.Configuration{}, 1, nil)
			require.NoError(t, err)
			_, err = sink.Write(make([]byte, bytes))
			require.NoError(t, err)
			require.NoError(t, sink.Close())
			return time.Since(start)
		}
		require.InDelta(t, time.Second, write(snapshotBytesPerSecond/2), float64(50*time.Millisecond),
			"half is written and half is read back")
		time.Sleep(time.Minute)
		require.Less(t, write(100), 50*time.Millisecond, "a small one does not wait")

		sink, err := s.Create(1, 2, 1, raft.Configuration{}, 1, nil)
		require.NoError(t, err)
		s.abandon()
		_, err = sink.Write(make([]byte, 4*snapshotBlockBytes))
		require.ErrorIs(t, err, errAbandoned)
		require.NoError(t, sink.Cancel())
	})
}
