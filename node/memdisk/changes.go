package memdisk

import "slices"

// change is one write or truncate of a file that is not among its durable bytes.
type change struct {
	offset   int64  // where data goes; for a truncate, the new length
	data     []byte // nil for a truncate; never changed
	truncate bool
	state    state
	order    uint64 // rises over all changes of a disk
}

// apply makes the change in c.
func (c *change) apply(to *content) {
	if c.truncate {
		to.resize(c.offset)
		return
	}
	to.write(c.data, c.offset)
}

// end is where the written bytes end.
func (c *change) end() int64 { return c.offset + int64(len(c.data)) }

// independentOf tells whether c and an earlier change have the same effect in any order.
func (c *change) independentOf(earlier *change) bool {
	return !c.truncate && !earlier.truncate && (c.end() <= earlier.offset || earlier.end() <= c.offset)
}

// hides tells whether nothing of an earlier change can be seen after c, whether it survived or not.
func (c *change) hides(earlier *change) bool {
	return !c.truncate && !earlier.truncate && c.offset <= earlier.offset && earlier.end() <= c.end()
}

// record makes a change visible and remembers it until it is durable.
func (d *Disk) record(e *entry, c change) {
	d.order++
	c.order = d.order
	e.hashed = false
	e.before.remember(&e.data, c.offset, int64(len(c.data))) // of a truncate nothing
	c.apply(&e.data)
	e.changes = append(e.changes, c)
	if c.state == durable {
		e.settleBytes()
	}
}

// settleBytes moves durable changes into the durable bytes. One that comes after another which is not durable, and
// touches the same bytes, has to wait: a crash replays both, in their order.
func (e *entry) settleBytes() {
	kept := e.changes[:0]
	for _, c := range e.changes {
		if c.state == durable {
			kept = slices.DeleteFunc(kept, func(earlier change) bool { return c.hides(&earlier) })
			if !slices.ContainsFunc(kept, func(earlier change) bool { return !c.independentOf(&earlier) }) {
				c.apply(&e.stable)
				continue
			}
		}
		kept = append(kept, c)
	}
	clear(e.changes[len(kept):])
	e.changes = kept
}

// lastWrite is what the pages of a file's last write held before it.
type lastWrite struct {
	offset, length int64
	pages          []*page // from the page of offset on; nil: zeros
}

// remember notes what a write to c is about to replace.
func (w *lastWrite) remember(c *content, offset, length int64) {
	w.offset, w.length, w.pages = offset, length, w.pages[:0]
	for i := offset / pageBytes; i*pageBytes < offset+length; i++ {
		w.pages = append(w.pages, c.page(i))
	}
}

// clone returns a copy that shares the pages.
func (w *lastWrite) clone() lastWrite {
	return lastWrite{offset: w.offset, length: w.length, pages: slices.Clone(w.pages)}
}

// undo puts what was there before the last write into p, which was read at offset, and tells whether p changed.
func (w *lastWrite) undo(p []byte, offset int64) bool {
	from := max(offset, w.offset)
	to := min(offset+int64(len(p)), w.offset+w.length)
	changed := false
	for from < to {
		old := w.pages[from/pageBytes-w.offset/pageBytes][from%pageBytes:]
		old = old[:min(int64(len(old)), to-from)]
		now := p[from-offset:][:len(old)]
		changed = changed || string(now) != string(old)
		copy(now, old)
		from += int64(len(old))
	}
	return changed
}
