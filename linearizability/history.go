package linearizability

// Kind is what an operation did.
type Kind string

// The kinds of operations. A batch is recorded as one operation per entry, with the same Batch.
const (
	CreateQueue      Kind = "create-queue"
	DeleteQueue      Kind = "delete-queue"
	RestoreQueue     Kind = "restore-queue" // of an administrator: the deleted queue of the name is back
	PurgeQueue       Kind = "purge-queue"
	SetAttributes    Kind = "set-attributes"
	GetAttributes    Kind = "get-attributes"
	Send             Kind = "send"
	Receive          Kind = "receive"
	Delete           Kind = "delete"
	ChangeVisibility Kind = "change-visibility"
	StartMoveTask    Kind = "start-move-task"  // of a dead-letter queue
	ListMoveTasks    Kind = "list-move-tasks"  //
	CancelMoveTask   Kind = "cancel-move-task" //
)

// Outcome is what the client knows of an operation's effect.
type Outcome string

// The outcomes. An operation without an answer when the history ended is Unknown.
const (
	OK      Outcome = "ok"      // it took effect
	Failed  Outcome = "failed"  // it had no effect and never will: an answer of status 4xx
	Unknown Outcome = "unknown" // it took effect, or will, or never: no answer, or an answer of status 5xx
)

// Operation is one call by a client and what came of it. Times are nanoseconds since the beginning of the run, on the
// one clock of the recorder. Fields that do not belong to the operation's Kind are left empty.
type Operation struct {
	ID      int     `json:"id"`              // position in the history, from 0, in order of Call
	Client  string  `json:"client"`          // the logical thread: one operation at a time (the entries of a batch count as one)
	Batch   int     `json:"batch,omitempty"` // entries of one batch share a number > 0
	Kind    Kind    `json:"kind"`            //
	Queue   string  `json:"queue"`           // queue name; FIFO queues end in ".fifo"
	Call    int64   `json:"call"`            // just before the request was sent first
	Return  int64   `json:"return"`          // just after the answer was read; for Unknown, when the client gave up
	Outcome Outcome `json:"outcome"`         //
	Error   string  `json:"error,omitempty"` // error code of the service, or the client's own words
	Tries   int     `json:"tries,omitempty"` // requests made for this operation, when more than 1

	// Input.
	Attributes        map[string]string `json:"attributes,omitempty"` // CreateQueue, SetAttributes
	Body              string            `json:"body,omitempty"`       // Send: unique in the run; the recorder's token, not the padding
	Group             string            `json:"group,omitempty"`      // Send, always to FIFO
	DeduplicationID   string            `json:"dedup,omitempty"`      // Send to FIFO
	DelaySeconds      int               `json:"delay,omitempty"`      // Send (the queue's, if the request had none)
	Handle            string            `json:"handle,omitempty"`     // Delete, ChangeVisibility
	MessageID         string            `json:"message,omitempty"`    // Delete, ChangeVisibility: the message the handle was received with; Send: output
	VisibilitySeconds int               `json:"visibility,omitempty"` // Receive (the queue's, if the request had none), ChangeVisibility
	WaitSeconds       int               `json:"wait,omitempty"`       // Receive
	Max               int               `json:"max,omitempty"`        // Receive: messages asked for
	AttemptID         string            `json:"attempt,omitempty"`    // Receive from FIFO: ReceiveRequestAttemptId
	Rate              int               `json:"rate,omitempty"`       // StartMoveTask: messages a second at most; 0 is no limit
	Task              string            `json:"task,omitempty"`       // CancelMoveTask: the task's handle; StartMoveTask: output

	// Output.
	SequenceNumber string            `json:"sequence,omitempty"` // Send to FIFO
	Messages       []Message         `json:"messages,omitempty"` // Receive
	Values         map[string]string `json:"values,omitempty"`   // GetAttributes
	Tasks          []MoveTask        `json:"tasks,omitempty"`    // ListMoveTasks: the newest first
}

// MoveTask is one message move task as a list shows it.
type MoveTask struct {
	Task      string `json:"task,omitempty"` // its handle, as long as it runs
	Status    string `json:"status"`         // RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED
	Moved     int64  `json:"moved"`          // how many messages it has moved
	StartedMs int64  `json:"started"`        // the service's clock, Unix milliseconds
}

// Message is one message that a Receive returned.
type Message struct {
	MessageID      string `json:"id"`
	Body           string `json:"body"` // the token; a body that does not carry a valid one is recorded whole
	Handle         string `json:"handle"`
	Group          string `json:"group,omitempty"`
	SequenceNumber string `json:"sequence,omitempty"`
	ReceiveCount   int    `json:"receives"`          // 0 if the request did not ask for it
	SentMs         int64  `json:"sent"`              // the service's clock, Unix milliseconds; 0 if not asked for
	DamagedBody    bool   `json:"damaged,omitempty"` // the body, an attribute or a digest of them is not what was sent
	Source         string `json:"source,omitempty"`  // name of the queue that it moved from, to this one as its dead-letter queue
}
