package rpc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

func TestWriterAndReader(t *testing.T) {
	numbers := []uint64{0, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MaxUint64}
	signed := []int64{0, -1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt64, math.MaxInt64}
	sizes := []int{0, 1, 31, 32, 255, 256, 65535, 65536}
	w := NewWriter()
	w.ArrayLen(len(numbers))
	for _, n := range numbers {
		w.Uint64(n)
	}
	w.ArrayLen(len(signed))
	for _, n := range signed {
		w.Int64(n)
	}
	for _, n := range sizes {
		w.Bytes(make([]byte, n))
		w.String(string(make([]byte, n)))
	}
	w.Bytes(nil)
	w.Bool(true)
	w.Bool(false)
	w.Nil()
	w.MapLen(1)
	w.String("key")
	w.Uint64(7)
	for _, n := range []int{16, 65536} {
		w.ArrayLen(n)
		for range n {
			w.Nil()
		}
	}
	size := w.Len()
	body := w.Finish()
	require.Len(t, body, size)

	r := NewReader(body)
	r.ArrayExactly(len(numbers))
	for _, n := range numbers {
		require.Equal(t, n, r.Uint64())
	}
	require.Equal(t, len(signed), r.ArrayLen(100))
	for _, n := range signed {
		require.Equal(t, n, r.Int64())
	}
	for _, n := range sizes {
		require.Equal(t, make([]byte, n), r.Bytes(n))
		require.Len(t, r.String(n), n)
	}
	require.Nil(t, r.Bytes(0))
	require.True(t, r.Bool())
	require.False(t, r.Bool())
	require.True(t, r.Nil())
	require.False(t, r.Nil())
	require.Equal(t, 1, r.MapLen(1))
	require.Equal(t, "key", r.String(3))
	require.Equal(t, uint8(7), r.Uint8())
	for _, n := range []int{16, 65536} {
		require.Equal(t, n, r.ArrayLen(n))
		for range n {
			require.True(t, r.Nil())
		}
	}
	require.NoError(t, r.Finish())
}

// TestWriterIsTheLibrary compares the bytes of every kind of value, around the lengths and sizes at which their form changes,
// with those of the library.
func TestWriterIsTheLibrary(t *testing.T) {
	same := func(what any, write func(w *Writer), library func(e *msgpack.Encoder) error) {
		t.Helper()
		var want bytes.Buffer
		encoder := msgpack.NewEncoder(&want)
		encoder.UseCompactInts(true)
		require.NoError(t, library(encoder))
		w := NewWriter()
		w.Reset([]byte("before"))
		write(w)
		require.Equal(t, "before"+want.String(), string(w.Body()), "%v", what)
		w.Reset(nil)
		write(w)
		require.Equal(t, want.Len(), w.Len())
		require.Equal(t, want.String(), string(w.Finish()), "%v", what)
	}
	for bit := range 64 {
		for off := range uint64(5) {
			v := uint64(1)<<bit - 2 + off
			same(v, func(w *Writer) { w.Uint64(v) }, func(e *msgpack.Encoder) error { return e.EncodeUint(v) })
			for _, v := range []int64{int64(v), -int64(v), -int64(v) - 32} {
				same(v, func(w *Writer) { w.Int64(v) }, func(e *msgpack.Encoder) error { return e.EncodeInt(v) })
			}
		}
	}
	for _, n := range []int{0, 1, 15, 16, 17, 31, 32, 33, 127, 128, 255, 256, 257, 65535, 65536, 65537, 1 << 20} {
		data := bytes.Repeat([]byte{'x'}, n)
		same(n, func(w *Writer) { w.Bytes(data) }, func(e *msgpack.Encoder) error { return e.EncodeBytes(data) })
		same(n, func(w *Writer) { w.String(string(data)) }, func(e *msgpack.Encoder) error { return e.EncodeString(string(data)) })
		same(n, func(w *Writer) { w.ArrayLen(n) }, func(e *msgpack.Encoder) error { return e.EncodeArrayLen(n) })
		same(n, func(w *Writer) { w.MapLen(n) }, func(e *msgpack.Encoder) error { return e.EncodeMapLen(n) })
	}
	same("nil bytes", func(w *Writer) { w.Bytes(nil) }, func(e *msgpack.Encoder) error { return e.EncodeBytes(nil) })
	same("nil", func(w *Writer) { w.Nil() }, (*msgpack.Encoder).EncodeNil)
	same("true", func(w *Writer) { w.Bool(true) }, func(e *msgpack.Encoder) error { return e.EncodeBool(true) })
	same("false", func(w *Writer) { w.Bool(false) }, func(e *msgpack.Encoder) error { return e.EncodeBool(false) })
	v := record{Name: "name", Data: []byte("data"), Tags: []string{"a"}, Size: 300}
	same("value", func(w *Writer) { w.Value(&v) }, v.EncodeMsgpack)
	same("among others", func(w *Writer) { w.Nil(); w.Value(&v); w.Uint64(1); w.Value(&v) }, func(e *msgpack.Encoder) error {
		return errors.Join(e.EncodeNil(), v.EncodeMsgpack(e), e.EncodeUint(1), v.EncodeMsgpack(e))
	})
}

