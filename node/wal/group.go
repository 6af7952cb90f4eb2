package wal

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
}

// HardState is what a raft replica must remember beside its log before it answers anybody.
type HardState struct {
	// Term is the current term.
	Term uint64
	// VoteTerm is the term of the last vote given.
	VoteTerm uint64
	// VotedFor is who got that vote, at most 1024 bytes.
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
