package leader

import (
	"container/list"
	"context"
	"time"

	"chasqui/backend/queue"
	"chasqui/node/replication"
)

// A long poll waits here and not in the log: a waiter is told that a receive would find something, and then sends
// one like any other. So a consumer that goes away while it waits takes no message with it, and ten thousand waiting
// consumers write nothing.
//
// A waiter is woken when
//   - a command on its partition was applied and something is receivable (a send, a delete or a visibility change
//     that opens a message group, a purge or deletion that changes the queue);
//   - time alone makes something receivable (a delay or a visibility timeout ends);
//   - the leadership is lost, so that it asks elsewhere.
//
// As many waiters are woken as there is work for, the longest waiting first. If those do not come, the rest is woken
// after recheckInterval: no wake-up is lost with a consumer that died.

const (
	// leaderInterval is how often the leadership is looked at while somebody waits.
	leaderInterval = 100 * time.Millisecond
	// recheckInterval is when a partition that is receivable and still has waiters is looked at again.
	recheckInterval = 20 * time.Millisecond
)

// waiter is one waiting long poll.
type waiter struct {
	partition queue.PartitionID
	version   uint64 // of the settings its queue had for the waiting frontend
	max       int    // messages it wants at most
	finish    func(receivable bool, err error)
	place     *list.Element // nil once it is woken or gone
}

// waitTable holds the waiters of a slot.
type waitTable struct {
	partitions map[queue.PartitionID]*partitionWaits
	touched    []queue.PartitionID // partitions with waiters that the entry being applied addressed
	alarm      chan struct{}       // capacity 1: the time to look again may have come nearer
}

// partitionWaits are the waiters of one partition, the longest waiting first.
type partitionWaits struct {
	queue   list.List // of *waiter
	known   edition   // of the settings; every waiter knows the same
	nextMs  int64     // when to look again by time alone; 0 if there is nothing to look for
	touched bool
}

// edition tells settings from those before and after them. The zero edition is that of a partition without any.
type edition struct {
	version uint64
	ok      bool
}

func newWaitTable() waitTable {
	return waitTable{partitions: make(map[queue.PartitionID]*partitionWaits), alarm: make(chan struct{}, 1)}
}

// ring makes watchWaits look at the table.
func (t *waitTable) ring() {
	select {
	case t.alarm <- struct{}{}:
	default:
	}
}

func (t *waitTable) touch(id queue.PartitionID) {
	if p := t.partitions[id]; p != nil && !p.touched {
		p.touched = true
		t.touched = append(t.touched, id)
	}
}

func (t *waitTable) remove(w *waiter) {
	p := t.partitions[w.partition]
	p.queue.Remove(w.place)
	w.place = nil
	if p.queue.Len() == 0 {
		delete(t.partitions, w.partition)
	}
}

func (t *waitTable) removeAll() []*waiter {
	var all []*waiter
	for _, p := range t.partitions {
		for e := p.queue.Front(); e != nil; e = e.Next() {
			w := e.Value.(*waiter)
			w.place = nil
			all = append(all, w)
		}
	}
	clear(t.partitions)
	return all
}

// Wait calls finish once: with true when a receive of max messages from the partition is worth trying (or would tell
// that the queue has changed), with false when ctx has ended, with an error when this host does not lead the slot.
// version is that of the queue's settings the caller knows. finish must not block.
func (s *Slot) Wait(ctx context.Context, id queue.PartitionID, version uint64, max int, finish func(receivable bool, err error)) {
	if !s.replica.IsLeader() {
		finish(false, replication.ErrNotLeader)
		return
	}
	w := &waiter{partition: id, version: version, max: max, finish: finish}
	for _, ready := range s.park(w) {
		ready.finish(true, nil)
	}
	// AfterFunc's goroutine runs only if ctx ends while the waiter is still here.
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		waiting := w.place != nil
		if waiting {
			s.waits.remove(w)
		}
		s.mu.Unlock()
		if waiting {
			finish(false, nil)
		}
	})
}

