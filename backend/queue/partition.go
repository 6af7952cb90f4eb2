package queue

import (
	"cmp"
	"fmt"

	"chasqui/backend/queue/sorted"
)

// partition is part of one queue's data.
//
// The first group of fields is the truth: it is what a snapshot carries. The second group only answers questions
// about the truth fast; Restore rebuilds it, and a partition with rebuilt indexes behaves like one that has kept them
// up over time.
//
//	              messages, by seq:   1  2  3  4  5  6 ...
//
//	standard      ready, by time:     every visible message          hidden, by time: every message in flight or delayed
//	                                  without a group, and every
//	                                  group's first
//	FIFO          ready, by time:     every group's first message,   hidden: the same
//	                                  if it is visible
type partition struct {
	id       PartitionID
	settings Settings
	// dropAtMs is when the data of a deleted queue goes; 0 while the queue is not deleted. See drop.go.
	dropAtMs int64
	// lastSeq is the sequence number given out last.
	lastSeq  uint64
	messages *sorted.Set[message]
	// dedup holds the accepted sends of the last DedupMs of a queue that deduplicates, by seq and so by time.
	dedup *sorted.Set[dedupEntry]
	// attempts holds the receives with an attempt ID of the last AttemptMs of a FIFO queue, by time.
	attempts *sorted.Set[attempt]
	// lastMove is the move number given out last, and moves holds the messages that are set aside. They stay in messages,
	// for their retention, and are in no other index.
	lastMove uint64
	moves    *sorted.Set[move]
	// tasks are the message move tasks, the newest first. The slice is never changed in place.
	tasks []TaskState
	// arrivals has, for partitions of other queues, the latest move that came from there.
	arrivals map[PartitionID]arrival
	// loads says how busy the tenants of a standard queue keep the consumers, and spent how busy all messages do since there
	// are loads. The counts of messages in flight in loads follow from the messages; what was spent is truth. See fair.go.
	loads *sorted.Set[load]
	spent meter

	// advancedMs is the time up to which ready and hidden are right.
	advancedMs int64
	ready      *sorted.Set[place]
	hidden     *sorted.Set[place]
	// aged holds the messages of a standard queue that were sent to another queue first, by the time of that: they are
	// older than their numbers say.
	aged *sorted.Set[place]
	// inFlight and delayed count the entries of hidden by kind.
	inFlight, delayed int
	// bytes is the size of all content data.
	bytes int64
	// digest is the sum of all messages' digests; see Machine.Digest.
	digest uint64
	// groups holds the groups that have messages (FIFO only), tenants those that have visible ones (standard
	// only; nil before the first).
	groups  map[string]*group
	tenants map[string]*tenant
	// dedupSeqs finds an entry of dedup by its key, attemptTimes an entry of attempts by its ID.
	dedupSeqs    map[dedupKey]uint64
	attemptTimes map[string]int64
	// extents are the partition's parts of log entries whose memory its messages keep, and extent is the latest.
	extents *sorted.Set[*extent]
	extent  *extent
	memory  *memory
	// lastSender is the sender ID of the latest send, shared by all consecutive messages of one sender.
	lastSender string
}

// place is a message's place in an index by time: the time at which it is (or was) visible, then its sequence number.
type place struct {
	visibleAtMs int64
	seq         uint64
	// delayed tells a delayed message from one in flight, and grouped one of a message group. They are no part of the order.
	delayed, grouped bool
}

func comparePlaces(a, b *place) int {
	if a.visibleAtMs != b.visibleAtMs {
		return cmp.Compare(a.visibleAtMs, b.visibleAtMs)
	}
	return cmp.Compare(a.seq, b.seq)
}

func lessPlace(a, b place) bool { return comparePlaces(&a, &b) < 0 }

func newPartition(id PartitionID, settings Settings, nowMs int64, memory *memory) *partition {
	return &partition{
		id: id, settings: settings, advancedMs: nowMs, memory: memory, extents: sorted.New(compareExtents),
		messages: sorted.New(compareMessages),
		dedup:    sorted.New(compareDedups),
		attempts: sorted.New(compareAttempts),
		ready:    sorted.New(comparePlaces),
		hidden:   sorted.New(comparePlaces),
		aged:     sorted.New(comparePlaces),
		moves:    sorted.New(compareMoves), arrivals: map[PartitionID]arrival{},
		loads:  sorted.New(compareLoads),
		groups: map[string]*group{}, dedupSeqs: map[dedupKey]uint64{}, attemptTimes: map[string]int64{},
	}
}

// advance lets everything happen that is due by nowMs: delayed messages and those whose visibility timeout has run
// out become visible, and what is past its time is removed. Commands call it first, so all of them see the partition
// as of their own time.
func (p *partition) advance(nowMs int64) {
	if nowMs <= p.advancedMs {
		return
	}
	p.advancedMs = nowMs
	for {
		next, ok := p.hidden.Min()
		if !ok || next.visibleAtMs > nowMs {
			break
		}
		p.appear(next)
	}
	p.expireMessages()
	p.expireDedup()
	p.expireAttempts()
}