// TestReaderRefuses lists what must be an error, each time with the method that must refuse it.
func TestReaderRefuses(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		read      func(r *Reader)
	}{
		{"empty", "", func(r *Reader) { r.Uint64() }},
		{"left over", "0101", func(r *Reader) { r.Uint64() }},
		{"negative", "ff", func(r *Reader) { r.Uint64() }},
		{"negative in 64 bits", "d3ffffffffffffffff", func(r *Reader) { r.Uint64() }},
		{"too large for sign", "cfffffffffffffffff", func(r *Reader) { r.Int64() }},
		{"too large for 16 bits", "ce00010000", func(r *Reader) { r.Uint16() }},
		{"number cut off", "cd01", func(r *Reader) { r.Uint64() }},
		{"string for number", "a131", func(r *Reader) { r.Int64() }},
		{"number for bool", "01", func(r *Reader) { r.Bool() }},
		{"string for bytes", "a131", func(r *Reader) { r.Bytes(10) }},
		{"4 GiB of bytes", "c6ffffffff", func(r *Reader) { r.Bytes(math.MaxInt) }},
		{"bytes over limit", "c40300000000", func(r *Reader) { r.Bytes(2) }},
		{"bytes, negative limit", "c40100", func(r *Reader) { r.Bytes(-1) }},
		{"bytes too few", "c40200", func(r *Reader) { r.Bytes(2) }},
		{"bytes not exact", "c40100", func(r *Reader) { r.BytesInto(make([]byte, 2)) }},
		{"4 GiB of string", "dbffffffff", func(r *Reader) { r.String(math.MaxInt) }},
		{"string over limit", "a3616263", func(r *Reader) { r.String(2) }},
		{"4 Gi array", "ddffffffff", func(r *Reader) { r.ArrayLen(math.MaxInt) }},
		{"array over limit", "93010203", func(r *Reader) { r.ArrayLen(2) }},
		{"array of fewer", "9101", func(r *Reader) { r.ArrayExactly(2) }},
		{"4 Gi map", "dfffffffff", func(r *Reader) { r.MapLen(math.MaxInt) }},
		{"map without room", "820101", func(r *Reader) { r.MapLen(10) }},
		{"own rule", "01", func(r *Reader) { r.Uint64(); r.Fail("no %d", 1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, err := hex.DecodeString(c.hex)
			require.NoError(t, err)
			r := NewReader(body)
			c.read(&r)
			err = r.Finish()
			require.ErrorIs(t, err, ErrMalformed)
			require.Zero(t, r.Uint64())
			require.Empty(t, r.String(10))
			require.Equal(t, err, r.Err(), "the first error stays")
		})
	}
}

