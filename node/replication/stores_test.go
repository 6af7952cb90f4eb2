package replication

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/memdisk"
	"chasqui/node/nodetest"
	"chasqui/node/wal"
)

func openGroup(t *testing.T, host node.Host) *wal.Group {
	t.Helper()
	cfg := wal.DefaultConfig()
	cfg.SegmentBytes = 1 << 20
	journal, err := wal.Open(host, "journal", cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, journal.Close()) })
	return journal.Group(1)
}

func entries(from, to uint64) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Data: []byte{byte(i)}})
	}
	return logs
}

func TestAVoteIsOneRecord(t *testing.T) {
	group := openGroup(t, nodetest.RealHost(t))
	s := &stableStore{group: group}
	_, err := s.GetUint64([]byte(keyCurrentTerm))
	require.EqualError(t, err, "not found", "raft compares the text")
	require.NoError(t, s.SetUint64([]byte(keyCurrentTerm), 4))
	require.NoError(t, s.SetUint64([]byte(keyLastVoteTerm), 4))
	require.Equal(t, wal.HardState{Term: 4}, group.HardState(), "half a vote is not on disk")
	require.NoError(t, s.Set([]byte(keyLastVoteCand), []byte("host-1")))
	require.Equal(t, wal.HardState{Term: 4, VoteTerm: 4, VotedFor: []byte("host-1")}, group.HardState())
	require.Error(t, s.SetUint64([]byte("other"), 1))
	require.Error(t, s.Set([]byte("other"), nil))
}

// TestATermThatFindsNoRoomEndsTheHost fills the disk. A term is stored as long as there is room for it; then the host ends
// with what the operator must do, where raft would panic.
func TestATermThatFindsNoRoomEndsTheHost(t *testing.T) {
	disk := memdisk.New()
	host := nodetest.RealHost(t)
	host.Disk = disk
	disk.SetCapacity(3 * smallSegment)
	group := openGroup(t, host)
	var ended error
	s := &stableStore{group: group, fail: func(err error) { ended = err }}
	var err error
	for index := uint64(1); err == nil; index++ {
		err = group.Append([]wal.Entry{{Index: index, Data: make([]byte, bulk)}})
	}
	require.ErrorIs(t, err, node.ErrDiskFull)
	require.NoError(t, s.SetUint64([]byte(keyCurrentTerm), 1))
	require.NoError(t, ended)
	for term := uint64(2); ended == nil; term++ {
		err = s.SetUint64([]byte(keyCurrentTerm), term)
	}
	require.ErrorIs(t, err, node.ErrDiskFull)
	require.ErrorContains(t, ended, "make room")
}

func TestDeleteRange(t *testing.T) {
	for i, c := range []struct {
		name                string
		lo, hi, oldest      uint64
		wantFirst, wantLast uint64
		wantErr             bool
	}{
		{name: "prefix behind the oldest snapshot", lo: 1, hi: 6, oldest: 8, wantFirst: 7, wantLast: 10},
		{name: "prefix is kept back to the oldest snapshot", lo: 1, hi: 6, oldest: 3, wantFirst: 4, wantLast: 10},
		{name: "prefix without any snapshot stays", lo: 1, hi: 6, oldest: 0, wantFirst: 1, wantLast: 10},
		{name: "suffix", lo: 5, hi: 10, wantFirst: 1, wantLast: 4},
		{name: "everything", lo: 1, hi: 10, wantFirst: 0, wantLast: 0},
		{name: "nothing", lo: 11, hi: 20, wantFirst: 1, wantLast: 10},
		{name: "a hole", lo: 3, hi: 5, wantFirst: 1, wantLast: 10, wantErr: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &logStore{group: openGroup(t, nodetest.RealHost(t)), oldestSnapshot: func() uint64 { return c.oldest }, gated: i%2 > 0}
			require.NoError(t, s.StoreLogs(entries(1, 10)))
			if c.hi < 10 {
				require.NoError(t, s.flush(), "raft compacts behind a snapshot, which waits for the log")
			}
			require.Equal(t, c.wantErr, s.DeleteRange(c.lo, c.hi) != nil)
			first, err := s.FirstIndex()
			require.NoError(t, err)
			last, err := s.LastIndex()
			require.NoError(t, err)
			require.Equal(t, []uint64{c.wantFirst, c.wantLast}, []uint64{first, last})
			var l raft.Log
			require.ErrorIs(t, s.GetLog(last+1, &l), raft.ErrLogNotFound)
		})
	}
}

