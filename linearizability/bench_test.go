package linearizability

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The rules must judge 100,000 operations in under two seconds (SIMULATION.md, section 4).
func BenchmarkCheck(b *testing.B) {
	h, options := largeHistory(100_000)
	b.Run(fmt.Sprintf("%d operations", len(h)), func(b *testing.B) {
		for b.Loop() {
			if verdict := Check(h, options); !verdict.OK() {
				b.Fatal(verdict.Found)
			}
		}
	})
}

// Porcupine must leave less than half a percent of the windows undecided.
func BenchmarkJudge(b *testing.B) {
	h, options := largeHistory(100_000)
	b.Run(fmt.Sprintf("%d operations", len(h)), func(b *testing.B) {
		undecided, windows := 0, 0
		for b.Loop() {
			verdict := Judge(h, options)
			if !verdict.OK() {
				b.Fatal(verdict.Found)
			}
			windows += verdict.Checked[UndecidedWindows]
			for _, n := range verdict.Undecided {
				undecided += n
			}
		}
		b.ReportMetric(float64(windows)/float64(b.N), "windows/op")
		b.ReportMetric(100*float64(undecided)/float64(windows), "%undecided")
	})
}

// largeHistory is a valid history of n operations: valid histories one after the other, each with queues of its own.
func largeHistory(n int) ([]Operation, Options) {
	all := Options{ClockBound: 2 * time.Second, Drained: true, StrictStandard: true, Queues: map[string]Queue{}}
	var h []Operation
	for seed := uint64(1); len(h) < n; seed++ {
		part, options := validHistory(seed * 7)
		prefix := fmt.Sprintf("run%d-", seed)
		for name, q := range options.Queues {
			if q.DeadLetter != "" {
				q.DeadLetter = prefix + q.DeadLetter
			}
			q.MovesTo = slices.Clone(q.MovesTo)
			for i := range q.MovesTo {
				q.MovesTo[i] = prefix + q.MovesTo[i]
			}
			all.Queues[prefix+name] = q
		}
		for _, op := range part {
			op.Queue = prefix + op.Queue
			op.Messages = slices.Clone(op.Messages)
			for i := range op.Messages {
				if m := &op.Messages[i]; m.Source != "" {
					m.Source = prefix + m.Source
				}
			}
			h = append(h, op)
		}
	}
	slices.SortStableFunc(h, func(a, b Operation) int { return int(min(1, max(-1, a.Call-b.Call))) })
	for i := range h {
		h[i].ID = i
	}
	return h[:n:n], Options{ClockBound: all.ClockBound, StrictStandard: true, StrictMetadata: true, Queues: all.Queues}
}
