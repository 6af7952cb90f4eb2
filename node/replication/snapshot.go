package replication

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
	"github.com/pingcap/failpoint"

	"chasqui/node"
)

// snapshotStore keeps a group's snapshots as files. A snapshot counts only after it was written to a temporary name,
// synced, read back and verified, renamed, and the folder synced; only then does raft compact the log behind it.
//
// A file, integers little-endian:
//
//	+-----------------+---------+-----------+----------+--------+------------
//	| magic "chqsnap" | version | meta size | meta crc | meta   | chunks ...
//	| 7 bytes         | 1 byte  | 4         | 4        |        |
//	+-----------------+---------+-----------+----------+--------+------------
//
//	meta:    snapshot version(4) index(8) term(8) configuration index(8) configuration(length 4 + bytes)
//	chunk:   size(4, 1 to 1 MiB) crc32c(4) bytes
//	end:     0(4) crc32c of the next 8 bytes(4) total size of all chunks' bytes(8)
type snapshotStore struct {
	host   node.Host
	dir    string
	pace   *pace
	closed chan struct{} // closed by abandon
	// flushLog, if set, makes the log durable: a crash must not leave a snapshot and a log that ends before it.
	flushLog func() error
	close    sync.Once

	mu         sync.Mutex // guards the fields below
	oldest     uint64     // index of the oldest snapshot kept
	newest     uint64     // index of the newest
	newestSize int64      // bytes of the newest's contents
}

const (
	snapshotMagic      = "chqsnap"
	snapshotVersion    = 1
	snapshotChunkBytes = 1 << 20
	// snapshotBlockBytes is what the file is read and written by, whatever the chunks in it are: a multiple of any
	// disk's block, in memory that the runtime places at the start of a page.
	snapshotBlockBytes = 1 << 20
	snapshotMetaMax    = 64 << 10
	snapshotChunkHead  = 4 + 4
	snapshotTrailer    = 4 + 4 + 8
	// snapshotsKept is two, so that one that turns out unreadable does not leave the host without any.
	snapshotsKept = 2

	snapshotSuffix  = ".snap"
	temporarySuffix = ".tmp"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrSnapshotCorrupt means that a snapshot file does not verify.
var ErrSnapshotCorrupt = errors.New("snapshot does not verify")

var _ raft.SnapshotStore = (*snapshotStore)(nil)

// openSnapshotStore makes the folder, removes what a crash left half written, and learns which snapshots exist.
func openSnapshotStore(host node.Host, dir string, pace *pace) (*snapshotStore, error) {
	s := &snapshotStore{host: host, dir: dir, pace: pace, closed: make(chan struct{})}
	if err := host.Disk.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("make snapshot folder %s: %w", dir, err)
	}
	for above := dir; above != "."; {
		above = path.Dir(above)
		if err := host.Disk.SyncDir(above); err != nil {
			return nil, fmt.Errorf("sync %s above snapshot folder %s: %w", above, dir, err)
		}
	}
	names, err := host.Disk.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots in %s: %w", dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, temporarySuffix) {
			if err := host.Disk.Remove(path.Join(dir, name)); err != nil {
				return nil, fmt.Errorf("remove unfinished snapshot: %w", err)
			}
		}
	}
	if _, err := s.List(); err != nil {
		return nil, err
	}
	return s, nil
}

// abandon lets a snapshot that is being written, or read back, fail at its next block.
func (s *snapshotStore) abandon() { s.close.Do(func() { close(s.closed) }) }

// abandoned tells whether abandon was called.
func (s *snapshotStore) abandoned() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// OldestIndex returns the index of the oldest snapshot kept, 0 if there is none.
func (s *snapshotStore) OldestIndex() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.oldest
}

// NewestIndex returns the index of the newest snapshot, 0 if there is none.
func (s *snapshotStore) NewestIndex() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

// NewestSize returns the bytes of the newest snapshot's contents.
func (s *snapshotStore) NewestSize() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newestSize
}

