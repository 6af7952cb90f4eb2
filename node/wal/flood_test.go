package wal

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
)

// TestSegmentsOfAFlood appends what takes many segments, at once and with hours between: only in a flood segments are made
// without being written, and a power cut does it no harm.
func TestSegmentsOfAFlood(t *testing.T) {
	for _, flood := range []bool{true, false} {
		disk := memdisk.New()
		host, _ := failingHost(t, disk)
		if !flood {
			host.Clock = &nodetest.HastyClock{Clock: host.Clock}
		}
		cfg := smallConfig()
		cfg.SegmentBytes = 256 << 10
		j, err := Open(host, testDir, cfg)
		require.NoError(t, err)
		var mu sync.Mutex
		allocated, filled := 0, 0
		disk.SetFault(func(op memdisk.Op) error {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case op.Kind == memdisk.OpTruncate:
				allocated++
			case op.Kind == memdisk.OpWrite && op.Len == 256<<10 && strings.HasPrefix(op.Name, testDir):
				filled++
			}
			return nil
		})
		const entries = 60
		for index := uint64(1); index <= entries; index++ {
			require.NoError(t, j.Group(1).Append([]Entry{{Index: index, Data: make([]byte, 60<<10)}}))
		}
		mu.Lock()
		if flood {
			require.Greater(t, allocated, 5)
			require.Less(t, filled, 4, "before the flood is known for one")
		} else {
			require.Zero(t, allocated)
			require.Greater(t, filled, 10)
		}
		mu.Unlock()
		disk.SetFault(nil)
		after := openOn(t, disk.CrashLosingEverythingUnsynced(), cfg)
		require.Equal(t, uint64(entries), after.Group(1).LastIndex())
		require.NoError(t, j.Close())
	}
}
