package disk

import (
	"errors"
	"io"

	"chasqui/node"
	"chasqui/node/memdisk"
)

// sectorBytes is the unit that a device writes whole or not at all.
const sectorBytes = 512

// Slow makes every operation take factor times as long, also those that otherwise end at once. A factor of 1 ends it.
// Operations under way keep their time.
func (d *Disk) Slow(factor float64) { d.slow = factor }

// Hang stops the disk: no operation ends, not even one under way (see Pending.Ends), except for close, size, free and
// unlock, which do not reach the device.
func (d *Disk) Hang() { d.hung = true }

// Unhang ends Hang. Operations that waited end, in the order in which they were held.
func (d *Disk) Unhang() {
	d.hung = false
	held := d.held
	d.held = nil
	for _, release := range held {
		release()
	}
}

// FailSyncs makes the next n syncs, of files or folders, end with an error. What they covered is uncertain for good: a
// later sync answers that all is well, readers see the data, and a power cut may lose it.
func (d *Disk) FailSyncs(n int) { d.failSyncs = n }

// FailWrites makes the next n writes and truncates fail. Of a failed write some first sectors may have been written.
func (d *Disk) FailWrites(n int) { d.failWrites = n }

// FailReads makes the next n reads fail.
func (d *Disk) FailReads(n int) { d.failReads = n }

// Full leaves the disk so many bytes.
func (d *Disk) Full(bytesFree int64) {
	d.full = true
	d.capacity = min(d.cfg.CapacityBytes, d.stored.Used()+max(0, bytesFree))
	d.stored.SetCapacity(d.capacity)
}

// NotFull ends Full.
func (d *Disk) NotFull() {
	d.full = false
	d.capacity = d.cfg.CapacityBytes
	d.stored.SetCapacity(d.capacity)
}

// StaleReads makes the next n reads that touch the last write of their file return what was there before it.
func (d *Disk) StaleReads(n int) { d.stale = n }

// LieOnSync makes syncs answer that all is well without making anything durable, until it is called with false. What
// they left is made durable by the next honest sync. No program can keep its promises on such a disk.
func (d *Disk) LieOnSync(lie bool) { d.lying = lie }

// endSync ends a sync: well, with an error, or with a lie.
func (d *Disk) endSync(flush *memdisk.Flush) error {
	d.syncing--
	switch {
	case d.failSyncs > 0:
		d.failSyncs--
		d.probes[ProbeSyncError]++
		flush.Fail()
		return errInputOutput
	case d.lying:
		if flush.Changes() > 0 {
			d.probes[ProbeLie]++
		}
		return nil
	}
	flush.Finish()
	return nil
}

// read reads from a file.
func (d *Disk) read(file *memdisk.File, p []byte, offset int64) (int64, error) {
	if d.failReads > 0 {
		d.failReads--
		d.probes[ProbeReadError]++
		return 0, errInputOutput
	}
	if d.stale > 0 {
		n, stale, err := file.ReadStale(p, offset)
		if stale {
			d.stale--
			d.probes[ProbeStaleRead]++
		}
		return int64(n), err
	}
	n, err := file.ReadAt(p, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return int64(n), err
}

// write writes to a file, or to another place.
func (d *Disk) write(file *memdisk.File, p []byte, offset int64) (int64, error) {
	if d.failWrites > 0 {
		d.failWrites--
		d.probes[ProbeWriteError]++
		// What a device wrote before it gave up is there, and is there no more than any other unsynced write.
		written := d.rng.IntN(len(p)/sectorBytes+1) * sectorBytes
		_, err := file.WriteAt(p[:written], offset)
		return 0, errors.Join(errInputOutput, err)
	}
	if d.misdirect > 0 && d.misdirected(file, p, offset) {
		d.misdirect--
		return int64(len(p)), nil
	}
	n, err := file.WriteAt(p, offset)
	return int64(n), d.noteFull(err)
}

// truncate sets a file's length.
func (d *Disk) truncate(file *memdisk.File, size int64) error {
	if d.failWrites > 0 {
		d.failWrites--
		d.probes[ProbeWriteError]++
		return errInputOutput
	}
	return d.noteFull(file.Truncate(size))
}

// noteFull counts a refusal for want of room.
func (d *Disk) noteFull(err error) error {
	if d.full && errors.Is(err, node.ErrDiskFull) {
		d.probes[ProbeFull]++
	}
	return err
}
