package queue

import (
	"fmt"

	"chasqui/node/rpc"
)

// resultVersion is the format below.
const resultVersion = 1

// Encode returns the result as it travels from the leader to the frontend, in msgpack:
//
//	version | [code, sent, messages, codes]; of a list of move tasks, followed by tasks
//
//	sent       [[message id, seq, duplicate, code], ...]
//	messages   [[message id, seq, receive, body, attributes, system attributes, sender id, group, dedup id,
//	             sent ms, first receive ms], ...]; of one that has been in other queues, followed by
//	             earlier receives, source ARN
//	codes      [code, ...]
//	tasks      [[id, status, target's account, target's name, rate, started ms, to move, moved, failure], ...]
//
// The result belongs to the caller.
func (res *Result) Encode() []byte {
	w := rpc.NewWriter()
	w.Uint64(resultVersion)
	if len(res.Tasks) > 0 {
		w.ArrayLen(5)
	} else {
		w.ArrayLen(4)
	}
	w.Uint64(uint64(res.Code))
	encodeSent(w, res.Sent)
	w.ArrayLen(len(res.Messages))
	for i := range res.Messages {
		res.Messages[i].encode(w)
	}
	encodeCodes(w, res.Codes)
	if len(res.Tasks) > 0 {
		w.ArrayLen(len(res.Tasks))
		for i := range res.Tasks {
			w.ArrayLen(taskValues)
			res.Tasks[i].encode(w)
		}
	}
	return w.Finish()
}

// taskValues is how many values a task has.
const taskValues = 9

// encode writes the values of a task that everybody may see, without an array around them.
func (t *TaskState) encode(w *rpc.Writer) {
	w.Bytes(t.ID[:])
	w.Uint64(uint64(t.Status))
	w.String(t.Target.Account)
	w.String(t.Target.Name)
	w.Uint64(uint64(t.RateMilli))
	w.Int64(t.StartedMs)
	w.Uint64(t.ToMove)
	w.Uint64(t.Moved)
	w.String(t.Failure)
}

func (t *TaskState) decode(r *rpc.Reader) {
	r.BytesInto(t.ID[:])
	t.Status = TaskStatus(r.UintMax(uint64(TaskFailed)))
	t.Target = Target{Account: r.String(MaxNameBytes), Name: r.String(MaxNameBytes)}
	t.RateMilli, t.StartedMs = r.Uint32(), r.Int64()
	t.ToMove, t.Moved, t.Failure = r.Uint64(), r.Uint64(), r.String(MaxNameBytes)
}

func encodeSent(w *rpc.Writer, sent []Sent) {
	w.ArrayLen(len(sent))
	for i := range sent {
		w.ArrayLen(4)
		w.Bytes(sent[i].MessageID[:])
		w.Uint64(sent[i].Seq)
		w.Bool(sent[i].Duplicate)
		w.Uint64(uint64(sent[i].Code))
	}
}

func encodeCodes(w *rpc.Writer, codes []Code) {
	w.ArrayLen(len(codes))
	for _, code := range codes {
		w.Uint64(uint64(code))
	}
}

// messageValues is how many values a message has; movedValues how many more one that has moved.
const (
	messageValues = 11
	movedValues   = 2
)

func (m *Message) encode(w *rpc.Writer) {
	moved := m.EarlierReceives != 0 || m.SourceARN != ""
	if moved {
		w.ArrayLen(messageValues + movedValues)
	} else {
		w.ArrayLen(messageValues)
	}
	w.Bytes(m.MessageID[:])
	w.Uint64(m.Seq)
	w.Uint64(uint64(m.Receive))
	w.Bytes(m.Body)
	w.Bytes(m.Attributes)
	w.Bytes(m.SystemAttributes)
	w.String(m.SenderID)
	w.String(m.Group)
	w.String(m.DedupID)
	w.Int64(m.SentMs)
	w.Int64(m.FirstReceiveMs)
	if moved {
		w.Uint64(uint64(m.EarlierReceives))
		w.String(m.SourceARN)
	}
}

// DecodeResult reads what Encode wrote. Bodies and attributes in the result alias b. Lengths are checked against the
// limits of this package before anything is allocated.
func DecodeResult(b []byte) (Result, error) {
	r := rpc.NewReader(b)
	if version := r.Uint64(); version != resultVersion {
		r.Fail("result of version %d, this program reads version %d", version, resultVersion)
	}
	values := r.ArrayLen(5)
	if values < 4 {
		r.Fail("result with %d values", values)
	}
	res := Result{Code: decodeCode(&r), Sent: decodeSent(&r)}
	if n := r.ArrayLen(MaxBatch); n > 0 {
		res.Messages = make([]Message, n)
		for i := range res.Messages {
			res.Messages[i].decode(&r)
		}
	}
	res.Codes = decodeCodes(&r)
	if values == 5 {
		res.Tasks = make([]TaskState, r.ArrayLen(MaxTasks))
		for i := range res.Tasks {
			r.ArrayExactly(taskValues)
			res.Tasks[i].decode(&r)
		}
		if len(res.Tasks) == 0 {
			r.Fail("an empty list of tasks")
		}
	}
	if err := r.Finish(); err != nil {
		return Result{}, fmt.Errorf("decoding a result: %w", err)
	}
	return res, nil
}

func decodeCode(r *rpc.Reader) Code { return Code(r.UintMax(uint64(maxCode))) }

func decodeSent(r *rpc.Reader) []Sent {
	n := r.ArrayLen(MaxBatch)
	if n == 0 {
		return nil
	}
	sent := make([]Sent, n)
	for i := range sent {
		r.ArrayExactly(4)
		r.BytesInto(sent[i].MessageID[:])
		sent[i].Seq, sent[i].Duplicate, sent[i].Code = r.Uint64(), r.Bool(), decodeCode(r)
	}
	return sent
}

func decodeCodes(r *rpc.Reader) []Code {
	n := r.ArrayLen(MaxBatch)
	if n == 0 {
		return nil
	}
	codes := make([]Code, n)
	for i := range codes {
		codes[i] = decodeCode(r)
	}
	return codes
}

func (m *Message) decode(r *rpc.Reader) {
	values := r.ArrayLen(messageValues + movedValues)
	r.BytesInto(m.MessageID[:])
	m.Seq = r.Uint64()
	m.Receive = r.Uint32()
	m.Body = r.Bytes(MaxBodyBytes)
	m.Attributes = r.Bytes(MaxAttributesBytes)
	m.SystemAttributes = r.Bytes(MaxSystemAttributesBytes)
	m.SenderID = r.String(MaxNameBytes)
	m.Group = r.String(MaxNameBytes)
	m.DedupID = r.String(MaxNameBytes)
	m.SentMs = r.Int64()
	m.FirstReceiveMs = r.Int64()
	switch values {
	case messageValues:
	case messageValues + movedValues:
		m.EarlierReceives, m.SourceARN = r.Uint32(), r.String(MaxNameBytes)
		if m.EarlierReceives == 0 && m.SourceARN == "" {
			r.Fail("a moved message that comes from nowhere")
		}
	default:
		r.Fail("message with %d values", values)
	}
}
