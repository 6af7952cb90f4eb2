package queue

import (
	"maps"
	"math"
	"slices"
)

// The reads answer for a time nowMs that may be later than that of the last command. They compute what the partition
// would look like then and never move it there: the clock of one host is not the replicated time, and a message that
// a read had made visible early on one replica would be delivered there and not on the others.

// Receivable reports whether a receive at nowMs would deliver anything.
func (m *Machine) Receivable(id PartitionID, nowMs int64) bool {
	p := m.partition(id)
	if p == nil {
		return false
	}
	later := p.lookAhead(max(nowMs, m.nowMs))
	switch {
	case later.inFlight >= MaxInFlight:
		return false
	case p.settings.FIFO:
		return later.anyGroupOpen()
	default:
		return later.visible() > 0
	}
}

// NextEvent returns the first time after nowMs at which something may become receivable by time alone, or false if
// there is none. A waiter that finds nothing receivable looks again then, or after the next command.
func (m *Machine) NextEvent(id PartitionID, nowMs int64) (int64, bool) {
	p := m.partition(id)
	if p == nil {
		return 0, false
	}
	nowMs = max(nowMs, m.nowMs)
	nextMs := int64(math.MaxInt64)
	p.hidden.AscendGreaterOrEqual(place{visibleAtMs: nowMs + 1}, func(at place) bool {
		nextMs = at.visibleAtMs
		return false
	})
	if p.settings.FIFO {
		// The expiry of a group's first message unlocks the group.
		p.messages.Ascend(func(oldest message) bool {
			if p.expired(&oldest, nowMs) {
				return true
			}
			nextMs = min(nextMs, oldest.sentMs+p.settings.RetentionMs)
			return false
		})
	}
	return nextMs, nextMs != math.MaxInt64
}

// NextExpiry returns the time at which a KindExpire releases memory next, possibly in the past, or false if there is
// nothing to release.
func (m *Machine) NextExpiry(id PartitionID) (int64, bool) {
	p := m.partition(id)
	if p == nil {
		return 0, false
	}
	nextMs := int64(math.MaxInt64)
	if p.closed() {
		nextMs = p.dropAtMs
	}
	if oldest, ok := p.messages.Min(); ok {
		nextMs = min(nextMs, oldest.sentMs+p.settings.RetentionMs)
	}
	if oldest, ok := p.aged.Min(); ok {
		nextMs = min(nextMs, oldest.visibleAtMs+p.settings.RetentionMs)
	}
	if oldest, ok := p.dedup.Min(); ok {
		nextMs = min(nextMs, oldest.sentMs+DedupMs)
	}
	if oldest, ok := p.attempts.Min(); ok {
		nextMs = min(nextMs, oldest.receivedMs+AttemptMs)
	}
	return nextMs, nextMs != math.MaxInt64
}

// Stats returns the partition's counts as of nowMs, or false if there is no such partition.
func (m *Machine) Stats(id PartitionID, nowMs int64) (Stats, bool) {
	p := m.partition(id)
	if p == nil {
		return Stats{}, false
	}
	later := p.lookAhead(max(nowMs, m.nowMs))
	return Stats{
		Visible: later.visible(), InFlight: later.inFlight, Delayed: later.delayed,
		OldestSentMs: later.oldestSentMs, Bytes: later.bytes,
	}, true
}

// Outgoing returns messages that are set aside: of each partition the first moves, at most MaxBatch, in the order of
// the partitions. The messages share memory with the machine's state.
func (m *Machine) Outgoing() []Outgoing {
	var list []Outgoing
	for _, id := range slices.SortedFunc(maps.Keys(m.moving), PartitionID.compare) {
		list = append(list, m.partitions[id].outgoing(MaxBatch)...)
	}
	return list
}

// Moving reports whether any message is set aside or a move task runs.
func (m *Machine) Moving() bool { return len(m.moving) > 0 }

// Tasks returns the partitions in which a move task runs.
func (m *Machine) Tasks() []PartitionID {
	var list []PartitionID
	for _, id := range slices.SortedFunc(maps.Keys(m.moving), PartitionID.compare) {
		if m.partitions[id].runningTask() != nil {
			list = append(list, id)
		}
	}
	return list
}

// Settings returns the partition's settings, or false if there is no such partition.
func (m *Machine) Settings(id PartitionID) (Settings, bool) {
	p := m.partition(id)
	if p == nil {
		return Settings{}, false
	}
	return p.settings, true
}

