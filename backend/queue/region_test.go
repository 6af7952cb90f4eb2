package queue

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
)

// regions is a machine with some queues, to which entries of several commands come.
type regions struct {
	t       *testing.T
	machine *Machine
	random  *rand.Rand
	nowMs   int64
	sent    uint64
	bodies  map[[16]byte][]byte
	seqs    map[PartitionID][]Handle
	// entries are what Apply has got.
	entries [][]byte
}

func newRegions(t *testing.T, seed uint64) *regions {
	r := &regions{
		t: t, machine: NewMachine(), random: rand.New(rand.NewPCG(seed, 0)), nowMs: 1,
		bodies: map[[16]byte][]byte{}, seqs: map[PartitionID][]Handle{},
	}
	for queue := range uint64(3) {
		r.apply(&Command{Partition: PartitionID{Queue: queue}, Kind: KindConfigure, Settings: &Settings{
			Version: 1, RetentionMs: 200, Delivery: Delivery(queue % 2),
		}})
	}
	return r
}

// apply applies an entry of commands that lie in one allocation.
func (r *regions) apply(commands ...*Command) []*Result {
	var ends []int
	var entry []byte
	for _, c := range commands {
		c.SettingsVersion = 1
		entry = append(entry, c.Encode()...)
		ends = append(ends, len(entry))
	}
	entry = bytes.Clone(entry)
	r.entries = append(r.entries, entry)
	var operations [][]byte
	from := 0
	for _, end := range ends {
		operations = append(operations, entry[from:end:end])
		from = end
	}
	var results []*Result
	for _, result := range r.machine.Apply(r.nowMs, operations) {
		results = append(results, result.(*Result))
	}
	return results
}

func (r *regions) send(id PartitionID, messages, bodyBytesMax int) *Command {
	c := &Command{Partition: id, Kind: KindSend}
	for range messages {
		r.sent++
		s := Send{Body: make([]byte, r.random.IntN(bodyBytesMax)), SenderID: "AIDAEXAMPLE", Group: []string{"", "a"}[r.random.IntN(2)]}
		for i := range s.Body {
			s.Body[i] = byte(r.random.Uint32())
		}
		if r.random.IntN(3) == 0 {
			s.Attributes, s.SystemAttributes = []byte("attributes"), []byte("trace")
		}
		binary.BigEndian.PutUint64(s.MessageID[:], r.sent)
		r.bodies[s.MessageID] = s.Body
		c.Sends = append(c.Sends, s)
	}
	return c
}

// command draws a command; one that is not a send has nothing that stays.
func (r *regions) command() *Command {
	id := PartitionID{Queue: r.random.Uint64N(3)}
	switch r.random.IntN(12) {
	case 0:
		return &Command{Partition: id, Kind: KindReceive, Receive: &Receive{Max: 10, VisibilityMs: r.random.Int64N(100)}}
	case 1, 2, 3, 4:
		c := &Command{Partition: id, Kind: KindDelete}
		for range min(len(r.seqs[id]), MaxBatch) {
			at := r.random.IntN(len(r.seqs[id]))
			c.Deletes = append(c.Deletes, r.seqs[id][at])
			r.seqs[id] = append(r.seqs[id][:at], r.seqs[id][at+1:]...)
		}
		return c
	case 5:
		if r.random.IntN(10) == 0 {
			return &Command{Partition: id, Kind: KindPurge}
		}
		return &Command{Partition: id, Kind: KindReceive, Receive: &Receive{Max: 10, VisibilityMs: 50}}
	case 6, 7, 8:
		return &Command{Partition: id, Kind: KindReceive, Receive: &Receive{Max: 10, VisibilityMs: 1000}}
	default:
		return r.send(id, 1+r.random.IntN(MaxBatch), []int{100, 600, 3000}[r.random.IntN(3)])
	}
}

// check looks at every message's bytes, after it has overwritten those entries that no message should need.
func (r *regions) check() {
	checkIndexes(r.t, r.machine)
	needed := map[*byte]bool{}
	for _, p := range r.machine.partitions {
		p.messages.Ascend(func(m message) bool {
			if m.content.extent != nil {
				for _, entry := range r.entries {
					if within(entry, m.content.body) {
						needed[&entry[0]] = true
					}
				}
			}
			return true
		})
	}
	kept := r.entries[:0]
	for _, entry := range r.entries {
		if needed[&entry[0]] {
			kept = append(kept, entry)
			continue
		}
		for i := range entry {
			entry[i] = 0xAA
		}
	}
	r.entries = kept
	for _, p := range r.machine.partitions {
		p.messages.Ascend(func(m message) bool {
			require.True(r.t, bytes.Equal(r.bodies[m.content.messageID], m.content.body), "body of message %d", m.seq)
			attributes, system := m.content.encodedAttributes()
			if attributes != nil || system != nil {
				require.Equal(r.t, "attributes+trace", string(attributes)+"+"+string(system))
			}
			return true
		})
	}
}

