package queue

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"chasqui/node/rpc"
)

// furnished returns a machine with something of every record in it.
func furnished() *Machine {
	m := NewMachine()
	seq := uint64(0)
	apply := func(id PartitionID, c Command) {
		seq++
		c.Session, c.Seq, c.LowWater, c.Partition, c.SettingsVersion = 5, seq, 1, id, 1
		if result := m.ApplyCommand(1_000_000, &c); result.Code != OK {
			panic(fmt.Sprintf("%v: %v", c.Kind, result.Code))
		}
	}
	standard, fifo, dropped := PartitionID{Queue: 1}, PartitionID{Queue: 2, Partition: 1}, PartitionID{Queue: 3}
	apply(standard, Command{Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: 60_000}})
	apply(fifo, Command{Kind: KindConfigure, Settings: &Settings{Version: 1, FIFO: true, RetentionMs: 60_000, DedupPerGroup: true}})
	apply(dropped, Command{Kind: KindDrop})
	apply(standard, Command{Kind: KindSend, Sends: []Send{{Body: []byte("one"), Attributes: []byte("a"), SenderID: "s"}, {DelayMs: 5}}})
	apply(standard, Command{Kind: KindReceive, Receive: &Receive{Max: 1, VisibilityMs: 30_000}})
	apply(fifo, Command{Kind: KindSend, Sends: []Send{{Body: []byte("two"), Group: "g", DedupID: "d", SystemAttributes: []byte("t")}}})
	apply(fifo, Command{Kind: KindReceive, Receive: &Receive{Max: 1, VisibilityMs: 30_000, AttemptID: "x"}})
	apply(standard, Command{Kind: KindDelete, Deletes: []Handle{{Seq: 99, Receive: 1}}})
	return m
}

// furnishedAnew is furnished and what version 2 of the format added: messages on their way to and from other queues, tasks,
// messages delivered at most once, and a deleted queue.
func furnishedAnew() *Machine {
	m := furnished()
	apply := func(c Command) {
		if result := m.ApplyCommand(1_000_000, &c); result.Code != OK {
			panic(fmt.Sprintf("%v: %v", c.Kind, result.Code))
		}
	}
	redrive := Redrive{MaxReceives: 1, Target: Target{Account: "1", Name: "dead"}, SourceARN: "arn:aws:sqs:r:1:q"}
	for _, c := range []Command{
		{Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: 60_000, Redrive: redrive}},
		{Kind: KindTransfer, Transfer: &Transfer{Origin: PartitionID{Queue: 9, Partition: 1}, Messages: []Moved{
			{Number: 3, SentMs: 999, Receives: 4, SourceARN: "arn:aws:sqs:r:1:p", Send: Send{Body: []byte("arrived")}}}}},
		{Kind: KindSend, Sends: []Send{{Body: []byte("goes")}, {Body: []byte("stays")}}},
		{Kind: KindReceive, Receive: &Receive{Max: 2}},
		{Kind: KindReceive, Receive: &Receive{Max: 1, VisibilityMs: 30_000}},
		{Kind: KindMoveTask, MoveTask: &MoveTask{Operation: TaskStart, ID: TaskID{1}}},
		{Kind: KindMoveTask, MoveTask: &MoveTask{Operation: TaskCancel, ID: TaskID{1}}},
		{Kind: KindMoveTask, MoveTask: &MoveTask{Operation: TaskStart, ID: TaskID{2}, RateMilli: 5000}},
	} {
		c.Partition, c.SettingsVersion = PartitionID{Queue: 4}, 1
		apply(c)
	}
	for i, c := range []Command{
		{Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: 60_000, Delivery: AtMostOnce}},
		{Kind: KindSend, Sends: []Send{{Body: []byte("three")}, {Body: []byte("four"), Attributes: []byte("a")}, {Body: []byte("five")}}},
		{Kind: KindReceive, Receive: &Receive{Max: 2}},
		{Kind: KindDrop, Keep: &Keep{Settings: Settings{Version: 2, RetentionMs: 60_000, Delivery: AtMostOnce}, KeepMs: 3_600_000}},
	} {
		c.Session, c.Seq, c.Partition, c.SettingsVersion = 6, uint64(i), PartitionID{Queue: 5}, 1
		apply(c)
	}
	return m
}

