package queue

import (
	"bytes"
	"fmt"
)

// Code is the outcome of a command or of one entry of it. The numbers are part of the wire format.
type Code uint8

const (
	// OK means done.
	OK Code = iota
	// NeedSettings means the partition is unknown here or its settings are older than the command's: send a
	// KindConfigure, then the command again. Nothing was changed.
	NeedSettings
	// StaleSettings means the partition's settings are newer than the command's: refresh the queue's record, then send
	// the command again. Nothing was changed.
	StaleSettings
	// QueueDropped means the queue has been deleted.
	QueueDropped
	// StaleSession means the client has already said, with a LowWater above this Seq, that it awaits no answer. The
	// command was not executed by this attempt.
	StaleSession
	// OverLimit means a receive on a standard queue with MaxInFlight messages in flight.
	OverLimit
	// HandleExpired means the handle of a FIFO message is not of its latest receive, or, for a delete, its visibility
	// timeout has run out.
	HandleExpired
	// NotInFlight means a visibility change on a message that does not exist (any more).
	NotInFlight
	// VisibilityTooLong means a visibility change that would keep a message in flight for more than MaxVisibilityMs
	// since its receive.
	VisibilityTooLong
	// Overloaded means a limit of the slot is reached (MaxSessions, MaxKeptResults, MaxPartitions). Nothing was
	// changed.
	Overloaded
	// BadCommand means a command, or an entry, that is malformed or out of range. Nothing was changed.
	BadCommand
	// TaskRunning means that the partition has a move task that runs.
	TaskRunning
	// NoSuchTask means that no move task with this id runs.
	NoSuchTask
)

// maxCode is the highest code, for the decoder.
const maxCode = NoSuchTask

// String returns the code's word in scripts and logs.
func (c Code) String() string {
	names := [...]string{"ok", "need-settings", "stale-settings", "queue-dropped", "stale-session", "over-limit",
		"handle-expired", "not-in-flight", "visibility-too-long", "overloaded", "bad-command",
		"task-running", "no-such-task"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

// Refused reports whether the code says that the command was turned away before it was executed. Such an answer is
// not kept by the session: the same Seq may be sent again, and is then executed at most once.
func (c Code) Refused() bool {
	switch c {
	case NeedSettings, StaleSettings, StaleSession, Overloaded, BadCommand:
		return true
	default:
		return false
	}
}

// Result is the answer to a command. It may share memory with the machine's state: do not modify it.
type Result struct {
	// Code is the outcome of the whole command; the fields below are empty unless it is OK.
	Code Code
	// Sent has one entry per Send.
	Sent []Sent
	// Messages are those delivered by a receive, possibly none.
	Messages []Message
	// Codes has one entry per handle of a delete or per visibility change.
	Codes []Code
	// Tasks are the partition's move tasks, the newest first, for a list of them.
	Tasks []TaskState
	// Aside are the messages that the command set aside, in the order of their moves. It is for those who watch what is
	// applied: neither a client nor the answer to a repeated command has it.
	Aside []Aside
}

// Aside is a message that was set aside to move to another queue.
type Aside struct{ Number, Seq uint64 }

// Sent is the outcome of one Send.
type Sent struct {
	// MessageID and Seq are those of the stored message; for a duplicate, those of the original.
	MessageID [16]byte
	Seq       uint64
	// Duplicate says that the deduplication ID was seen within DedupMs and nothing was stored.
	Duplicate bool
	// Code is OK, or BadCommand for a send to a FIFO queue without group or deduplication ID.
	Code Code
}

// Message is a delivered message.
type Message struct {
	MessageID [16]byte
	// Seq is the sequence number in the partition, from 1, strictly increasing.
	Seq uint64
	// Receive is how often the message has been received, this time included. Seq and Receive make its Handle.
	Receive                            uint32
	Body, Attributes, SystemAttributes []byte
	SenderID, Group, DedupID           string
	// SentMs and FirstReceiveMs are replicated times, in ms since 1970.
	SentMs, FirstReceiveMs int64
	// EarlierReceives is how often it was received in other queues, and SourceARN the one that it was in last.
	EarlierReceives uint32
	SourceARN       string
}

// separate gives the message's bytes memory of their own: of one that is stored nowhere else nothing keeps a log entry, or a
// snapshot's record, alive.
func (m *Message) separate() {
	m.Body, m.Attributes, m.SystemAttributes = bytes.Clone(m.Body), bytes.Clone(m.Attributes), bytes.Clone(m.SystemAttributes)
}

// Handle returns what a receipt handle for this delivery names.
func (m *Message) Handle() Handle { return Handle{Seq: m.Seq, Receive: m.Receive} }

// Stats are the counts of one partition at one time.
type Stats struct {
	// Visible, InFlight and Delayed count messages by state.
	Visible, InFlight, Delayed int
	// OldestSentMs is the send time of the oldest message, 0 if there is none.
	OldestSentMs int64
	// Bytes is the size of all bodies and attributes.
	Bytes int64
}
