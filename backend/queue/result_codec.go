package queue

import (
	"fmt"

	"chasqui/node/rpc"
)

// resultVersion is the format below.
const resultVersion = 1

// Encode returns the result as it travels from the leader to the frontend, in msgpack:
//
//	version | [code, sent, messages, codes]
//
//	sent       [[message id, seq, duplicate, code], ...]
//	messages   [[message id, seq, receive, body, attributes, system attributes, sender id, group, dedup id,
//	             sent ms, first receive ms], ...]
//	codes      [code, ...]
//
// The result belongs to the caller.
func (res *Result) Encode() []byte {
	w := rpc.NewWriter()
	w.Uint64(resultVersion)
	w.ArrayLen(4)
	w.Uint64(uint64(res.Code))
	encodeSent(w, res.Sent)
	w.ArrayLen(len(res.Messages))
	for i := range res.Messages {
		res.Messages[i].encode(w)
	}
	encodeCodes(w, res.Codes)
	return w.Finish()
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

func (m *Message) encode(w *rpc.Writer) {
	w.ArrayLen(11)
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
}

// DecodeResult reads what Encode wrote. Bodies and attributes in the result alias b. Lengths are checked against the
// limits of this package before anything is allocated.
func DecodeResult(b []byte) (Result, error) {
	r := rpc.NewReader(b)
	if version := r.Uint64(); version != resultVersion {
		r.Fail("result of version %d, this program reads version %d", version, resultVersion)
	}
	r.ArrayExactly(4)
	res := Result{Code: decodeCode(&r), Sent: decodeSent(&r)}
	if n := r.ArrayLen(MaxBatch); n > 0 {
		res.Messages = make([]Message, n)
		for i := range res.Messages {
			res.Messages[i].decode(&r)
		}
	}
	res.Codes = decodeCodes(&r)
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
	r.ArrayExactly(11)
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
}
