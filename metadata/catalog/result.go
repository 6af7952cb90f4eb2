package catalog

import (
	"fmt"

	"chasqui/metadata/codec"

	"github.com/vmihailenco/msgpack/v5"
)

// Code says how a command ended.
type Code uint8

// The results of commands. The numbers are part of the snapshot and RPC formats.
const (
	// OK: the command took effect, or there was nothing to do.
	OK Code = 0
	// QueueExists: a queue of this name has another value for Result.Attribute.
	QueueExists Code = 1
	// NoSuchQueue: no queue has this name.
	NoSuchQueue Code = 2
	// DeletedRecently: a queue of this name was deleted less than the cool-down ago.
	DeletedRecently Code = 3
	// PurgeInProgress: the queue was purged less than the cool-down ago.
	PurgeInProgress Code = 4
	// InvalidAttribute: Result.Attribute cannot have that value; Result.Detail says why.
	InvalidAttribute Code = 5
	// TooManyTags: the queue would have more than TagsMax tags.
	TooManyTags Code = 6
	// NotReady: no slots are assigned to backend hosts yet. The result is not remembered: the command may be retried.
	NotReady Code = 7
	// LimitReached: the catalog holds as much as its limits allow; Result.Detail says of what.
	LimitReached Code = 8
	// WrongIncarnation: a host of this id is registered with another data folder.
	WrongIncarnation Code = 9
	// AlreadyAssigned: the slots have another assignment, which is fixed.
	AlreadyAssigned Code = 10
	// BadCommand: the command cannot be read or names what does not exist; Result.Detail says what.
	BadCommand Code = 11
	// Conflict: the record has another version than the command depends on.
	Conflict Code = 12
	// Protected: the queue is protected against deletion, and the deletion was not forced.
	Protected Code = 13
	// NotRestorable: no deleted queue of the name, or with the id, can be restored; Result.Detail says why.
	NotRestorable Code = 14

	codeMax = NotRestorable
)

var codeNames = [...]string{"ok", "queue exists", "no such queue", "deleted recently", "purge in progress",
	"invalid attribute", "too many tags", "not ready", "limit reached", "wrong incarnation", "already assigned",
	"bad command", "conflict", "protected", "not restorable"}

// String returns the code's name.
func (c Code) String() string {
	if c > codeMax {
		return fmt.Sprintf("code %d", uint8(c))
	}
	return codeNames[c]
}

// Result is a command's answer. It is immutable.
type Result struct {
	Code Code
	// Queue is the record after CreateQueue, SetAttributes, MarkPurged and RestoreQueue, and that of the deleted queue
	// after DeleteQueue; nil unless Code is OK.
	Queue *Queue
	// Attribute names the attribute that QueueExists and InvalidAttribute are about.
	Attribute string
	// Detail explains the code to a person; "" if the code says it all.
	Detail string
}

const (
	resultFields   = 4
	detailBytesMax = 1024
)

// EncodeMsgpack writes the result.
func (r *Result) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(resultFields)
	w.Uint(uint64(r.Code))
	w.Optional(r.Queue != nil, r.Queue)
	w.String(r.Attribute)
	w.String(r.Detail[:min(len(r.Detail), detailBytesMax)])
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (r *Result) DecodeMsgpack(d *msgpack.Decoder) error {
	reader := codec.NewReader(d)
	reader.Fields(resultFields)
	r.Code = Code(reader.UintUpTo(uint64(codeMax)))
	if reader.Optional() {
		r.Queue = new(Queue)
		reader.Record(r.Queue)
	}
	r.Attribute = reader.String(NameBytesMax)
	r.Detail = reader.String(detailBytesMax)
	return reader.Err()
}