// memorySnapshots returns an empty store on a disk in memory, and its host.
func memorySnapshots(t *testing.T) (node.Host, *snapshotStore) {
	t.Helper()
	host := nodetest.RealHost(t)
	host.Disk = memdisk.New()
	s, err := openSnapshotStore(host, "snapshots", &pace{clock: host.Clock})
	require.NoError(t, err)
	return host, s
}

func writeSnapshot(t *testing.T, s *snapshotStore, index uint64, contents []byte) string {
	t.Helper()
	configuration := raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}}}
	sink, err := s.Create(1, index, 2, configuration, 1, nil)
	require.NoError(t, err)
	_, err = sink.Write(contents)
	require.NoError(t, err)
	require.NoError(t, sink.Close())
	return sink.ID()
}

func TestSnapshotsRoundTripAndTwoAreKept(t *testing.T) {
	host := nodetest.RealHost(t)
	s, err := openSnapshotStore(host, "snapshots", &pace{clock: host.Clock})
	require.NoError(t, err)
	contents := bytes.Repeat([]byte("0123456789"), 300_000) // three chunks
	for index := uint64(1); index <= 4; index++ {
		writeSnapshot(t, s, index, contents[:int(index)*700_000])
	}
	again, err := openSnapshotStore(host, "snapshots", &pace{clock: host.Clock})
	require.NoError(t, err)
	require.Equal(t, uint64(3), again.OldestIndex())
	metas, err := again.List()
	require.NoError(t, err)
	require.Len(t, metas, 2)
	require.Equal(t, uint64(4), metas[0].Index)
	meta, reader, err := again.Open(metas[0].ID)
	require.NoError(t, err)
	require.Equal(t, int64(2_800_000), meta.Size)
	require.Equal(t, raft.ServerID("a"), meta.Configuration.Servers[0].ID)
	got, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	require.True(t, bytes.Equal(contents[:2_800_000], got))
}

// fileOf returns the bytes of a snapshot's file.
func fileOf(t *testing.T, disk node.Disk, name string) []byte {
	t.Helper()
	file, err := disk.Open(name)
	require.NoError(t, err)
	size, err := file.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	_, err = file.ReadAt(b, 0)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return b
}

// snapshotFile returns a file as the format says it, its contents in chunks of the given sizes, and how large its header is.
func snapshotFile(chunks ...[]byte) (file []byte, header int) {
	meta := encoder{}
	meta.u32(1)
	meta.u64(7)
	meta.u64(2)
	meta.u64(1)
	meta.bytes(raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}}}))
	e := encoder{b: append([]byte(snapshotMagic), snapshotVersion)}
	e.u32(uint32(len(meta.b)))
	e.u32(crc32.Checksum(meta.b, castagnoli))
	e.b = append(e.b, meta.b...)
	header = len(e.b)
	total := encoder{}
	for _, chunk := range chunks {
		e.u32(uint32(len(chunk)))
		e.u32(crc32.Checksum(chunk, castagnoli))
		e.b = append(e.b, chunk...)
		total.b = append(total.b, chunk...)
	}
	size := encoder{}
	size.u64(uint64(len(total.b)))
	e.u32(0)
	e.u32(crc32.Checksum(size.b, castagnoli))
	e.b = append(e.b, size.b...)
	return e.b, header
}

// noise returns n bytes of which no two parts are alike.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b) // never fails
	return b
}

