package queue

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// redriveRun is a source and a target partition in two machines, and what carries messages from one to the other.
type redriveRun struct {
	t              require.TestingT
	source, target *Machine
	nowMs          int64
	sent           int
	// version is the source's settings version, settings the rest of its settings.
	version  uint64
	settings Settings
	// late are transfers that were sent, and may arrive again at any time.
	late []Command
}

var (
	sourceID = PartitionID{Queue: 1}
	targetID = PartitionID{Queue: 2, Partition: 1}
)

const sourceARN = "arn:aws:sqs:r:1:source"

func newRedriveRun(t require.TestingT, fifo bool, maxReceives uint32) *redriveRun {
	return newDeliveryRun(t, fifo, maxReceives, AtLeastOnce)
}

// newDeliveryRun is newRedriveRun for queues of some delivery.
func newDeliveryRun(t require.TestingT, fifo bool, maxReceives uint32, delivery Delivery) *redriveRun {
	r := &redriveRun{t: t, source: NewMachine(), target: NewMachine(), nowMs: 1_000_000, version: 1}
	redrive := Redrive{MaxReceives: maxReceives, Target: Target{Account: "1", Name: "target"}, SourceARN: sourceARN}
	r.settings = Settings{FIFO: fifo, RetentionMs: MaxRetentionMs, Delivery: delivery, Redrive: redrive}
	r.on(r.source, Command{Kind: KindConfigure, Settings: r.settingsOf(1)})
	r.on(r.target, Command{Kind: KindConfigure, Settings: &Settings{Version: 1, FIFO: fifo, RetentionMs: MaxRetentionMs, Delivery: delivery}})
	return r
}

// settingsOf returns the source's settings with a version.
func (r *redriveRun) settingsOf(version uint64) *Settings {
	settings := r.settings
	settings.Version = version
	return &settings
}

// deleteSource deletes the source queue so that it can be restored; restoreSource does that.
func (r *redriveRun) deleteSource() {
	r.version++
	r.on(r.source, Command{Kind: KindDrop, Keep: &Keep{Settings: *r.settingsOf(r.version), KeepMs: MaxKeepMs}})
}

func (r *redriveRun) restoreSource() {
	r.version++
	r.on(r.source, Command{Kind: KindConfigure, Settings: r.settingsOf(r.version)})
}

// on carries out a command, by way of its bytes, that must be OK.
func (r *redriveRun) on(m *Machine, c Command) *Result {
	c.Partition, c.SettingsVersion = sourceID, r.version
	if m == r.target {
		c.Partition, c.SettingsVersion = targetID, 1
	}
	result := m.Apply(r.nowMs, [][]byte{c.Encode()})[0].(*Result)
	require.Equal(r.t, OK, result.Code, "%v", c.Kind)
	return result
}

// send sends a message whose body and group tell it apart.
func (r *redriveRun) send(group string) {
	r.sent++
	name := fmt.Sprint(r.sent)
	r.on(r.source, Command{Kind: KindSend, Sends: []Send{{Body: []byte(name), Group: group, DedupID: name, SenderID: "s"}}})
}

func (r *redriveRun) receive(m *Machine, max int, visibilityMs int64) []Message {
	return r.on(m, Command{Kind: KindReceive, Receive: &Receive{Max: max, VisibilityMs: visibilityMs}}).Messages
}

// transfer sends the first moves of the source, at most n, and returns the number of the last of them, 0 if there are none.
func (r *redriveRun) transfer(n int) uint64 {
	outgoing := r.source.Outgoing()
	if len(outgoing) == 0 {
		return 0
	}
	c := Command{Kind: KindTransfer, Transfer: &Transfer{Origin: sourceID}}
	for _, o := range outgoing[:min(n, len(outgoing))] {
		c.Transfer.Messages = append(c.Transfer.Messages, o.Moved)
	}
	r.late = append(r.late, c)
	r.on(r.target, c)
	return c.Transfer.Messages[len(c.Transfer.Messages)-1].Number
}

func (r *redriveRun) settle(through uint64, returned bool) {
	r.on(r.source, Command{Kind: KindSettle, Settle: &Settle{Through: through, Returned: returned}})
}

