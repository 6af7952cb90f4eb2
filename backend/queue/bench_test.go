package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// The benchmarks run with batches of 10 messages of 1 KiB and 100,000 messages in the queue; msgs/s is what one core
// applies.
const (
	benchBacklog = 100_000
	benchBody    = 1024
)

func BenchmarkSend(b *testing.B) {
	for _, fifo := range []bool{false, true} {
		for _, decode := range []bool{false, true} {
			b.Run(fmt.Sprintf("fifo=%t/decode=%t", fifo, decode), func(b *testing.B) {
				bench := newBench(b, fifo)
				b.ReportAllocs()
				for b.Loop() {
					bench.send(decode)
					if bench.sent%benchBacklog == 0 {
						b.StopTimer()
						bench = newBench(b, fifo)
						b.StartTimer()
					}
				}
				b.ReportMetric(float64(b.N*MaxBatch)/b.Elapsed().Seconds(), "msgs/s")
			})
		}
	}
}

func BenchmarkReceiveDelete(b *testing.B) {
	for _, fifo := range []bool{false, true} {
		for _, decode := range []bool{false, true} {
			b.Run(fmt.Sprintf("fifo=%t/decode=%t", fifo, decode), func(b *testing.B) {
				bench := newBench(b, fifo)
				b.ReportAllocs()
				received := 0
				for b.Loop() {
					received += bench.receiveDelete(decode)
					if received >= benchBacklog {
						b.StopTimer()
						bench, received = newBench(b, fifo), 0
						b.StartTimer()
					}
				}
				b.ReportMetric(float64(b.N*MaxBatch)/b.Elapsed().Seconds(), "msgs/s")
			})
		}
	}
}

// BenchmarkTenants is both on a standard queue whose messages have groups, one of which sends half of them and is noisy.
func BenchmarkTenants(b *testing.B) {
	for _, groups := range []int{10, 1000} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			bench := newBench(b, false)
			bench.groups = groups
			for range benchBacklog / MaxBatch {
				bench.send(false)
			}
			b.ReportAllocs()
			for b.Loop() {
				bench.send(false)
				bench.receiveDelete(false)
			}
			b.ReportMetric(float64(b.N*MaxBatch)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// BenchmarkSnapshot measures how long Snapshot keeps Apply waiting.
func BenchmarkSnapshot(b *testing.B) {
	for _, partitions := range []int{1, 1000} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) {
			bench := newBench(b, false)
			for i := range partitions - 1 {
				bench.machine.ApplyCommand(bench.nowMs, configure(PartitionID{Queue: uint64(i + 2)}, false))
			}
			for b.Loop() {
				snapshot, err := bench.machine.Snapshot()
				if err != nil {
					b.Fatal(err)
				}
				snapshot.Release()
			}
		})
	}
}

// BenchmarkSnapshotWrite measures what it costs to write a state out, and to read it in.
func BenchmarkSnapshotWrite(b *testing.B) {
	snapshot, err := newBench(b, false).machine.Snapshot()
	require.NoError(b, err)
	for b.Loop() {
		size, err := snapshot.WriteTo(io.Discard)
		require.NoError(b, err)
		b.SetBytes(size)
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*benchBacklog), "ns/msg")
}

func BenchmarkSnapshotRestore(b *testing.B) {
	snapshot, err := newBench(b, false).machine.Snapshot()
	require.NoError(b, err)
	var written bytes.Buffer
	_, err = snapshot.WriteTo(&written)
	require.NoError(b, err)
	b.SetBytes(int64(written.Len()))
	for b.Loop() {
		require.NoError(b, NewMachine().Restore(bytes.NewReader(written.Bytes())))
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*benchBacklog), "ns/msg")
}

type bench struct {
	b       *testing.B
	machine *Machine
	fifo    bool
	groups  int // of a standard queue, 0 for none
	nowMs   int64
	seq     uint64
	sent    int
	body    []byte
}

func newBench(b *testing.B, fifo bool) *bench {
	s := &bench{b: b, machine: NewMachine(), fifo: fifo, nowMs: 1, body: make([]byte, benchBody)}
	s.machine.ApplyCommand(1, configure(PartitionID{Queue: 1}, fifo))
	for range benchBacklog / MaxBatch {
		s.send(false)
	}
	return s
}

func configure(id PartitionID, fifo bool) *Command {
	return &Command{Partition: id, Kind: KindConfigure, Settings: &Settings{Version: 1, FIFO: fifo, RetentionMs: MaxRetentionMs}}
}

// apply gives c a session and a number, as a client with 100 commands under way would, and time passes by a millisecond
// every 10 commands.
func (s *bench) apply(c *Command, decode bool) *Result {
	s.seq++
	c.Session, c.Seq, c.LowWater = 1, s.seq, max(s.seq, 100)-100
	c.Partition, c.SettingsVersion = PartitionID{Queue: 1}, 1
	s.nowMs += int64(s.seq % 10 / 9)
	if !decode {
		return s.machine.ApplyCommand(s.nowMs, c)
	}
	s.b.StopTimer()
	operations := [][]byte{c.Encode()}
	s.b.StartTimer()
	return s.machine.Apply(s.nowMs, operations)[0].(*Result)
}

func (s *bench) send(decode bool) {
	c := &Command{Kind: KindSend, Sends: make([]Send, MaxBatch)}
	for i := range c.Sends {
		s.sent++
		c.Sends[i] = Send{Body: s.body, SenderID: "AIDAEXAMPLE"}
		binary.BigEndian.PutUint64(c.Sends[i].MessageID[:], uint64(s.sent))
		if s.groups > 0 {
			c.Sends[i].Group = fmt.Sprintf("group-%d", s.sent%2*s.sent%s.groups)
		}
		if s.fifo {
			c.Sends[i].Group = fmt.Sprintf("group-%d", s.sent%1000)
			c.Sends[i].DedupID = fmt.Sprintf("id-%d", s.sent)
		}
	}
	if result := s.apply(c, decode); result.Code != OK {
		s.b.Fatal(result.Code)
	}
}

func (s *bench) receiveDelete(decode bool) int {
	result := s.apply(&Command{Kind: KindReceive, Receive: &Receive{Max: MaxBatch, VisibilityMs: 30_000}}, decode)
	if len(result.Messages) != MaxBatch {
		s.b.Fatalf("%v: %d messages", result.Code, len(result.Messages))
	}
	c := &Command{Kind: KindDelete}
	for i := range result.Messages {
		c.Deletes = append(c.Deletes, result.Messages[i].Handle())
	}
	for _, code := range s.apply(c, decode).Codes {
		if code != OK {
			s.b.Fatal(code)
		}
	}
	return len(result.Messages)
}
