package linearizability

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecorderKeepsTheOrderOfCalls(t *testing.T) {
	now := int64(0)
	r := NewRecorder(func() int64 { now += 10; return now })
	first := r.Begin(Operation{Client: "a", Kind: Send, Queue: "q", Body: "x"})
	batch := r.BeginBatch([]Operation{{Client: "b", Kind: Send, Queue: "q", Body: "y"}, {Client: "b", Kind: Send, Queue: "q", Body: "z"}})
	lost := r.Begin(Operation{Client: "c", Kind: Receive, Queue: "q"})
	r.End(batch[1], func(op *Operation) { op.Outcome, op.MessageID = OK, "mz" })
	r.End(first, func(op *Operation) {
		op.Outcome, op.MessageID = OK, "mx"
		op.ID, op.Call, op.Return = 7, 7, 7 // not the client's to set
	})
	r.End(lost, nil)
	require.Equal(t, 4, r.Len())
	require.Equal(t, []Operation{
		{ID: 0, Client: "a", Kind: Send, Queue: "q", Body: "x", Call: 10, Return: 50, Outcome: OK, MessageID: "mx"},
		{ID: 1, Client: "b", Kind: Send, Queue: "q", Body: "y", Call: 20, Return: 70, Outcome: Unknown, Batch: 1},
		{ID: 2, Client: "b", Kind: Send, Queue: "q", Body: "z", Call: 20, Return: 40, Outcome: OK, MessageID: "mz", Batch: 1},
		{ID: 3, Client: "c", Kind: Receive, Queue: "q", Call: 30, Return: 60, Outcome: Unknown},
	}, r.History())
}

func TestRecorderClockNeverRunsBackwards(t *testing.T) {
	times := []int64{100, 50, 60, 120}
	r := NewRecorder(func() int64 { now := times[0]; times = times[1:]; return now })
	r.End(r.Begin(Operation{Kind: Send}), nil)
	r.Begin(Operation{Kind: Send})
	h := r.History()
	require.Equal(t, []int64{100, 100, 100, 120}, []int64{h[0].Call, h[0].Return, h[1].Call, h[1].Return})
}

func TestRecorderRefusesASecondEnd(t *testing.T) {
	r := NewRecorder(func() int64 { return 0 })
	id := r.Begin(Operation{Kind: Send})
	r.End(id, nil)
	require.PanicsWithValue(t, "end of operation 0, which is not open (1 were begun)", func() { r.End(id, nil) })
	require.Panics(t, func() { r.End(1, nil) })
}

func TestRecorderServesManyClients(t *testing.T) {
	var mu sync.Mutex
	now := int64(0)
	r := NewRecorder(func() int64 {
		mu.Lock()
		defer mu.Unlock()
		now++
		return now
	})
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for n := range 100 {
				id := r.Begin(Operation{Client: fmt.Sprint(client), Kind: Send, Queue: "q", Body: fmt.Sprintf("%d-%d", client, n)})
				r.End(id, func(op *Operation) { op.Outcome, op.MessageID = OK, op.Body })
			}
		})
	}
	clients.Wait()
	h := r.History()
	require.Len(t, h, 800)
	verdict := Check(h, Options{StrictStandard: true})
	require.True(t, verdict.OK(), "%v", verdict.Violations)
}

func TestHistorySurvivesItsFile(t *testing.T) {
	h, _ := validHistory(1)
	var file bytes.Buffer
	require.NoError(t, WriteJSONL(&file, h))
	written := file.String()
	require.Equal(t, len(h), strings.Count(written, "\n"))
	read, err := ReadJSONL(strings.NewReader("\n" + written))
	require.NoError(t, err)
	var second bytes.Buffer
	require.NoError(t, WriteJSONL(&second, read))
	require.Equal(t, written, second.String())
	require.Len(t, read, len(h))
	require.Equal(t, h[5].Body, read[5].Body)
}

func TestFieldsOfAFile(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, WriteJSONL(&file, []Operation{{
		ID: 3, Client: "c<1>", Kind: Receive, Queue: "q.fifo", Call: 5, Return: 9, Outcome: OK, Max: 2, AttemptID: "t", VisibilitySeconds: 7,
		Messages: []Message{{MessageID: "m", Body: "b", Handle: "h", Group: "g", SequenceNumber: "1", ReceiveCount: 2, SentMs: 4}},
	}}))
	require.Equal(t, `{"id":3,"client":"c<1>","kind":"receive","queue":"q.fifo","call":5,"return":9,"outcome":"ok","visibility":7,"max":2,"attempt":"t",`+
		`"messages":[{"id":"m","body":"b","handle":"h","group":"g","sequence":"1","receives":2,"sent":4}]}`+"\n", file.String())
}

func TestReadJSONLRefusesWhatIsNoHistory(t *testing.T) {
	for name, file := range map[string]string{
		"cut off":           `{"id":0}` + "\n" + `{"id":1`,
		"an unknown field":  `{"id":0}` + "\n" + `{"what":1}`,
		"two values a line": `{"id":0}` + "\n" + `{"id":1} {"id":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadJSONL(strings.NewReader(file))
			require.ErrorContains(t, err, "line 2")
		})
	}
}