// Create starts a snapshot. It is not listed before its sink is closed.
func (s *snapshotStore) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != 1 {
		return nil, fmt.Errorf("snapshot version %d is not supported", version)
	}
	meta := encoder{}
	meta.u32(uint32(version))
	meta.u64(index)
	meta.u64(term)
	meta.u64(configurationIndex)
	meta.bytes(raft.EncodeConfiguration(configuration))
	if len(meta.b) > snapshotMetaMax {
		return nil, fmt.Errorf("header of a snapshot of %d bytes, at most %d", len(meta.b), snapshotMetaMax)
	}
	if s.flushLog != nil {
		if err := s.flushLog(); err != nil {
			return nil, fmt.Errorf("store the log before a snapshot: %w", err)
		}
	}
	id := fmt.Sprintf("%020d-%020d-%x%s", index, term, s.host.Random.Uint64(), snapshotSuffix)
	file, err := s.host.Disk.Create(path.Join(s.dir, id+temporarySuffix))
	if err != nil {
		return nil, fmt.Errorf("create snapshot %s: %w", id, err)
	}
	sink := &snapshotSink{store: s, id: id, file: file, block: make([]byte, 0, snapshotBlockBytes)}
	header := append([]byte(snapshotMagic), snapshotVersion)
	header = binary.LittleEndian.AppendUint32(header, uint32(len(meta.b)))
	header = binary.LittleEndian.AppendUint32(header, crc32.Checksum(meta.b, castagnoli))
	if err := sink.append(append(header, meta.b...)); err != nil {
		return nil, errors.Join(fmt.Errorf("write header of snapshot %s: %w", id, err), sink.Cancel())
	}
	return sink, nil
}

// List returns the snapshots whose header and trailer verify, newest first. Others are logged and passed over.
func (s *snapshotStore) List() ([]*raft.SnapshotMeta, error) {
	names, err := s.host.Disk.List(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots in %s: %w", s.dir, err)
	}
	slices.Reverse(names) // names sort by index, then term
	var metas []*raft.SnapshotMeta
	for _, name := range names {
		if !strings.HasSuffix(name, snapshotSuffix) {
			continue
		}
		meta, err := s.readMeta(name)
		if err != nil {
			s.host.Log.Error("snapshot is unreadable and passed over", "snapshot", path.Join(s.dir, name), "error", err)
			continue
		}
		metas = append(metas, meta)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldest, s.newest, s.newestSize = 0, 0, 0
	if n := min(len(metas), snapshotsKept); n > 0 {
		s.oldest, s.newest, s.newestSize = metas[n-1].Index, metas[0].Index, metas[0].Size
	}
	return metas, nil
}

func (s *snapshotStore) readMeta(name string) (*raft.SnapshotMeta, error) {
	file, err := s.host.Disk.Open(path.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	meta, _, err := readSnapshotHeader(file)
	if err != nil {
		return nil, err
	}
	meta.ID = name
	return meta, nil
}

// readSnapshotHeader verifies header and trailer and returns the offset of the first chunk.
func readSnapshotHeader(file node.File) (*raft.SnapshotMeta, int64, error) {
	size, err := file.Size()
	if err != nil {
		return nil, 0, err
	}
	const fixed = len(snapshotMagic) + 1 + 4 + 4
	var head [fixed]byte
	if size < int64(fixed)+snapshotTrailer {
		return nil, 0, fmt.Errorf("%w: file of %d bytes is too short", ErrSnapshotCorrupt, size)
	}
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return nil, 0, err
	}
	if string(head[:len(snapshotMagic)]) != snapshotMagic {
		return nil, 0, fmt.Errorf("%w: not a snapshot file", ErrSnapshotCorrupt)
	}
	if v := head[len(snapshotMagic)]; v != snapshotVersion {
		return nil, 0, fmt.Errorf("snapshot file has version %d, this program reads version %d", v, snapshotVersion)
	}
	metaSize := binary.LittleEndian.Uint32(head[fixed-8:])
	if metaSize > snapshotMetaMax || int64(fixed)+int64(metaSize)+snapshotTrailer > size {
		return nil, 0, fmt.Errorf("%w: header claims %d bytes", ErrSnapshotCorrupt, metaSize)
	}
	body := make([]byte, metaSize)
	if _, err := file.ReadAt(body, int64(fixed)); err != nil {
		return nil, 0, err
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[fixed-4:]) {
		return nil, 0, fmt.Errorf("%w: header checksum", ErrSnapshotCorrupt)
	}
	d := decoder{b: body}
	meta := &raft.SnapshotMeta{Version: raft.SnapshotVersion(d.u32()), Index: d.u64(), Term: d.u64(), ConfigurationIndex: d.u64()}
	configuration := d.bytes()
	if d.end() != nil {
		return nil, 0, fmt.Errorf("%w: header fields", ErrSnapshotCorrupt)
	}
	meta.Configuration = raft.DecodeConfiguration(configuration)
	var trailer [snapshotTrailer]byte
	if _, err := file.ReadAt(trailer[:], size-snapshotTrailer); err != nil {
		return nil, 0, err
	}
	if binary.LittleEndian.Uint32(trailer[:]) != 0 ||
		binary.LittleEndian.Uint32(trailer[4:]) != crc32.Checksum(trailer[8:], castagnoli) {
		return nil, 0, fmt.Errorf("%w: no end mark", ErrSnapshotCorrupt)
	}
	meta.Size = int64(binary.LittleEndian.Uint64(trailer[8:]))
	return meta, int64(fixed) + int64(metaSize), nil
}

// Open returns a snapshot's contents. Every chunk is verified as it is read; ErrSnapshotCorrupt ends the reading.
func (s *snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	file, err := s.host.Disk.Open(path.Join(s.dir, id))
	if err != nil {
		return nil, nil, fmt.Errorf("open snapshot: %w", err)
	}
	meta, offset, err := readSnapshotHeader(file)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open snapshot %s: %w", id, err), file.Close())
	}
	meta.ID = id
	return meta, &snapshotReader{file: file, offset: offset, total: meta.Size}, nil
}

