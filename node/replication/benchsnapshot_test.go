package replication

import (
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
)

// BenchmarkSnapshotFile writes a snapshot of 64 MiB in the pieces that a slot's state comes in, and reads it back.
func BenchmarkSnapshotFile(b *testing.B) {
	for _, disk := range []string{"memory", "real"} {
		b.Run(disk, func(b *testing.B) {
			host := nodetest.RealHost(b)
			if disk == "memory" {
				host.Disk = memdisk.New()
			}
			s, err := openSnapshotStore(host, "snapshots", &pace{clock: &nodetest.HastyClock{Clock: host.Clock}})
			require.NoError(b, err)
			piece := make([]byte, 256<<10+4)
			for i := range piece {
				piece[i] = byte(i * i >> 3)
			}
			const pieces = 256
			b.SetBytes(pieces * int64(len(piece)+4))
			index := uint64(0)
			for b.Loop() {
				index++
				sink, err := s.Create(1, index, 1, raft.Configuration{}, 1, nil)
				require.NoError(b, err)
				for range pieces {
					_, err := sink.Write(piece)
					require.NoError(b, err)
					_, err = sink.Write(piece[:4])
					require.NoError(b, err)
				}
				require.NoError(b, sink.Close())
			}
		})
	}
}