// TestSnapshotFile writes contents that end before, at and behind the end of a block, in pieces of several sizes: chunks end
// with the block that they are in, and nothing else decides the bytes of the file.
func TestSnapshotFile(t *testing.T) {
	disk := memdisk.New()
	host := nodetest.RealHost(t)
	host.Disk = disk
	s, err := openSnapshotStore(host, "snapshots", &pace{clock: &nodetest.HastyClock{Clock: host.Clock}})
	require.NoError(t, err)
	var written []memdisk.Op
	disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpWrite {
			written = append(written, op)
		}
		return nil
	})
	_, header := snapshotFile()
	first := snapshotBlockBytes - header - snapshotChunkHead // what the first block takes of the contents
	const next = snapshotBlockBytes - snapshotChunkHead
	sizes := []int{0, 1, first / 2}
	for _, end := range []int{first, first + next, first + 2*next} {
		for _, off := range []int{-snapshotTrailer - 1, -snapshotTrailer, -snapshotTrailer + 1, -1, 0, 1} {
			sizes = append(sizes, end+off)
		}
	}
	for _, size := range sizes {
		contents := noise(size)
		var chunks [][]byte
		for rest, room := contents, first; len(rest) > 0; room = next {
			chunks = append(chunks, rest[:min(len(rest), room)])
			rest = rest[len(chunks[len(chunks)-1]):]
		}
		want, _ := snapshotFile(chunks...)
		for _, piece := range []int{3 << 20, 256<<10 + 3, 32 << 10} {
			sink, err := s.Create(1, 7, 2, raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}}}, 1, nil)
			require.NoError(t, err)
			for piece := range slices.Chunk(contents, piece) {
				n, err := sink.Write(piece)
				require.NoError(t, err)
				require.Equal(t, len(piece), n)
			}
			require.NoError(t, sink.Close())
			for i, op := range written {
				require.Equal(t, int64(i*snapshotBlockBytes), op.Offset)
				require.Equal(t, min(snapshotBlockBytes, len(want)-i*snapshotBlockBytes), op.Len)
			}
			written = nil
			require.True(t, bytes.Equal(want, fileOf(t, disk, "snapshots/"+sink.ID())), "%d bytes in pieces of %d", size, piece)
			_, reader, err := s.Open(sink.ID())
			require.NoError(t, err)
			got, err := io.ReadAll(reader)
			require.NoError(t, err)
			require.True(t, bytes.Equal(contents, got), "%d bytes in pieces of %d", size, piece)
		}
	}
}

// TestChunksOfAnySizeAreRead has chunks as the format allows them: anywhere in the file, and over the ends of blocks.
func TestChunksOfAnySizeAreRead(t *testing.T) {
	host, s := memorySnapshots(t)
	_, header := snapshotFile()
	first := snapshotBlockBytes - header - snapshotChunkHead
	for name, sizes := range map[string][]int{
		"none":                             {},
		"the largest":                      {snapshotChunkBytes, snapshotChunkBytes, snapshotChunkBytes, 5},
		"one byte":                         {1, 1, 1},
		"one byte of the next block":       {first + 1, 10},
		"a head in the next block":         {first, snapshotChunkBytes, 1},
		"half a head in the next block":    {first - snapshotChunkHead/2, snapshotChunkBytes - 3, 1},
		"half a trailer in the next block": {first - snapshotTrailer/2},
	} {
		t.Run(name, func(t *testing.T) {
			contents := noise(4 * snapshotChunkBytes)
			var chunks [][]byte
			used := 0
			for _, size := range sizes {
				chunks = append(chunks, contents[used:used+size])
				used += size
			}
			contents = contents[:used]
			store := func(b []byte) io.ReadCloser {
				file, err := host.Disk.Create("snapshots/one")
				require.NoError(t, err)
				_, err = file.WriteAt(b, 0)
				require.NoError(t, err)
				require.NoError(t, file.Close())
				_, reader, err := s.Open("one")
				require.NoError(t, err)
				return reader
			}
			file, _ := snapshotFile(chunks...)
			reader := store(file)
			got, err := io.ReadAll(reader)
			require.NoError(t, err)
			require.NoError(t, reader.Close())
			require.True(t, bytes.Equal(contents, got))
			for at := header; at < len(file)-snapshotTrailer; at += 1 + (len(file)-header)/20 {
				require.NoError(t, host.Disk.Remove("snapshots/one"))
				file[at] ^= 1
				reader := store(file)
				file[at] ^= 1
				_, err := io.ReadAll(reader)
				require.ErrorIs(t, err, ErrSnapshotCorrupt, "byte %d of %d", at, len(file))
				require.NoError(t, reader.Close())
			}
			require.NoError(t, host.Disk.Remove("snapshots/one"))
		})
	}
}

