package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// ErrMalformed means that bytes are not the msgpack that was expected: of another type, cut off, longer than a limit,
// or followed by more.
var ErrMalformed = errors.New("malformed msgpack")

// Reader takes a msgpack body apart value by value. The first error stays: every later read returns a zero value, so
// a decoder reads all its fields and looks at Finish once. Every length is checked against the caller's limit and
// against the bytes left before anything is allocated. The zero value reads an empty body. It must not be used
// concurrently.
//
//	r := rpc.NewReader(body)
//	r.ArrayExactly(2)
//	name := r.String(maxNameBytes)
//	version := r.Uint64()
//	if err := r.Finish(); err != nil { ... }
//
// It reads the bytes itself, with the library's code table, instead of through the library's Decoder: see
// BenchmarkDecode.
type Reader struct {
	rest  []byte
	total int
	err   error
}

// NewReader returns a reader of body. What Bytes returns aliases body.
func NewReader(body []byte) Reader { return Reader{rest: body, total: len(body)} }

// Err returns the first error, or nil. It wraps ErrMalformed.
func (r *Reader) Err() error { return r.err }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.rest) }

// Finish returns the first error, or one if bytes are left over.
func (r *Reader) Finish() error {
	if r.err == nil && len(r.rest) > 0 {
		r.Fail("%d bytes left over", len(r.rest))
	}
	return r.err
}

// Fail makes the reader's error, unless it has one: for values that decode but break a rule of the caller's.
func (r *Reader) Fail(format string, arguments ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d of %d: %s", ErrMalformed, r.total-len(r.rest), r.total, fmt.Sprintf(format, arguments...))
	}
	r.rest = nil
}

// Uint64 reads an unsigned integer; a negative one is an error.
func (r *Reader) Uint64() uint64 {
	v, negative := r.integer()
	if negative {
		r.Fail("negative integer where an unsigned one belongs")
		return 0
	}
	return v
}

// Uint32 reads an unsigned integer of at most 32 bits.
func (r *Reader) Uint32() uint32 { return uint32(r.UintMax(math.MaxUint32)) }

// Uint16 reads an unsigned integer of at most 16 bits.
func (r *Reader) Uint16() uint16 { return uint16(r.UintMax(math.MaxUint16)) }

// Uint8 reads an unsigned integer of at most 8 bits.
func (r *Reader) Uint8() uint8 { return uint8(r.UintMax(math.MaxUint8)) }

// UintMax reads an unsigned integer; one above limit is an error.
func (r *Reader) UintMax(limit uint64) uint64 {
	v := r.Uint64()
	if v > limit {
		r.Fail("integer %d, the limit is %d", v, limit)
		return 0
	}
	return v
}

// Int64 reads an integer.
func (r *Reader) Int64() int64 {
	v, negative := r.integer()
	if !negative && v > math.MaxInt64 {
		r.Fail("integer %d does not fit 64 bits with sign", v)
		return 0
	}
	return int64(v)
}

// Bool reads a truth value.
func (r *Reader) Bool() bool {
	switch c := r.code(); {
	case r.err != nil:
	case c == msgpcode.True:
		return true
	case c != msgpcode.False:
		r.unexpected(c, "truth value")
	}
	return false
}

// Bytes reads a byte string of at most limit bytes; nil stays nil. The result aliases the body: it is free, and keeps
// the whole body in memory as long as it is kept. Clone it to keep a little of a large body.
func (r *Reader) Bytes(limit int) []byte {
	var n uint64
	switch c := r.code(); {
	case r.err != nil, c == msgpcode.Nil:
		return nil
	case c == msgpcode.Bin8:
		n = r.fixed(1)
	case c == msgpcode.Bin16:
		n = r.fixed(2)
	case c == msgpcode.Bin32:
		n = r.fixed(4)
	default:
		r.unexpected(c, "byte string")
	}
	return r.take(n, limit)
}

// BytesInto reads a byte string of exactly len(p) bytes into p.
func (r *Reader) BytesInto(p []byte) {
	b := r.Bytes(len(p))
	if r.err == nil && len(b) != len(p) {
		r.Fail("byte string of %d bytes, want %d", len(b), len(p))
	}
	copy(p, b)
}

// String reads a string of at most limit bytes. The bytes are not checked to be UTF-8.
func (r *Reader) String(limit int) string { return string(r.stringBytes(limit)) }

// StringLike is String that returns known, and allocates nothing, if the two are equal.
func (r *Reader) StringLike(known string, limit int) string {
	if b := r.stringBytes(limit); string(b) != known {
		return string(b)
	}
	return known
}

