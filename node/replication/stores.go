package replication

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"

	"chasqui/node"
	"chasqui/node/wal"
)

// logStore lets raft keep its log in a group of the journal.
type logStore struct {
	group *wal.Group
	// oldestSnapshot returns the index of the oldest snapshot kept, 0 without one. Entries behind it are not needed
	// even if every newer snapshot turns out unreadable (hashicorp/raft #85: without them the host could not start).
	oldestSnapshot func() uint64
}

var (
	_ raft.LogStore          = (*logStore)(nil)
	_ raft.MonotonicLogStore = (*logStore)(nil)
)

func (s *logStore) FirstIndex() (uint64, error) { return s.group.FirstIndex(), nil }
func (s *logStore) LastIndex() (uint64, error)  { return s.group.LastIndex(), nil }

// IsMonotonic makes raft empty the log when a snapshot is installed, instead of leaving a gap or, worse, an entry at
// the snapshot's index that conflicts with it (hashicorp/raft #697).
func (s *logStore) IsMonotonic() bool { return true }

func (s *logStore) GetLog(index uint64, log *raft.Log) error {
	entry, err := s.group.Get(index)
	if errors.Is(err, wal.ErrNotFound) {
		return raft.ErrLogNotFound
	}
	if err != nil {
		return err
	}
	log.Index, log.Term, log.Type = entry.Index, entry.Term, raft.LogType(entry.Kind)
	log.Data, log.Extensions, log.AppendedAt = entry.Data, nil, fromUnixNano(entry.AppendedAt)
	return nil
}

func (s *logStore) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs is durable on return.
func (s *logStore) StoreLogs(logs []*raft.Log) error {
	entries := make([]wal.Entry, len(logs))
	for i, l := range logs {
		if len(l.Extensions) > 0 {
			return fmt.Errorf("log entry %d carries an extension of %d bytes; none is expected", l.Index, len(l.Extensions))
		}
		entries[i] = wal.Entry{
			Index: l.Index, Term: l.Term, Kind: uint8(l.Type), AppendedAt: unixNano(l.AppendedAt), Data: l.Data,
		}
	}
	return s.group.Append(entries)
}

// DeleteRange removes a prefix (compaction after a snapshot), a suffix (entries that conflict with the leader's) or
// everything (after a snapshot was installed). raft asks for nothing else.
func (s *logStore) DeleteRange(lo, hi uint64) error {
	first, last := s.group.FirstIndex(), s.group.LastIndex()
	switch {
	case last == 0 || hi < first || lo > last:
		return nil
	case lo <= first && hi >= last:
		return s.group.Reset()
	case hi >= last:
		return s.group.TruncateAfter(lo - 1)
	case lo <= first:
		return s.group.CompactTo(min(hi, s.oldestSnapshot()))
	default:
		return fmt.Errorf("delete entries %d to %d out of %d to %d: a hole in the log", lo, hi, first, last)
	}
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
