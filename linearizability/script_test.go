package linearizability

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Histories written by hand: for each rule one that just keeps it, and one that breaks it. Times are milliseconds.

const (
	plain = "plain"
	fifo  = "orders.fifo"
)

// ms is the time of a script in nanoseconds.
func ms(t int64) int64 { return t * int64(time.Millisecond) }

// edit changes an operation of a script.
type edit func(op *Operation)

func operation(kind Kind, queue string, call, returned int64, edits []edit) Operation {
	op := Operation{Client: "c", Kind: kind, Queue: queue, Call: ms(call), Return: ms(returned), Outcome: OK}
	for _, change := range edits {
		change(&op)
	}
	return op
}

// send is a send of a body whose message is "m" and the body. On a FIFO queue it goes to group g, with the body as
// deduplication ID.
func send(queue string, call, returned int64, body, number string, edits ...edit) Operation {
	op := Operation{Client: "p", Kind: Send, Queue: queue, Call: ms(call), Return: ms(returned), Outcome: OK, Body: body, MessageID: "m" + body, SequenceNumber: number}
	if isFIFO(queue) {
		op.Group, op.DeduplicationID = "g", body
	}
	for _, change := range edits {
		change(&op)
	}
	return op
}

// got is a message "m" and the body, received for the n-th time.
func got(body string, n int, number string) Message {
	m := Message{MessageID: "m" + body, Body: body, Handle: handle(body, n), ReceiveCount: n, SequenceNumber: number}
	if number != "" {
		m.Group = "g"
	}
	return m
}

// dead is a message of the queue plain that moved to its dead-letter queue.
func dead(body string, n int, number string) Message {
	m := got(body, n, number)
	m.Source = plain
	return m
}

// altered is a message with something changed.
func altered(m Message, change func(m *Message)) Message {
	change(&m)
	return m
}

func handle(body string, n int) string { return body + "/" + string(rune('0'+n)) }

// receive is a receive with a visibility timeout of 30 s.
func receive(queue string, call, returned int64, messages ...Message) Operation {
	return Operation{Client: "r", Kind: Receive, Queue: queue, Call: ms(call), Return: ms(returned), Outcome: OK, Max: 10, VisibilitySeconds: 30, Messages: messages}
}

func remove(queue string, call, returned int64, body string, n int, edits ...edit) Operation {
	return operation(Delete, queue, call, returned, append([]edit{func(op *Operation) { op.MessageID, op.Handle = "m"+body, handle(body, n) }}, edits...))
}

func change(queue string, call, returned int64, body string, n, seconds int, edits ...edit) Operation {
	return operation(ChangeVisibility, queue, call, returned, append([]edit{func(op *Operation) {
		op.MessageID, op.Handle, op.VisibilitySeconds = "m"+body, handle(body, n), seconds
	}}, edits...))
}

func with(op Operation, edits ...edit) Operation {
	for _, change := range edits {
		change(&op)
	}
	return op
}

// unknown makes an operation one whose answer never came.
func unknown(op *Operation) { op.Outcome, op.MessageID, op.SequenceNumber = Unknown, "", "" }

func unanswered(op *Operation) { op.Outcome = Unknown }

func refused(op *Operation) {
	op.Outcome, op.SequenceNumber = Failed, ""
	if op.Kind == Send {
		op.MessageID = ""
	}
}

func tried(n int) edit            { return func(op *Operation) { op.Tries = n } }
func delayed(seconds int) edit    { return func(op *Operation) { op.DelaySeconds = seconds } }
func deduplicated(id string) edit { return func(op *Operation) { op.DeduplicationID = id } }
func answered(id, number string) edit {
	return func(op *Operation) { op.MessageID, op.SequenceNumber = id, number }
}
func waiting(seconds int) edit  { return func(op *Operation) { op.WaitSeconds = seconds } }
func inBatch(op *Operation)     { op.Batch = 1 }
func inGroup(group string) edit { return func(op *Operation) { op.Group = group } }
func hiding(seconds int) edit   { return func(op *Operation) { op.VisibilitySeconds = seconds } }
func attempting(op *Operation)  { op.AttemptID = "attempt" }

// script is one history and the rules that it breaks.
type script struct {
	name    string
	options Options
	history []Operation
	broken  []Rule
	// disordered says that each rule is kept and no order keeps all of them at once: only porcupine sees that.
	disordered bool
}

var (
	drained = Options{Drained: true}
	strict  = Options{StrictStandard: true}
	skewed  = Options{ClockBound: time.Second, StrictStandard: true}
)

func runScripts(t *testing.T, scripts []script) {
	t.Helper()
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			h := slices.Clone(s.history)
			slices.SortStableFunc(h, func(a, b Operation) int { return int(min(1, max(-1, a.Call-b.Call))) })
			for i := range h {
				h[i].ID = i
			}
			verdict := Check(h, s.options)
			var broken []Rule
			for _, rule := range historyRules() {
				if verdict.Found[rule] > 0 {
					broken = append(broken, rule)
				}
			}
			require.Equal(t, s.broken, broken, "%v", verdict.Violations)
			if broken == nil {
				require.Equal(t, s.disordered, Judge(h, s.options).Found[PorcupineFIFO] > 0)
			}
			for _, violation := range verdict.Violations {
				require.NotEmpty(t, violation.Operations)
				require.Positive(t, verdict.Checked[violation.Rule])
			}
		})
	}
}
