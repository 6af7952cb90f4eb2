package queue

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a receive has set aside left the queue before it was deleted: it arrives, or comes back, while the queue is closed.
func TestMovesOfADeletedQueue(t *testing.T) {
	for _, returned := range []bool{false, true} {
		r := newRedriveRun(t, false, 1)
		r.send("g")
		r.send("h")
		require.Len(t, r.receive(r.source, 1, 0), 1)
		require.Equal(t, []string{"2"}, bodiesOf(r.receive(r.source, 10, 0)), "the other is set aside")
		open := r.source.Digest()
		r.deleteSource()
		require.NotEqual(t, open, r.source.Digest())
		require.True(t, r.source.Moving())
		r.source = restore(t, snapshotOf(t, r.source))
		require.Len(t, r.source.Outgoing(), 1)
		if returned {
			r.settle(r.source.Outgoing()[0].Moved.Number, true)
		} else {
			r.transferEverything()
		}
		checkIndexes(t, r.source)
		require.False(t, r.source.Moving())
		receive := Command{Kind: KindReceive, Partition: sourceID, SettingsVersion: 1, Receive: &Receive{Max: 1}}
		require.Equal(t, QueueDropped, r.source.ApplyCommand(r.nowMs, &receive).Code)

		r.restoreSource()
		want := []Stats{{Visible: 1}, {Visible: 1}}
		if returned {
			want = []Stats{{Visible: 2}, {}}
		}
		require.Equal(t, want, []Stats{r.stats(r.source, sourceID), r.stats(r.target, targetID)})
		r.receive(r.source, 10, 0)
		r.transferEverything()
		require.Equal(t, []Stats{{}, {Visible: 2}}, []Stats{r.stats(r.source, sourceID), r.stats(r.target, targetID)}, "numbers go on")
	}
}

// A drop, at once or when the time to restore the queue is over, takes what is set aside too.
func TestMovesEndWithTheData(t *testing.T) {
	for _, kept := range []bool{false, true} {
		r := newRedriveRun(t, false, 1)
		r.settings.RetentionMs = MaxRetentionMs
		r.send("g")
		r.receive(r.source, 1, 0)
		r.receive(r.source, 1, 0)
		require.True(t, r.source.Moving())
		if kept {
			r.version++
			r.on(r.source, Command{Kind: KindDrop, Keep: &Keep{Settings: *r.settingsOf(r.version), KeepMs: 1000}})
			r.nowMs += 1000
			late := Command{Kind: KindSettle, Partition: sourceID, Settle: &Settle{Through: 1}}
			require.Equal(t, QueueDropped, r.source.ApplyCommand(r.nowMs, &late).Code)
		} else {
			r.on(r.source, Command{Kind: KindDrop})
		}
		require.False(t, r.source.Moving())
		require.Empty(t, r.source.Outgoing())
		require.Zero(t, r.source.Totals().Messages)
	}
}

func TestAMoveTaskEndsWithItsQueue(t *testing.T) {
	r := newRedriveRun(t, false, 1)
	r.send("g")
	r.send("h")
	start := &MoveTask{Operation: TaskStart, ID: TaskID{1}, Target: Target{Account: "1", Name: "target"}, RateMilli: 1000}
	r.on(r.source, Command{Kind: KindMoveTask, MoveTask: start})
	r.nowMs += 1000
	step := Command{Kind: KindMoveTask, MoveTask: &MoveTask{Operation: TaskStep}}
	r.on(r.source, step)
	require.Len(t, r.source.Outgoing(), 1)
	r.deleteSource()
	require.Empty(t, r.source.Tasks())
	r.nowMs += 1000
	r.on(r.source, step)
	require.Len(t, r.source.Outgoing(), 1, "no more is taken from a deleted queue")
	r.transferEverything()
	r.restoreSource()
	require.Equal(t, []Stats{{Visible: 1}, {Visible: 1}}, []Stats{r.stats(r.source, sourceID), r.stats(r.target, targetID)})
	tasks := r.on(r.source, Command{Kind: KindMoveTask, MoveTask: &MoveTask{Operation: TaskList}}).Tasks
	require.Len(t, tasks, 1)
	require.Equal(t, []any{TaskFailed, failureNoQueue, uint64(1)}, []any{tasks[0].Status, tasks[0].Failure, tasks[0].Moved})
	start.ID = TaskID{2}
	r.on(r.source, Command{Kind: KindMoveTask, MoveTask: start})
}

// A message that is delivered at most once is gone before it could be received too often.
func TestNothingMovesThatIsDeliveredOnce(t *testing.T) {
	for _, fifo := range []bool{false, true} {
		r := newDeliveryRun(t, fifo, 1, AtMostOnce)
		for range 3 {
			r.send("g")
		}
		require.Equal(t, []string{"1", "2"}, bodiesOf(r.receive(r.source, 2, 0)))
		require.Equal(t, []string{"3"}, bodiesOf(r.receive(r.source, 10, 0)))
		require.Empty(t, r.receive(r.source, 10, 0))
		require.False(t, r.source.Moving())
		require.Zero(t, r.source.Totals().Messages)
		checkIndexes(t, r.source)
	}
}

// A dead-letter queue that delivers exactly once stores each message once, whatever its deduplication ID: a producer may
// have sent two messages with one ID, five minutes apart.
func TestExactlyOnceDeadLetterQueue(t *testing.T) {
	r := newDeliveryRun(t, false, 1, ExactlyOnce)
	for range 2 {
		r.on(r.source, Command{Kind: KindSend, Sends: []Send{{Body: []byte("x"), DedupID: "same"}}})
		r.nowMs += DedupMs
	}
	require.Len(t, r.receive(r.source, 10, 0), 2)
	require.Empty(t, r.receive(r.source, 10, 0))
	r.transfer(10)
	r.on(r.target, r.late[0])
	r.transferEverything()
	require.Equal(t, Stats{Visible: 2}, r.stats(r.target, targetID))
	held := r.receive(r.target, 1, 0)[0]
	require.Equal(t, held.Seq, r.receive(r.target, 1, 0)[0].Seq)
	stale := Command{Kind: KindDelete, Partition: targetID, SettingsVersion: 1, Deletes: []Handle{held.Handle()}}
	require.Equal(t, []Code{HandleExpired}, r.target.ApplyCommand(r.nowMs, &stale).Codes)
	// Only sends are remembered, so what has arrived does not stand in a producer's way.
	r.on(r.target, Command{Kind: KindSend, Sends: []Send{{Body: []byte("y"), DedupID: "same"}}})
	require.Equal(t, Stats{Visible: 3}, r.stats(r.target, targetID))
}