func (r *redriveRun) stats(m *Machine, id PartitionID) Stats {
	stats, ok := m.Stats(id, r.nowMs)
	require.True(r.t, ok)
	stats.OldestSentMs, stats.Bytes = 0, 0
	return stats
}

func bodiesOf(messages []Message) []string {
	var list []string
	for _, m := range messages {
		list = append(list, string(m.Body))
	}
	return list
}

func TestMoveToTheDeadLetterQueue(t *testing.T) {
	r := newRedriveRun(t, false, 2)
	r.send("g")
	first := r.receive(r.source, 10, 1000)
	r.nowMs += 1000
	require.Len(t, r.receive(r.source, 10, 1000), 1, "two receives are allowed")
	r.nowMs += 60_000
	require.Equal(t, Stats{Visible: 1}, r.stats(r.source, sourceID), "it moves with the receive, not with time")
	r.send("g")
	require.Equal(t, []string{"2"}, bodiesOf(r.receive(r.source, 1, 1000)), "the receive returns another message instead")
	require.Equal(t, Stats{InFlight: 1}, r.stats(r.source, sourceID), "what is set aside is not counted")
	require.False(t, r.source.Receivable(sourceID, r.nowMs))

	through := r.transfer(10)
	r.settle(through, false)
	require.Empty(t, r.source.Outgoing())
	require.False(t, r.source.Moving())
	require.Equal(t, Stats{Visible: 1}, r.stats(r.target, targetID))
	m := r.receive(r.target, 10, 1000)[0]
	require.Equal(t, first[0].MessageID, m.MessageID)
	require.Equal(t, []any{"1", "g", "1", "s", first[0].SentMs, uint32(1), uint32(2), sourceARN},
		[]any{string(m.Body), m.Group, m.DedupID, m.SenderID, m.SentMs, m.Receive, m.EarlierReceives, m.SourceARN})
}

func TestSetAsideMessagesAreOutOfReach(t *testing.T) {
	r := newRedriveRun(t, false, 1)
	r.send("g")
	handle := r.receive(r.source, 1, 0)[0].Handle()
	require.Empty(t, r.receive(r.source, 1, 0))
	change := Command{Kind: KindVisibility, Partition: sourceID, SettingsVersion: 1, Changes: []VisibilityChange{{Handle: handle, VisibilityMs: 5}}}
	require.Equal(t, []Code{NotInFlight}, r.source.ApplyCommand(r.nowMs, &change).Codes)
	require.Empty(t, r.receive(r.source, 1, 0))
	checkIndexes(t, r.source)
	r.on(r.source, Command{Kind: KindDelete, Deletes: []Handle{handle}})
	require.Empty(t, r.source.Outgoing(), "a standard queue deletes by any handle")

	// Retention and a purge take what is set aside too.
	for _, end := range []func(){
		func() { r.nowMs += MaxRetentionMs; r.on(r.source, Command{Kind: KindExpire}) },
		func() { r.on(r.source, Command{Kind: KindPurge}) },
	} {
		r.send("g")
		r.receive(r.source, 1, 0)
		require.Empty(t, r.receive(r.source, 1, 0))
		require.Len(t, r.source.Outgoing(), 1)
		end()
		require.Empty(t, r.source.Outgoing())
		require.False(t, r.source.Moving())
		checkIndexes(t, r.source)
	}
	// Numbers go on after it: what comes later is not taken for what has been.
	r.transferEverything()
	r.send("g")
	r.receive(r.source, 1, 0)
	r.receive(r.source, 1, 0)
	require.Equal(t, uint64(4), r.source.Outgoing()[0].Moved.Number)
}

func (r *redriveRun) transferEverything() {
	for len(r.source.Outgoing()) > 0 {
		r.settle(r.transfer(MaxBatch), false)
	}
}

