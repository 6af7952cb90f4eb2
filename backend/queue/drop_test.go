package queue

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A deletion may bring settings that the partition has not heard of. They count, as if they had come by themselves.
func TestADeletionBringsSettings(t *testing.T) {
	m, id := NewMachine(), PartitionID{Queue: 1}
	apply := func(nowMs int64, version uint64, c Command) *Result {
		c.Partition, c.SettingsVersion = id, version
		result := m.ApplyCommand(nowMs, &c)
		require.Equal(t, OK, result.Code, "%v", c.Kind)
		checkIndexes(t, m)
		return result
	}
	settings := func(version uint64, delayMs int64) *Settings {
		return &Settings{Version: version, FIFO: true, RetentionMs: 60_000, DelayMs: delayMs}
	}
	apply(1000, 1, Command{Kind: KindConfigure, Settings: settings(1, 50_000)})
	apply(1000, 1, Command{Kind: KindSend, Sends: []Send{{Group: "g", DedupID: "d", DelayMs: 50_000}}})
	apply(2000, 3, Command{Kind: KindDrop, Keep: &Keep{Settings: *settings(3, 5000), KeepMs: 100_000}})
	apply(3000, 4, Command{Kind: KindConfigure, Settings: settings(4, 5000)})
	receive := Command{Kind: KindReceive, Receive: &Receive{Max: 1}}
	require.Empty(t, apply(5999, 4, receive).Messages)
	require.Len(t, apply(6000, 4, receive).Messages, 1)
}