func (r *Reader) stringBytes(limit int) []byte {
	var n uint64
	switch c := r.code(); {
	case r.err != nil:
	case msgpcode.IsFixedString(c):
		n = uint64(c & msgpcode.FixedStrMask)
	case c == msgpcode.Str8:
		n = r.fixed(1)
	case c == msgpcode.Str16:
		n = r.fixed(2)
	case c == msgpcode.Str32:
		n = r.fixed(4)
	default:
		r.unexpected(c, "string")
	}
	return r.take(n, limit)
}

// ArrayLen reads the start of an array of at most limit values, and of no more than there are bytes left.
func (r *Reader) ArrayLen(limit int) int {
	var n uint64
	switch c := r.code(); {
	case r.err != nil:
	case msgpcode.IsFixedArray(c):
		n = uint64(c & msgpcode.FixedArrayMask)
	case c == msgpcode.Array16:
		n = r.fixed(2)
	case c == msgpcode.Array32:
		n = r.fixed(4)
	default:
		r.unexpected(c, "array")
	}
	return r.count(n, limit, 1)
}

// ArrayExactly reads the start of an array that must have n values: the fields of a record.
func (r *Reader) ArrayExactly(n int) {
	if got := r.ArrayLen(n); got != n {
		r.Fail("array of %d values, want %d", got, n)
	}
}

// MapLen reads the start of a map of at most limit pairs, and of no more than there are bytes left for.
func (r *Reader) MapLen(limit int) int {
	var n uint64
	switch c := r.code(); {
	case r.err != nil:
	case msgpcode.IsFixedMap(c):
		n = uint64(c & msgpcode.FixedMapMask)
	case c == msgpcode.Map16:
		n = r.fixed(2)
	case c == msgpcode.Map32:
		n = r.fixed(4)
	default:
		r.unexpected(c, "map")
	}
	return r.count(n, limit, 2)
}

// Nil reports whether the next value is nil, and takes it if so.
func (r *Reader) Nil() bool {
	if r.err != nil || len(r.rest) == 0 || r.rest[0] != msgpcode.Nil {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// integer reads an integer of any width. A negative one comes in two's complement.
func (r *Reader) integer() (v uint64, negative bool) {
	c := r.code()
	switch {
	case r.err != nil:
		return 0, false
	case msgpcode.IsFixedNum(c):
		return uint64(int8(c)), int8(c) < 0
	}
	switch c {
	case msgpcode.Uint8:
		return r.fixed(1), false
	case msgpcode.Uint16:
		return r.fixed(2), false
	case msgpcode.Uint32:
		return r.fixed(4), false
	case msgpcode.Uint64:
		return r.fixed(8), false
	case msgpcode.Int8:
		v = uint64(int8(r.fixed(1)))
	case msgpcode.Int16:
		v = uint64(int16(r.fixed(2)))
	case msgpcode.Int32:
		v = uint64(int32(r.fixed(4)))
	case msgpcode.Int64:
		v = r.fixed(8)
	default:
		r.unexpected(c, "integer")
	}
	return v, int64(v) < 0
}

// code takes the byte that says what the next value is.
func (r *Reader) code() byte {
	if len(r.rest) == 0 {
		r.Fail("body ends where a value belongs")
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

// fixed takes a big-endian number of n bytes.
func (r *Reader) fixed(n int) uint64 {
	if len(r.rest) < n {
		r.Fail("body ends within a number")
		return 0
	}
	b := r.rest
	r.rest = b[n:]
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	default:
		return binary.BigEndian.Uint64(b)
	}
}

// take takes n bytes of content. Its capacity ends with it, so that an append does not reach the rest of the body.
func (r *Reader) take(n uint64, limit int) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(max(limit, 0)) || n > uint64(len(r.rest)) {
		r.Fail("%d bytes announced, the limit is %d, %d are left", n, limit, len(r.rest))
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// count checks the length of an array or map whose elements take at least elementBytes each.
func (r *Reader) count(n uint64, limit, elementBytes int) int {
	if r.err != nil {
		return 0
	}
	if n > uint64(max(limit, 0)) || n > uint64(len(r.rest)/elementBytes) {
		r.Fail("%d elements announced, the limit is %d, %d bytes are left", n, limit, len(r.rest))
		return 0
	}
	return int(n)
}

func (r *Reader) unexpected(c byte, want string) { r.Fail("code %#02x where a %s belongs", c, want) }
