package queue

import (
	"cmp"
	"fmt"
	"slices"
)

// A message that would be received more often than its queue allows moves to another queue, its dead-letter queue,
// whose partition may live in another slot: no log entry covers both. So the move is made of three, and whatever
// fails between them, the message is in one of the two queues and not in both:
//
//	source partition                        target partition
//
//	1. a receive sets the message aside:
//	   it gets a move number, and is not
//	   delivered or counted any more
//	                                        2. a transfer stores it, and remembers the
//	                                           origin's move number; transfers of that
//	                                           number or less store nothing
//	3. a settle removes it
//
// The slot's leader does 2 and 3 (leader/redrive.go), in the order of the numbers: it begins the next move when the target
// has acknowledged the one before. So one number per origin is all that a target must remember, a new leader may begin
// again with the first move that is not settled, and a transfer that an old leader sent and that arrives late is
// recognised. If the target queue is gone, and any copy with it, a settle gives the message back instead. The one exception: a
// target that is deleted just between 2 and 3, while the source's leader changes, and that is restored later, still has its
// copy. Then the message is in both queues: twice rather than lost.

// Redrive says when messages of a queue move to its dead-letter queue. The zero value is never.
type Redrive struct {
	// MaxReceives is how often a message is delivered before it moves, 1 to MaxRedriveReceives; 0 if it never moves.
	MaxReceives uint32
	// Target is the dead-letter queue.
	Target Target
	// SourceARN is what a moved message says it comes from.
	SourceARN string
}

// Target names a queue that messages move to. A queue of the same name made later is as good: with the old one all
// copies went, or it is as rarely in both as said above.
type Target struct{ Account, Name string }

// move is one message set aside. Moves are ordered by number, which is the order in which they are made.
type move struct {
	number, seq uint64
	target      Target
	// sourceARN names the queue that the message moves to its dead-letter queue from. It is empty for a message that a task
	// moves: that one begins anew where it arrives.
	sourceARN string
}

func compareMoves(a, b *move) int { return cmp.Compare(a.number, b.number) }

// Outgoing is a message that is set aside, as it is to be transferred.
type Outgoing struct {
	Partition PartitionID
	Target    Target
	Moved     Moved
}

// deliverable calls take, which returns messages that a receive would deliver, until none among them has to move
// instead. Those that have to are set aside, which may let others of their group take their place. One receive sets no
// more than MaxOutgoing aside, or a few more: a queue full of them must not hold up the log. It then delivers fewer
// messages than there are, as SQS may.
func (p *partition) deliverable(take func() []message) (kept []message, aside []Aside) {
	for {
		before := len(aside)
		kept = slices.DeleteFunc(take(), func(m message) bool {
			if !p.exhausted(&m) {
				return false
			}
			p.setAside(m, p.lastMove+1, p.settings.Redrive.Target, p.settings.Redrive.SourceARN)
			aside = append(aside, Aside{Number: p.lastMove, Seq: m.seq})
			return true
		})
		if len(aside) == before || len(aside) >= MaxOutgoing {
			return kept, aside
		}
	}
}

// exhausted reports whether one more receive of m would be too many.
func (p *partition) exhausted(m *message) bool {
	most := p.settings.Redrive.MaxReceives
	return most > 0 && m.receives >= most
}

// setAside begins the move of a visible message.
func (p *partition) setAside(m message, number uint64, target Target, sourceARN string) {
	if m.hidden(p.advancedMs) || m.move != 0 || number <= p.lastMove {
		panic(fmt.Sprintf("partition %v: message %d, visible since %d, move %d, set aside as %d at %d (last move %d)",
			p.id, m.seq, m.visibleAtMs, m.move, number, p.advancedMs, p.lastMove))
	}
	p.lastMove = number
	p.moves.ReplaceOrInsert(move{number: number, seq: m.seq, target: target, sourceARN: sourceARN})
	changed := m
	changed.move = number
	p.unindex(m)
	p.messages.ReplaceOrInsert(changed)
	p.digest += changed.digest() - m.digest()
	p.leave(&m)
}

// giveBack ends a move without one: the message is visible again, in its place.
func (p *partition) giveBack(m message) {
	p.moves.Delete(move{number: m.move})
	changed := m
	changed.move = 0
	p.messages.ReplaceOrInsert(changed)
	p.digest += changed.digest() - m.digest()
	if p.settings.FIFO {
		p.groupNamed(m.content.group).insert(m.seq)
	}
	p.index(changed)
}

// Settle ends the moves up to a number.
type Settle struct {
	// Through is the number of the last move that has ended.
	Through uint64
	// Returned says that nothing was transferred because the target queue does not exist: the messages are given back.
	Returned bool
}

func (p *partition) settle(s *Settle) *Result {
	for {
		first, ok := p.moves.Min()
		if !ok || first.number > s.Through {
			return &Result{}
		}
		m := p.mustGet(first.seq)
		if s.Returned {
			p.giveBack(m)
		} else {
			p.remove(m)
		}
		switch {
		case first.sourceARN != "":
		case s.Returned:
			p.noteReturned()
		default:
			p.noteMoved()
		}
	}
}

// outgoing returns the first moves of the partition, at most limit.
func (p *partition) outgoing(limit int) []Outgoing {
	var list []Outgoing
	p.moves.Ascend(func(mv move) bool {
		if len(list) == limit {
			return false
		}
		m := p.mustGet(mv.seq)
		attributes, system := m.content.encodedAttributes()
		moved := Moved{
			Number: mv.number,
			Send: Send{
				MessageID: m.content.messageID, Body: m.content.body, Attributes: attributes,
				SystemAttributes: system, SenderID: m.content.senderID,
				Group: m.content.group, DedupID: m.content.dedupID,
			},
		}
		if mv.sourceARN != "" {
			moved.SentMs, moved.Receives, moved.SourceARN = m.originalSentMs(), m.earlierReceives()+m.receives, mv.sourceARN
		}
		list = append(list, Outgoing{Partition: p.id, Target: mv.target, Moved: moved})
		return true
	})
	return list
}
