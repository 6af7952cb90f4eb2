package disk

import (
	"fmt"
	"math/rand/v2"

	"chasqui/node/memdisk"
)

// DamageKind says what became of bytes that were good.
type DamageKind string

// The kinds of damage.
const (
	// DamageRot: the medium changed bits.
	DamageRot DamageKind = "bit rot"
	// DamageMissing: a write was acknowledged and went elsewhere; here is what was here before.
	DamageMissing DamageKind = "missing write"
	// DamageOverwritten: a write that belonged elsewhere is here.
	DamageOverwritten DamageKind = "overwritten"
)

// Damage is a range of a file that does not hold what the program put there.
type Damage struct {
	Kind           DamageKind
	File           string
	Offset, Length int64
}

// String names the kind and the place.
func (d Damage) String() string {
	return fmt.Sprintf("%s: %s at offset %d, %d bytes", d.Kind, d.File, d.Offset, d.Length)
}

// Damages returns all damage done to the disk since it was new, wiped or restored, in order. The caller must not change
// it.
func (d *Disk) Damages() []Damage { return d.damages }

// rotTries is how many places Rot looks at for one where something is written.
const rotTries = 32

// Rot flips bits in one durable byte of one file, and says which. Sectors that hold anything are preferred, for damage
// to zeros is rarely met. allowed, unless nil, chooses the files that may be hit. It is false if there is none.
func (d *Disk) Rot(rng *rand.Rand, allowed func(name string) bool) (Damage, bool) {
	var files []memdisk.FileInfo
	for _, f := range d.stored.Files() {
		if min(f.Size, f.DurableSize) > 0 && (allowed == nil || allowed(f.Name)) {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return Damage{}, false
	}
	file := files[rng.IntN(len(files))]
	content, err := d.stored.Contents(file.Name)
	if err != nil {
		panic(fmt.Sprintf("disk: %s is listed and cannot be read: %v", file.Name, err))
	}
	offset := int64(0)
	for range rotTries {
		offset = rng.Int64N(min(file.Size, file.DurableSize))
		if sector := offset / sectorBytes * sectorBytes; !zeros(content[sector:min(sector+sectorBytes, file.Size)]) {
			break
		}
	}
	damage := Damage{Kind: DamageRot, File: file.Name, Offset: offset, Length: 1}
	d.overwrite(damage, []byte{content[offset] ^ byte(1+rng.IntN(255))})
	d.probes[ProbeRot]++
	return damage, true
}

// MisdirectWrites makes the next n writes go to another place of their file or of another, where they overwrite what is
// there, durably. A write for which there is no other place goes where it belongs, and does not count.
func (d *Disk) MisdirectWrites(n int) { d.misdirect = n }

// misdirected writes p to another place than the right one. It is false if there is none.
func (d *Disk) misdirected(file *memdisk.File, p []byte, offset int64) bool {
	name, named := d.stored.NameOf(file)
	if !named || len(p) == 0 {
		return false
	}
	var victims []memdisk.FileInfo
	for _, f := range d.stored.Files() {
		// In its own file a write that fits only once could not go elsewhere.
		if f.Size >= int64(len(p)) && (f.Name != name || f.Size >= int64(len(p))+sectorBytes) {
			victims = append(victims, f)
		}
	}
	if len(victims) == 0 {
		return false
	}
	victim := victims[d.rng.IntN(len(victims))]
	places := (victim.Size-int64(len(p)))/sectorBytes + 1
	at := d.rng.Int64N(places) * sectorBytes
	if victim.Name == name && at == offset {
		at = (at + sectorBytes) % (places * sectorBytes)
	}
	d.damages = append(d.damages, Damage{Kind: DamageMissing, File: name, Offset: offset, Length: int64(len(p))})
	d.overwrite(Damage{Kind: DamageOverwritten, File: victim.Name, Offset: at, Length: int64(len(p))}, p)
	d.probes[ProbeMisdirected]++
	return true
}

// overwrite does damage.
func (d *Disk) overwrite(damage Damage, bytes []byte) {
	if err := d.stored.Corrupt(damage.File, damage.Offset, bytes); err != nil {
		panic(fmt.Sprintf("disk: %v: %v", damage, err))
	}
	d.damages = append(d.damages, damage)
}

// zeros tells whether all bytes are zero.
func zeros(bytes []byte) bool {
	for _, b := range bytes {
		if b != 0 {
			return false
		}
	}
	return true
}
