package disk

import (
	"time"

	"chasqui/node/memdisk"
	"chasqui/sim/world"
)

// preallocationBytes is how much a truncate must add to take time.
const preallocationBytes = 64 << 10

// Pending is an operation that takes time. The world asks Ends, calls Finish at that time and fetches the Result.
type Pending struct {
	disk   *Disk
	life   uint64
	after  time.Duration
	ended  bool
	flush  *memdisk.Flush         // of a sync
	answer func() ([]byte, error) // of a read or a list, which look at the end
	bytes  []byte                 // what answer returned
	result int64
	err    error
}

var _ world.PendingDisk = (*Pending)(nil)

// Ends tells how long after its beginning the operation ends. It is false while the disk hangs, also for an operation
// that began before: ask again when the time has come.
func (p *Pending) Ends() (after time.Duration, ok bool) { return p.after, !p.disk.hung || p.gone() }

// OnRelease has f called once the disk does not hang any more. After a crash of the host nothing is called.
func (p *Pending) OnRelease(f func()) {
	if p.gone() || !p.disk.hung {
		f()
		return
	}
	p.disk.probes[ProbeHang]++
	p.disk.held = append(p.disk.held, f)
}

// Finish carries out what the end of the operation brings: a sync is durable, or has failed. After a crash of the host
// it does nothing.
func (p *Pending) Finish() {
	if p.ended || p.gone() {
		return
	}
	p.ended = true
	switch {
	case p.flush != nil:
		p.err = p.disk.endSync(p.flush)
	case p.answer != nil:
		p.bytes, p.err = p.answer()
		p.result = int64(len(p.bytes))
	}
}

// Result returns what disk_result answers, after Finish; a read or a list fills data.
func (p *Pending) Result(data []byte) int64 {
	if !p.ended {
		return failed(errnoOf(errInputOutput))
	}
	copy(data, p.bytes)
	result, _ := resultOf(p.result, p.err)
	return result
}

// gone tells whether the host has crashed since the operation began.
func (p *Pending) gone() bool { return p.life != p.disk.life }

// immediate tells whether operations on the page cache end at once.
func (d *Disk) immediate() bool { return !d.hung && d.slow <= 1 }

// later completes a pending operation. One that has no time of its own takes that of an operation on a slow disk.
func (d *Disk) later(p *Pending) *Pending {
	p.disk, p.life = d, d.life
	if p.after == 0 && d.slow > 1 {
		p.after = between(d, d.cfg.OperationMin, d.cfg.OperationMax)
	}
	if d.slow > 1 {
		p.after = time.Duration(float64(p.after) * d.slow)
		d.probes[ProbeSlow]++
	}
	return p
}

// beginSync returns a sync that takes the time of one.
func (d *Disk) beginSync(flush *memdisk.Flush) *Pending {
	after := between(d, d.cfg.SyncMin, d.cfg.SyncMax)
	if d.cfg.TailEvery > 0 && d.rng.IntN(d.cfg.TailEvery) == 0 {
		after = between(d, d.cfg.TailMin, d.cfg.TailMax)
		d.probes[ProbeSlowSync]++
	}
	d.syncing++
	return d.later(&Pending{flush: flush, after: after + d.transfer(flush.Bytes())})
}

// transfer is how long the device writes so many bytes.
func (d *Disk) transfer(bytes int64) time.Duration {
	return time.Duration(float64(bytes) / float64(d.cfg.BytesPerSecond) * float64(time.Second))
}

// between draws a time.
func between(d *Disk, from, to time.Duration) time.Duration {
	return from + time.Duration(d.rng.Int64N(int64(max(0, to-from))+1))
}