// furnishedFully is furnishedAnew and what version 3 of the format added: a standard queue with message groups, one of which
// has spent its consumers' time in this minute and the one before.
func furnishedFully() *Machine {
	m := furnishedAnew()
	for _, step := range []struct {
		nowMs int64
		c     Command
	}{
		{1_000_000, Command{Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: 600_000}}},
		{1_000_000, Command{Kind: KindSend, Sends: []Send{{Group: "busy"}, {Group: "busy"}, {Group: "busy"}, {Group: "idle"}, {}}}},
		{1_000_000, Command{Kind: KindReceive, Receive: &Receive{Max: 1, VisibilityMs: 30_000}}},
		{1_015_000, Command{Kind: KindReceive, Receive: &Receive{Max: 3, VisibilityMs: 30_000}}},
		{1_021_000, Command{Kind: KindExpire}},
	} {
		step.c.Partition, step.c.SettingsVersion = PartitionID{Queue: 6}, 1
		if result := m.ApplyCommand(step.nowMs, &step.c); result.Code != OK {
			panic(fmt.Sprintf("%v: %v", step.c.Kind, result.Code))
		}
	}
	return m
}

func TestSnapshotGolden(t *testing.T) {
	snapshot := snapshotOf(t, furnishedFully())
	requireGolden(t, "testdata/snapshot.golden", []byte(hex.Dump(snapshot)))
	restored := restore(t, snapshot)
	checkIndexes(t, restored)
	require.Equal(t, snapshot, snapshotOf(t, restored))
	require.Equal(t, furnishedFully().Totals(), restored.Totals())
	require.Equal(t, furnishedFully().Digest(), restored.Digest())
	require.Equal(t, furnishedFully().Outgoing(), restored.Outgoing())
	require.NotEmpty(t, restored.Outgoing())
	require.Equal(t, []PartitionID{{Queue: 4}}, restored.Tasks())
}

// TestOlderSnapshots reads a snapshot of each earlier version: its state is that of the same commands today.
func TestOlderSnapshots(t *testing.T) {
	for file, today := range map[string]*Machine{"snapshot-1.golden": furnished(), "snapshot-2.golden": furnishedAnew()} {
		t.Run(file, func(t *testing.T) {
			require.Equal(t, snapshotOf(t, today), snapshotOf(t, restore(t, readGolden(t, "testdata/"+file))))
		})
	}
}

// readGolden returns the bytes that a golden file dumps.
func readGolden(t *testing.T, file string) []byte {
	t.Helper()
	golden, err := os.ReadFile(file)
	require.NoError(t, err)
	var snapshot []byte
	for line := range strings.Lines(string(golden)) {
		columns, _, _ := strings.Cut(line, "|")
		for _, word := range strings.Fields(columns)[1:] {
			b, err := hex.DecodeString(word)
			require.NoError(t, err)
			snapshot = append(snapshot, b...)
		}
	}
	return snapshot
}

// TestRestoreRefuses damages a snapshot in every place there is.
func TestRestoreRefuses(t *testing.T) {
	snapshot := snapshotOf(t, furnishedFully())
	refused := func(damaged []byte, what string, at int) {
		m := furnished()
		err := m.Restore(bytes.NewReader(damaged))
		require.ErrorIs(t, err, ErrBadSnapshot, "%s at byte %d", what, at)
		require.Equal(t, Totals{}, m.Totals())
	}
	for at := range snapshot {
		refused(snapshot[:at], "cut off", at)
		flipped := bytes.Clone(snapshot)
		flipped[at] ^= 0x10
		refused(flipped, "flipped bit", at)
	}
	refused(append(bytes.Clone(snapshot), 0), "more bytes", len(snapshot))
}

// TestRestoreRefusesNonsense covers records whose checksums are right.
func TestRestoreRefusesNonsense(t *testing.T) {
	for name, record := range map[string][]byte{
		"empty":                     {},
		"not an array":              {0x01},
		"unknown kind":              {0x92, 0x7f, 0x01},
		"not the time first":        {0x94, recordTombstone, 0x01, 0x01, 0x01},
		"a value too many":          {0x93, recordTime, 0x01, 0x01},
		"bytes left over":           {0x92, recordTime, 0x01, 0x01},
		"a message taken by nobody": {0x92, recordTaken, 0x9b},
		"a session without its end": {0x94, recordSession, 0x01},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, NewMachine().Restore(bytes.NewReader(write(t, record))), ErrBadSnapshot)
		})
	}
}

