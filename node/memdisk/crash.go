package memdisk

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
func (d *Disk) Crash(rng *rand.Rand) *Disk {
	return d.crash(
		func() bool { return rng.IntN(2) == 0 },
		func(e *entry, losses *Losses) content { return e.bytesAfter(rng, losses) })
}

// CrashLosingEverythingUnsynced is the Crash in which nothing survives that was not synced.
func (d *Disk) CrashLosingEverythingUnsynced() *Disk {
	return d.crash(
		func() bool { return false },
		func(e *entry, losses *Losses) content {
			bytes := e.stable.clone()
			for i := range e.changes {
				if e.changes[i].state == durable {
					e.changes[i].apply(&bytes)
					continue
				}
				losses.Changes++
			}
			return bytes
		})
}

// CrashKeepingEverything returns the disk as the end of the process alone would leave it (a kill, a panic): the
// operating system lives on and has every write, synced or not. On the new disk all of it counts as durable.
func (d *Disk) CrashKeepingEverything() *Disk {
	return d.crash(
		func() bool { return true },
		func(e *entry, _ *Losses) content { return e.data.clone() })
}

// Losses counts what a crash did to changes that were not durable.
type Losses struct {
	// Changes counts writes and truncates that were lost, Torn writes of which a part survived.
	Changes, Torn int
	// Reordered counts writes that survived though an earlier change of the file was lost or torn.
	Reordered int
	// Names counts changes of names that were lost.
	Names int
}

// Losses returns what the crash that made this disk has lost. It is zero for a disk that New made.
func (d *Disk) Losses() Losses { return d.losses }

// Forgive gives names whose SyncDir failed a chance to become durable by a later one. It is for disks on which a
// process ends after the failure and another goes on: file systems that survive a failed commit of their names
// write them again, while written bytes whose sync failed are taken for clean and never written.
func (d *Disk) Forgive() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, folder := range d.folders {
		for _, s := range folder.steps {
			if s.state == doomed {
				s.state = unsynced
			}
		}
	}
}

// crash builds the disk of the surviving names and bytes.
func (d *Disk) crash(keepName func() bool, bytesAfter func(*entry, *Losses) content) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := New()
	after.capacity = d.capacity
	names := d.namesAfter(func() bool {
		kept := keepName()
		if !kept {
			after.losses.Names++
		}
		return kept
	})
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
				bytes := bytesAfter(old, &after.losses)
				survivor = &entry{data: bytes, stable: bytes.clone(), before: old.before.clone(), linked: true}
				after.used += bytes.size
			}
			folder.children[name], folder.synced[name] = survivor, survivor
		}
	}
	fill(after.root, d.root)
	return after
}

// bytesAfter returns the file's bytes after a power cut. One chance is drawn for the file, so that "nearly all kept"
// and "nearly all lost" come up however many writes there are.
func (e *entry) bytesAfter(rng *rand.Rand, losses *Losses) content {
	bytes := e.stable.clone()
	if len(e.changes) == 0 {
		return bytes
	}
	chances := []float64{0, 0.5, 0.9, 1}
	chance := chances[rng.IntN(len(chances))]
	incomplete := false
	for i := range e.changes {
		c := &e.changes[i]
		kept := rng.Float64() < chance
		if c.state == durable || kept {
			c.apply(&bytes)
			if incomplete && c.state != durable {
				losses.Reordered++
			}
			continue
		}
		incomplete = true
		if !c.truncate && c.tear(&bytes, rng) {
			losses.Torn++
			continue
		}
		losses.Changes++
	}
	return bytes
}

// tear applies a write that was cut short: nothing of it, its first sectors, or some of its sectors. It tells whether
// there were any.
func (c *change) tear(bytes *content, rng *rand.Rand) bool {
	sectors := c.sectors()
	switch rng.IntN(3) {
	case 0:
		return false
	case 1:
		sectors = sectors[:rng.IntN(len(sectors))]
	default:
		sectors = slices.DeleteFunc(sectors, func(change) bool { return rng.IntN(2) == 0 })
	}
	for i := range sectors {
		sectors[i].apply(bytes)
	}
	return len(sectors) > 0
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
