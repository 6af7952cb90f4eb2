package rpc

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// maxNesting is how deep arrays and maps may be nested in a body that goes through Decode.
const maxNesting = 16

type pooledDecoder struct {
	source  bytes.Reader
	decoder *msgpack.Decoder // reads from source
}

var decoders = sync.Pool{New: func() any {
	d := &pooledDecoder{}
	d.decoder = msgpack.NewDecoder(&d.source)
	return d
}}

// Decode fills v from a msgpack body. Bytes left over are an error. All errors wrap ErrMalformed.
//
// Before the library sees the body, every length in it is checked against the bytes there are, and nesting against 16
// levels: v5.4.1 allocates what a length says (5 bytes can ask for 4 GiB) and skips nested arrays by recursion (its
// issue #401). So v may use the library's methods as long as it decodes into concrete types; arrays and maps need
// DecodeArrayLen and DecodeMapLen with a limit, because an element in memory can be much larger than its one byte
// on the wire.
func Decode(body []byte, v msgpack.CustomDecoder) error {
	if err := checkStructure(body); err != nil {
		return err
	}
	d := decoders.Get().(*pooledDecoder)
	defer decoders.Put(d)
	d.source.Reset(body)
	defer d.source.Reset(nil) // the pool must not keep the body alive
	d.decoder.ResetReader(&d.source)
	if err := v.DecodeMsgpack(d.decoder); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if left := d.source.Len(); left > 0 {
		return fmt.Errorf("%w: %d bytes left over", ErrMalformed, left)
	}
	return nil
}

// DecodeArrayLen reads the start of an array. More than limit values, or more than bytes are left, is an error; nil
// counts as empty. d must be reading from a bytes.Reader, as Decode's does.
func DecodeArrayLen(d *msgpack.Decoder, limit int) (int, error) {
	n, err := d.DecodeArrayLen()
	return checkCount(d, n, limit, 1, err)
}

// DecodeMapLen reads the start of a map. More than limit pairs, or more than bytes are left for, is an error; nil
// counts as empty. d must be reading from a bytes.Reader.
func DecodeMapLen(d *msgpack.Decoder, limit int) (int, error) {
	n, err := d.DecodeMapLen()
	return checkCount(d, n, limit, 2, err)
}

// DecodeBytes reads a byte string of at most limit bytes, into memory of its own; nil stays nil. d must be reading
// from a bytes.Reader.
func DecodeBytes(d *msgpack.Decoder, limit int) ([]byte, error) {
	n, err := d.DecodeBytesLen()
	if err != nil || n == -1 {
		return nil, err
	}
	if _, err := checkCount(d, n, limit, 1, nil); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	return b, d.ReadFull(b)
}

// DecodeString reads a string of at most limit bytes; nil counts as empty. d must be reading from a bytes.Reader.
func DecodeString(d *msgpack.Decoder, limit int) (string, error) {
	b, err := DecodeBytes(d, limit)
	return string(b), err
}

func checkCount(d *msgpack.Decoder, n, limit, elementBytes int, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	source, ok := d.Buffered().(*bytes.Reader)
	if !ok {
		return 0, fmt.Errorf("%w: decoder reads from a %T, not from memory", ErrMalformed, d.Buffered())
	}
	if n > limit || n > source.Len()/elementBytes {
		return 0, fmt.Errorf("%w: length %d, the limit is %d, %d bytes are left", ErrMalformed, n, limit, source.Len())
	}
	return max(n, 0), nil
}

// checkStructure walks over a body of any number of values and checks that every length in it is backed by bytes.
func checkStructure(body []byte) error {
	r := NewReader(body)
	// left[depth] is how many values are still to come in the array or map at that depth.
	var left [maxNesting + 1]uint64
	depth := 0
	for len(r.rest) > 0 && r.err == nil {
		children := r.skipOne()
		if depth > 0 {
			left[depth]--
		}
		if children > 0 {
			if children > uint64(len(r.rest)) {
				r.Fail("%d values announced, %d bytes are left", children, len(r.rest))
			}
			if depth++; depth > maxNesting {
				r.Fail("nested deeper than %d levels", maxNesting)
				break
			}
			left[depth] = children
		}
		for depth > 0 && left[depth] == 0 {
			depth--
		}
	}
	if depth > 0 {
		r.Fail("body ends within an array or map")
	}
	return r.err
}

// skipOne takes one value, or the start of an array or map, and returns how many values that has.
func (r *Reader) skipOne() (children uint64) {
	c := r.code()
	skip := func(n uint64) { r.take(n, len(r.rest)) }
	switch {
	case msgpcode.IsFixedNum(c), c == msgpcode.Nil, c == msgpcode.True, c == msgpcode.False:
	case msgpcode.IsFixedString(c):
		skip(uint64(c & msgpcode.FixedStrMask))
	case msgpcode.IsFixedArray(c):
		return uint64(c & msgpcode.FixedArrayMask)
	case msgpcode.IsFixedMap(c):
		return 2 * uint64(c&msgpcode.FixedMapMask)
	case c == msgpcode.Array16:
		return r.fixed(2)
	case c == msgpcode.Array32:
		return r.fixed(4)
	case c == msgpcode.Map16:
		return 2 * r.fixed(2)
	case c == msgpcode.Map32:
		return 2 * r.fixed(4)
	case c == msgpcode.Uint8, c == msgpcode.Int8:
		skip(1)
	case c == msgpcode.Uint16, c == msgpcode.Int16:
		skip(2)
	case c == msgpcode.Uint32, c == msgpcode.Int32, c == msgpcode.Float:
		skip(4)
	case c == msgpcode.Uint64, c == msgpcode.Int64, c == msgpcode.Double:
		skip(8)
	case c == msgpcode.Str8, c == msgpcode.Bin8:
		skip(r.fixed(1))
	case c == msgpcode.Str16, c == msgpcode.Bin16:
		skip(r.fixed(2))
	case c == msgpcode.Str32, c == msgpcode.Bin32:
		skip(r.fixed(4))
	default:
		r.Fail("code %#02x is of a type not used here", c) // extension types, and 0xc1
	}
	return 0
}