// TestAChunkThatEndsBehindTheFile is damage, whether the end is in the same block or not.
func TestAChunkThatEndsBehindTheFile(t *testing.T) {
	host, s := memorySnapshots(t)
	_, header := snapshotFile()
	for _, size := range []int{10, snapshotBlockBytes - header - snapshotChunkHead - snapshotTrailer, snapshotBlockBytes - header} {
		for _, claimed := range []int{size + snapshotTrailer + 1, snapshotChunkBytes} {
			b, _ := snapshotFile(make([]byte, size))
			binary.LittleEndian.PutUint32(b[header:], uint32(claimed))
			file, err := host.Disk.Create("snapshots/one")
			require.NoError(t, err)
			_, err = file.WriteAt(b, 0)
			require.NoError(t, err)
			require.NoError(t, file.Close())
			_, reader, err := s.Open("one")
			require.NoError(t, err)
			_, err = io.ReadAll(reader)
			require.ErrorIs(t, err, ErrSnapshotCorrupt)
			require.ErrorContains(t, err, "ends at")
			require.NoError(t, reader.Close())
			require.NoError(t, host.Disk.Remove("snapshots/one"))
		}
	}
}

// forgetfulDisk stores another byte than it was given, at one place in each file that is created.
type forgetfulDisk struct {
	node.Disk
	at int64
}

type forgetfulFile struct {
	node.File
	at int64
}

func (d forgetfulDisk) Create(name string) (node.File, error) {
	file, err := d.Disk.Create(name)
	return forgetfulFile{file, d.at}, err
}

func (f forgetfulFile) WriteAt(p []byte, offset int64) (int, error) {
	if i := f.at - offset; i >= 0 && i < int64(len(p)) {
		p = bytes.Clone(p)
		p[i] ^= 1
	}
	return f.File.WriteAt(p, offset)
}

// TestASnapshotThatWasNotStoredRightDoesNotExist loses a bit of every part of the file on the way to the disk: the log that
// the snapshot replaces must stay.
func TestASnapshotThatWasNotStoredRightDoesNotExist(t *testing.T) {
	contents := noise(3 << 20)
	blocks := int64(len(contents) / snapshotBlockBytes)
	_, header := snapshotFile()
	end := int64(header+len(contents)+snapshotTrailer) + (blocks+1)*snapshotChunkHead
	places := []int64{0, int64(header) - 1, int64(header), int64(header) + 4, int64(header) + snapshotChunkHead, end - 1, end - 9, end - 13, end - 17}
	for block := range blocks {
		next := (block + 1) * snapshotBlockBytes
		places = append(places, next-snapshotBlockBytes/2, next-1, next, next+4, next+snapshotChunkHead)
	}
	for _, at := range places {
		disk := memdisk.New()
		host := nodetest.RealHost(t)
		host.Disk = forgetfulDisk{Disk: disk, at: at}
		s, err := openSnapshotStore(host, "snapshots", &pace{clock: &nodetest.HastyClock{Clock: host.Clock}})
		require.NoError(t, err)
		sink, err := s.Create(1, 7, 2, raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}}}, 1, nil)
		require.NoError(t, err)
		_, err = sink.Write(contents)
		require.NoError(t, err)
		require.Error(t, sink.Close(), "byte %d of %d", at, end)
		names, err := disk.List("snapshots")
		require.NoError(t, err)
		require.Empty(t, names)
		require.Zero(t, s.NewestIndex())
	}
}

