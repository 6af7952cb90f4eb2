package disk

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/cespare/xxhash/v2"

	"chasqui/node"
	"chasqui/node/memdisk"
)

// CrashKind says what a crash of the host leaves on its disk.
type CrashKind int

// The kinds of crashes.
const (
	// PowerCut: what was not synced is kept, lost, torn or reordered, as drawn.
	PowerCut CrashKind = iota + 1
	// EverythingUnsyncedLost: the power cut that keeps nothing it does not have to.
	EverythingUnsyncedLost
	// EverythingKept: the process ends and the operating system lives on. What was not synced is seen by the next
	// process, and a later power cut may lose it all the same.
	EverythingKept
)

// Crash does to the disk what a crash of its host does. All handles and locks are gone, operations under way do not
// end; a sync that has not ended has made nothing durable. Faults stay.
func (d *Disk) Crash(rng *rand.Rand, how CrashKind) {
	if d.syncing > 0 {
		d.probes[ProbeSyncCut]++
	}
	switch how {
	case PowerCut:
		d.replace(d.stored.Crash(rng))
	case EverythingUnsyncedLost:
		d.replace(d.stored.CrashLosingEverythingUnsynced())
	case EverythingKept:
		d.closeAll()
		d.stored.Forgive()
		return
	default:
		panic(fmt.Sprintf("disk: no such crash: %d", how))
	}
	losses := d.stored.Losses()
	d.count(ProbeLostWrite, losses.Changes)
	d.count(ProbeTornWrite, losses.Torn)
	d.count(ProbeReordered, losses.Reordered)
	d.count(ProbeLostName, losses.Names)
}

// Image is what was on a disk at a moment. The disk goes on without changing it.
type Image struct{ stored *memdisk.Disk }

// Image returns a copy of everything that readers see, as a backup would hold it.
func (d *Disk) Image() *Image { return &Image{stored: d.stored.CrashKeepingEverything()} }

// Restore puts an old image in the place of what is on the disk, all of it durable. The host must be down.
func (d *Disk) Restore(image *Image) {
	d.replace(image.stored.CrashKeepingEverything())
	d.damages = nil
	d.probes[ProbeRestored]++
}

// Wipe empties the disk. The host must be down.
func (d *Disk) Wipe() {
	d.replace(memdisk.New())
	d.damages = nil
	d.probes[ProbeWiped]++
}

// View returns a copy of everything that readers see, for checkers. What they do to it does not touch the disk.
func (d *Disk) View() node.Disk { return d.stored.CrashKeepingEverything() }

// Files returns what is on the disk: names in order, sizes and hashes of the bytes.
func (d *Disk) Files() []memdisk.FileInfo { return d.stored.Files() }

// Hash returns a hash of all names and bytes that readers see.
func (d *Disk) Hash() uint64 {
	digest := xxhash.New()
	var numbers [17]byte
	for _, f := range d.stored.Files() {
		numbers[0] = 0
		if f.Folder {
			numbers[0] = 1
		}
		binary.LittleEndian.PutUint64(numbers[1:], uint64(f.Size))
		binary.LittleEndian.PutUint64(numbers[9:], f.Hash)
		// Writing to a digest never fails. No name has a zero byte.
		_, _ = digest.WriteString(f.Name)
		_, _ = digest.Write([]byte{0})
		_, _ = digest.Write(numbers[:])
	}
	return digest.Sum64()
}

// replace puts other contents on the disk, which nobody has open.
func (d *Disk) replace(stored *memdisk.Disk) {
	d.closeAll()
	d.stored = stored
	d.stored.SetCapacity(d.capacity)
}

// closeAll takes all handles and locks away, as the end of a process does, and forgets what it waited for.
func (d *Disk) closeAll() {
	for _, number := range slices.Sorted(maps.Keys(d.handles)) {
		if lock := d.handles[number].lock; lock != nil {
			// A lock of a disk in memory is always released.
			_ = lock.Close()
		}
	}
	d.handles = map[uint32]*handle{}
	d.held = nil
	d.syncing = 0
	d.life++
}
