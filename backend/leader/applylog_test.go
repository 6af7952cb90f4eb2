package leader

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"chasqui/backend/queue"

	"github.com/stretchr/testify/require"
)

// The lines of one entry of each kind, as package linearizability reads them.
func TestApplyLogSaysWhatWasDone(t *testing.T) {
	var out bytes.Buffer
	audit := ApplyLog(slog.New(slog.NewTextHandler(&out, nil)), "slot-3")
	machine := queue.NewMachine()
	partition := queue.PartitionID{Queue: 7, Partition: 1}
	apply := func(index uint64, nowMs int64, commands ...queue.Command) string {
		out.Reset()
		var operations [][]byte
		for i := range commands {
			commands[i].Partition = partition
			operations = append(operations, commands[i].Encode())
		}
		audit(index, nowMs, operations, machine.Apply(nowMs, operations))
		_, line, _ := strings.Cut(out.String(), "msg=")
		return line
	}
	settings := &queue.Settings{Version: 2, FIFO: true, RetentionMs: 60_000, DelayMs: 7}
	send := queue.Command{Kind: queue.KindSend, SettingsVersion: 2, Session: 9, Seq: 1, LowWater: 1, Sends: []queue.Send{
		{MessageID: [16]byte{0xab, 15: 1}, Body: []byte("secret"), Group: "a b/c", DedupID: "d:1", DelayMs: 0},
	}}
	require.Equal(t, "applied group=slot-3 index=4 at=1000 commands=configure/7/1/0/0/0/0/2:1:60000:0:at-least-once:0:7/ok/;"+
		"send/7/1/9/1/1/2/ab000000000000000000000000000001:a%20b%2Fc:d%3A1:0/ok/ab000000000000000000000000000001:1:0:ok\n",
		apply(4, 1000, queue.Command{Kind: queue.KindConfigure, Settings: settings}, send))
	require.Equal(t, "applied group=slot-3 index=5 at=1001 commands=receive/7/1/0/0/0/2/10:5000:try/ok/ab000000000000000000000000000001:1:1\n",
		apply(5, 1001, queue.Command{Kind: queue.KindReceive, SettingsVersion: 2, Receive: &queue.Receive{Max: 10, VisibilityMs: 5000, AttemptID: "try"}}))
	handle := queue.Handle{Seq: 1, Receive: 1}
	require.Equal(t, "applied group=slot-3 index=6 at=1002 commands=visibility/7/1/0/0/0/2/1:1:7000/ok/ok;delete/7/1/0/0/0/2/1:1+1:9/ok/ok+ok\n",
		apply(6, 1002,
			queue.Command{Kind: queue.KindVisibility, SettingsVersion: 2, Changes: []queue.VisibilityChange{{Handle: handle, VisibilityMs: 7000}}},
			queue.Command{Kind: queue.KindDelete, SettingsVersion: 2, Deletes: []queue.Handle{handle, {Seq: 1, Receive: 9}}}))
	require.Equal(t, "applied group=slot-3 index=7 at=1003 commands=purge/7/1/0/0/0/1//stale-settings/;drop/7/1/0/0/0/0//ok/\n",
		apply(7, 1003, queue.Command{Kind: queue.KindPurge, SettingsVersion: 1}, queue.Command{Kind: queue.KindDrop}))
	partition.Partition = 2
	require.Equal(t, "applied group=slot-3 index=8 at=1004 commands=configure/7/2/0/0/0/0/3:0:60000:0:at-most-once:5:0/ok/;"+
		"settle/7/2/0/0/0/0/3:0/ok/;drop/7/2/0/0/0/0/4:0:60000:0:exactly-once:0:0:9000/ok/\n",
		apply(8, 1004,
			queue.Command{Kind: queue.KindConfigure, Settings: &queue.Settings{Version: 3, RetentionMs: 60_000, Delivery: queue.AtMostOnce,
				Redrive: queue.Redrive{MaxReceives: 5, Target: queue.Target{Account: "1", Name: "dead"}, SourceARN: "arn"}}},
			queue.Command{Kind: queue.KindSettle, Settle: &queue.Settle{Through: 3}},
			queue.Command{Kind: queue.KindDrop, Keep: &queue.Keep{KeepMs: 9000,
				Settings: queue.Settings{Version: 4, RetentionMs: 60_000, Delivery: queue.ExactlyOnce}}}))
	partition.Partition = 3
	origin := queue.PartitionID{Queue: 8, Partition: 2}
	redriven := &queue.Settings{Version: 1, RetentionMs: 60_000, Redrive: queue.Redrive{MaxReceives: 1, Target: queue.Target{Account: "1", Name: "dead"}, SourceARN: "arn"}}
	require.Equal(t, "applied group=slot-3 index=8 at=1004 commands=configure/7/3/0/0/0/0/1:0:60000:0:at-least-once:1:0/ok/;"+
		"transfer/7/3/0/0/0/1/8.2+6:cd000000000000000000000000000000:a%20b:900:3:arn%3Ax+7:ef000000000000000000000000000000::0:0:/ok/;"+
		"receive/7/3/0/0/0/1/1:0:/ok/cd000000000000000000000000000000:1:1;receive/7/3/0/0/0/1/1:9:/ok/ef000000000000000000000000000000:2:1+aside:1:1;"+
		"move-task/7/3/0/0/0/1/1:05000000000000000000000000000000:2000:1/ok/;move-task/7/3/0/0/0/1/4:00000000000000000000000000000000:0:0/ok/05000000000000000000000000000000:0:0\n",
		apply(8, 1004,
			queue.Command{Kind: queue.KindConfigure, Settings: redriven},
			queue.Command{Kind: queue.KindTransfer, SettingsVersion: 1, Transfer: &queue.Transfer{Origin: origin, Messages: []queue.Moved{
				{Number: 6, Send: queue.Send{MessageID: [16]byte{0xcd}, Group: "a b"}, SentMs: 900, Receives: 3, SourceARN: "arn:x"},
				{Number: 7, Send: queue.Send{MessageID: [16]byte{0xef}}},
			}}},
			queue.Command{Kind: queue.KindReceive, SettingsVersion: 1, Receive: &queue.Receive{Max: 1}},
			queue.Command{Kind: queue.KindReceive, SettingsVersion: 1, Receive: &queue.Receive{Max: 1, VisibilityMs: 9}},
			queue.Command{Kind: queue.KindMoveTask, SettingsVersion: 1, MoveTask: &queue.MoveTask{Operation: queue.TaskStart, ID: queue.TaskID{5},
				Target: queue.Target{Account: "1", Name: "x"}, RateMilli: 2000}},
			queue.Command{Kind: queue.KindMoveTask, SettingsVersion: 1, MoveTask: &queue.MoveTask{Operation: queue.TaskList}}))
	require.Equal(t, "applied group=slot-3 index=9 at=1604 commands=move-task/7/3/0/0/0/0/3:00000000000000000000000000000000:0:0/ok/aside:2:2\n",
		apply(9, 1604, queue.Command{Kind: queue.KindMoveTask, MoveTask: &queue.MoveTask{Operation: queue.TaskStep}}))
	require.Empty(t, apply(9, 1005), "an entry without commands says nothing")
	require.NotContains(t, out.String(), "secret")
}