// record has msgpack methods as the control plane's types do.
type record struct {
	Name string
	Data []byte
	Tags []string
	Size uint64
}

func (v *record) EncodeMsgpack(e *msgpack.Encoder) error {
	return errors.Join(e.EncodeArrayLen(4), e.EncodeString(v.Name), e.EncodeBytes(v.Data), v.encodeTags(e), e.EncodeUint(v.Size))
}

func (v *record) encodeTags(e *msgpack.Encoder) error {
	err := e.EncodeMapLen(len(v.Tags))
	for _, tag := range v.Tags {
		err = errors.Join(err, e.EncodeString(tag), e.EncodeNil())
	}
	return err
}

func (v *record) DecodeMsgpack(d *msgpack.Decoder) (err error) {
	if _, err = DecodeArrayLen(d, 4); err != nil {
		return err
	}
	if v.Name, err = DecodeString(d, 10); err != nil {
		return err
	}
	if v.Data, err = DecodeBytes(d, 100); err != nil {
		return err
	}
	n, err := DecodeMapLen(d, 3)
	if err != nil {
		return err
	}
	for range n {
		tag, err := DecodeString(d, 10)
		if err != nil {
			return err
		}
		if err := d.DecodeNil(); err != nil {
			return err
		}
		v.Tags = append(v.Tags, tag)
	}
	v.Size, err = d.DecodeUint64()
	return err
}

func TestEncodeAndDecode(t *testing.T) {
	in := record{Name: "name", Data: []byte("data"), Tags: []string{"a", "b"}, Size: 1 << 40}
	body := Encode(&in)
	require.Equal(t, "94a46e616d65c4046461746182a161c0a162c0cf0000010000000000", hex.EncodeToString(body))
	var out record
	require.NoError(t, Decode(body, &out))
	require.Equal(t, in, out)

	nested := append(bytes.Repeat([]byte{0x91}, 100000), 0xc0)
	for name, bad := range map[string][]byte{
		"empty":         {},
		"cut off":       body[:len(body)-1],
		"left over":     append(bytes.Clone(body), 0),
		"4 GiB":         {0x94, 0xa0, 0xc6, 0xff, 0xff, 0xff, 0xff},
		"4 Gi elements": {0xdd, 0xff, 0xff, 0xff, 0xff},
		"over limit":    Encode(&record{Name: "longer than ten"}),
		"data limit":    Encode(&record{Data: make([]byte, 101)}),
		"tags limit":    Encode(&record{Tags: make([]string, 4)}),
		"deep nesting":  nested,
		"extension":     {0xd4, 1, 1},
	} {
		require.ErrorIs(t, Decode(bad, &out), ErrMalformed, name)
	}
}

// skipper lets the library walk over anything.
type skipper struct{}

func (skipper) DecodeMsgpack(d *msgpack.Decoder) error { return d.Skip() }

// FuzzDecode holds Decode and Reader to their promise for any bytes: no panic, and what Decode lets through, the
// library can walk over and encode to the same value.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(&record{Name: "n", Data: []byte{1}, Tags: []string{"t"}, Size: 300}))
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Add(append(bytes.Repeat([]byte{0x91}, 20), 0xc0))
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := Decode(body, skipper{}); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		var v record
		if err := Decode(body, &v); err == nil {
			var again record
			if err := Decode(Encode(&v), &again); err != nil {
				t.Fatalf("%+v: %v", v, err)
			}
		}
		r := NewReader(body)
		for i := 0; r.Len() > 0 && r.Err() == nil; i++ {
			[]func(){
				func() { r.Uint64() }, func() { r.Bytes(100) }, func() { r.String(100) }, func() { r.ArrayLen(100) },
				func() { r.MapLen(100) }, func() { r.Bool() }, func() { r.Int64() },
			}[i%7]()
		}
	})
}