// prune removes all but a snapshot that was just made and the newest others. One that is installed again has the index of
// those before it, and no name tells which is new.
func (s *snapshotStore) prune(made string) error {
	metas, err := s.List()
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(metas, func(meta *raft.SnapshotMeta) bool { return meta.ID == made })
	for _, meta := range others[min(len(others), snapshotsKept-1):] {
		if err := s.host.Disk.Remove(path.Join(s.dir, meta.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old snapshot: %w", err)
		}
	}
	return nil
}

// snapshotReader returns the bytes of a snapshot's chunks, each verified before any of it is returned. It reads the file
// in whole blocks, which a disk can hand over without a copy in the page cache.
type snapshotReader struct {
	file   node.File
	offset int64  // in the file, of rest
	block  []byte // the block that was read last
	rest   []byte // what has not been taken of it
	total  int64  // bytes promised by the trailer
	read   int64  // bytes of verified chunks
	chunk  []byte // what has not been returned of the chunk that was verified last, which is in block or in buffer
	buffer []byte // what was taken last, if it lay in two blocks
	err    error
}

func (r *snapshotReader) Read(p []byte) (int, error) {
	if len(r.chunk) == 0 && r.err == nil {
		r.err = r.next()
	}
	if len(r.chunk) == 0 {
		return 0, r.err
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	return n, nil
}

func (r *snapshotReader) next() error {
	head, err := r.take(snapshotChunkHead)
	if err != nil {
		return err
	}
	size, crc := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	if size == 0 {
		if r.read != r.total {
			return fmt.Errorf("%w: %d bytes, %d promised", ErrSnapshotCorrupt, r.read, r.total)
		}
		return io.EOF
	}
	if size > snapshotChunkBytes {
		return fmt.Errorf("%w: chunk at %d claims %d bytes", ErrSnapshotCorrupt, r.offset, size)
	}
	chunk, err := r.take(int(size))
	if err != nil {
		return err
	}
	if crc32.Checksum(chunk, castagnoli) != crc {
		return fmt.Errorf("%w: checksum of the chunk before %d", ErrSnapshotCorrupt, r.offset)
	}
	r.chunk = chunk
	r.read += int64(size)
	return nil
}

// take returns the next n bytes of the file, at most snapshotChunkBytes. They are valid until the next call.
func (r *snapshotReader) take(n int) ([]byte, error) {
	if len(r.rest) == 0 {
		if err := r.readBlock(); err != nil {
			return nil, err
		}
	}
	if len(r.rest) >= n { // as for all chunks that snapshotSink writes
		taken := r.rest[:n]
		r.skip(n)
		return taken, nil
	}
	if r.buffer == nil {
		r.buffer = make([]byte, snapshotChunkBytes)
	}
	for have := 0; ; {
		copied := copy(r.buffer[have:n], r.rest)
		r.skip(copied)
		if have += copied; have == n {
			return r.buffer[:n], nil
		}
		if err := r.readBlock(); err != nil {
			return nil, err
		}
	}
}

func (r *snapshotReader) skip(n int) {
	r.rest = r.rest[n:]
	r.offset += int64(n)
}

// readBlock reads the block of the file that holds offset.
func (r *snapshotReader) readBlock() error {
	if r.block == nil {
		r.block = make([]byte, snapshotBlockBytes)
	}
	at := r.offset / snapshotBlockBytes * snapshotBlockBytes
	n, err := r.file.ReadAt(r.block, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: read at %d: %w", ErrSnapshotCorrupt, at, err)
	}
	if at+int64(n) <= r.offset {
		return fmt.Errorf("%w: ends at %d", ErrSnapshotCorrupt, r.offset)
	}
	r.rest = r.block[r.offset-at : n]
	return nil
}

func (r *snapshotReader) Close() error { return r.file.Close() }

// snapshotSink writes one snapshot. A chunk is filled where it is written to the disk from, and ends with its block.
type snapshotSink struct {
	store  *snapshotStore
	id     string
	file   node.File
	offset int64  // in the file, of block
	block  []byte // what comes next in the file, up to its capacity
	chunk  int    // where in block the bytes of the chunk being filled begin, 0 if there is none
	crc    uint32 // of these bytes
	total  int64  // bytes of the chunks before
	done   bool
}

var _ raft.SnapshotSink = (*snapshotSink)(nil)

func (k *snapshotSink) ID() string { return k.id }

func (k *snapshotSink) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		if err := k.makeRoom(); err != nil {
			return 0, fmt.Errorf("write snapshot %s: %w", k.id, err)
		}
		if k.chunk == 0 { // the block is new, or has only the file's header: there is room for the chunk's head, and more
			k.add(make([]byte, snapshotChunkHead))
			k.chunk, k.crc = len(k.block), 0
		}
		n := k.add(p)
		k.crc = crc32.Update(k.crc, castagnoli, p[:n]) // while they are in the processor's cache
		p = p[n:]
	}
	return written, nil
}

