package wal

import (
	"errors"
	"fmt"
	"io"
)

// get returns an entry from the cache or from disk. An entry that the disk does not return as it was written poisons the
// journal: it may be one that others count on, and raft would panic or go on without it.
func (j *Journal) get(group uint32, index uint64) (Entry, error) {
	for {
		entry, at, segment, err := j.locate(group, index)
		if err != nil || segment == nil {
			return entry, err
		}
		entry, err = j.readEntry(segment, group, index, at)
		if err == nil {
			return entry, nil
		}
		// While the lock was not held the entry may have been removed or copied forward, and its segment recycled;
		// then what was read proves nothing. If it still lies there, it is damaged.
		_, again, _, gone := j.locate(group, index)
		if gone != nil {
			return Entry{}, gone
		}
		if again == at {
			j.poison(err)
			return Entry{}, err
		}
	}
}

// locate returns a cached entry, or else (segment is not nil) where to read it.
func (j *Journal) locate(group uint32, index uint64) (Entry, position, *segment, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	g := j.index.groups[group]
	if g == nil {
		return Entry{}, position{}, nil, fmt.Errorf("group %d: %w: %d, the group is empty", group, ErrNotFound, index)
	}
	at, ok := g.find(index)
	if !ok {
		return Entry{}, position{}, nil, fmt.Errorf("group %d: %w: %d, the group holds %d to %d", group, ErrNotFound, index, g.first, g.last())
	}
	if entry, ok := j.index.cache.find(g, index); ok {
		return entry, at, nil, nil
	}
	return Entry{}, at, j.files[at.segment], nil
}

// readEntry reads and verifies one entry at a position.
func (j *Journal) readEntry(s *segment, group uint32, index uint64, at position) (Entry, error) {
	b := make([]byte, recordHeaderBytes+int(at.length))
	if _, err := s.file.ReadAt(b, int64(at.offset)); err != nil && !errors.Is(err, io.EOF) {
		return Entry{}, fmt.Errorf("read entry %d of group %d from %s at %d: %w", index, group, s.name, at.offset, err)
	}
	r, err := decodeRecord(j.salt, s.id, uint64(at.offset), b)
	if err != nil {
		return Entry{}, &CorruptionError{File: s.name, Offset: int64(at.offset), Reason: err.Error()}
	}
	if r.group != group || r.index != index || r.kind != kindEntry && r.kind != kindRelocated || len(r.data) != int(at.length) {
		return Entry{}, &CorruptionError{File: s.name, Offset: int64(at.offset), Reason: fmt.Sprintf(
			"found record of kind %d, group %d, index %d, %d bytes; want entry %d of group %d, %d bytes",
			r.kind, r.group, r.index, len(r.data), index, group, at.length)}
	}
	return r.entry(), nil
}

// entry returns the entry that a record of kind entry or relocated holds.
func (r record) entry() Entry {
	return Entry{Index: r.index, Term: r.term, Kind: r.entryKind, AppendedAt: r.appendedAt, Data: r.data, Checksum: r.checksum}
}
