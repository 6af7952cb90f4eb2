package rpc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// frameBytes returns a whole frame as it goes over the wire.
func frameBytes(kind frameType, id uint64, method uint16, remainingMS uint32, body []byte) []byte {
	h := makeHeader(kind, id, method, remainingMS, Part{Data: body})
	return append(h[:], body...)
}

func TestGoldenBytes(t *testing.T) {
	require.Equal(t, "6368715250430001", hex.EncodeToString(hello()))
	for _, c := range []struct {
		name   string
		frame  []byte
		golden string
	}{
		{"request", frameBytes(frameRequest, 0x0102030405060708, 60, 1500, []byte("body")),
			"00000017" + "01" + "0102030405060708" + "003c" + "000005dc" + "98c814f0" + "626f6479"},
		{"response", frameBytes(frameResponse, 1, 0, 0, []byte{0xc0}),
			"00000014" + "02" + "0000000000000001" + "0000" + "00000000" + "41ef0f98" + "c0"},
		{"error", frameBytes(frameError, 1, uint16(CodeNotLeader), 0, []byte("b1 h:1")),
			"00000019" + "03" + "0000000000000001" + "0002" + "00000000" + "7836844b" + "623120683a31"},
		{"cancel", frameBytes(frameCancel, 1, 0, 0, nil),
			"00000013" + "04" + "0000000000000001" + "0000" + "00000000" + "4399892c"},
		{"ping", frameBytes(framePing, 0, 0, 0, nil),
			"00000013" + "05" + "0000000000000000" + "0000" + "00000000" + "4c1458e5"},
	} {
		require.Equal(t, c.golden, hex.EncodeToString(c.frame), c.name)
	}
}

// TestKnownChecksums has headers whose checksum is combined from what is known of some parts: they are the same as those
// of a body that is read. One that is not right is found by the peer.
func TestKnownChecksums(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		parts := randomParts(random, n%7)
		want := makeHeader(frameRequest, 1, 2, 3, Part{Data: joined(parts)})
		require.Equal(t, want, makeHeader(frameRequest, 1, 2, 3, parts...))
		for i := range parts {
			if random.IntN(2) == 0 {
				parts[i].Checksum = crc32.Checksum(parts[i].Data, castagnoli)
			}
		}
		require.Equal(t, want, makeHeader(frameRequest, 1, 2, 3, parts...))
	}

	body := Part{Data: []byte("data that was damaged since"), Checksum: crc32.Checksum([]byte("data that was"), castagnoli)}
	h := makeHeader(frameRequest, 1, 2, 3, body)
	_, err := readFrame(bufio.NewReader(bytes.NewReader(append(h[:], body.Data...))), 1<<20)
	require.ErrorIs(t, err, errBadFrame)
}

func TestReadFrameRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 1000, readBufferBytes, bodyFirstBytes, bodyFirstBytes + 1, 5*bodyFirstBytes + 3} {
		body := bytes.Repeat([]byte{7}, size)
		stream := append(frameBytes(frameRequest, 9, 8, 7, body), frameBytes(framePing, 0, 0, 0, nil)...)
		r := bufio.NewReaderSize(bytes.NewReader(stream), readBufferBytes)
		f, err := readFrame(r, 16<<20)
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, f.body))
		require.Equal(t, frame{kind: frameRequest, id: 9, method: 8, remainingMS: 7, body: f.body, bodySum: crc32.Checksum(body, castagnoli)}, f)
		f, err = readFrame(r, 16<<20)
		require.NoError(t, err)
		require.Equal(t, framePing, f.kind)
		_, err = readFrame(r, 16<<20)
		require.Equal(t, io.EOF, err)
	}
}

// TestReadFrameFindsEveryFlippedBit flips each bit of a frame in turn: none may pass for a frame.
func TestReadFrameFindsEveryFlippedBit(t *testing.T) {
	good := frameBytes(frameRequest, 1, 2, 3, []byte("some body"))
	for bit := range len(good) * 8 {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		_, err := readFrame(bufio.NewReader(bytes.NewReader(bad)), 1<<20)
		require.Error(t, err, "bit %d", bit)
	}
}

