package wal

import (
	"fmt"
	"slices"
)

// Entry is one entry of a group's log.
type Entry struct {
	// Index is the entry's place in the log, from 1 upwards without gaps.
	Index uint64
	// Term is the raft term in which the entry was made.
	Term uint64
	// Kind is the caller's: the journal stores it and does not look at it.
	Kind uint8
	// AppendedAt is when the leader made the entry, in unix nanoseconds. The journal does not look at it.
	AppendedAt int64
	// Data is the payload. It belongs to the journal once handed in, and is shared with every reader: nobody may
	// change it.
	Data []byte
	// Checksum is the CRC-32C of Data, 0 if it is not known. The CRCs on disk are then combined from it, and Data is not
	// read for them. The journal does not check it: an entry with a wrong one cannot be read back, so that data which
	// was damaged since the checksum was computed is found. It is not stored: an entry from disk has none.
	Checksum uint32
}

// HardState is what a raft replica must remember beside its log before it answers anybody.
type HardState struct {
	// Term is the current term.
	Term uint64
	// VoteTerm is the term of the last vote given.
	VoteTerm uint64
	// VotedFor is who got that vote, at most 256 bytes.
	VotedFor []byte
}

// Group is one raft group's log and hard state inside the journal. All methods may be called concurrently; concurrent
// writes to one group take effect in some order, and each sees the one before it.
type Group struct {
	journal *Journal
	id      uint32
}

// ID returns the group's number.
func (g *Group) ID() uint32 { return g.id }

// Append adds entries behind the group's last one, and returns when they are durable. Their indexes must follow each
// other and the last entry (ErrNotContiguous); an empty group takes any first index. An entry's data may take half a
// segment (ErrTooLarge). Entries that together exceed Config.FrameBytes take several writes, so that an error, like a
// crash, may leave a first part of them stored.
func (g *Group) Append(entries []Entry) error {
	if err := g.check(entries); err != nil || len(entries) == 0 {
		return err
	}
	return g.journal.submit(&request{kind: kindEntry, group: g.id, entries: entries})
}

// AppendAsync is Append that does not wait for the disk if it need not: if the entries fit into the current segment,
// beside all else that was handed in, nothing but a failure of the disk can keep them from being stored, which ends
// the host. Nothing is durable before Wait of what it returns has answered; a crash before that may leave none of the
// entries, or a first part of them. Readers see the entries only when they are durable. Where there is no such room, or
// Config.PromisedBytes are on their way, it waits as Append does and returns nil.
//
// Requests are stored in the order in which they were handed in: when one is durable, so are those before it.
func (g *Group) AppendAsync(entries []Entry) (*Pending, error) {
	if err := g.check(entries); err != nil || len(entries) == 0 {
		return nil, err
	}
	r := &request{kind: kindEntry, group: g.id, entries: entries}
	if err := g.journal.hand(r, true); err != nil {
		return nil, err
	}
	if !r.promised {
		return nil, g.journal.await(r)
	}
	return &Pending{journal: g.journal, request: r}, nil
}

// Pending is an append on its way to the disk. Its methods may be called concurrently.
type Pending struct {
	journal *Journal
	request *request
}

// Wait returns when the entries are durable, or the error that has ended the host or closed the journal.
func (p *Pending) Wait() error { return p.journal.await(p.request) }

// Durable tells whether Wait would return nil at once.
func (p *Pending) Durable() bool {
	select {
	case <-p.request.answered:
		return p.request.err == nil
	default:
		return false
	}
}

// check refuses entries that no state of the journal could take.
func (g *Group) check(entries []Entry) error {
	for i := range entries {
		if want := entries[0].Index + uint64(i); entries[i].Index != want || want == 0 {
			return fmt.Errorf("append to group %d: %w: entry %d, want %d", g.id, ErrNotContiguous, entries[i].Index, want)
		}
		if size, limit := len(entries[i].Data), g.journal.cfg.entryBytesMax(); size > limit {
			return fmt.Errorf("append to group %d: %w: entry %d has %d bytes, limit %d", g.id, ErrTooLarge, entries[i].Index, size, limit)
		}
	}
	return nil
}

// Get returns an entry. Its Data must not be modified. ErrNotFound means that the group does not hold it; a
// *CorruptionError, that it does and that the disk returned something else, which ends the host as any error of the disk
// does.
func (g *Group) Get(index uint64) (Entry, error) { return g.journal.get(g.id, index) }

// FirstIndex returns the index of the first entry, 0 when the group is empty.
func (g *Group) FirstIndex() uint64 {
	var first uint64
	g.view(func(s *groupState) { first = s.first })
	return first
}

// LastIndex returns the index of the last durable entry, 0 when the group is empty.
func (g *Group) LastIndex() uint64 {
	var last uint64
	g.view(func(s *groupState) { last = s.last() })
	return last
}

// TruncateAfter removes every entry above index, and returns when that is durable.
func (g *Group) TruncateAfter(index uint64) error {
	return g.journal.submit(&request{kind: kindTruncateAfter, group: g.id, index: index})
}

// CompactTo removes every entry up to index, none above the group's last. It becomes durable with the next frame or
// after Config.IdleDelay; a crash before that brings the entries back.
func (g *Group) CompactTo(index uint64) error {
	return g.journal.submit(&request{kind: kindCompactTo, group: g.id, index: index})
}

// Reset removes every entry, and returns when that is durable. The next Append may start at any index. The hard state
// stays.
func (g *Group) Reset() error {
	return g.journal.submit(&request{kind: kindReset, group: g.id})
}

// HardState returns the last durable hard state; the zero value if there is none.
func (g *Group) HardState() HardState {
	var state HardState
	g.view(func(s *groupState) {
		state = s.state
		state.VotedFor = slices.Clone(s.state.VotedFor)
	})
	return state
}

// SetHardState replaces the hard state, and returns when that is durable.
func (g *Group) SetHardState(state HardState) error {
	if size := len(state.VotedFor); size > votedForBytesMax {
		return fmt.Errorf("hard state of group %d: %w: voted for has %d bytes, limit %d", g.id, ErrTooLarge, size, votedForBytesMax)
	}
	state.VotedFor = slices.Clone(state.VotedFor)
	return g.journal.submit(&request{kind: kindHardState, group: g.id, state: state})
}

// BytesFrom returns the data bytes of the entries from index upwards.
func (g *Group) BytesFrom(index uint64) int64 {
	var bytes int64
	g.view(func(s *groupState) { bytes = s.bytesFrom(index) })
	return bytes
}

// view calls f with the group's state if there is one, under the journal's lock.
func (g *Group) view(f func(*groupState)) {
	g.journal.mu.RLock()
	defer g.journal.mu.RUnlock()
	if s := g.journal.index.groups[g.id]; s != nil {
		f(s)
	}
}