// within reports whether part lies in whole.
func within(whole, part []byte) bool {
	for i := range whole {
		if len(part) > 0 && &whole[i] == &part[0] {
			return true
		}
	}
	return false
}

// TestRegions applies random entries. No message may need an entry of which less than half is used, and none may change when
// such entries are written over. What a snapshot captured before has no such protection in this test, so there is none.
func TestRegions(t *testing.T) {
	for seed := range uint64(8) {
		r := newRegions(t, seed)
		borrowed := false
		for step := range 400 {
			r.nowMs += r.random.Int64N(4)
			var commands []*Command
			for range 1 + r.random.IntN(8) {
				commands = append(commands, r.command())
			}
			for i, result := range r.apply(commands...) {
				for j := range result.Messages {
					m := &result.Messages[j]
					require.True(t, bytes.Equal(r.bodies[m.MessageID], m.Body))
					r.seqs[commands[i].Partition] = append(r.seqs[commands[i].Partition], m.Handle())
				}
			}
			borrowed = borrowed || r.machine.memory.unused > 0
			if step%10 == 0 {
				r.check()
			}
		}
		require.True(t, borrowed)
		for queue := range uint64(3) {
			r.apply(&Command{Partition: PartitionID{Queue: queue}, Kind: KindDrop})
		}
		r.check()
		require.Zero(t, r.machine.Totals().Unused)
		require.Empty(t, r.entries, "no message is left")
	}
}

// TestOneMessageKeepsNoEntry leaves one message of an entry of a thousand, and lets the collector look.
func TestOneMessageKeepsNoEntry(t *testing.T) {
	r := newRegions(t, 1)
	id := PartitionID{Queue: 0}
	var commands []*Command
	for range 100 {
		commands = append(commands, r.send(id, MaxBatch, 2000))
	}
	r.apply(commands...)
	entry := weak.Make(&r.entries[len(r.entries)-1][0])
	r.entries = nil
	runtime.GC()
	require.NotNil(t, entry.Value(), "the messages are in it")
	snapshot, err := r.machine.Snapshot()
	require.NoError(t, err)
	var want bytes.Buffer
	_, err = snapshot.WriteTo(&want)
	require.NoError(t, err)
	for r.machine.Totals().Messages > 1 {
		received := r.apply(&Command{Partition: id, Kind: KindReceive, Receive: &Receive{Max: MaxBatch, VisibilityMs: 1000}})[0]
		deletion := &Command{Partition: id, Kind: KindDelete}
		for i := range received.Messages {
			if len(deletion.Deletes) < r.machine.Totals().Messages-1 {
				deletion.Deletes = append(deletion.Deletes, received.Messages[i].Handle())
			}
		}
		r.apply(deletion)
		checkIndexes(t, r.machine)
	}
	runtime.GC()
	require.NotNil(t, entry.Value(), "the snapshot needs it")
	var got bytes.Buffer
	_, err = snapshot.WriteTo(&got)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want.Bytes(), got.Bytes()))
	left, _ := r.machine.partitions[id].messages.Min()
	require.Nil(t, left.content.extent)
	for i := range snapshot.partitions {
		if captured, ok := snapshot.partitions[i].messages.Get(left); ok {
			require.NotNil(t, captured.content.extent, "a content that a snapshot has, and may be writing out, is not written to")
		}
	}
	snapshot.Release()
	runtime.GC()
	require.Nil(t, entry.Value())
	r.check()
}

// TestTakenKeepsNoEntry: what a receive has removed is kept for a retry, but its entry is not.
func TestTakenKeepsNoEntry(t *testing.T) {
	r := newRegions(t, 1)
	id := PartitionID{Queue: 1} // at most once
	r.apply(r.send(id, MaxBatch, 2000))
	entry := weak.Make(&r.entries[len(r.entries)-1][0])
	r.entries = nil
	receive := &Command{Session: 1, Seq: 1, Partition: id, Kind: KindReceive, Receive: &Receive{Max: MaxBatch}}
	first := r.apply(receive)[0]
	require.Len(t, first.Messages, MaxBatch)
	bodies := len(first.Messages[0].Body)
	first = nil
	runtime.GC()
	require.Nil(t, entry.Value())
	again := r.apply(receive)[0]
	require.Len(t, again.Messages, MaxBatch)
	require.Len(t, again.Messages[0].Body, bodies)
	for i := range again.Messages {
		require.True(t, bytes.Equal(r.bodies[again.Messages[i].MessageID], again.Messages[i].Body))
	}
}
