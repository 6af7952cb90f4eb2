package world

import (
	"time"

	"chasqui/node/virtual/abi"
)

// What follows are a program's calls into its machine (the interface Machine of sim/wasi). They run within Resume.

// enter counts a call, charges its cost, and is where a program ends that is to crash at this call.
func (h *Host) enter() {
	h.calls++
	h.spent += int64(h.w.cfg.CallCost) * h.slowness
	if h.killAt != 0 && h.calls >= h.killAt {
		panic(Killed{})
	}
}

// Wall returns the wall clock.
func (h *Host) Wall() int64 {
	h.enter()
	return h.clock.wall(h.localNow())
}

// Monotonic returns the monotonic clock.
func (h *Host) Monotonic() int64 {
	h.enter()
	return h.clock.monotonic(h.localNow())
}

// Random fills p.
func (h *Host) Random(p []byte) {
	h.enter()
	for i := 0; i < len(p); i += 8 {
		v := h.random.Uint64()
		for j := i; j < min(i+8, len(p)); j++ {
			p[j] = byte(v)
			v >>= 8
		}
	}
	h.w.trace.add(h.localNow(), TraceRandom, h.index, uint64(len(p)), hashBytes(p))
}

// Output takes what the program writes to its standard outputs.
func (h *Host) Output(fd int32, p []byte) {
	h.enter()
	h.w.trace.add(h.localNow(), TraceOutput, h.index, uint64(fd), hashBytes(p))
	if h.output != nil {
		h.output(h, fd, p)
	}
}

// Events moves what waits on the card into p.
func (h *Host) Events(p []abi.Event) int {
	h.enter()
	n := copy(p, h.inbox)
	h.inbox = append(h.inbox[:0], h.inbox[n:]...)
	return n
}

// EventsWait tells whether there is anything on the card.
func (h *Host) EventsWait() bool { return len(h.inbox) > 0 }

// Disk carries out a disk operation.
func (h *Host) Disk(op abi.DiskOp, handle uint32, offset int64, name string, data []byte) int64 {
	h.enter()
	if h.disk == nil {
		return -int64(abi.InputOutput)
	}
	hash := hashBytes(data)
	result, operation := h.disk.Do(op, handle, offset, name, data)
	if operation == nil {
		if op == abi.DiskRead || op == abi.DiskList {
			hash = hashBytes(data)
		}
		h.w.trace.add(h.localNow(), TraceDisk, h.index, uint64(op)<<56^uint64(result), hash^uint64(offset))
		return result
	}
	id := h.newID()
	h.pending[id] = &pendingDisk{operation: operation}
	h.w.trace.add(h.localNow(), TraceDisk, h.index, uint64(op)<<56^uint64(id), hash^uint64(offset))
	h.awaitDisk(id, operation)
	return abi.Pending(id)
}

// awaitDisk lets an operation end at its time.
func (h *Host) awaitDisk(id uint32, operation PendingDisk) {
	incarnation := h.incarnation
	var finish func()
	finish = func() {
		p := h.pending[id]
		if h.incarnation != incarnation || p == nil || p.operation != operation {
			return // the program that wanted it is gone
		}
		if _, ok := operation.Ends(); !ok { // the disk has begun to hang meanwhile
			operation.OnRelease(func() { h.w.After(time.Microsecond, finish) })
			return
		}
		operation.Finish()
		p.finished = true
		h.w.trace.add(h.w.now, TraceDisk, h.index, uint64(id), 0)
		h.post(abi.Event{Kind: abi.EventDisk, ID: id})
	}
	if after, ok := operation.Ends(); ok {
		h.w.schedule(h.localNow()+int64(after), finish)
		return
	}
	operation.OnRelease(func() { h.w.After(time.Microsecond, finish) })
}

// DiskResult returns the result of an operation that has ended.
func (h *Host) DiskResult(id uint32, data []byte) int64 {
	h.enter()
	p := h.pending[id]
	if p == nil || !p.finished {
		return -int64(abi.BadID)
	}
	delete(h.pending, id)
	result := p.operation.Result(data)
	h.w.trace.add(h.localNow(), TraceDisk, h.index, uint64(result), hashBytes(data))
	return result
}
