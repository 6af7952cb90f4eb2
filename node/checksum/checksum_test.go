package checksum

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func TestCombine(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	lengths := []int{0, 1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 255, 256, 1023, 1024, 1025, 65537, 256<<10 - 4, 1 << 20, 1<<20 + 1}
	for _, first := range lengths {
		for _, second := range lengths {
			a, b := data(first), data(second)
			requireCombined(t, a, b)
			requireCombined(t, bytes.Repeat([]byte{0xff}, first), make([]byte, second))
		}
	}
}

// TestCombineOfManyParts combines checksums in another order than the bytes come in: it is associative, as it must be.
func TestCombineOfManyParts(t *testing.T) {
	text := []byte("123456789")
	require.EqualValues(t, 0xe3069283, crc32.Checksum(text, castagnoli), "the check value of CRC-32C")
	last := Combine(crc32.Checksum(text[3:5], castagnoli), crc32.Checksum(text[5:], castagnoli), 4)
	require.EqualValues(t, 0xe3069283, Combine(crc32.Checksum(text[:3], castagnoli), last, 6))
	require.EqualValues(t, 0xe3069283, Combine(0, 0xe3069283, 9), "0 is the checksum of no bytes")
	require.EqualValues(t, 0xe3069283, Combine(0xe3069283, 0, 0))
}

// TestCombineOfLongParts has second parts that are too long to be made: 2^k bytes of zeros, each twice the one before.
func TestCombineOfLongParts(t *testing.T) {
	zeros := crc32.Checksum(make([]byte, 1), castagnoli)
	for k := range 62 {
		length := int64(1) << k
		if length <= 1<<20 {
			require.Equal(t, crc32.Checksum(make([]byte, length), castagnoli), zeros, "2^%d zeros", k)
		}
		const start = 0x12345678
		halves := Combine(Combine(start, zeros, length), zeros, length)
		zeros = Combine(zeros, zeros, length)
		require.Equal(t, halves, Combine(start, zeros, 2*length), "2 times 2^%d zeros", k)
	}
	require.Panics(t, func() { Combine(1, 2, -1) })
}

func FuzzCombine(f *testing.F) {
	f.Add([]byte(""), []byte(""))
	f.Add([]byte("a"), []byte(""))
	f.Add([]byte("1234"), []byte("56789"))
	f.Add(make([]byte, 100), bytes.Repeat([]byte{0xff}, 77))
	f.Fuzz(func(t *testing.T, a, b []byte) { requireCombined(t, a, b) })
}

func requireCombined(t *testing.T, a, b []byte) {
	t.Helper()
	first := crc32.Checksum(a, castagnoli)
	require.Equal(t, crc32.Update(first, castagnoli, b), Combine(first, crc32.Checksum(b, castagnoli), int64(len(b))),
		"%d and %d bytes", len(a), len(b))
}

func BenchmarkCombine(b *testing.B) {
	for _, length := range []int64{1 << 10, 1<<10 + 77, 256 << 10, 1<<20 - 1} {
		b.Run(strconv.FormatInt(length, 10), func(b *testing.B) {
			var sum uint32
			for b.Loop() {
				sum = Combine(sum, 0x9abcdef1, length)
			}
		})
	}
}