// TestSnapshotOfManyChunks has records that go over the ends of chunks, and one larger than a chunk.
func TestSnapshotOfManyChunks(t *testing.T) {
	m := NewMachine()
	m.ApplyCommand(1, configure(PartitionID{Queue: 1}, false))
	for size := range 100 {
		send := Command{Kind: KindSend, Partition: PartitionID{Queue: 1}, SettingsVersion: 1, Sends: []Send{{Body: make([]byte, size*331)}}}
		if size == 50 {
			send.Sends[0].Body = make([]byte, MaxBodyBytes)
		}
		require.Equal(t, OK, m.ApplyCommand(1, &send).Code)
	}
	snapshot := snapshotOf(t, m)
	require.Greater(t, len(snapshot), 8*chunkBytes)
	require.Equal(t, snapshot, snapshotOf(t, restore(t, snapshot)))
}

// framed returns the stream of records as the format says it.
func framed(records ...[]byte) []byte {
	little, sum := binary.LittleEndian, func(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
	header := little.AppendUint32([]byte(snapshotMagic), snapshotVersion)
	framed := little.AppendUint32(header, sum(header))
	var stream []byte
	for _, record := range records {
		stream = append(binary.AppendUvarint(stream, uint64(len(record))), record...)
	}
	for data := range slices.Chunk(stream, chunkBytes) {
		chunk := append(little.AppendUint32(nil, uint32(len(data))), data...)
		framed = append(framed, little.AppendUint32(chunk, sum(chunk))...)
	}
	trailer := little.AppendUint64(little.AppendUint32(nil, 0), uint64(len(records)))
	trailer = little.AppendUint32(trailer, sum(stream))
	return append(framed, little.AppendUint32(trailer, sum(trailer))...)
}

// write returns what a chunkWriter writes of the records.
func write(t *testing.T, records ...[]byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := newChunkWriter(&buffer)
	for _, record := range records {
		w.add(func(to *rpc.Writer) { to.Reset(append(to.Body(), record...)) })
	}
	size, err := w.finish()
	require.NoError(t, err)
	require.EqualValues(t, buffer.Len(), size)
	return buffer.Bytes()
}

// TestFraming has records whose lengths take one to three bytes, that end before, with and behind a chunk, with their length in
// two chunks, and that are larger than several.
func TestFraming(t *testing.T) {
	sizes := []int{0, 1, 127, 128, 16383, 16384, chunkBytes - 4, chunkBytes - 3, chunkBytes - 2, chunkBytes, 3*chunkBytes - 3, 5 * chunkBytes}
	for _, first := range sizes {
		for _, second := range sizes {
			records := [][]byte{make([]byte, first), make([]byte, second), []byte("the last")}
			for i := range records {
				for j := range records[i] {
					records[i][j] = byte(i + j>>3*j)
				}
			}
			snapshot := write(t, records...)
			require.True(t, bytes.Equal(framed(records...), snapshot), "records of %d and %d bytes", first, second)
			r, err := newChunkReader(bytes.NewReader(snapshot))
			require.NoError(t, err)
			for _, record := range records {
				read, err := r.next(6 * chunkBytes)
				require.NoError(t, err)
				require.True(t, bytes.Equal(record, read), "records of %d and %d bytes", first, second)
			}
			_, err = r.next(0)
			require.Equal(t, io.EOF, err)
		}
	}
	require.Equal(t, framed(), write(t))
}

// TestRestoreRefusesOtherChunks swaps and repeats chunks of records of the same sizes: each chunk is good, and there are as many
// records as there should be.
func TestRestoreRefusesOtherChunks(t *testing.T) {
	const size = 8192 // with its length
	records := make([][]byte, 3*chunkBytes/size)
	for i := range records {
		records[i] = bytes.Repeat([]byte{byte(i)}, size-lengthBytes)
	}
	snapshot := write(t, records...)
	const header, chunk = len(snapshotMagic) + 4 + 4, 4 + chunkBytes + 4
	read := func(order ...int) error {
		reordered := bytes.Clone(snapshot[:header])
		for _, i := range order {
			reordered = append(reordered, snapshot[header+i*chunk:][:chunk]...)
		}
		r, err := newChunkReader(bytes.NewReader(append(reordered, snapshot[header+3*chunk:]...)))
		require.NoError(t, err)
		for range records {
			_, err = r.next(size)
			require.NoError(t, err)
		}
		_, err = r.next(size)
		return err
	}
	require.Equal(t, io.EOF, read(0, 1, 2))
	for _, order := range [][]int{{1, 0, 2}, {0, 2, 1}, {0, 0, 2}, {2, 1, 0}} {
		require.ErrorIs(t, read(order...), ErrBadSnapshot, "%v", order)
	}
}

// failingWriter accepts some bytes and then fails.
type failingWriter struct{ left int }

var errFull = errors.New("full")

func (w *failingWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return 0, errFull
	}
	w.left -= len(p)
	return len(p), nil
}

