package rpc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// writerKeepBytes is the largest buffer that a writer takes back to the pool.
const writerKeepBytes = 1 << 20

// Writer builds a msgpack body value by value, each integer in its shortest form, so that equal values give equal
// bytes. Get one from NewWriter and end with Finish, or Reset a zero one to memory of your own and end with Body. It must not
// be used concurrently.
//
//	w := rpc.NewWriter()
//	w.ArrayLen(2)
//	w.String(name)
//	w.Uint64(version)
//	body := w.Finish()
//
// It writes the bytes that the library's Encoder would, by itself: see BenchmarkEncode.
type Writer struct {
	body    []byte
	encoder *msgpack.Encoder // adds to body; nil until Value needs it
}

var writers = sync.Pool{New: func() any { return &Writer{} }}

// NewWriter returns an empty writer.
func NewWriter() *Writer { return writers.Get().(*Writer) }

// Reset begins anew behind the bytes of b, which belongs to the writer from then on: its memory is used as far as it goes.
func (w *Writer) Reset(b []byte) { w.body = b }

// Raw writes bytes as they are; what they mean is the caller's business.
func (w *Writer) Raw(b ...byte) { w.body = append(w.body, b...) }

// Finish returns the body, which belongs to the caller, and ends the use of the writer.
func (w *Writer) Finish() []byte {
	body := bytes.Clone(w.body)
	w.Discard()
	return body
}

// Body returns what has been written so far; it is valid until the next call of any method.
func (w *Writer) Body() []byte { return w.body }

// Len returns how many bytes have been written so far.
func (w *Writer) Len() int { return len(w.body) }

// Discard ends the use of the writer without a result.
func (w *Writer) Discard() {
	if cap(w.body) > writerKeepBytes {
		return
	}
	w.body = w.body[:0]
	writers.Put(w)
}

// Uint64 writes an unsigned integer in 1 to 9 bytes.
func (w *Writer) Uint64(v uint64) {
	switch {
	case v <= uint64(msgpcode.PosFixedNumHigh):
		w.body = append(w.body, byte(v))
	case v <= math.MaxUint8:
		w.body = append(w.body, msgpcode.Uint8, byte(v))
	case v <= math.MaxUint16:
		w.uint16(msgpcode.Uint16, uint16(v))
	case v <= math.MaxUint32:
		w.uint32(msgpcode.Uint32, uint32(v))
	default:
		w.uint64(msgpcode.Uint64, v)
	}
}

// Int64 writes an integer in 1 to 9 bytes.
func (w *Writer) Int64(v int64) {
	switch {
	case v >= 0:
		w.Uint64(uint64(v))
	case v >= int64(int8(msgpcode.NegFixedNumLow)):
		w.body = append(w.body, byte(v))
	case v >= math.MinInt8:
		w.body = append(w.body, msgpcode.Int8, byte(v))
	case v >= math.MinInt16:
		w.uint16(msgpcode.Int16, uint16(v))
	case v >= math.MinInt32:
		w.uint32(msgpcode.Int32, uint32(v))
	default:
		w.uint64(msgpcode.Int64, uint64(v))
	}
}

// Bool writes a truth value.
func (w *Writer) Bool(v bool) {
	if v {
		w.body = append(w.body, msgpcode.True)
	} else {
		w.body = append(w.body, msgpcode.False)
	}
}

// String writes a string.
func (w *Writer) String(v string) {
	switch n := len(v); {
	case n <= int(msgpcode.FixedStrMask):
		w.body = append(w.body, msgpcode.FixedStrLow|byte(n))
	case n <= math.MaxUint8:
		w.body = append(w.body, msgpcode.Str8, byte(n))
	default:
		w.length(msgpcode.Str16, msgpcode.Str32, n)
	}
	w.body = append(w.body, v...)
}

// Bytes writes a byte string; nil is kept apart from empty.
func (w *Writer) Bytes(v []byte) {
	switch n := len(v); {
	case v == nil:
		w.Nil()
	case n <= math.MaxUint8:
		w.body = append(w.body, msgpcode.Bin8, byte(n))
	default:
		w.length(msgpcode.Bin16, msgpcode.Bin32, n)
	}
	w.body = append(w.body, v...)
}

// ArrayLen begins an array of n values, which are written next.
func (w *Writer) ArrayLen(n int) {
	if n <= int(msgpcode.FixedArrayMask) {
		w.body = append(w.body, msgpcode.FixedArrayLow|byte(n))
	} else {
		w.length(msgpcode.Array16, msgpcode.Array32, n)
	}
}

// MapLen begins a map of n pairs; key, value, key, value are written next. Write keys in order.
func (w *Writer) MapLen(n int) {
	if n <= int(msgpcode.FixedMapMask) {
		w.body = append(w.body, msgpcode.FixedMapLow|byte(n))
	} else {
		w.length(msgpcode.Map16, msgpcode.Map32, n)
	}
}

// Nil writes nil.
func (w *Writer) Nil() { w.body = append(w.body, msgpcode.Nil) }

// length writes a length that takes more than a byte.
func (w *Writer) length(code16, code32 byte, n int) {
	if n <= math.MaxUint16 {
		w.uint16(code16, uint16(n))
	} else {
		w.uint32(code32, uint32(n))
	}
}

func (w *Writer) uint16(code byte, v uint16) {
	w.body = binary.BigEndian.AppendUint16(append(w.body, code), v)
}

func (w *Writer) uint32(code byte, v uint32) {
	w.body = binary.BigEndian.AppendUint32(append(w.body, code), v)
}

func (w *Writer) uint64(code byte, v uint64) {
	w.body = binary.BigEndian.AppendUint64(append(w.body, code), v)
}

// Value writes a value that has a msgpack method. An error of it panics: writing to memory has none of its own, so it would
// be a value that our own code must not have made.
func (w *Writer) Value(v msgpack.CustomEncoder) {
	if w.encoder == nil {
		w.encoder = msgpack.NewEncoder((*appender)(w))
		w.encoder.UseCompactInts(true)
	}
	if err := v.EncodeMsgpack(w.encoder); err != nil {
		panic(fmt.Sprintf("rpc: encode to memory: %v", err))
	}
}

// appender is a writer as the library's Encoder sees it.
type appender Writer

func (a *appender) Write(p []byte) (int, error) {
	a.body = append(a.body, p...)
	return len(p), nil
}

func (a *appender) WriteByte(c byte) error {
	a.body = append(a.body, c)
	return nil
}

// Encode returns v as a msgpack body, which belongs to the caller. It panics as Value does.
func Encode(v msgpack.CustomEncoder) []byte {
	w := NewWriter()
	w.Value(v)
	return w.Finish()
}