func TestFifoMoveUnblocksTheGroup(t *testing.T) {
	r := newRedriveRun(t, true, 1)
	for range 3 {
		r.send("g")
	}
	require.Equal(t, []string{"1"}, bodiesOf(r.receive(r.source, 1, 100)))
	require.Empty(t, r.receive(r.source, 10, 100))
	r.nowMs += 100
	require.Equal(t, []string{"2", "3"}, bodiesOf(r.receive(r.source, 10, 100)))
	r.nowMs += 100
	require.Empty(t, r.receive(r.source, 10, 100))
	r.transferEverything()
	require.Equal(t, []string{"1", "2", "3"}, bodiesOf(r.receive(r.target, 10, 0)), "in their order")
	require.Empty(t, r.source.partitions[sourceID].groups)
}

// A queue full of messages that have to move does not hold up the log.
func TestOneReceiveSetsFewAside(t *testing.T) {
	r := newRedriveRun(t, false, 1)
	const count = 5 * MaxOutgoing / 2
	for range count {
		r.send("")
	}
	for range count / MaxBatch {
		require.Len(t, r.receive(r.source, MaxBatch, 1000), MaxBatch)
	}
	r.nowMs += 1000
	r.send("") // a fresh one
	for _, want := range []int{MaxOutgoing, 2 * MaxOutgoing, count} {
		got := r.receive(r.source, MaxBatch, 0)
		require.Equal(t, want, r.source.partitions[sourceID].moves.Len())
		require.Equal(t, want == count, len(got) == 1, "the fresh one comes when the others are out of the way")
	}
}

// A target queue that is gone gives messages back to their places.
func TestReturnedMoves(t *testing.T) {
	for _, fifo := range []bool{false, true} {
		r := newRedriveRun(t, fifo, 1)
		for range 3 {
			r.send("g")
		}
		require.Len(t, r.receive(r.source, 2, 0), 2)
		require.Equal(t, []string{"3"}, bodiesOf(r.receive(r.source, 10, 0)))
		require.Len(t, r.source.Outgoing(), 2)
		r.settle(2, true)
		checkIndexes(t, r.source)
		require.Equal(t, Stats{Visible: 3}, r.stats(r.source, sourceID))
		require.Empty(t, r.receive(r.source, 10, 0))
		require.Len(t, r.source.Outgoing(), 3, "they move again with the next receive")
		r.on(r.source, Command{Kind: KindSettle, Settle: &Settle{Through: 2, Returned: true}})
		require.Len(t, r.source.Outgoing(), 3, "an old settle ends no later move")
	}
}

// The retention of a message in a standard dead-letter queue counts from its send, on a FIFO queue from the move.
func TestRetentionOfMovedMessages(t *testing.T) {
	for _, fifo := range []bool{false, true} {
		r := newRedriveRun(t, fifo, 1)
		settings := &Settings{Version: 2, FIFO: fifo, RetentionMs: 60_000}
		r.target.ApplyCommand(r.nowMs, &Command{Kind: KindConfigure, Partition: targetID, Settings: settings})
		r.target.partitions[targetID].settings.Version = 1 // what the run's commands name
		sentMs := r.nowMs
		r.send("g")
		r.send("h")
		require.Len(t, r.receive(r.source, 10, 0), 2)
		require.Empty(t, r.receive(r.source, 10, 0))
		r.nowMs += 50_000
		r.on(r.target, Command{Kind: KindSend, Sends: []Send{{Body: []byte("new"), Group: "n", DedupID: "n"}}})
		r.transferEverything()
		require.Len(t, r.receive(r.target, 2, 5), 2, "one of the moved ones is in flight")
		expiryMs := sentMs + 60_000
		if fifo {
			expiryMs += 50_000
		}
		next, ok := r.target.NextExpiry(targetID)
		require.True(t, ok)
		require.Equal(t, expiryMs, next)
		for _, atMs := range []int64{expiryMs - 1, expiryMs} {
			stats, _ := r.target.Stats(targetID, atMs)
			moved := 2
			if atMs == expiryMs {
				moved = 0
			}
			left := moved + 1
			if fifo && atMs == expiryMs {
				left = 0 // the new one is of the same age
			}
			require.Equal(t, left, stats.Visible+stats.InFlight, "at %d of a FIFO queue: %v", atMs, fifo)
			r.nowMs = atMs
			r.on(r.target, Command{Kind: KindExpire})
			require.Equal(t, left, r.target.Totals().Messages)
			again, _ := r.target.Stats(targetID, atMs)
			require.Equal(t, stats, again, "a read ahead of time says what comes")
			checkIndexes(t, r.target)
		}
	}
}

