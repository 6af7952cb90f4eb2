package backend

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/backend/queue"
	"chasqui/metadata/catalog"
)

var deadPartition = queue.PartitionID{Queue: 2}

// deadQueue returns the record of a dead-letter queue in the world's slot.
func deadQueue(id, version uint64, partitions int) *catalog.Queue {
	return &catalog.Queue{ID: id, Account: "1", Name: "dead", Version: version, Attributes: catalog.DefaultAttributes(false), Slots: make([]uint16, partitions)}
}

// TestSlotsMoveMessages runs the whole way on a real slot: the receive, the transfer with settings that the target has
// to be told, the settle.
func TestSlotsMoveMessages(t *testing.T) {
	w := newWorld(t)
	w.records.set("dead", deadQueue(2, 1, 1))
	redrive := queue.Redrive{MaxReceives: 1, Target: queue.Target{Account: "1", Name: "dead"}, SourceARN: "arn:aws:sqs:r:1:q"}
	w.do(queue.Command{Kind: queue.KindConfigure, Partition: partition, Settings: &queue.Settings{Version: 1, RetentionMs: 345_600_000, Redrive: redrive}}, 0)
	for i := range 25 {
		w.send(queue.Send{Body: []byte(fmt.Sprint(i))})
	}
	for range 3 {
		require.NotEmpty(t, w.do(receive(10, 0), 0).Messages)
	}
	require.Empty(t, w.do(receive(10, 0), 0).Messages)
	counts := func(id queue.PartitionID) queue.Stats {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		stats, err := w.client.Stats(ctx, slot, id)
		require.NoError(t, err)
		return stats
	}
	require.Eventually(t, func() bool { return counts(deadPartition).Visible == 25 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return counts(partition).Bytes == 0 }, patience, time.Millisecond, "they are removed from the source")
	got := w.do(queue.Command{Kind: queue.KindReceive, Partition: deadPartition, SettingsVersion: 1, Receive: &queue.Receive{Max: 10}}, 0).Messages
	require.Equal(t, redrive.SourceARN, got[0].SourceARN)

	// The target's settings change, and then it is another queue: what the slot has cached is refreshed.
	w.do(queue.Command{Kind: queue.KindConfigure, Partition: deadPartition, Settings: SettingsOf(deadQueue(2, 5, 1))}, 0)
	w.records.set("dead", deadQueue(2, 5, 1))
	move := func() {
		w.send(queue.Send{Body: []byte("more")})
		require.Len(t, w.do(receive(10, 0), 0).Messages, 1)
		require.Empty(t, w.do(receive(10, 0), 0).Messages)
	}
	move()
	require.Eventually(t, func() bool { return counts(deadPartition).Visible == 26 }, patience, time.Millisecond)
	w.do(queue.Command{Kind: queue.KindDrop, Partition: deadPartition}, 0)
	w.records.set("dead", deadQueue(3, 7, 1))
	move()
	require.Eventually(t, func() bool { return counts(queue.PartitionID{Queue: 3}).Visible == 1 }, patience, time.Millisecond)

	// A target that is gone gives the message back.
	w.do(queue.Command{Kind: queue.KindDrop, Partition: queue.PartitionID{Queue: 3}}, 0)
	w.records.set("dead", nil)
	move()
	require.Eventually(t, func() bool { return counts(partition).Visible == 1 }, patience, time.Millisecond)

	// A task takes what is there to where it is told.
	w.records.set("dead", deadQueue(4, 9, 1))
	start := &queue.MoveTask{Operation: queue.TaskStart, ID: queue.TaskID{1}, Target: queue.Target{Account: "1", Name: "dead"}}
	require.Equal(t, queue.OK, w.do(queue.Command{Kind: queue.KindMoveTask, Partition: partition, SettingsVersion: 1, MoveTask: start}, 0).Code)
	list := queue.Command{Kind: queue.KindMoveTask, Partition: partition, SettingsVersion: 1, MoveTask: &queue.MoveTask{Operation: queue.TaskList}}
	require.Eventually(t, func() bool { return w.do(list, 0).Tasks[0].Status == queue.TaskCompleted }, patience, time.Millisecond)
	require.Equal(t, uint64(1), w.do(list, 0).Tasks[0].Moved)
	require.Equal(t, 1, counts(queue.PartitionID{Queue: 4}).Visible)
}

// transfers is a Doer that notes transfers and answers all else with OK.
type transfers struct{ commands []queue.Command }

func (d *transfers) Do(_ context.Context, _ uint16, command *queue.Command, _ time.Duration) (*queue.Result, error) {
	d.commands = append(d.commands, *command)
	return &queue.Result{}, nil
}

// TestTransfersAreBounded checks what goes into one transfer: one target partition, at most a MiB, in order.
func TestTransfersAreBounded(t *testing.T) {
	records, doer := newFixedRecords(), new(transfers)
	records.set("dead", deadQueue(2, 1, 2))
	records.set("other", deadQueue(3, 1, 1))
	r := NewRedriver(records, doer)
	outgoing := func(number uint64, target string, size int) queue.Outgoing {
		return queue.Outgoing{Partition: partition, Target: queue.Target{Account: "1", Name: target}, Moved: queue.Moved{Number: number, Send: queue.Send{Body: make([]byte, size)}}}
	}
	for name, test := range map[string]struct {
		messages []queue.Outgoing
		through  uint64
		returned bool
		count    int
	}{
		"partitions take turns": {[]queue.Outgoing{outgoing(1, "dead", 1), outgoing(2, "dead", 1)}, 1, false, 1},
		"one partition":         {[]queue.Outgoing{outgoing(1, "other", 1), outgoing(2, "other", 1), outgoing(3, "dead", 1), outgoing(4, "other", 1)}, 2, false, 2},
		"large ones":            {[]queue.Outgoing{outgoing(4, "other", 600<<10), outgoing(5, "other", 600<<10)}, 4, false, 1},
		"very large":            {[]queue.Outgoing{outgoing(4, "other", 1100<<10), outgoing(5, "other", 1)}, 4, false, 1},
		"no such queue":         {[]queue.Outgoing{outgoing(4, "none", 1), outgoing(5, "none", 1), outgoing(6, "other", 1)}, 5, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			doer.commands = nil
			through, returned, err := r.Carry(t.Context(), test.messages)
			require.NoError(t, err)
			require.Equal(t, []any{test.through, test.returned}, []any{through, returned})
			if test.count == 0 {
				require.Empty(t, doer.commands)
				return
			}
			require.Len(t, doer.commands, 1)
			require.Len(t, doer.commands[0].Transfer.Messages, test.count)
			require.Equal(t, partition, doer.commands[0].Transfer.Origin)
		})
	}
}

func TestSettingsOf(t *testing.T) {
	record := deadQueue(7, 3, 1)
	record.Attributes.RedrivePolicy = `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:other","maxReceiveCount":4}`
	require.Equal(t, &queue.Settings{Version: 3, RetentionMs: 345_600_000, Redrive: queue.Redrive{
		MaxReceives: 4, Target: queue.Target{Account: "1", Name: "other"}, SourceARN: "arn:aws:sqs:eu-west-1:1:dead"}}, SettingsOf(record))
}
