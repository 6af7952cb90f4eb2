package replication

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
)

// StateMachine is what a group keeps identical on all its hosts. All methods but a Snapshot's are called from one
// goroutine.
type StateMachine interface {
	// Apply carries out operations in order and returns one result for each. It must depend on nothing but the
	// state, now and the operations. now is milliseconds since 1970, stamped by the proposing leader; it never
	// decreases. The operations' bytes are never reused: they may be kept, but they share their entry's memory, in which
	// there is little else.
	Apply(now int64, operations [][]byte) []any
	// Snapshot captures the state in constant time (copy on write): no Apply runs meanwhile. What it writes must depend
	// on nothing but the state: equal states give equal bytes, on every host and after a Restore too.
	Snapshot() (Snapshot, error)
	// Restore replaces the whole state by what Snapshot.WriteTo wrote. After an error the state must not be used.
	Restore(r io.Reader) error
}

// Snapshot is a captured state. WriteTo runs concurrently with later Applies.
type Snapshot interface {
	WriteTo(w io.Writer) (int64, error)
	Release()
}

// The data of a log entry, all integers little-endian:
//
//	+---------+----------------+---------+------------+-----------+----
//	| version | proposed at ms | count   | length 1   | bytes 1   | ...
//	| 1 byte  | 8 bytes        | 4 bytes | 4 bytes    |           |
//	+---------+----------------+---------+------------+-----------+----
//
// An entry with count 0 is a read barrier. One whose time is digestTime as well asks for a digest of the state
// (digest.go). A program that does not know of digests takes it for a barrier of long ago, so hosts with older programs
// may be in the group: they stay silent.
const (
	entryVersion      = 1
	entryHeaderBytes  = 1 + 8 + 4
	operationOverhead = 4
	digestTime        = int64(-1)
)

// digestEntry returns the data of an entry that asks for a digest.
func digestEntry() []byte { return appendEntryHeader(nil, digestTime, 0) }

func appendEntryHeader(b []byte, now int64, count int) []byte {
	b = append(b, entryVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(now))
	return binary.LittleEndian.AppendUint32(b, uint32(count))
}

func appendOperation(b, operation []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(operation)))
	return append(b, operation...)
}

// decodeEntry returns the entry's time and its operations, which alias data.
func decodeEntry(data []byte) (now int64, operations [][]byte, err error) {
	if len(data) < entryHeaderBytes {
		return 0, nil, fmt.Errorf("log entry of %d bytes is shorter than its header", len(data))
	}
	if data[0] != entryVersion {
		return 0, nil, fmt.Errorf("log entry has version %d, this program reads version %d", data[0], entryVersion)
	}
	now = int64(binary.LittleEndian.Uint64(data[1:]))
	count := int(binary.LittleEndian.Uint32(data[9:]))
	rest := data[entryHeaderBytes:]
	if count > len(rest)/operationOverhead {
		return 0, nil, fmt.Errorf("log entry claims %d operations in %d bytes", count, len(rest))
	}
	operations = make([][]byte, count)
	for i := range operations {
		if len(rest) < operationOverhead {
			return 0, nil, fmt.Errorf("log entry ends before operation %d of %d", i, count)
		}
		n := binary.LittleEndian.Uint32(rest)
		rest = rest[operationOverhead:]
		if uint64(n) > uint64(len(rest)) {
			return 0, nil, fmt.Errorf("operation %d of %d claims %d bytes, %d are left", i, count, n, len(rest))
		}
		operations[i] = rest[:n:n]
		rest = rest[n:]
	}
	if len(rest) != 0 {
		return 0, nil, fmt.Errorf("log entry has %d bytes after its last operation", len(rest))
	}
	return now, operations, nil
}

// fsm adapts a StateMachine to raft.FSM.
type fsm struct {
	name    string
	machine StateMachine
	last    int64 // the latest time applied; a new leader whose clock is behind must not turn time back
	// takeDigest is called for an entry that asks for a digest, after it was applied.
	takeDigest func(index uint64, capture func() (fsmSnapshot, error))
	audit      func(index uint64, nowMs int64, operations [][]byte, results []any) // Config.Audit
}

// Apply carries out one committed entry. An entry that was committed but cannot be read is a broken invariant: this
// host must not go on with a state that differs from the others'.
func (f *fsm) Apply(log *raft.Log) any {
	now, operations, err := decodeEntry(log.Data)
	if err != nil {
		panic(fmt.Sprintf("%s: committed entry %d of term %d: %v", f.name, log.Index, log.Term, err))
	}
	f.last = max(f.last, now)
	results := f.machine.Apply(f.last, operations)
	if len(results) != len(operations) {
		panic(fmt.Sprintf("%s: entry %d has %d operations and got %d results", f.name, log.Index, len(operations), len(results)))
	}
	if f.audit != nil && len(operations) > 0 {
		f.audit(log.Index, f.last, operations, results)
	}
	if now == digestTime && len(operations) == 0 {
		f.takeDigest(log.Index, f.capture)
	}
	return results
}

// Snapshot captures the state and the time it has reached.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	s, err := f.capture()
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (f *fsm) capture() (fsmSnapshot, error) {
	s, err := f.machine.Snapshot()
	return fsmSnapshot{snapshot: s, last: f.last}, err
}

// Restore reads the time and then the state.
func (f *fsm) Restore(r io.ReadCloser) error {
	var last [8]byte
	if _, err := io.ReadFull(r, last[:]); err != nil {
		return fmt.Errorf("read the time of the snapshot: %w", err)
	}
	if err := f.machine.Restore(r); err != nil {
		return fmt.Errorf("restore %s: %w", f.name, err)
	}
	f.last = int64(binary.LittleEndian.Uint64(last[:]))
	return nil
}

type fsmSnapshot struct {
	snapshot Snapshot
	last     int64
}

func (s fsmSnapshot) Persist(sink raft.SnapshotSink) error {
	var last [8]byte
	binary.LittleEndian.PutUint64(last[:], uint64(s.last))
	if _, err := sink.Write(last[:]); err != nil {
		return err
	}
	_, err := s.snapshot.WriteTo(sink)
	return err // raft cancels the sink on an error and closes it otherwise
}

func (s fsmSnapshot) Release() { s.snapshot.Release() }
