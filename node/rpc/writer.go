package rpc

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// writerKeepBytes is the largest buffer that a writer takes back to the pool.
const writerKeepBytes = 1 << 20

// Writer builds a msgpack body value by value, each integer in its shortest form, so that equal values give equal
// bytes. Get one from NewWriter and end with Finish. It must not be used concurrently.
//
//	w := rpc.NewWriter()
//	w.ArrayLen(2)
//	w.String(name)
//	w.Uint64(version)
//	body := w.Finish()
type Writer struct {
	buffer  bytes.Buffer
	encoder *msgpack.Encoder // writes to buffer
}

var writers = sync.Pool{New: func() any {
	w := &Writer{}
	w.encoder = msgpack.NewEncoder(&w.buffer)
	w.encoder.UseCompactInts(true)
	return w
}}

// NewWriter returns an empty writer.
func NewWriter() *Writer { return writers.Get().(*Writer) }

// Finish returns the body, which belongs to the caller, and ends the use of the writer.
func (w *Writer) Finish() []byte {
	body := bytes.Clone(w.buffer.Bytes())
	w.Discard()
	return body
}

// Body returns what has been written so far; it is valid until the next call of any method.
func (w *Writer) Body() []byte { return w.buffer.Bytes() }

// Len returns how many bytes have been written so far.
func (w *Writer) Len() int { return w.buffer.Len() }

// Discard ends the use of the writer without a result.
func (w *Writer) Discard() {
	if w.buffer.Cap() > writerKeepBytes {
		return
	}
	w.buffer.Reset()
	writers.Put(w)
}

// Uint64 writes an unsigned integer in 1 to 9 bytes.
func (w *Writer) Uint64(v uint64) { mustWrite(w.encoder.EncodeUint(v)) }

// Int64 writes an integer in 1 to 9 bytes.
func (w *Writer) Int64(v int64) { mustWrite(w.encoder.EncodeInt(v)) }

// Bool writes a truth value.
func (w *Writer) Bool(v bool) { mustWrite(w.encoder.EncodeBool(v)) }

// String writes a string.
func (w *Writer) String(v string) { mustWrite(w.encoder.EncodeString(v)) }

// Bytes writes a byte string; nil is kept apart from empty.
func (w *Writer) Bytes(v []byte) { mustWrite(w.encoder.EncodeBytes(v)) }

// ArrayLen begins an array of n values, which are written next.
func (w *Writer) ArrayLen(n int) { mustWrite(w.encoder.EncodeArrayLen(n)) }

// MapLen begins a map of n pairs; key, value, key, value are written next. Write keys in order.
func (w *Writer) MapLen(n int) { mustWrite(w.encoder.EncodeMapLen(n)) }

// Nil writes nil.
func (w *Writer) Nil() { mustWrite(w.encoder.EncodeNil()) }

// Value writes a value that has a msgpack method.
func (w *Writer) Value(v msgpack.CustomEncoder) { mustWrite(v.EncodeMsgpack(w.encoder)) }

// Encode returns v as a msgpack body, which belongs to the caller. An error of v's EncodeMsgpack panics: writing to
// memory has none of its own, so it would be a value that our own code must not have made.
func Encode(v msgpack.CustomEncoder) []byte {
	w := NewWriter()
	w.Value(v)
	return w.Finish()
}

func mustWrite(err error) {
	if err != nil {
		panic(fmt.Sprintf("rpc: encode to memory: %v", err))
	}
}