// appear moves a message from the hidden to the visible ones.
func (p *partition) appear(at place) {
	group := ""
	if at.grouped {
		group = p.mustGet(at.seq).content.group
	}
	p.unhide(at, group)
	if p.settings.FIFO {
		p.refresh(p.groups[group])
	} else {
		p.offer(at, group)
	}
}

// expireMessages removes the messages that are past their retention, in whatever state they are.
func (p *partition) expireMessages() {
	for {
		oldest, ok := p.messages.Min()
		if !ok || !p.expired(&oldest, p.advancedMs) {
			break
		}
		p.remove(oldest)
	}
	for {
		oldest, ok := p.aged.Min()
		if !ok || oldest.visibleAtMs+p.settings.RetentionMs > p.advancedMs {
			return
		}
		p.remove(p.mustGet(oldest.seq))
	}
}

// expired reports whether m's retention is over at nowMs.
func (p *partition) expired(m *message, nowMs int64) bool {
	bornMs := m.sentMs
	if p.isAged(m) {
		bornMs = m.originalSentMs()
	}
	return bornMs+p.settings.RetentionMs <= nowMs
}

// isAged reports whether m's retention counts from its send to another queue. On a FIFO queue it does not: there the
// order of a group must also be that in which its messages expire.
func (p *partition) isAged(m *message) bool { return !p.settings.FIFO && m.content.origin != nil }

// agedPlace is m's place in aged.
func agedPlace(m *message) place { return place{visibleAtMs: m.originalSentMs(), seq: m.seq} }

func (p *partition) get(seq uint64) (message, bool) { return p.messages.Get(message{seq: seq}) }

// mustGet returns a message that an index names.
func (p *partition) mustGet(seq uint64) message {
	m, ok := p.get(seq)
	if !ok {
		panic(fmt.Sprintf("partition %v: message %d is indexed but not stored (last seq %d)", p.id, seq, p.lastSeq))
	}
	return m
}

// add stores a new message. Its seq must be above all others'.
func (p *partition) add(m message) {
	if !p.follows(&m) {
		panic(fmt.Sprintf("partition %v: message %d of %d ms added out of order (last seq %d)", p.id, m.seq, m.sentMs, p.lastSeq))
	}
	p.messages.ReplaceOrInsert(m)
	p.bytes += int64(m.content.size())
	p.digest += m.digest()
	if p.isAged(&m) {
		p.aged.ReplaceOrInsert(agedPlace(&m))
	}
	if m.move != 0 {
		return
	}
	if p.settings.FIFO {
		p.groupNamed(m.content.group).push(m.seq)
	}
	p.index(m)
}

// follows reports whether m comes after all stored messages, in number and in time.
func (p *partition) follows(m *message) bool {
	last, ok := p.messages.Max()
	return !ok || m.seq > last.seq && m.sentMs >= last.sentMs
}

// change replaces the state of a stored message.
func (p *partition) change(old, changed message) {
	p.unindex(old)
	p.messages.ReplaceOrInsert(changed)
	p.digest += changed.digest() - old.digest()
	p.index(changed)
}

// remove removes a stored message.
func (p *partition) remove(m message) {
	if m.move != 0 {
		p.moves.Delete(move{number: m.move})
	} else {
		p.unindex(m)
	}
	if p.isAged(&m) {
		p.aged.Delete(agedPlace(&m))
	}
	p.messages.Delete(m)
	p.digest -= m.digest()
	p.bytes -= int64(m.content.size())
	p.unclaim(m.content)
	if m.move == 0 {
		p.leave(&m)
	}
}

// leave brings m's group up to date after m has left the indexes.
func (p *partition) leave(m *message) {
	if !p.settings.FIFO {
		p.forgetLoad(m.content.group)
		return
	}
	g := p.groups[m.content.group]
	g.remove(p.id, m.seq)
	p.refresh(g)
}

// index enters a message into hidden or ready, as of advancedMs.
func (p *partition) index(m message) {
	switch {
	case m.hidden(p.advancedMs):
		p.hidden.ReplaceOrInsert(m.place())
		if m.receives == 0 {
			p.delayed++
		} else {
			p.takeOff(m.content.group)
		}
	case !p.settings.FIFO:
		p.offer(m.place(), m.content.group)
	}
	if p.settings.FIFO {
		p.refresh(p.groups[m.content.group])
	}
}

// unindex takes a message out of hidden or ready. A FIFO message that is ready stays: refresh corrects that once
// the message has its new state.
func (p *partition) unindex(m message) {
	if m.hidden(p.advancedMs) {
		p.unhide(m.place(), m.content.group)
	} else if !p.settings.FIFO {
		if !p.withdraw(m.place(), m.content.group) {
			panic(fmt.Sprintf("partition %v: message %d, visible since %d, is not ready at %d", p.id, m.seq, m.visibleAtMs, p.advancedMs))
		}
	}
}

// unhide takes a message of a group out of hidden.
func (p *partition) unhide(at place, group string) {
	if _, ok := p.hidden.Delete(at); !ok {
		panic(fmt.Sprintf("partition %v: message %d, invisible until %d, is not hidden at %d", p.id, at.seq, at.visibleAtMs, p.advancedMs))
	}
	if at.delayed {
		p.delayed--
	} else {
		p.land(min(at.visibleAtMs, p.advancedMs), group)
	}
}
