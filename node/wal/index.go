package wal

import (
	"fmt"
	"slices"
)

// groupEntriesMax bounds what recovery believes of the length of one group's log before it makes room for it.
const groupEntriesMax = 1 << 28

// position is where a record lies. The zero position is a hole: an entry that must exist and was not found yet, which
// only recovery knows.
type position struct {
	segment uint64
	offset  uint32 // of the record in the segment
	length  uint32 // bytes of data
	end     int64  // data bytes of the group's entries up to and with this one, counted from an arbitrary start
}

// groupState is what the journal knows of one group in memory.
type groupState struct {
	state     HardState
	first     uint64     // index of the first entry; 0 when there is none
	positions []position // of the entries from first upwards
	cached    []cachedEntry
}

// last returns the index of the last entry, 0 when there is none.
func (g *groupState) last() uint64 {
	if len(g.positions) == 0 {
		return 0
	}
	return g.first + uint64(len(g.positions)) - 1
}

// find returns the position of an entry.
func (g *groupState) find(index uint64) (position, bool) {
	if len(g.positions) == 0 || index < g.first || index > g.last() {
		return position{}, false
	}
	return g.positions[index-g.first], true
}

// usage is what a segment holds of live entries: those that no compaction, truncation or reset has removed.
type usage struct {
	entries int
	bytes   int64
}

// index is the journal's memory of where everything lies: a pure state machine over records. The writer applies each
// record once it is durable, recovery applies them again in the same order, and both come to the same index.
type index struct {
	groups map[uint32]*groupState
	ids    []uint32         // of the groups, sorted
	usage  map[uint64]usage // by segment; no entry when nothing lives in it
	cache  cache
}

func newIndex(cacheBytes int64) *index {
	return &index{groups: map[uint32]*groupState{}, usage: map[uint64]usage{}, cache: cache{limit: cacheBytes}}
}

// group returns the state of a group, made if need be.
func (x *index) group(id uint32) *groupState {
	g := x.groups[id]
	if g == nil {
		g = &groupState{}
		x.groups[id] = g
		at, _ := slices.BinarySearch(x.ids, id)
		x.ids = slices.Insert(x.ids, at, id)
	}
	return g
}

// apply takes a record into account. An error means that the record cannot follow what came before.
func (x *index) apply(r record, at position) error {
	g := x.group(r.group)
	switch r.kind {
	case kindEntry:
		return x.append(g, r, at)
	case kindHardState:
		g.state = HardState{Term: r.term, VoteTerm: r.index, VotedFor: slices.Clone(r.data)}
	case kindTruncateAfter:
		x.truncateAfter(g, r.index)
	case kindCompactTo:
		x.compactTo(g, r.index)
	case kindReset:
		x.removeFirst(g, len(g.positions))
	case kindRelocated:
		x.relocate(g, r.index, at)
	default:
		return fmt.Errorf("record of unknown kind %d", r.kind)
	}
	return nil
}

func (x *index) append(g *groupState, r record, at position) error {
	if last := g.last(); r.index == 0 || last != 0 && r.index != last+1 {
		return fmt.Errorf("group %d: entry %d cannot follow entry %d", r.group, r.index, last)
	}
	at.end = int64(at.length)
	if len(g.positions) == 0 {
		g.first = r.index
	} else {
		at.end += g.positions[len(g.positions)-1].end
	}
	g.positions = append(g.positions, at)
	x.count(at, 1)
	return nil
}

func (x *index) truncateAfter(g *groupState, index uint64) {
	if index < g.first {
		x.removeFirst(g, len(g.positions))
		return
	}
	if index >= g.last() {
		return
	}
	keep := int(index - g.first + 1)
	x.cache.removeLast(g, len(g.positions)-keep)
	for _, at := range g.positions[keep:] {
		x.count(at, -1)
	}
	g.positions = g.positions[:keep]
}

func (x *index) compactTo(g *groupState, index uint64) {
	if len(g.positions) > 0 && index >= g.first {
		x.removeFirst(g, int(min(index, g.last())-g.first+1))
	}
}

// removeFirst removes the first n entries of a group.
func (x *index) removeFirst(g *groupState, n int) {
	for _, at := range g.positions[:n] {
		x.count(at, -1)
	}
	x.cache.keepLast(g, len(g.positions)-n)
	g.positions = g.positions[n:]
	g.first += uint64(n)
	if len(g.positions) == 0 {
		g.first, g.positions = 0, nil
	}
}

func (x *index) relocate(g *groupState, index uint64, at position) {
	old, ok := g.find(index)
	if !ok {
		return
	}
	// A hole has no length yet, so the byte counts behind it are wrong until recovery counts them anew.
	at.end = old.end
	g.positions[index-g.first] = at
	x.count(old, -1)
	x.count(at, 1)
}

// count adds an entry to the usage of its segment, or takes it out.
func (x *index) count(at position, sign int) {
	if at.segment == 0 {
		return
	}
	u := x.usage[at.segment]
	u.entries += sign
	u.bytes += int64(sign) * (recordHeaderBytes + int64(at.length))
	if u.entries == 0 {
		delete(x.usage, at.segment)
		return
	}
	x.usage[at.segment] = u
}

// setBounds is what a checkpoint says of a group at the beginning of the oldest segment: the entries exist, in segments
// that were freed because each of them was removed or copied forward later on.
func (x *index) setBounds(id uint32, first, last uint64) error {
	g := x.group(id)
	if last == 0 {
		return nil
	}
	if first == 0 || first > last || last-first >= groupEntriesMax {
		return fmt.Errorf("group %d: the checkpoint says entries %d to %d", id, first, last)
	}
	g.first, g.positions = first, make([]position, last-first+1)
	return nil
}

// recount sets the byte counts of every group after recovery, and returns the first hole, if there is one.
func (x *index) recount() error {
	for _, id := range x.ids {
		g, end := x.groups[id], int64(0)
		for i := range g.positions {
			if g.positions[i].segment == 0 {
				return fmt.Errorf("entry %d of group %d (entries %d to %d) is in none of the segments",
					g.first+uint64(i), id, g.first, g.last())
			}
			end += int64(g.positions[i].length)
			g.positions[i].end = end
		}
	}
	return nil
}

// bytesFrom returns the data bytes of a group's entries from index upwards.
func (g *groupState) bytesFrom(index uint64) int64 {
	if index > g.last() {
		return 0
	}
	at := g.positions[max(index, g.first)-g.first]
	return g.positions[len(g.positions)-1].end - at.end + int64(at.length)
}

// liveIn returns the entries of the groups that lie in a segment, by group and index.
func (x *index) liveIn(segment uint64) []entryID {
	var live []entryID
	for _, id := range x.ids {
		g := x.groups[id]
		for i := range g.positions {
			if g.positions[i].segment == segment {
				live = append(live, entryID{group: id, index: g.first + uint64(i)})
			}
		}
	}
	return live
}

// entryID names an entry of the journal.
type entryID struct {
	group uint32
	index uint64
}