func TestTransferLimits(t *testing.T) {
	r := newRedriveRun(t, true, 1)
	c := Command{Kind: KindTransfer, Partition: targetID, SettingsVersion: 1, Transfer: &Transfer{Origin: sourceID, Messages: []Moved{{Number: 1, Send: Send{Group: "g"}}, {Number: 2}}}}
	require.Equal(t, BadCommand, r.target.ApplyCommand(r.nowMs, &c).Code)
	require.Equal(t, Stats{}, r.stats(r.target, targetID), "all or nothing")
	p := r.target.partitions[targetID]
	for i := range MaxOrigins {
		p.arrivals[PartitionID{Queue: uint64(100 + i)}] = arrival{number: 1, atMs: r.nowMs}
	}
	c.Transfer.Messages = c.Transfer.Messages[:1]
	require.Equal(t, Overloaded, r.target.ApplyCommand(r.nowMs, &c).Code)
	r.nowMs += 2 * MaxRetentionMs
	require.Equal(t, OK, r.target.ApplyCommand(r.nowMs, &c).Code)
	require.Len(t, p.arrivals, 1, "origins that were long silent are forgotten")
}

// TestExactlyOneCopy carries messages under everything that can go wrong: transfers whose answer is lost, that arrive
// again late, from carriers of former leaders; machines that are restored from a snapshot; commands between any two
// steps. At all times there is a copy of each message, and once nothing is on its way exactly one.
func TestExactlyOneCopy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fifo := rapid.Bool().Draw(t, "fifo")
		delivery := rapid.SampledFrom([]Delivery{AtLeastOnce, ExactlyOnce}).Draw(t, "delivery")
		r := newDeliveryRun(t, fifo, 1, delivery)
		settled := uint64(0) // what some carrier knows to have arrived
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1:
				r.send(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "group"))
			case 2, 3:
				r.receive(r.source, rapid.IntRange(1, 4).Draw(t, "max"), rapid.Int64Range(0, 50).Draw(t, "visibility"))
			case 4:
				r.nowMs += 60
			case 5: // the answer may be lost: then the settle does not come
				if through := r.transfer(rapid.IntRange(1, 3).Draw(t, "batch")); rapid.Bool().Draw(t, "answered") {
					settled = max(settled, through)
				}
			case 6: // and it may be late
				r.settle(settled, false)
			case 7:
				if len(r.late) > 0 {
					r.on(r.target, rapid.SampledFrom(r.late).Draw(t, "late"))
				}
			case 8:
				r.source, r.target = restore(t, snapshotOf(t, r.source)), restore(t, snapshotOf(t, r.target))
			case 9: // a queue that is deleted makes the moves that it had begun, and may be restored before they end
				r.deleteSource()
				if rapid.Bool().Draw(t, "moves end first") {
					r.transferEverything()
				}
				r.source = restore(t, snapshotOf(t, r.source))
				r.restoreSource()
			}
			r.checkCopies()
		}
		r.nowMs += MaxVisibilityMs
		for range 2*r.sent + 1 { // more receives than the messages can take
			r.receive(r.source, MaxBatch, 0)
			r.transferEverything()
		}
		for i := range r.late {
			r.on(r.target, r.late[i])
		}
		require.Equal(t, Stats{}, r.stats(r.source, sourceID))
		require.Equal(t, Stats{Visible: r.sent}, r.stats(r.target, targetID))
		r.checkCopies()
		if fifo {
			last := map[string]uint64{}
			r.target.partitions[targetID].messages.Ascend(func(m message) bool {
				var n uint64
				_, err := fmt.Sscan(string(m.content.body), &n)
				require.NoError(t, err)
				require.Greater(t, n, last[m.content.group], "order of the group")
				last[m.content.group] = n
				return true
			})
		}
	})
}