// Partitions returns the partitions of the slot in order of their ids.
func (m *Machine) Partitions() []PartitionID {
	return slices.SortedFunc(maps.Keys(m.partitions), PartitionID.compare)
}

// Totals are the sizes of a slot's state.
type Totals struct {
	Partitions, Tombstones, Sessions, KeptResults, Messages int
	// Bytes is the size of all bodies and attributes, and Unused how many bytes more they keep in memory: what is around them
	// in the log entries that brought them, and at most as many bytes as they have that belonged to messages which are gone.
	Bytes, Unused int64
}

// Totals returns the sizes of the state as the last command left it.
func (m *Machine) Totals() Totals {
	totals := Totals{
		Partitions: len(m.partitions), Tombstones: len(m.tombstones),
		Sessions: len(m.sessions), Unused: m.memory.unused,
	}
	for _, open := range m.sessions {
		totals.KeptResults += open.kept.Len()
	}
	for _, p := range m.partitions {
		totals.Messages += p.messages.Len()
		totals.Bytes += p.bytes
	}
	return totals
}

func (m *Machine) partition(id PartitionID) *partition { return m.partitions[id] }

// lookAhead is a partition as it will be at a later time if no command comes.
type lookAhead struct {
	p     *partition
	nowMs int64
	// inFlight, delayed, total and bytes are the counts at nowMs. Messages that are set aside only count in bytes.
	inFlight, delayed, total int
	bytes                    int64
	// oldestSentMs is the send time of the first message left, 0 if there is none.
	oldestSentMs int64
	// firstSeq is the sequence number of the first message left. Those below have expired by nowMs; of a standard queue,
	// others may have too.
	firstSeq uint64
	// appeared and expired are the messages that become visible, or are removed, between the last command and nowMs.
	appeared []place
	expired  []message
}

// lookAhead takes time in proportion to what becomes visible or expires until nowMs, which is nothing for a partition
// in use.
func (p *partition) lookAhead(nowMs int64) *lookAhead {
	l := &lookAhead{
		p: p, nowMs: nowMs, inFlight: p.inFlight, delayed: p.delayed, total: p.messages.Len() - p.moves.Len(), bytes: p.bytes,
		firstSeq: math.MaxUint64,
	}
	p.hidden.AscendLessThan(place{visibleAtMs: nowMs + 1}, func(at place) bool {
		l.appeared = append(l.appeared, at)
		l.unhide(at.delayed)
		return true
	})
	p.messages.Ascend(func(oldest message) bool {
		if !p.expired(&oldest, nowMs) {
			l.firstSeq, l.oldestSentMs = oldest.seq, oldest.sentMs
			return false
		}
		l.bytes -= int64(oldest.content.size())
		if oldest.move != 0 {
			return true
		}
		l.expired = append(l.expired, oldest)
		l.total--
		if oldest.hidden(nowMs) {
			l.unhide(oldest.receives == 0)
		}
		return true
	})
	p.aged.AscendLessThan(place{visibleAtMs: nowMs - p.settings.RetentionMs + 1}, func(at place) bool {
		if at.seq < l.firstSeq {
			return true // counted above
		}
		m := p.mustGet(at.seq)
		l.bytes -= int64(m.content.size())
		if m.move == 0 {
			l.total--
			if m.hidden(nowMs) {
				l.unhide(m.receives == 0)
			}
		}
		return true
	})
	return l
}

func (l *lookAhead) unhide(delayed bool) {
	if delayed {
		l.delayed--
	} else {
		l.inFlight--
	}
}

func (l *lookAhead) visible() int { return l.total - l.inFlight - l.delayed }

// anyGroupOpen reports whether a group's first message is visible. Three kinds of groups can be open: those that
// already are, those that lose their first message to retention, and those whose first message becomes visible.
func (l *lookAhead) anyGroupOpen() bool {
	open := false
	l.p.ready.Ascend(func(at place) bool {
		open = at.seq >= l.firstSeq
		return !open
	})
	for i := 0; i < len(l.appeared) && !open; i++ {
		open = l.groupOpen(l.p.groupOf(l.appeared[i].seq))
	}
	for i := 0; i < len(l.expired) && !open; i++ {
		open = l.groupOpen(l.p.groups[l.expired[i].content.group])
	}
	return open
}

// groupOpen reports whether the first of g's messages that has not expired is visible.
func (l *lookAhead) groupOpen(g *group) bool {
	at, _ := slices.BinarySearch(g.seqs, l.firstSeq)
	if at == len(g.seqs) {
		return false
	}
	first := l.p.mustGet(g.seqs[at])
	return !first.hidden(l.nowMs)
}