func TestSnapshotWriteError(t *testing.T) {
	snapshot, err := furnished().Snapshot()
	require.NoError(t, err)
	_, err = snapshot.WriteTo(&failingWriter{left: 20})
	require.ErrorIs(t, err, errFull)
}

// TestSnapshotStandsStill writes a snapshot out while the machine goes on: it must hold the state of its own moment.
// The race detector watches.
func TestSnapshotStandsStill(t *testing.T) {
	m := NewMachine()
	id := PartitionID{Queue: 1}
	m.ApplyCommand(1, configure(id, true))
	change := func(n uint64) {
		name := fmt.Sprint(n)
		for i, c := range []Command{
			{Kind: KindSend, Sends: []Send{{Body: []byte(name), Group: fmt.Sprint(n % 7), DedupID: name}}},
			{Kind: KindReceive, Receive: &Receive{Max: 3, VisibilityMs: 5, AttemptID: name}},
			{Kind: KindVisibility, Changes: []VisibilityChange{{Handle: Handle{Seq: n, Receive: 1}, VisibilityMs: 9}}},
			{Kind: KindDelete, Deletes: []Handle{{Seq: n / 2, Receive: 1}}},
		} {
			c.Partition, c.SettingsVersion, c.Session, c.Seq, c.LowWater = id, 1, 1, 4*n+uint64(i), max(4*n, 100)-100
			m.ApplyCommand(int64(n), &c)
		}
	}
	for n := range uint64(2000) {
		change(n)
	}
	want := snapshotOf(t, m)
	snapshot, err := m.Snapshot()
	require.NoError(t, err)
	var got bytes.Buffer
	var writing sync.WaitGroup
	writing.Go(func() { _, err = snapshot.WriteTo(&got) })
	for n := range uint64(2000) {
		change(2000 + n)
	}
	writing.Wait()
	require.NoError(t, err)
	require.Equal(t, want, got.Bytes())
	require.NotEqual(t, want, snapshotOf(t, m))
}

// TestReplicasStayEqual gives the same random commands of several clients to a machine and to one restored from its
// snapshot on the way, over several partitions with attempts, drops and changes of settings. Every result must be the
// same byte for byte, and so must the snapshots at the end.
func TestReplicasStayEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept, restored := NewMachine(), NewMachine()
		nowMs, seq := int64(0), uint64(10)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			nowMs += rapid.SampledFrom([]int64{0, 1, 1000, 30_000, -500, SessionIdleMs / 2, TombstoneMs / 3}).Draw(t, "pass ms")
			seq += rapid.Uint64Range(0, 2).Draw(t, "seq")
			c := drawCommand(t)
			c.Session, c.Seq = rapid.Uint64Range(0, 2).Draw(t, "session"), seq-rapid.Uint64Range(0, 3).Draw(t, "back")
			c.LowWater = seq - 9
			if c.LowWater > c.Seq {
				c.LowWater = c.Seq
			}
			operations := [][]byte{c.Encode()}
			result := kept.Apply(nowMs, operations)[0].(*Result)
			other := restored.Apply(nowMs, operations)[0].(*Result)
			require.Equal(t, result.Encode(), other.Encode())
			if rapid.IntRange(0, 9).Draw(t, "restore") == 0 {
				restored = restore(t, snapshotOf(t, restored))
			}
		}
		require.Equal(t, snapshotOf(t, kept), snapshotOf(t, restored))
		checkIndexes(t, kept)
	})
}

