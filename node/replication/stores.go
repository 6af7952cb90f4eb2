package replication

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/raft"

	"chasqui/node"
	"chasqui/node/wal"
)

// logStore lets raft keep its log in a group of the journal. Its methods may be called concurrently: raft compacts the log
// while it appends to it.
//
// raft replicates an entry only once StoreLogs has returned. So that a leader's disk and its followers' work at the same
// time, a gated store hands entries to the journal and does not wait (gate.go says why nothing is lost by that). Until
// they are durable, readers get them from here.
type logStore struct {
	group *wal.Group
	// oldestSnapshot returns the index of the oldest snapshot kept, 0 without one. Entries behind it are not needed
	// even if every newer snapshot turns out unreadable (hashicorp/raft #85: without them the host could not start).
	oldestSnapshot func() uint64
	// gated says that whoever acknowledges an entry waits for it to be durable first.
	gated bool

	// changing is held while the log is changed, so that what DeleteRange finds to be all of the log is what it removes.
	changing sync.Mutex

	mu      sync.RWMutex // guards pending
	pending []unstored   // oldest first; each follows the one before, and the first what is durable
}

// unstored are entries that the journal has taken and that may not be durable yet.
type unstored struct {
	entries []wal.Entry
	append  *wal.Pending
}

func (u *unstored) first() uint64 { return u.entries[0].Index }
func (u *unstored) last() uint64  { return u.entries[len(u.entries)-1].Index }

var (
	_ raft.LogStore          = (*logStore)(nil)
	_ raft.MonotonicLogStore = (*logStore)(nil)
)

func (s *logStore) FirstIndex() (uint64, error) {
	s.mu.RLock() // what is durable meanwhile stays pending too, so that one of the two has it
	defer s.mu.RUnlock()
	if first := s.group.FirstIndex(); first > 0 || len(s.pending) == 0 {
		return first, nil
	}
	return s.pending[0].first(), nil
}

func (s *logStore) LastIndex() (uint64, error) { return s.last(), nil }

// last returns the index of the last entry, durable or not; 0 when there is none.
func (s *logStore) last() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if n := len(s.pending); n > 0 {
		return s.pending[n-1].last()
	}
	return s.group.LastIndex()
}

// IsMonotonic makes raft empty the log when a snapshot is installed, instead of leaving a gap or, worse, an entry at
// the snapshot's index that conflicts with it (hashicorp/raft #697).
func (s *logStore) IsMonotonic() bool { return true }

func (s *logStore) GetLog(index uint64, log *raft.Log) error {
	entry, err := s.get(index)
	if errors.Is(err, wal.ErrNotFound) {
		return raft.ErrLogNotFound
	}
	if err != nil {
		return err
	}
	log.Index, log.Term, log.Type = entry.Index, entry.Term, raft.LogType(entry.Kind)
	log.Data, log.Extensions, log.AppendedAt = entry.Data, withChecksum(entry.Checksum), fromUnixNano(entry.AppendedAt)
	return nil
}

// get returns an entry, durable or not. Errors are those of wal.Group.Get.
func (s *logStore) get(index uint64) (wal.Entry, error) {
	if entry, ok := s.getPending(index); ok {
		return entry, nil
	}
	return s.group.Get(index)
}

func (s *logStore) getPending(index uint64) (wal.Entry, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.pending {
		if u := &s.pending[i]; index >= u.first() && index <= u.last() {
			return u.entries[index-u.first()], true
		}
	}
	return wal.Entry{}, false
}

