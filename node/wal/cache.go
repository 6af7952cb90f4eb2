package wal

// cachedEntryBytes is what a cached entry counts beside its data.
const cachedEntryBytes = 96

// cachedEntry is an entry in memory and the frame it came with, which tells its age.
type cachedEntry struct {
	Entry
	sequence uint64
}

// cache keeps the most recent entries of all groups in memory, since raft reads an entry back right after storing it:
// to send it, and to apply it. Each group's cached entries are the last ones of its log.
type cache struct {
	limit int64
	bytes int64
}

// add keeps an entry that was just appended to g.
func (c *cache) add(g *groupState, entry Entry, sequence uint64) {
	g.cached = append(g.cached, cachedEntry{entry, sequence})
	c.bytes += cachedEntryBytes + int64(len(entry.Data))
}

// find returns an entry of g if it is cached.
func (c *cache) find(g *groupState, index uint64) (Entry, bool) {
	if len(g.cached) == 0 || index < g.cached[0].Index || index-g.cached[0].Index >= uint64(len(g.cached)) {
		return Entry{}, false
	}
	return g.cached[index-g.cached[0].Index].Entry, true
}

// removeLast forgets the last n entries of g's log.
func (c *cache) removeLast(g *groupState, n int) {
	from := max(0, len(g.cached)-n)
	c.forget(g.cached[from:])
	g.cached = g.cached[:from]
}

// keepLast forgets all but the last n entries of g's log.
func (c *cache) keepLast(g *groupState, n int) {
	until := max(0, len(g.cached)-n)
	c.forget(g.cached[:until])
	g.cached = g.cached[until:]
}

// forget takes entries out of the count and lets their data go.
func (c *cache) forget(entries []cachedEntry) {
	for i := range entries {
		c.bytes -= cachedEntryBytes + int64(len(entries[i].Data))
	}
	clear(entries)
}

// evict forgets the oldest entries of all groups until the rest is within the limit, a frame's worth at a time.
func (x *index) evict() {
	for x.cache.bytes > x.cache.limit {
		var oldest *groupState
		for _, id := range x.ids {
			g := x.groups[id]
			if len(g.cached) > 0 && (oldest == nil || g.cached[0].sequence < oldest.cached[0].sequence) {
				oldest = g
			}
		}
		n := 1
		for n < len(oldest.cached) && oldest.cached[n].sequence == oldest.cached[0].sequence {
			n++
		}
		x.cache.keepLast(oldest, len(oldest.cached)-n)
	}
}
