package wal

import "sync"

// room counts what the current segment still takes, so that an append can be promised to be stored before it is: what
// was written into a segment's zeros needs nothing from the file system but that the disk works.
//
// Everything that is handed in is counted with the most that it may take, promised or not, and served in order. So a
// request that fits beside all before it fits when its turn comes, whatever comes after it.
type room struct {
	promisesMax int64 // Config.PromisedBytes

	mu     sync.Mutex // guards the fields below
	free   int64      // bytes of the current segment that requests may fill
	handed int64      // bytes that what was handed in and is not settled takes at most
}

// take counts a request, and tells whether it may be promised that it is stored, if that is wanted.
func (m *room) take(bytes int64, wanted bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handed += bytes
	return wanted && m.handed <= min(m.free, m.promisesMax)
}

// settle notes that requests were answered, and what is free now.
func (m *room) settle(bytes, free int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handed -= bytes
	m.free = free
}

// unsettled returns how many bytes what was handed in may take yet.
func (m *room) unsettled() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.handed
}

// bytesMax returns how much of a segment a request takes at most: each of its records may come with a frame of its own,
// which begins on a whole block.
func (r *request) bytesMax() int64 {
	const recordBytesMax = recordHeaderBytes + frameHeaderBytes + blockBytes
	if r.kind != kindEntry {
		return recordBytesMax + int64(len(r.state.VotedFor))
	}
	bytes := int64(0)
	for i := range r.entries {
		bytes += recordBytesMax + int64(len(r.entries[i].Data))
	}
	return bytes
}

// free returns how much of the current segment requests may fill: not its reserve, not what the compactions in memory
// take that the next frame carries, nor a frame of nothing but compactions.
func (w *writer) free() int64 {
	compactions := alignUp(int64(frameHeaderBytes + len(w.journal.index.ids)*recordHeaderBytes))
	return w.current.size - w.current.reserve() - w.end - compactions
}
