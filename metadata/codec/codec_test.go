package codec_test

import (
	"errors"
	"testing"

	"chasqui/metadata/codec"
	"chasqui/node/rpc"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// fields is a record made of functions.
type fields struct {
	write func(w *codec.Writer)
	read  func(r *codec.Reader)
}

func (f fields) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	f.write(w)
	return w.Err()
}

func (f fields) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	f.read(r)
	return r.Err()
}

// TestReaderLimits writes something and reads it in a way that must fail.
func TestReaderLimits(t *testing.T) {
	var fixed [4]byte
	for _, test := range []struct {
		name  string
		write func(w *codec.Writer)
		read  func(r *codec.Reader)
		want  string
	}{
		{"too few fields", func(w *codec.Writer) { w.Fields(1); w.Uint(1) }, func(r *codec.Reader) { r.Fields(2) }, "record has 1 fields, 2 expected"},
		{"too many fields", func(w *codec.Writer) { w.Fields(2); w.Uint(1); w.Uint(2) }, func(r *codec.Reader) { r.Fields(1) }, "limit"},
		{"too long a list", func(w *codec.Writer) { w.Fields(2); w.Uint(1); w.Uint(2) }, func(r *codec.Reader) { r.List(1) }, "limit"},
		{"too large a number", func(w *codec.Writer) { w.Uint(9) }, func(r *codec.Reader) { r.UintUpTo(8) }, "number 9 is above its limit 8"},
		{"too long a text", func(w *codec.Writer) { w.String("abc") }, func(r *codec.Reader) { _ = r.String(2) }, "limit"},
		{"too long a byte string", func(w *codec.Writer) { w.Bytes([]byte("abc")) }, func(r *codec.Reader) { r.Bytes(2) }, "limit"},
		{"too short a fixed byte string", func(w *codec.Writer) { w.Bytes([]byte("abc")) }, func(r *codec.Reader) { r.Fixed(fixed[:]) }, "byte string of 3 bytes, 4 expected"},
		{"another type", func(w *codec.Writer) { w.String("a") }, func(r *codec.Reader) { r.Bool() }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := fields{test.write, test.read}
			err := rpc.Decode(rpc.Encode(f), f)
			require.Error(t, err)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestFirstErrorStays: after an error everything reads as zero, and the error is the first one.
func TestFirstErrorStays(t *testing.T) {
	first := errors.New("first")
	f := fields{
		func(w *codec.Writer) { w.Fields(3); w.Uint(7); w.Bool(true); w.Int(-1) },
		func(r *codec.Reader) {
			r.Fields(3)
			r.Fail(first)
			r.Fail(errors.New("second"))
			require.Zero(t, r.Uint())
			require.False(t, r.Bool())
			require.Zero(t, r.Int())
			require.False(t, r.Optional())
		},
	}
	require.ErrorIs(t, rpc.Decode(rpc.Encode(f), f), first)
}
