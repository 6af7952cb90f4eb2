package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node/memdisk"
)

// testFrame makes a frame of entries with the given data, as the writer does, in a frame that held others before. The
// checksums of those for which known is true come with them.
func testFrame(data [][]byte, known func(i int) bool) []byte {
	f := frame{salt: 0x5eed}
	f.begin(frameHeader{segment: 1, offset: framesStart, sequence: 2, previous: 4}, 1<<30, 1<<30)
	f.add(record{kind: kindEntry, group: 1, index: 1, data: []byte("of another frame")})
	f.begin(frameHeader{segment: 3, offset: framesStart, sequence: 5, previous: 6}, 1<<30, 1<<30)
	for i, d := range data {
		r := record{kind: kindEntry, entryKind: 1, group: 7, index: uint64(i) + 1, term: 8, appendedAt: -9, data: d}
		if known(i) {
			r.checksum = crc32.Checksum(d, castagnoli)
		}
		f.add(r)
	}
	b, _ := f.finish()
	return b
}

// openFrame reads a frame of testFrame back and returns its data.
func openFrame(b []byte) ([][]byte, error) {
	h, err := decodeFrameHeader(0x5eed, 3, framesStart, b)
	if err != nil {
		return nil, err
	}
	payload := b[frameHeaderBytes : frameHeaderBytes+h.length]
	if err := h.verify(0x5eed, payload); err != nil {
		return nil, err
	}
	var data [][]byte
	err = decodeRecords(0x5eed, h, payload, func(r record, _ position) error {
		data = append(data, r.data)
		return nil
	})
	return data, err
}

// requireSums compares every CRC of a frame of testFrame with one that is computed in a single run over the bytes. The frame
// is the same whichever of its entries come with a checksum.
func requireSums(t *testing.T, data [][]byte) []byte {
	t.Helper()
	b := testFrame(data, func(int) bool { return false })
	require.True(t, bytes.Equal(b, testFrame(data, func(int) bool { return true })))
	require.True(t, bytes.Equal(b, testFrame(data, func(i int) bool { return i%2 == 1 })))
	at := frameHeaderBytes
	for i, d := range data {
		place := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 3), uint64(framesStart+at))
		covered := bytes.Join([][]byte{place, b[at : at+36], d}, nil)
		require.Equal(t, crc32.Update(0x5eed, castagnoli, covered), binary.LittleEndian.Uint32(b[at+36:]), "record %d", i)
		at += recordHeaderBytes + len(d)
	}
	require.Equal(t, crc32.Update(0x5eed, castagnoli, b[frameHeaderBytes:at]), binary.LittleEndian.Uint32(b[40:]))
	require.Len(t, b, alignUp(at))
	got, err := openFrame(b)
	require.NoError(t, err)
	require.Equal(t, len(data), len(got))
	for i := range data {
		require.True(t, bytes.Equal(data[i], got[i]), "record %d", i)
	}
	return b
}

func randomData(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// TestFrameSums covers records of every length around that of a piece, alone and one behind the other.
func TestFrameSums(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var all [][]byte
	for _, n := range []int{
		0, 1, 7, 1024, copyPieceBytes - 1, copyPieceBytes, copyPieceBytes + 1, 3*copyPieceBytes - 1, 3 * copyPieceBytes, 1<<20 + 13,
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) { requireSums(t, [][]byte{randomData(random, n)}) })
		all = append(all, randomData(random, n), make([]byte, n))
	}
	requireSums(t, nil)
	requireSums(t, all)
	for range 50 {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		requireSums(t, all[:1+random.IntN(len(all))])
	}
}

// TestFlippedBitInALargeRecord flips bits in a frame of several records, before all at the borders of pieces: each is
// found by the frame's CRC, and by that of the one record that it is in.
func TestFlippedBitInALargeRecord(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	data := [][]byte{randomData(random, 100), randomData(random, 5*copyPieceBytes+77), randomData(random, 4000), randomData(random, 2*copyPieceBytes)}
	good := requireSums(t, data)
	h, err := decodeFrameHeader(0x5eed, 3, framesStart, good)
	require.NoError(t, err)
	start := frameHeaderBytes
	for i, d := range data {
		end := start + recordHeaderBytes + len(d)
		at := []int{start, start + 36, start + recordHeaderBytes, end - 1}
		for piece := copyPieceBytes; piece < len(d); piece += copyPieceBytes {
			at = append(at, start+recordHeaderBytes+piece-1, start+recordHeaderBytes+piece)
		}
		for range 100 {
			at = append(at, start+random.IntN(end-start))
		}
		for _, at := range at {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << random.IntN(8)
			require.Error(t, h.verify(0x5eed, bad[frameHeaderBytes:frameHeaderBytes+h.length]), "byte %d of record %d", at, i)
			_, err := decodeRecord(0x5eed, 3, uint64(framesStart+start), bad[start:frameHeaderBytes+h.length])
			require.Error(t, err, "byte %d of record %d", at, i)
		}
		start = end
	}
}

// TestDataThatIsNotWhatItsChecksumSays appends an entry whose data was damaged after its checksum was computed: it must not
// be read back as if it were good.
func TestDataThatIsNotWhatItsChecksumSays(t *testing.T) {
	disk := memdisk.New()
	j := openOn(t, disk, smallConfig())
	data := randomData(rand.New(rand.NewPCG(5, 6)), 10_000)
	sum := crc32.Checksum(data, castagnoli)
	require.NoError(t, j.Group(1).Append([]Entry{{Index: 1, Term: 1, Data: bytes.Clone(data), Checksum: sum}}))
	data[5000] ^= 1
	require.NoError(t, j.Group(1).Append([]Entry{{Index: 2, Term: 1, Data: data, Checksum: sum}}))
	require.NoError(t, j.Group(1).Append([]Entry{{Index: 3, Term: 1}}))
	require.NoError(t, j.Close())
	_, err := Open(hostOn(t, disk), testDir, smallConfig())
	var corruption *CorruptionError
	require.ErrorAs(t, err, &corruption)
}

// FuzzFrame makes frames of records that are cut from data: each two bytes of lengths are the length of one, in
// multiples of scale.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("some data"), []byte{0, 4, 0, 0, 0, 5}, uint16(1))
	f.Add(bytes.Repeat([]byte{1, 0xff, 0}, copyPieceBytes), []byte{0, 16, 0, 31, 0, 1}, uint16(1023))
	f.Fuzz(func(t *testing.T, data, lengths []byte, scale uint16) {
		var records [][]byte
		for ; len(lengths) >= 2; lengths = lengths[2:] {
			n := min(len(data), int(binary.LittleEndian.Uint16(lengths))*int(scale))
			records = append(records, data[:n])
			data = data[n:]
		}
		requireSums(t, records)
	})
}