// append adds bytes that belong to no chunk; none is being filled.
func (k *snapshotSink) append(b []byte) error {
	for len(b) > 0 {
		if err := k.makeRoom(); err != nil {
			return err
		}
		b = b[k.add(b):]
	}
	return nil
}

// add copies as much of b as the block has room for, and returns how much that is.
func (k *snapshotSink) add(b []byte) int {
	n := min(len(b), cap(k.block)-len(k.block))
	k.block = append(k.block, b[:n]...)
	return n
}

// endChunk fills in the head of the chunk being filled, if there is one.
func (k *snapshotSink) endChunk() {
	if k.chunk == 0 {
		return
	}
	head, size := k.block[k.chunk-snapshotChunkHead:], len(k.block)-k.chunk
	binary.LittleEndian.PutUint32(head, uint32(size))
	binary.LittleEndian.PutUint32(head[4:], k.crc)
	k.total += int64(size)
	k.chunk = 0
}

// makeRoom writes the block if it is full.
func (k *snapshotSink) makeRoom() error {
	if len(k.block) < cap(k.block) {
		return nil
	}
	k.endChunk()
	return k.writeBlock()
}

func (k *snapshotSink) writeBlock() error {
	if err := k.store.pace.take(len(k.block), k.store.closed); err != nil {
		return err
	}
	if _, err := k.file.WriteAt(k.block, k.offset); err != nil {
		return err
	}
	k.offset += int64(len(k.block))
	k.block = k.block[:0]
	return nil
}

// Close makes the snapshot durable and visible. On an error it does not exist.
func (k *snapshotSink) Close() error {
	if k.done {
		return nil
	}
	if err := k.finish(); err != nil {
		return errors.Join(err, k.Cancel())
	}
	k.done = true
	return k.store.prune(k.id)
}

func (k *snapshotSink) finish() error {
	k.endChunk()
	var trailer [snapshotTrailer]byte
	binary.LittleEndian.PutUint64(trailer[8:], uint64(k.total))
	binary.LittleEndian.PutUint32(trailer[4:], crc32.Checksum(trailer[8:], castagnoli))
	if err := errors.Join(k.append(trailer[:]), k.writeBlock()); err != nil {
		return fmt.Errorf("write end of snapshot %s: %w", k.id, err)
	}
	failpoint.Inject("replication/beforeSnapshotSync", nil)
	if err := k.file.Sync(); err != nil {
		return fmt.Errorf("sync snapshot %s: %w", k.id, err)
	}
	if err := k.verify(); err != nil {
		return err
	}
	temporary, final := path.Join(k.store.dir, k.id+temporarySuffix), path.Join(k.store.dir, k.id)
	failpoint.Inject("replication/beforeSnapshotRename", nil)
	if err := k.store.host.Disk.Rename(temporary, final); err != nil {
		return fmt.Errorf("rename snapshot %s: %w", k.id, err)
	}
	failpoint.Inject("replication/beforeSnapshotDirSync", nil)
	if err := k.store.host.Disk.SyncDir(k.store.dir); err != nil {
		return fmt.Errorf("sync snapshot folder: %w", err)
	}
	return k.file.Close()
}

// verify reads the file back: a snapshot whose log is about to be thrown away must be readable now.
func (k *snapshotSink) verify() error {
	meta, offset, err := readSnapshotHeader(k.file)
	if err != nil {
		return fmt.Errorf("read back snapshot %s: %w", k.id, err)
	}
	r := &snapshotReader{file: k.file, offset: offset, total: meta.Size}
	for err == nil {
		if err = k.store.pace.take(snapshotChunkBytes, k.store.closed); err == nil {
			err = r.next()
		}
	}
	if err != io.EOF {
		return fmt.Errorf("read back snapshot %s: %w", k.id, err)
	}
	return nil
}

// Cancel throws the snapshot away.
func (k *snapshotSink) Cancel() error {
	if k.done {
		return nil
	}
	k.done = true
	closeErr := k.file.Close()
	err := k.store.host.Disk.Remove(path.Join(k.store.dir, k.id+temporarySuffix))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(closeErr, err)
}