// park adds w to the waiters and returns those for whom there is something at once, w perhaps among them.
func (s *Slot) park(w *waiter) []*waiter {
	now := s.host.Clock.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.edition(w.partition)
	if current != (edition{w.version, true}) {
		return []*waiter{w} // it must look at its queue again
	}
	p := s.waits.partitions[w.partition]
	if p == nil {
		p = &partitionWaits{known: current}
		s.waits.partitions[w.partition] = p
		if len(s.waits.partitions) == 1 {
			s.waits.ring() // watchWaits sleeps while nobody waits
		}
	}
	w.place = p.queue.PushBack(w)
	return s.wake(nil, w.partition, p, now)
}

// edition returns that of a partition's settings.
func (s *Slot) edition(id queue.PartitionID) edition {
	settings, ok := s.machine.Settings(id)
	return edition{settings.Version, ok}
}

// wakeTouched removes and returns the waiters for whom the commands just applied have made work.
func (s *Slot) wakeTouched(now int64) []*waiter {
	var woken []*waiter
	for _, id := range s.waits.touched {
		if p := s.waits.partitions[id]; p != nil {
			p.touched = false
			woken = s.wake(woken, id, p, now)
		}
	}
	s.waits.touched = s.waits.touched[:0]
	return woken
}

// wake appends the waiters of one partition that should try at time now.
func (s *Slot) wake(woken []*waiter, id queue.PartitionID, p *partitionWaits, now int64) []*waiter {
	if s.edition(id) != p.known { // all must look at their queue again
		for p.queue.Len() > 0 {
			w := p.queue.Front().Value.(*waiter)
			s.waits.remove(w)
			woken = append(woken, w)
		}
	}
	if p.queue.Len() > 0 && s.machine.Receivable(id, now) {
		// In a FIFO queue visible messages may be locked behind others, so one receive at a time finds out.
		work := 1
		if settings, _ := s.machine.Settings(id); !settings.FIFO {
			stats, _ := s.machine.Stats(id, now)
			work = stats.Visible
		}
		for work > 0 && p.queue.Len() > 0 {
			w := p.queue.Front().Value.(*waiter)
			s.waits.remove(w)
			woken = append(woken, w)
			work -= w.max
		}
	}
	if p.queue.Len() > 0 {
		s.schedule(id, p, now)
	}
	return woken
}

// schedule sets when the partition is looked at again without a command.
func (s *Slot) schedule(id queue.PartitionID, p *partitionWaits, now int64) {
	next, ok := s.machine.NextEvent(id, now)
	if s.machine.Receivable(id, now) {
		next, ok = now+recheckInterval.Milliseconds(), true
	}
	if !ok {
		p.nextMs = 0
		return
	}
	sooner := p.nextMs == 0 || next < p.nextMs
	p.nextMs = next
	if sooner {
		s.waits.ring()
	}
}

// watchWaits wakes waiters when time alone has made something receivable, and all of them when the leadership is
// lost. With nobody waiting it sleeps.
func (s *Slot) watchWaits(ctx context.Context) {
	timer := s.host.Clock.NewTimer(leaderInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C():
		case <-s.waits.alarm:
		case <-ctx.Done():
			return
		}
		lost := !s.replica.IsLeader()
		now := s.host.Clock.Now().UnixMilli()
		s.mu.Lock()
		var woken []*waiter
		pause := time.Duration(0)
		if lost {
			woken = s.waits.removeAll()
		} else {
			woken, pause = s.wakeDue(now)
		}
		s.mu.Unlock()
		for _, w := range woken {
			if lost {
				w.finish(false, replication.ErrNotLeader)
			} else {
				w.finish(true, nil)
			}
		}
		if pause > 0 {
			timer.Reset(pause)
		} else {
			timer.Stop()
		}
	}
}

// wakeDue looks at the partitions whose time has come and returns how long nothing else will be due, 0 for ever.
func (s *Slot) wakeDue(now int64) (woken []*waiter, pause time.Duration) {
	for id, p := range s.waits.partitions {
		if p.nextMs != 0 && p.nextMs <= now {
			p.nextMs = 0
			woken = s.wake(woken, id, p, now)
		}
	}
	if len(s.waits.partitions) == 0 {
		return woken, 0
	}
	pause = leaderInterval
	for _, p := range s.waits.partitions {
		if p.nextMs != 0 {
			pause = min(pause, max(time.Millisecond, time.Duration(p.nextMs-now)*time.Millisecond))
		}
	}
	return woken, pause
}

// Waiting returns how many long polls wait.
func (s *Slot) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.waits.partitions {
		n += p.queue.Len()
	}
	return n
}