// TestALargerHeaderThanCanBeRead is refused when it is written.
func TestALargerHeaderThanCanBeRead(t *testing.T) {
	host, s := memorySnapshots(t)
	large := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(make([]byte, snapshotMetaMax))}}}
	_, err := s.Create(1, 7, 2, large, 1, nil)
	require.ErrorContains(t, err, "at most 65536")
	names, err := host.Disk.List("snapshots")
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestADamagedSnapshotIsNoticed(t *testing.T) {
	for _, c := range []struct {
		name   string
		offset func(size int64) int64
		listed bool // damage inside a chunk is found when it is read
	}{
		{name: "magic", offset: func(int64) int64 { return 0 }},
		{name: "header", offset: func(int64) int64 { return 20 }},
		{name: "end mark", offset: func(size int64) int64 { return size - 1 }},
		{name: "chunk", offset: func(size int64) int64 { return size / 2 }, listed: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := nodetest.RealHost(t)
			s, err := openSnapshotStore(host, "snapshots", &pace{clock: host.Clock})
			require.NoError(t, err)
			older := writeSnapshot(t, s, 5, []byte("the older one"))
			id := writeSnapshot(t, s, 9, bytes.Repeat([]byte("x"), 10_000))
			file, err := host.Disk.Open("snapshots/" + id)
			require.NoError(t, err)
			size, err := file.Size()
			require.NoError(t, err)
			b := make([]byte, 1)
			_, err = file.ReadAt(b, c.offset(size))
			require.NoError(t, err)
			b[0] ^= 0x40
			_, err = file.WriteAt(b, c.offset(size))
			require.NoError(t, err)
			require.NoError(t, file.Close())

			metas, err := s.List()
			require.NoError(t, err)
			if !c.listed {
				require.Len(t, metas, 1)
				require.Equal(t, older, metas[0].ID)
				return
			}
			require.Len(t, metas, 2)
			_, reader, err := s.Open(id)
			require.NoError(t, err)
			_, err = io.ReadAll(reader)
			require.ErrorIs(t, err, ErrSnapshotCorrupt)
			require.NoError(t, reader.Close())
		})
	}
}

// TestASnapshotThatWasJustMadeStays makes snapshots of one index again and again, as a leader does that installs the same one
// several times: names do not tell the new one from those before.
func TestASnapshotThatWasJustMadeStays(t *testing.T) {
	_, s := memorySnapshots(t)
	for range 20 {
		id := writeSnapshot(t, s, 7, []byte("state"))
		_, contents, err := s.Open(id)
		require.NoError(t, err)
		require.NoError(t, contents.Close())
		metas, err := s.List()
		require.NoError(t, err)
		require.LessOrEqual(t, len(metas), snapshotsKept)
	}
}

func TestAnUnfinishedSnapshotIsRemoved(t *testing.T) {
	disk := memdisk.New()
	host := nodetest.RealHost(t)
	host.Disk = disk
	s, err := openSnapshotStore(host, "snapshots", &pace{clock: host.Clock})
	require.NoError(t, err)
	_, err = s.Create(1, 3, 1, raft.Configuration{}, 1, nil)
	require.NoError(t, err)
	_, err = openSnapshotStore(host, "snapshots", &pace{clock: host.Clock})
	require.NoError(t, err)
	names, err := disk.List("snapshots")
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestASnapshotThatCannotBeSyncedDoesNotExist(t *testing.T) {
	disk := memdisk.New()
	host := nodetest.RealHost(t)
	host.Disk = disk
	s, err := openSnapshotStore(host, "snapshots", &pace{clock: host.Clock})
	require.NoError(t, err)
	sink, err := s.Create(1, 3, 1, raft.Configuration{}, 1, nil)
	require.NoError(t, err)
	_, err = sink.Write([]byte("state"))
	require.NoError(t, err)
	failure := errors.New("no sync today")
	disk.SetFault(func(op memdisk.Op) error {
		if op.Kind == memdisk.OpSync {
			return failure
		}
		return nil
	})
	require.ErrorIs(t, sink.Close(), failure)
	disk.SetFault(nil)
	names, err := disk.List("snapshots")
	require.NoError(t, err)
	require.Empty(t, names)
	require.Zero(t, s.NewestIndex())
}
