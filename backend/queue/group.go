package queue

import (
	"fmt"
	"slices"
)

// A FIFO queue keeps the order of messages within each message group. All of its behaviour follows from one sentence:
//
//	within a group, walk the messages in sequence order and deliver each that is visible; stop at the first that is not.
//
// So a group whose first message is in flight gives nothing (it is locked), and a consumer that got messages 1 to 3
// and let 1 and 2 time out gets 1 and 2 again, but not 4 while 3 is in flight.

// group is the messages of one message group of a FIFO partition.
type group struct {
	name string
	// seqs are the group's messages in order. It is never empty between commands.
	seqs []uint64
	// listed says that the group stands in partition.ready at listedAt, for its first message is visible.
	listed   bool
	listedAt place
}

// push appends a new message.
func (g *group) push(seq uint64) { g.seqs = append(g.seqs, seq) }

// remove removes a message. Only messages that were received, or expire, are ever removed one by one, and both are
// among the first MaxBatch of their group: no receive gets past a message in flight. So this moves few entries, and
// moves those before seq.
func (g *group) remove(id PartitionID, seq uint64) {
	at := slices.Index(g.seqs, seq)
	if at < 0 {
		panic(fmt.Sprintf("partition %v: message %d is not in its group %q", id, seq, g.name))
	}
	copy(g.seqs[1:at+1], g.seqs[:at])
	g.seqs = g.seqs[1:]
}

// insert puts a message back in its place.
func (g *group) insert(seq uint64) {
	at, _ := slices.BinarySearch(g.seqs, seq)
	g.seqs = slices.Insert(g.seqs, at, seq)
}

// groupNamed returns the group, creating it if it has no messages.
func (p *partition) groupNamed(name string) *group {
	g := p.groups[name]
	if g == nil {
		g = &group{name: name}
		p.groups[name] = g
	}
	return g
}

// groupOf returns the group of a stored message.
func (p *partition) groupOf(seq uint64) *group {
	m := p.mustGet(seq)
	return p.groups[m.content.group]
}

// refresh brings ready up to date after a change to one of g's messages: g is listed, at the place of its first
// message, if that is visible. A group without messages is forgotten.
func (p *partition) refresh(g *group) {
	var at place
	visible := false
	if len(g.seqs) > 0 {
		first := p.mustGet(g.seqs[0])
		at, visible = first.place(), !first.hidden(p.advancedMs)
	} else {
		delete(p.groups, g.name)
	}
	if g.listed && (!visible || at != g.listedAt) {
		p.ready.Delete(g.listedAt)
		g.listed, g.listedAt = false, place{}
	}
	if visible && !g.listed {
		p.ready.ReplaceOrInsert(at)
		g.listed, g.listedAt = true, at
	}
}

// takeFIFO returns up to room messages that a receive delivers next: as many as possible of one group before the
// next, groups in the order in which their first messages became visible.
func (p *partition) takeFIFO(room int) []message {
	var taken []message
	p.ready.Ascend(func(at place) bool {
		for _, seq := range p.groupOf(at.seq).seqs {
			m := p.mustGet(seq)
			if len(taken) >= room || m.hidden(p.advancedMs) {
				break
			}
			taken = append(taken, m)
		}
		return len(taken) < room
	})
	return taken
}
