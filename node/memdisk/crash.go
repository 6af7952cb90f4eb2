package nodetest

import (
	"math/rand/v2"
	"slices"
)

// sectorBytes is the unit that a disk writes whole or not at all.
const sectorBytes = 512

// Crash returns the disk as a power cut at this moment would leave it; d itself goes on unharmed, so that one run can
// be crashed at many points. What was synced is there. Of the rest, rng decides:
//
//   - a name made, moved or removed since the last SyncDir of its folder is as before or as after, each for itself;
//   - a write since the last Sync of its file is kept, lost, cut at a sector of 512 bytes, or reduced to some of its
//     sectors, each for itself: a later write can survive an earlier one;
//   - a truncate since the last Sync is kept or lost.
//
// The same operations and the same rng give the same disk. The new disk has d's capacity, no locks and no faults.
func (d *MemDisk) Crash(rng *rand.Rand) *MemDisk {
	return d.crash(
		func() bool { return rng.IntN(2) == 0 },
		func(e *entry) []byte { return e.bytesAfter(rng) })
}

// CrashLosingEverythingUnsynced is the Crash in which nothing survives that was not synced.
func (d *MemDisk) CrashLosingEverythingUnsynced() *MemDisk {
	return d.crash(
		func() bool { return false },
		func(e *entry) []byte {
			content := slices.Clone(e.stable)
			for i := range e.changes {
				if e.changes[i].state == durable {
					content = e.changes[i].apply(content)
				}
			}
			return content
		})
}

// CrashKeepingEverything returns the disk as the end of the process alone would leave it (a kill, a panic): the
// operating system lives on and has every write, synced or not. On the new disk all of it counts as durable.
func (d *MemDisk) CrashKeepingEverything() *MemDisk {
	return d.crash(
		func() bool { return true },
		func(e *entry) []byte { return slices.Clone(e.data) })
}

// crash builds the disk of the surviving names and bytes.
func (d *MemDisk) crash(keepName func() bool, bytesAfter func(*entry) []byte) *MemDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := d.namesAfter(keepName)
	after := NewMemDisk()
	after.capacity = d.capacity
	var fill func(folder, from *entry)
	fill = func(folder, from *entry) {
		// Sorted, so that rng is asked in an order that depends on the operations alone.
		for _, name := range sortedNames(names[from]) {
			old := names[from][name]
			var survivor *entry
			if old.isFolder() {
				survivor = after.newFolder()
				fill(survivor, old)
			} else {
				content := bytesAfter(old)
				survivor = &entry{data: content, stable: slices.Clone(content), linked: true}
				after.used += int64(len(content))
			}
			folder.children[name], folder.synced[name] = survivor, survivor
		}
	}
	fill(after.root, d.root)
	return after
}

// bytesAfter returns the file's bytes after a power cut. One chance is drawn for the file, so that "nearly all kept"
// and "nearly all lost" come up however many writes there are.
func (e *entry) bytesAfter(rng *rand.Rand) []byte {
	content := slices.Clone(e.stable)
	chances := []float64{0, 0.5, 0.9, 1}
	chance := chances[rng.IntN(len(chances))]
	for i := range e.changes {
		c := &e.changes[i]
		kept := rng.Float64() < chance
		switch {
		case c.state == durable || kept:
			content = c.apply(content)
		case c.truncate:
		default:
			content = c.tear(content, rng)
		}
	}
	return content
}

// tear applies a write that was cut short: nothing of it, its first sectors, or some of its sectors.
func (c *change) tear(content []byte, rng *rand.Rand) []byte {
	sectors := c.sectors()
	switch rng.IntN(3) {
	case 0:
		return content
	case 1:
		sectors = sectors[:rng.IntN(len(sectors))]
	default:
		sectors = slices.DeleteFunc(sectors, func(change) bool { return rng.IntN(2) == 0 })
	}
	for i := range sectors {
		content = sectors[i].apply(content)
	}
	return content
}

// sectors cuts a write into the sectors of the file that it touches.
func (c *change) sectors() []change {
	var parts []change
	for offset, rest := c.offset, c.data; len(rest) > 0; {
		n := min(int64(len(rest)), sectorBytes-offset%sectorBytes)
		parts = append(parts, change{offset: offset, data: rest[:n]})
		offset, rest = offset+n, rest[n:]
	}
	return parts
}
