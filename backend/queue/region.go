package queue

import "cmp"

// A message's bytes come as a part of the log entry that brings it, and stay there: copying them would cost as much as
// all else that a send costs. So the memory of a log entry, a region, lives as long as a message in it does, and one
// message must not keep a megabyte. When less than half of a region is in use, the messages that are left in it move out,
// each to memory of its own, and the region is free. (Log-structured memory does so too: Rumble et al., FAST 2014.)
//
//	entry   [head|message 1|head|message 2|delete|message 3|...]      a region
//	              1..3 of partition A            8..9 of B            its extents
//
// None of this is part of the state: replicas may differ in it, and a snapshot has bytes only. Contents change when they
// move, so they are replaced and not written to: a snapshot that is under way has the old ones.

// borrowBytesMin is from how many bytes on a message stays in its entry's memory. What stands around a message in an entry,
// some 50 bytes and its names, should be little beside it.
const borrowBytesMin = 256

// memory is the regions of a machine.
type memory struct {
	// open is the region of the entry that is being applied, nil between entries.
	open *region
	// unused is how many bytes of all regions no message uses.
	unused int64
}

// region is the memory of one log entry.
type region struct {
	// bytes is the size of the entry, and used how many of them messages use.
	bytes, used int
	extents     []*extent
}

// extent is what one partition has in a region: some of its messages from first to last.
type extent struct {
	region      *region // nil once the messages have moved out
	partition   *partition
	first, last uint64
	used        int
}

func compareExtents(a, b **extent) int { return cmp.Compare((*a).first, (*b).first) }

// BeginEntry says that the commands which are applied until EndEntry are decoded from operations, which lie in one
// allocation that holds little else and that nobody writes to any more. Messages may then keep it. A command that is applied
// outside of an entry is copied from.
func (m *Machine) BeginEntry(operations [][]byte) {
	r := &region{}
	for _, operation := range operations {
		r.bytes += len(operation)
	}
	m.memory.open = r
}

// EndEntry ends what BeginEntry began.
func (m *Machine) EndEntry() {
	r := m.memory.open
	m.memory.open = nil
	if len(r.extents) > 0 {
		m.memory.unused += int64(r.bytes - r.used)
		m.memory.tidy(r)
	}
}

// claim gives c, the content of message seq, its memory: that where its bytes are if that may be kept, and else memory of its
// own.
func (p *partition) claim(c *content, seq uint64) {
	r, size := p.memory.open, c.size()
	if r == nil || size < borrowBytesMin {
		c.separate()
		return
	}
	if p.extent == nil || p.extent.region != r {
		p.extent = &extent{region: r, partition: p, first: seq}
		r.extents = append(r.extents, p.extent)
		p.extents.ReplaceOrInsert(p.extent)
	}
	c.extent = p.extent
	c.extent.last = seq
	c.extent.used += size
	r.used += size
}

// unclaim is called when a message with content c is removed.
func (p *partition) unclaim(c *content) {
	e := c.extent
	if e == nil || e.region == nil {
		return
	}
	e.used -= c.size()
	if e.used == 0 {
		p.extents.Delete(e)
		p.extent = nil
	}
	p.memory.release(e.region, c.size())
}

// unclaimAll is called when all messages are removed.
func (p *partition) unclaimAll() {
	p.extents.Ascend(func(e *extent) bool {
		used := e.used
		e.used = 0
		p.memory.release(e.region, used)
		return true
	})
}

// release says that some bytes of r are no longer used.
func (y *memory) release(r *region, bytes int) {
	r.used -= bytes
	if r == y.open {
		return // more may come; EndEntry looks
	}
	y.unused += int64(bytes)
	y.tidy(r)
}

// tidy lets messages move out of a region of which less than half is used.
func (y *memory) tidy(r *region) {
	if r.used*2 >= r.bytes {
		return
	}
	for _, e := range r.extents {
		if e.used > 0 {
			e.partition.separate(e)
		}
		e.region = nil
	}
	r.extents = nil
	y.unused -= int64(r.bytes - r.used)
}

// separate gives the messages of e memory of their own.
func (p *partition) separate(e *extent) {
	var moving []message
	p.messages.AscendGreaterOrEqual(message{seq: e.first}, func(m message) bool {
		if m.content.extent == e {
			moving = append(moving, m)
		}
		return m.seq < e.last
	})
	for _, m := range moving {
		moved := *m.content
		moved.separate()
		m.content = &moved
		p.messages.ReplaceOrInsert(m)
	}
	p.extents.Delete(e)
}
