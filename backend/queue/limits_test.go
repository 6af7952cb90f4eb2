package queue

import (
	"bytes"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// stateMachine is what package replication asks of a state machine, but for the name of Snapshot's result type: the
// leader's shell, which also holds the lock, puts that around it.
var _ interface {
	Apply(now int64, operations [][]byte) []any
	Snapshot() (*Snapshot, error)
	Restore(r io.Reader) error
} = (*Machine)(nil)

var _ interface {
	WriteTo(w io.Writer) (int64, error)
	Release()
} = (*Snapshot)(nil)

// limitTest is a machine with one partition.
type limitTest struct {
	*testing.T
	machine *Machine
}

func newLimitTest(t *testing.T, fifo bool) *limitTest {
	l := &limitTest{T: t, machine: NewMachine()}
	require.Equal(t, OK, l.machine.ApplyCommand(1, configure(PartitionID{Queue: 1}, fifo)).Code)
	return l
}

func (l *limitTest) apply(nowMs int64, c Command) *Result {
	c.Partition, c.SettingsVersion = PartitionID{Queue: 1}, 1
	return l.machine.ApplyCommand(nowMs, &c)
}

// fill stores messages, each in a group of its own, that are in flight until 60,001 ms or visible.
func (l *limitTest) fill(inFlight, visible int) {
	l.Helper()
	p := l.machine.partitions[PartitionID{Queue: 1}]
	for i := range inFlight + visible {
		p.lastSeq++
		m := message{seq: p.lastSeq, sentMs: 1, visibleAtMs: 1, content: &content{group: strconv.Itoa(i)}}
		if i < inFlight {
			m.visibleAtMs, m.firstReceiveMs, m.lastReceiveMs, m.receives = 60_001, 1, 1, 1
		}
		p.add(m)
	}
}

func (l *limitTest) receive(nowMs int64) *Result {
	return l.apply(nowMs, Command{Kind: KindReceive, Receive: &Receive{Max: MaxBatch, VisibilityMs: 60_000}})
}

func TestInFlightLimitOfAStandardQueue(t *testing.T) {
	l := newLimitTest(t, false)
	l.fill(MaxInFlight, 20)
	require.False(t, l.machine.Receivable(PartitionID{Queue: 1}, 2))
	require.Equal(t, OverLimit, l.receive(2).Code)
	// Five places: a receive of ten gets five.
	var deletes []Handle
	for seq := range uint64(5) {
		deletes = append(deletes, Handle{Seq: seq + 1, Receive: 1})
	}
	require.Equal(t, OK, l.apply(2, Command{Kind: KindDelete, Deletes: deletes}).Code)
	require.True(t, l.machine.Receivable(PartitionID{Queue: 1}, 2))
	require.Len(t, l.receive(2).Messages, 5)
	require.Equal(t, OverLimit, l.receive(2).Code)
	// The timeouts end: NextEvent and Receivable knew.
	next, ok := l.machine.NextEvent(PartitionID{Queue: 1}, 2)
	require.True(t, ok)
	require.Equal(t, int64(60_001), next)
	require.True(t, l.machine.Receivable(PartitionID{Queue: 1}, next))
	require.Len(t, l.receive(next).Messages, MaxBatch)
}

func TestInFlightLimitOfAFIFOQueue(t *testing.T) {
	l := newLimitTest(t, true)
	l.fill(MaxInFlight, 20)
	require.False(t, l.machine.Receivable(PartitionID{Queue: 1}, 2))
	require.Equal(t, &Result{}, l.receive(2), "no error, just no more messages")
}

func TestSessionLimit(t *testing.T) {
	l := newLimitTest(t, false)
	purge := func(nowMs int64, session uint64) Code {
		return l.apply(nowMs, Command{Session: session, Seq: 1, Kind: KindPurge}).Code
	}
	for session := range uint64(MaxSessions) {
		require.Equal(t, OK, purge(1+int64(session), session+1))
	}
	require.Equal(t, Overloaded, purge(1+MaxSessions, MaxSessions+1))
	require.Equal(t, OK, purge(1+MaxSessions, 5), "a known session goes on")
	// Session 1 was used last at 1 ms. At its end, and not before, there is room for one more.
	require.Equal(t, Overloaded, purge(SessionIdleMs, MaxSessions+1))
	require.Equal(t, OK, purge(1+SessionIdleMs, MaxSessions+1))
	require.Equal(t, Overloaded, purge(1+SessionIdleMs, MaxSessions+2))
	require.Equal(t, MaxSessions, l.machine.Totals().Sessions)
}

func TestKeptResultsLimit(t *testing.T) {
	l := newLimitTest(t, false)
	expire := func(seq, lowWater uint64) Code {
		return l.apply(1, Command{Session: 1, Seq: seq, LowWater: lowWater, Kind: KindExpire}).Code
	}
	for seq := range uint64(MaxKeptResults) {
		require.Equal(t, OK, expire(seq, 0))
	}
	require.Equal(t, Overloaded, expire(MaxKeptResults, 0))
	require.Equal(t, OK, expire(7, 0), "a repeat needs no room")
	require.Equal(t, OK, expire(MaxKeptResults, 1))
	require.Equal(t, Overloaded, expire(MaxKeptResults+1, 1))
	require.Equal(t, MaxKeptResults, l.machine.Totals().KeptResults)
}

func TestPartitionLimit(t *testing.T) {
	m := NewMachine()
	for id := range uint64(MaxPartitions) {
		require.Equal(t, OK, m.ApplyCommand(1, configure(PartitionID{Queue: id}, false)).Code)
	}
	require.Equal(t, Overloaded, m.ApplyCommand(1, configure(PartitionID{Queue: MaxPartitions}, false)).Code)
	require.Equal(t, OK, m.ApplyCommand(1, &Command{Kind: KindDrop}).Code)
	require.Equal(t, OK, m.ApplyCommand(1, configure(PartitionID{Queue: MaxPartitions}, false)).Code)
	require.Equal(t, Totals{Partitions: MaxPartitions, Tombstones: 1}, m.Totals())
	// The tombstone's memory is released a day later, by whatever command comes.
	m.ApplyCommand(1+TombstoneMs, &Command{Kind: KindExpire, Partition: PartitionID{Queue: 9}})
	require.Equal(t, 0, m.Totals().Tombstones)
}

// TestStoredMessagesOwnTheirBytes scribbles over an operation after it was applied.
func TestStoredMessagesOwnTheirBytes(t *testing.T) {
	l := newLimitTest(t, false)
	send := Command{
		Kind: KindSend, Partition: PartitionID{Queue: 1}, SettingsVersion: 1,
		Sends: []Send{{Body: []byte("body"), Attributes: []byte("attributes"), SystemAttributes: []byte("system"), SenderID: "sender"}},
	}
	operation := send.Encode()
	l.machine.Apply(1, [][]byte{operation})
	copy(operation, bytes.Repeat([]byte{0xff}, len(operation)))
	m := l.receive(1).Messages[0]
	require.Equal(t, "body attributes system sender", string(m.Body)+" "+string(m.Attributes)+" "+string(m.SystemAttributes)+" "+m.SenderID)
}

func TestNextExpiry(t *testing.T) {
	l := newLimitTest(t, true)
	id := PartitionID{Queue: 1}
	_, ok := l.machine.NextExpiry(id)
	require.False(t, ok)
	require.Equal(t, OK, l.apply(1000, Command{Kind: KindSend, Sends: []Send{{Body: []byte("12345678"), Group: "g", DedupID: "d"}}}).Code)
	l.requireExpiry(1000 + DedupMs)
	require.Equal(t, OK, l.apply(1000+DedupMs, Command{Kind: KindExpire}).Code)
	l.requireExpiry(1000 + MaxRetentionMs)
	require.Equal(t, int64(8), l.machine.Totals().Bytes)
	require.Equal(t, OK, l.apply(1000+MaxRetentionMs, Command{Kind: KindExpire}).Code)
	require.Equal(t, Totals{Partitions: 1}, l.machine.Totals())
	require.Equal(t, []PartitionID{id}, l.machine.Partitions())
}

func (l *limitTest) requireExpiry(wantMs int64) {
	l.Helper()
	at, ok := l.machine.NextExpiry(PartitionID{Queue: 1})
	require.True(l, ok)
	require.Equal(l, wantMs, at)
}