// checkCopies counts the copies of each message.
func (r *redriveRun) checkCopies() {
	checkIndexes(r.t, r.source)
	checkIndexes(r.t, r.target)
	source, aside, target := map[string]int{}, map[string]int{}, map[string]int{}
	r.source.partitions[sourceID].messages.Ascend(func(m message) bool {
		if m.move != 0 {
			aside[string(m.content.body)]++
		} else {
			source[string(m.content.body)]++
		}
		return true
	})
	r.target.partitions[targetID].messages.Ascend(func(m message) bool {
		target[string(m.content.body)]++
		return true
	})
	for n := 1; n <= r.sent; n++ {
		name := fmt.Sprint(n)
		require.GreaterOrEqual(r.t, source[name]+aside[name]+target[name], 1, "message %s is lost", name)
		require.LessOrEqual(r.t, source[name]+target[name], 1, "message %s can be received in both queues", name)
		require.LessOrEqual(r.t, source[name]+aside[name], 1)
	}
}

// taskRun is a dead-letter queue with messages in it.
func taskRun(t *testing.T, fifo bool, count int) *redriveRun {
	r := newRedriveRun(t, fifo, 0)
	for i := range count {
		moved := Moved{Number: uint64(i + 1), SentMs: 5, Receives: 3, SourceARN: "arn:aws:sqs:r:1:origin", Send: Send{Body: []byte(fmt.Sprint(i + 1)), Group: "g"}}
		r.on(r.source, Command{Kind: KindTransfer, Transfer: &Transfer{Origin: PartitionID{Queue: 9}, Messages: []Moved{moved}}})
	}
	return r
}

func (r *redriveRun) task(c MoveTask) Code {
	command := Command{Kind: KindMoveTask, Partition: sourceID, SettingsVersion: 1, MoveTask: &c}
	return r.source.Apply(r.nowMs, [][]byte{command.Encode()})[0].(*Result).Code
}

// tasks describes the tasks, the newest first.
func (r *redriveRun) tasks() []string {
	var list []string
	for _, t := range r.on(r.source, Command{Kind: KindMoveTask, MoveTask: &MoveTask{Operation: TaskList}}).Tasks {
		list = append(list, fmt.Sprintf("%d: status %d, %d of %d %s", t.ID[0], t.Status, t.Moved, t.ToMove, t.Failure))
	}
	return list
}

func TestTaskMovesEachToItsOrigin(t *testing.T) {
	r := taskRun(t, true, 250)
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStart, ID: TaskID{1}}))
	require.Equal(t, TaskRunning, r.task(MoveTask{Operation: TaskStart, ID: TaskID{2}}))
	require.Equal(t, []PartitionID{sourceID}, r.source.Tasks())
	steps := 0
	for len(r.source.Tasks()) > 0 {
		require.Equal(t, OK, r.task(MoveTask{Operation: TaskStep}))
		outgoing := r.source.Outgoing()
		require.LessOrEqual(t, r.source.partitions[sourceID].moves.Len(), MaxOutgoing)
		for _, o := range outgoing {
			require.Equal(t, Target{Account: "1", Name: "origin"}, o.Target)
			require.Equal(t, []any{"", int64(0), uint32(0)}, []any{o.Moved.SourceARN, o.Moved.SentMs, o.Moved.Receives}, "it begins anew")
		}
		r.transferEverything()
		checkIndexes(t, r.source)
		steps++
	}
	require.Equal(t, 4, steps, "three of a hundred at most, and one that sees the end")
	require.Equal(t, []string{"1: status 1, 250 of 250 "}, r.tasks())
	require.Equal(t, Stats{Visible: 250}, r.stats(r.target, targetID))
	m := r.receive(r.target, 1, 0)[0]
	require.Equal(t, []any{"1", uint32(1), uint32(0), "", r.nowMs}, []any{string(m.Body), m.Receive, m.EarlierReceives, m.SourceARN, m.SentMs})
}