// hostileFrames are streams that are not frames, and the error they must give.
func hostileFrames() map[string]struct {
	stream []byte
	want   error
} {
	withLength := func(n uint32) []byte {
		b := frameBytes(frameRequest, 1, 1, 0, []byte("body"))
		binary.BigEndian.PutUint32(b, n)
		return b
	}
	badCRC := frameBytes(frameRequest, 1, 1, 0, []byte("body"))
	badCRC[len(badCRC)-1]++
	return map[string]struct {
		stream []byte
		want   error
	}{
		"oversized":         {withLength(1 << 31), errBadFrame},
		"just oversized":    {withLength(16<<20 + 64<<10 - lengthBytes + 1), errBadFrame},
		"undersized":        {withLength(headerBytes - lengthBytes - 1), errBadFrame},
		"unknown type":      {frameBytes(99, 1, 1, 0, nil), errBadFrame},
		"type zero":         {frameBytes(0, 1, 1, 0, nil), errBadFrame},
		"cancel with body":  {frameBytes(frameCancel, 1, 0, 0, []byte("x")), errBadFrame},
		"bad checksum":      {badCRC, errBadFrame},
		"garbage":           {bytes.Repeat([]byte{0xfe, 1, 0x80}, 100), errBadFrame},
		"truncated header":  {frameBytes(frameRequest, 1, 1, 0, nil)[:10], io.ErrUnexpectedEOF},
		"truncated body":    {withLength(1000), io.ErrUnexpectedEOF},
		"huge and cut off":  {withLength(16 << 20), io.ErrUnexpectedEOF},
		"header, then none": {withLength(19 + 4)[:headerBytes], io.ErrUnexpectedEOF},
	}
}

func TestReadFrameRefusesHostileFrames(t *testing.T) {
	for name, c := range hostileFrames() {
		t.Run(name, func(t *testing.T) {
			_, err := readFrame(bufio.NewReader(bytes.NewReader(c.stream)), DefaultConfig().MaxFrameBytes)
			require.ErrorIs(t, err, c.want)
		})
	}
}

// TestLyingLengthCostsLittle sends the header of the largest frame and nothing more: what is allocated for it must not
// be of the size that it announces.
func TestLyingLengthCostsLittle(t *testing.T) {
	h := makeHeader(frameRequest, 1, 1, 0)
	binary.BigEndian.PutUint32(h[:], 16<<20)
	const rounds = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		_, err := readFrame(bufio.NewReader(bytes.NewReader(h[:])), 16<<20+64<<10)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(rounds*2*bodyFirstBytes))
}

// TestBatchOfAMiBIsReadInOnePiece: a body as the largest of default replication batches make it takes one allocation, and
// no copy of what has arrived.
func TestBatchOfAMiBIsReadInOnePiece(t *testing.T) {
	const bodyBytes = 1<<20 + 1<<10
	stream := frameBytes(frameRequest, 1, 1, 0, make([]byte, bodyBytes))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := readFrame(bufio.NewReader(bytes.NewReader(stream)), DefaultConfig().MaxFrameBytes)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Len(t, f.body, bodyBytes)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(bodyBytes*3/2))
}

func TestReadHello(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		want       error
		says       string
	}{
		{"good", "chqRPC\x00\x01", nil, ""},
		{"http", "GET / HTTP/1.1\r\n", errForeignPeer, "is HTTP"},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00\x01", errForeignPeer, "is TLS"},
		{"other version", "chqRPC\x00\x02", errVersion, "theirs is 2, ours is 1"},
		{"cut off", "chq", io.ErrUnexpectedEOF, "3 of 8 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := readHello(bytes.NewReader([]byte(c.sent)))
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// FuzzReadFrame feeds a stream to the reader. It must not panic, must not give a body beyond the limit, and what it
// accepts must be exactly what makeHeader would have written.
func FuzzReadFrame(f *testing.F) {
	f.Add(frameBytes(frameRequest, 1, 2, 3, []byte("body")))
	f.Add(append(frameBytes(framePing, 0, 0, 0, nil), frameBytes(frameError, 1, 2, 0, []byte("m"))...))
	for _, c := range hostileFrames() {
		f.Add(c.stream)
	}
	const limit = 64 << 10
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bufio.NewReader(bytes.NewReader(stream))
		for at := 0; ; {
			got, err := readFrame(r, limit)
			if err != nil {
				return
			}
			again := frameBytes(got.kind, got.id, got.method, got.remainingMS, got.body)
			if len(again) > limit || !bytes.Equal(again, stream[at:at+len(again)]) {
				t.Fatalf("frame at %d: %x was read from %x", at, again, stream[at:])
			}
			at += len(again)
		}
	})
}