func (s *logStore) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs is durable on return, unless the store is gated.
func (s *logStore) StoreLogs(logs []*raft.Log) error {
	entries := make([]wal.Entry, len(logs))
	for i, l := range logs {
		if n := len(l.Extensions); n != 0 && n != checksumBytes {
			return fmt.Errorf("log entry %d carries an extension of %d bytes; none but a checksum of %d is expected", l.Index, n, checksumBytes)
		}
		entries[i] = wal.Entry{
			Index: l.Index, Term: l.Term, Kind: uint8(l.Type), AppendedAt: unixNano(l.AppendedAt),
			Data: l.Data, Checksum: checksumOf(l),
		}
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if !s.gated {
		return s.group.Append(entries)
	}
	pending, err := s.group.AppendAsync(entries)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetDurableLocked()
	if pending != nil {
		s.pending = append(s.pending, unstored{entries, pending})
	}
	return nil
}

// forgetDurableLocked leaves to the journal what readers find there by now.
func (s *logStore) forgetDurableLocked() {
	n := 0
	for n < len(s.pending) && s.pending[n].append.Durable() {
		n++
	}
	s.pending = slices.Delete(s.pending, 0, n)
}

// newest returns the last append that may not be durable, nil if there is none. When it is durable, so is every entry
// that the store holds at the time of the call.
func (s *logStore) newest() *wal.Pending {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if n := len(s.pending); n > 0 {
		return s.pending[n-1].append
	}
	return nil
}

// flush waits until every entry that the store holds is durable.
func (s *logStore) flush() error {
	if newest := s.newest(); newest != nil {
		return newest.Wait()
	}
	return nil
}

// DeleteRange removes a prefix (compaction after a snapshot), a suffix (entries that conflict with the leader's) or
// everything (after a snapshot was installed). raft asks for nothing else.
func (s *logStore) DeleteRange(lo, hi uint64) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	first, err := s.FirstIndex()
	if err != nil {
		return err
	}
	last := s.last()
	switch {
	case last == 0 || hi < first || lo > last:
		return nil
	case hi >= last:
		return s.cutOff(first, lo)
	case lo <= first:
		return s.group.CompactTo(min(hi, s.oldestSnapshot()))
	default:
		return fmt.Errorf("delete entries %d to %d out of %d to %d: a hole in the log", lo, hi, first, last)
	}
}

// cutOff removes all entries from an index on. Those that are not durable become so first: then the journal has all there is.
func (s *logStore) cutOff(first, from uint64) error {
	if err := s.flush(); err != nil {
		return err
	}
	s.mu.Lock()
	s.forgetDurableLocked()
	s.mu.Unlock()
	if from <= first {
		return s.group.Reset()
	}
	return s.group.TruncateAfter(from - 1)
}

// stableStore keeps raft's term and vote in the journal. raft writes a vote as two values, term first; here both
// become durable in one record when the second is written, so no crash leaves half a vote. raft answers the
// candidate only after the second write.
type stableStore struct {
	group *wal.Group
	// fail ends the host: raft panics if its term cannot be stored, for it could neither follow nor vote.
	fail func(error)

	mu             sync.Mutex // guards stagedVoteTerm
	stagedVoteTerm uint64
}

var _ raft.StableStore = (*stableStore)(nil)

// The keys raft uses; it has no others.
const (
	keyCurrentTerm  = "CurrentTerm"
	keyLastVoteTerm = "LastVoteTerm"
	keyLastVoteCand = "LastVoteCand"
)

// errStableNotFound has the text that raft compares with.
var errStableNotFound = errors.New("not found")

func (s *stableStore) SetUint64(key []byte, value uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch string(key) {
	case keyCurrentTerm:
		state := s.group.HardState()
		state.Term = value
		err := s.group.SetHardState(state)
		if errors.Is(err, node.ErrDiskFull) {
			s.fail(fmt.Errorf("term %d of group %d cannot be stored: make room on the disk: %w", value, s.group.ID(), err))
		}
		return err
	case keyLastVoteTerm:
		s.stagedVoteTerm = value
		return nil
	default:
		return fmt.Errorf("stable store: unknown key %q", key)
	}
}

func (s *stableStore) Set(key, value []byte) error {
	if string(key) != keyLastVoteCand {
		return fmt.Errorf("stable store: unknown key %q", key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.group.HardState()
	state.VoteTerm, state.VotedFor = s.stagedVoteTerm, value
	return s.group.SetHardState(state)
}

func (s *stableStore) GetUint64(key []byte) (uint64, error) {
	state := s.group.HardState()
	var value uint64
	switch string(key) {
	case keyCurrentTerm:
		value = state.Term
	case keyLastVoteTerm:
		value = state.VoteTerm
	default:
		return 0, fmt.Errorf("stable store: unknown key %q", key)
	}
	if value == 0 {
		return 0, errStableNotFound
	}
	return value, nil
}

func (s *stableStore) Get(key []byte) ([]byte, error) {
	if string(key) != keyLastVoteCand {
		return nil, fmt.Errorf("stable store: unknown key %q", key)
	}
	state := s.group.HardState()
	if len(state.VotedFor) == 0 {
		return nil, errStableNotFound
	}
	return state.VotedFor, nil
}