func TestTaskHonoursItsRate(t *testing.T) {
	r := taskRun(t, false, 100)
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStart, ID: TaskID{1}, RateMilli: 2500, Target: Target{Account: "1", Name: "q"}}))
	moved := func() int { return r.source.partitions[sourceID].moves.Len() }
	for range 40 { // 10 seconds
		r.nowMs += 250
		require.Equal(t, OK, r.task(MoveTask{Operation: TaskStep}))
		if r.nowMs%1000 == 0 {
			r.source = restore(t, snapshotOf(t, r.source)) // another leader goes on where this one was
		}
	}
	require.Equal(t, 25, moved())
	r.nowMs += 60_000
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStep}))
	require.Equal(t, 27, moved(), "a pause is made up for by a second's worth")
	require.Equal(t, Target{Account: "1", Name: "q"}, r.source.Outgoing()[0].Target)
}

func TestTaskEnds(t *testing.T) {
	r := taskRun(t, false, 3)
	require.Equal(t, NoSuchTask, r.task(MoveTask{Operation: TaskCancel, ID: TaskID{1}}))
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStart, ID: TaskID{1}, RateMilli: 1000}))
	r.nowMs += 1000
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStep}))
	require.Equal(t, NoSuchTask, r.task(MoveTask{Operation: TaskCancel, ID: TaskID{2}}))
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskCancel, ID: TaskID{1}}))
	require.Equal(t, NoSuchTask, r.task(MoveTask{Operation: TaskCancel, ID: TaskID{1}}), "only once")
	r.transferEverything()
	require.Equal(t, []string{"1: status 2, 1 of 3 "}, r.tasks(), "what was on its way when it was cancelled is counted")

	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStart, ID: TaskID{2}}))
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStep}))
	r.settle(r.source.Outgoing()[0].Moved.Number+1, true)
	require.Equal(t, []string{"2: status 3, 0 of 2 " + failureNoQueue, "1: status 2, 1 of 3 "}, r.tasks())
	require.Equal(t, Stats{Visible: 2}, r.stats(r.source, sourceID))

	r.send("sent to the dead-letter queue itself")
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStart, ID: TaskID{3}}))
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStep}))
	require.Equal(t, "3: status 3, 0 of 3 "+failureNoSource, r.tasks()[0])
	r.transferEverything()
	for i := range 2 * MaxTasks {
		require.Equal(t, OK, r.task(MoveTask{Operation: TaskStart, ID: TaskID{byte(10 + i)}, Target: Target{Account: "1", Name: "q"}}))
		require.Equal(t, OK, r.task(MoveTask{Operation: TaskCancel, ID: TaskID{byte(10 + i)}}))
	}
	require.Len(t, r.tasks(), MaxTasks)
	checkIndexes(t, r.source)
}

// An empty queue's task is complete at its first step, and a repeated list is made anew.
func TestTaskOfAnEmptyQueue(t *testing.T) {
	r := taskRun(t, false, 0)
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStart, ID: TaskID{1}}))
	list := Command{Session: 7, Seq: 1, LowWater: 1, Kind: KindMoveTask, Partition: sourceID, SettingsVersion: 1, MoveTask: &MoveTask{Operation: TaskList}}
	require.Equal(t, TaskRunningStatus, r.source.ApplyCommand(r.nowMs, &list).Tasks[0].Status)
	require.Equal(t, OK, r.task(MoveTask{Operation: TaskStep}))
	require.Equal(t, TaskCompleted, r.source.ApplyCommand(r.nowMs, &list).Tasks[0].Status)
	require.False(t, r.source.Moving())
}

func TestParseARN(t *testing.T) {
	target, ok := ParseARN("arn:aws:sqs:us-east-1:123456789012:q.fifo")
	require.True(t, ok)
	require.Equal(t, Target{Account: "123456789012", Name: "q.fifo"}, target)
	for _, bad := range []string{"", "q", "arn:aws:sns:r:1:q", "arn:aws:sqs:r:1", "arn:aws:sqs:r:1:", "arn:aws:sqs:r::q", "arn:aws:sqs:r:1:q:x"} {
		_, ok := ParseARN(bad)
		require.False(t, ok, bad)
	}
}