func drawCommand(t *rapid.T) Command {
	c := Command{Kind: Kind(rapid.SampledFrom([]int{1, 2, 2, 2, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 9, 10, 10, 11, 11}).Draw(t, "kind"))}
	c.Partition.Queue = rapid.Uint64Range(1, 4).Draw(t, "queue")
	c.SettingsVersion = rapid.SampledFrom([]uint64{1, 1, 1, 1, 2}).Draw(t, "version")
	handle := Handle{Seq: rapid.Uint64Range(1, 20).Draw(t, "handle"), Receive: rapid.Uint32Range(0, 3).Draw(t, "receive")}
	name := func(label string) string { return rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, label) }
	switch c.Kind {
	case KindConfigure:
		c.Settings = drawSettings(&c, c.SettingsVersion)
		if c.Settings.FIFO {
			c.Settings.DelayMs = rapid.SampledFrom([]int64{0, 500, 5000}).Draw(t, "delay")
		}
	case KindSend:
		c.Sends = []Send{{Body: []byte("x"), Group: name("group"), DedupID: name("dedup"), SenderID: name("sender")}, {DelayMs: 700, Group: "d", DedupID: name("dedup")}}
	case KindReceive:
		c.Receive = &Receive{Max: 3, VisibilityMs: rapid.Int64Range(0, 3000).Draw(t, "visibility"), AttemptID: name("attempt")}
	case KindDelete:
		c.Deletes = []Handle{handle}
	case KindVisibility:
		c.Changes = []VisibilityChange{{Handle: handle, VisibilityMs: 800}}
	case KindDrop:
		if rapid.Bool().Draw(t, "keep") {
			c.Keep = &Keep{Settings: *drawSettings(&c, rapid.Uint64Range(1, 3).Draw(t, "deletion")), KeepMs: 50_000}
		}
	case KindTransfer:
		number := rapid.Uint64Range(1, 10).Draw(t, "number")
		c.Transfer = &Transfer{Origin: PartitionID{Queue: rapid.Uint64Range(7, 8).Draw(t, "origin")}, Messages: []Moved{
			{Number: number, SentMs: 5, Receives: 2, SourceARN: "arn:aws:sqs:r:1:p", Send: Send{Group: "a"}}, {Number: number + 1, Send: Send{Group: "b"}}}}
	case KindSettle:
		c.Settle = &Settle{Through: rapid.Uint64Range(0, 10).Draw(t, "through"), Returned: rapid.Bool().Draw(t, "returned")}
	case KindMoveTask:
		c.MoveTask = &MoveTask{Operation: TaskOperation(rapid.IntRange(1, 4).Draw(t, "operation")), ID: TaskID{byte(rapid.IntRange(1, 2).Draw(t, "task"))}}
		if c.MoveTask.Operation == TaskStart {
			c.MoveTask.RateMilli = rapid.SampledFrom([]uint32{0, 500, 2000}).Draw(t, "rate")
			c.MoveTask.Target = rapid.SampledFrom([]Target{{}, {Account: "1", Name: "q"}}).Draw(t, "target")
		}
	}
	return c
}

// drawSettings gives each queue a type and a delivery of its own, and some a dead-letter queue.
func drawSettings(c *Command, version uint64) *Settings {
	s := &Settings{Version: version, FIFO: c.Partition.Queue%2 == 0, RetentionMs: int64(version) * 100_000,
		Delivery: Delivery(c.Partition.Queue % 3)}
	if c.Partition.Queue > 2 {
		s.Redrive = Redrive{MaxReceives: 1, Target: Target{Account: "1", Name: "dead"}, SourceARN: "arn:aws:sqs:r:1:q"}
	}
	return s
}

// FuzzRestore feeds records past the checksums, each after a byte that gives its length. Whatever is accepted must be a
// state that keeps its own rules.
func FuzzRestore(f *testing.F) {
	chunks, err := newChunkReader(bytes.NewReader(snapshotOf(f, furnishedFully())))
	require.NoError(f, err)
	var seed []byte
	for {
		record, err := chunks.next(maxRecordBytes)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(f, err)
		seed = append(append(seed, byte(len(record))), record...)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		loading := restoring{machine: NewMachine()}
		for len(data) > 0 {
			size := min(int(data[0]), len(data)-1)
			if loading.record(data[1:1+size]) != nil {
				return
			}
			data = data[1+size:]
		}
		m := loading.machine
		checkIndexes(t, m)
		for _, id := range m.Partitions() {
			m.ApplyCommand(m.nowMs+DedupMs, &Command{Kind: KindExpire, Partition: id})
		}
		checkIndexes(t, m)
	})
}
