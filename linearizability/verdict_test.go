package linearizability

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContradictoryHistoriesAreJudgedByNothingElse(t *testing.T) {
	valid := []Operation{send(plain, 0, 5, "a", ""), receive(plain, 10, 20, got("never sent", 1, ""))}
	valid[1].ID = 1
	for name, spoil := range map[string]func(h []Operation){
		"ids":         func(h []Operation) { h[1].ID = 7 },
		"order":       func(h []Operation) { h[1].Call = -1 },
		"return":      func(h []Operation) { h[1].Return = 0 },
		"no outcome":  func(h []Operation) { h[1].Outcome = "" },
		"other order": func(h []Operation) { slices.Reverse(h); h[0].ID, h[1].ID = 0, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			h := slices.Clone(valid)
			spoil(h)
			verdict := Check(h, Options{})
			require.Equal(t, map[Rule]int{MalformedHistory: 1}, verdict.Found)
			require.Zero(t, verdict.Checked[Invented])
		})
	}
	verdict := Check(valid, Options{})
	require.Equal(t, map[Rule]int{Invented: 1}, verdict.Found)
}

func TestVerdictIsReproducibleAndInOrderOfTime(t *testing.T) {
	h, options := validHistory(7)
	for i := range h { // nothing is deleted and most is damaged
		h[i].Messages = slices.Clone(h[i].Messages)
		for j := range h[i].Messages {
			h[i].Messages[j].DamagedBody = i%2 == 0
			h[i].Messages[j].SequenceNumber = fmt.Sprint(i % 5)
		}
		if h[i].Kind == Delete {
			h[i].Outcome, h[i].Tries = Failed, 0
		}
	}
	first, err := json.Marshal(Check(h, options))
	require.NoError(t, err)
	for range 5 {
		verdict := Check(h, options)
		again, err := json.Marshal(verdict)
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
		require.Greater(t, verdict.Found[Sequence]+verdict.Found[Corrupted], ViolationsMax)
		described := map[Rule]int{}
		latest := int64(0)
		for _, violation := range verdict.Violations {
			described[violation.Rule]++
			require.True(t, slices.IsSorted(violation.Operations))
			returned := int64(0)
			for _, id := range violation.Operations {
				returned = max(returned, h[id].Return)
			}
			require.GreaterOrEqual(t, returned, latest)
			latest = returned
		}
		for rule, found := range verdict.Found {
			require.Equal(t, min(found, ViolationsMax), described[rule])
		}
	}
}

func TestViolationSpeaksPlainly(t *testing.T) {
	h := []Operation{send(fifo, 0, 5, "a", "1"), receive(fifo, 1000, 1010, got("a", 1, "1")), receive(fifo, 2000, 2010, got("a", 2, "1"))}
	h[1].ID, h[2].ID = 1, 2
	verdict := Check(h, Options{})
	require.Equal(t, []Violation{{
		Rule: FIFOHoldOverlap, Operations: []int{1, 2},
		Text: "message ma (a) was handed out by orders.fifo at 1.000 s for at least 30.000 s, and handed out again by 2.010 s",
	}}, verdict.Violations)
}

func TestAnEmptyHistoryShowsNothing(t *testing.T) {
	verdict := Check(nil, Options{Drained: true})
	require.True(t, verdict.OK())
	require.Len(t, verdict.Checked, len(Rules()))
	for _, n := range verdict.Checked {
		require.Zero(t, n)
	}
}

func TestAnyHistoryCanBeJudged(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for seed := range uint64(20) {
		h, options := validHistory(seed + 1)
		operations := make([]*Operation, len(h))
		for i := range h {
			h[i].Messages = slices.Clone(h[i].Messages)
			operations[i] = &h[i]
		}
		for range 300 { // give an operation what belongs to another
			a, b := operations[rng.IntN(len(h))], operations[rng.IntN(len(h))]
			switch rng.IntN(7) {
			case 0:
				a.Kind, b.Kind = b.Kind, a.Kind
			case 1:
				a.Messages, b.Messages = b.Messages, a.Messages
			case 2:
				a.MessageID, b.MessageID = b.MessageID, a.MessageID
			case 3:
				a.Outcome, b.Outcome = b.Outcome, a.Outcome
			case 4:
				a.Queue, b.Queue = b.Queue, a.Queue
			case 5:
				a.Body, b.Body = b.Body, a.Body
			default:
				a.SequenceNumber, b.SequenceNumber = b.SequenceNumber, a.SequenceNumber
			}
		}
		verdict := Check(h, options)
		require.False(t, verdict.OK())
		require.Zero(t, verdict.Found[MalformedHistory])
	}
}
