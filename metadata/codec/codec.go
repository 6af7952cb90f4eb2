// Package codec reads and writes the records of the metadata service field by field, in msgpack.
//
// A record is an msgpack array whose elements are its fields in a fixed order. [Writer] and [Reader] remember the
// first error, so that a record's encoder is a plain list of its fields. A Reader gives a limit to every length before
// anything of that length is allocated, and accepts exactly the number of fields that it expects: a format that gains
// a field gets another version.
//
// Package node/rpc has the entry points (Encode and Decode) and the checked reading of lengths.
package codec

import (
	"fmt"

	"chasqui/node/rpc"

	"github.com/vmihailenco/msgpack/v5"
)

// Writer writes fields. After an error every call does nothing; Err tells.
type Writer struct {
	encoder *msgpack.Encoder
	err     error
}

// NewWriter returns a Writer on encoder.
func NewWriter(encoder *msgpack.Encoder) *Writer { return &Writer{encoder: encoder} }

// Err returns the first error.
func (w *Writer) Err() error { return w.err }

// Fields begins a record of n fields, or a list of n elements.
func (w *Writer) Fields(n int) {
	if w.err == nil {
		w.err = w.encoder.EncodeArrayLen(n)
	}
}

// Uint writes an unsigned number in the fewest bytes.
func (w *Writer) Uint(v uint64) {
	if w.err == nil {
		w.err = w.encoder.EncodeUint(v)
	}
}

// Int writes a number in the fewest bytes.
func (w *Writer) Int(v int64) {
	if w.err == nil {
		w.err = w.encoder.EncodeInt(v)
	}
}

// Bool writes a truth value.
func (w *Writer) Bool(v bool) {
	if w.err == nil {
		w.err = w.encoder.EncodeBool(v)
	}
}

// String writes a text.
func (w *Writer) String(v string) {
	if w.err == nil {
		w.err = w.encoder.EncodeString(v)
	}
}

// Bytes writes a byte string.
func (w *Writer) Bytes(v []byte) {
	if w.err == nil {
		w.err = w.encoder.EncodeBytes(v)
	}
}

// Record writes a nested record.
func (w *Writer) Record(v msgpack.CustomEncoder) {
	if w.err == nil {
		w.err = v.EncodeMsgpack(w.encoder)
	}
}

// Optional writes a nested record that may be missing, as a list of one or none.
func (w *Writer) Optional(present bool, v msgpack.CustomEncoder) {
	if !present {
		w.Fields(0)
		return
	}
	w.Fields(1)
	w.Record(v)
}

// Reader reads fields. After an error every call returns the zero value; Err tells.
type Reader struct {
	decoder *msgpack.Decoder
	err     error
}

// NewReader returns a Reader on decoder.
func NewReader(decoder *msgpack.Decoder) *Reader { return &Reader{decoder: decoder} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Fail makes err the Reader's error, unless it has one.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Fields begins a record, which must have exactly n fields.
func (r *Reader) Fields(n int) {
	got := r.List(n)
	if r.err == nil && got != n {
		r.err = fmt.Errorf("record has %d fields, %d expected", got, n)
	}
}

// List begins a list and returns its length, 0 to limit.
func (r *Reader) List(limit int) int {
	if r.err != nil {
		return 0
	}
	var n int
	n, r.err = rpc.DecodeArrayLen(r.decoder, limit)
	if r.err != nil {
		return 0
	}
	return n
}

// Uint reads an unsigned number.
func (r *Reader) Uint() uint64 {
	if r.err != nil {
		return 0
	}
	var v uint64
	v, r.err = r.decoder.DecodeUint64()
	return v
}

// UintUpTo reads an unsigned number of at most limit.
func (r *Reader) UintUpTo(limit uint64) uint64 {
	v := r.Uint()
	if r.err == nil && v > limit {
		r.err = fmt.Errorf("number %d is above its limit %d", v, limit)
	}
	return v
}

// Int reads a number.
func (r *Reader) Int() int64 {
	if r.err != nil {
		return 0
	}
	var v int64
	v, r.err = r.decoder.DecodeInt64()
	return v
}

// Bool reads a truth value.
func (r *Reader) Bool() bool {
	if r.err != nil {
		return false
	}
	var v bool
	v, r.err = r.decoder.DecodeBool()
	return v
}

// String reads a text of at most limit bytes.
func (r *Reader) String(limit int) string {
	if r.err != nil {
		return ""
	}
	var v string
	v, r.err = rpc.DecodeString(r.decoder, limit)
	return v
}

// Bytes reads a byte string of at most limit bytes.
func (r *Reader) Bytes(limit int) []byte {
	if r.err != nil {
		return nil
	}
	var v []byte
	v, r.err = rpc.DecodeBytes(r.decoder, limit)
	return v
}

// Fixed reads a byte string of exactly len(into) bytes.
func (r *Reader) Fixed(into []byte) {
	v := r.Bytes(len(into))
	if r.err == nil && len(v) != len(into) {
		r.err = fmt.Errorf("byte string of %d bytes, %d expected", len(v), len(into))
	}
	copy(into, v)
}

// Record reads a nested record.
func (r *Reader) Record(v msgpack.CustomDecoder) {
	if r.err == nil {
		r.err = v.DecodeMsgpack(r.decoder)
	}
}

// Optional begins a nested record that may be missing and tells whether it is there.
func (r *Reader) Optional() bool { return r.List(1) == 1 }
