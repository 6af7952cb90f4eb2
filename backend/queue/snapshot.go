package queue

import (
	"cmp"
	"io"
	"maps"
	"slices"

	"chasqui/backend/queue/sorted"
	"chasqui/node/rpc"
)

// The records of a snapshot, each a msgpack array that begins with its kind. Records come in this order, sessions,
// tombstones and partitions by id, so equal states give equal bytes. chunk.go says how they are framed.
//
//	time        now ms
//	session     id, low water, last ms
//	  kept      seq, queue, partition, code, sent, codes, [[seq, receive], ...]
//	    taken   a message as in a result
//	tombstone   queue, partition, dropped ms
//	partition   queue, partition, settings, last seq, advanced ms, drop at ms, last move
//	  message   seq, sent ms, visible at ms, first receive ms, last receive ms, receives, message id, body, attributes,
//	            system attributes, sender id, group, dedup id; of one that has been in other queues, followed by
//	            original sent ms, earlier receives, source ARN
//	  dedup     seq, sent ms, message id, group, dedup id
//	  attempt   id, received ms, visible at ms, [[seq, receive], ...]
//	  move      number, seq, target's account, target's name, source ARN
//	  arrival   queue, partition, number, at ms
//	  task      id, status, target's account, target's name, rate, started ms, to move, moved, failure, credit, step ms
//	  load      group, spent in this window, spent in the one before, both until advanced ms: first, with the empty group,
//	            that of all messages; none of a partition without loads
//
// An indented record belongs to the one above it. Sessions and tombstones past their time are left out. Version 2 had no
// records of loads. Version 1 had none of taken messages, moves, arrivals and tasks either, and no drop at ms and last move.
const (
	recordTime = iota + 1
	recordSession
	recordKept
	recordTombstone
	recordPartition
	recordMessage
	recordDedup
	recordAttempt
	recordMove
	recordArrival
	recordTask
	recordTaken
	recordLoad
)

// Snapshot is the state of a Machine at one moment. WriteTo may run while the machine goes on applying commands.
type Snapshot struct {
	nowMs      int64
	sessions   []sessionState
	tombstones []tombstone
	partitions []partitionState
}

// sessionState, tombstone and partitionState are what a snapshot holds of each.
type sessionState struct {
	id, lowWater uint64
	lastMs       int64
	kept         *sorted.Set[keptResult]
}

type tombstone struct {
	id        PartitionID
	droppedMs int64
}

type partitionState struct {
	id         PartitionID
	settings   Settings
	dropAtMs   int64
	lastSeq    uint64
	advancedMs int64
	messages   *sorted.Set[message]
	dedup      *sorted.Set[dedupEntry]
	attempts   *sorted.Set[attempt]
	lastMove   uint64
	moves      *sorted.Set[move]
	arrivals   map[PartitionID]arrival
	tasks      []TaskState
	loads      *sorted.Set[load] // nil if there are none
	spent      meter
	inFlight   int
}

// Snapshot captures the state. It copies no message: the sets are shared until one side writes to them, so it takes
// well under a microsecond per partition and session, whatever they hold. It never returns an error.
func (m *Machine) Snapshot() (*Snapshot, error) {
	s := &Snapshot{
		nowMs:      m.nowMs,
		sessions:   make([]sessionState, 0, len(m.sessions)),
		partitions: make([]partitionState, 0, len(m.partitions)),
	}
	for id, open := range m.sessions {
		if !open.idle(m.nowMs) {
			s.sessions = append(s.sessions, sessionState{id: id, lowWater: open.lowWater, lastMs: open.lastMs, kept: open.kept.Clone()})
		}
	}
	for id := range m.tombstones {
		if m.dropped(id) {
			s.tombstones = append(s.tombstones, tombstone{id: id, droppedMs: m.tombstones[id]})
		}
	}
	for id, p := range m.partitions {
		state := partitionState{
			id: id, settings: p.settings, dropAtMs: p.dropAtMs, lastSeq: p.lastSeq, advancedMs: p.advancedMs,
			messages: p.messages.Clone(), dedup: p.dedup.Clone(), attempts: p.attempts.Clone(),
			lastMove: p.lastMove, moves: p.moves.Clone(), arrivals: maps.Clone(p.arrivals), tasks: p.tasks,
			spent: p.spent, inFlight: p.inFlight,
		}
		if p.loads.Len() > 0 {
			state.loads = p.loads.Clone()
		}
		s.partitions = append(s.partitions, state)
	}
	return s, nil
}

// Release lets go of the captured state. The snapshot must not be used afterwards.
func (s *Snapshot) Release() { *s = Snapshot{} }

// WriteTo writes the state in the format that Restore reads, and returns the number of bytes written.
func (s *Snapshot) WriteTo(to io.Writer) (int64, error) {
	slices.SortFunc(s.sessions, func(a, b sessionState) int { return cmp.Compare(a.id, b.id) })
	slices.SortFunc(s.tombstones, func(a, b tombstone) int { return a.id.compare(b.id) })
	slices.SortFunc(s.partitions, func(a, b partitionState) int { return a.id.compare(b.id) })
	out := newChunkWriter(to)
	out.encode(recordTime, 1, func(w *rpc.Writer) { w.Int64(s.nowMs) })
	for _, session := range s.sessions {
		session.write(out)
	}
	for _, t := range s.tombstones {
		out.encode(recordTombstone, 3, func(w *rpc.Writer) {
			t.id.encode(w)
			w.Int64(t.droppedMs)
		})
	}
	for i := range s.partitions {
		s.partitions[i].write(out)
	}
	return out.finish()
}

// encode adds a record of the given number of values.
func (w *chunkWriter) encode(kind uint64, values int, write func(*rpc.Writer)) {
	w.add(func(record *rpc.Writer) {
		record.ArrayLen(values + 1)
		record.Uint64(kind)
		write(record)
	})
}

func (s *sessionState) write(out *chunkWriter) {
	out.encode(recordSession, 3, func(w *rpc.Writer) {
		w.Uint64(s.id)
		w.Uint64(s.lowWater)
		w.Int64(s.lastMs)
	})
	s.kept.Ascend(func(kept keptResult) bool {
		out.encode(recordKept, 7, func(w *rpc.Writer) {
			w.Uint64(kept.seq)
			kept.partition.encode(w)
			w.Uint64(uint64(kept.code))
			encodeSent(w, kept.sent)
			encodeCodes(w, kept.codes)
			encodeHandles(w, kept.delivered)
		})
		for i := range kept.taken {
			out.encode(recordTaken, 1, kept.taken[i].encode)
		}
		return true
	})
}

func (p *partitionState) write(out *chunkWriter) {
	out.encode(recordPartition, partitionRecordValues, func(w *rpc.Writer) {
		p.id.encode(w)
		p.settings.encode(w)
		w.Uint64(p.lastSeq)
		w.Int64(p.advancedMs)
		w.Int64(p.dropAtMs)
		w.Uint64(p.lastMove)
	})
	p.messages.Ascend(func(m message) bool {
		values := messageRecordValues
		if m.content.origin != nil {
			values += originRecordValues
		}
		out.encode(recordMessage, values, m.encode)
		return true
	})
	p.dedup.Ascend(func(entry dedupEntry) bool {
		out.encode(recordDedup, 5, func(w *rpc.Writer) {
			w.Uint64(entry.seq)
			w.Int64(entry.sentMs)
			w.Bytes(entry.messageID[:])
			w.String(entry.key.group)
			w.String(entry.key.id)
		})
		return true
	})
	p.attempts.Ascend(func(a attempt) bool {
		out.encode(recordAttempt, 4, func(w *rpc.Writer) {
			w.String(a.id)
			w.Int64(a.receivedMs)
			w.Int64(a.visibleAtMs)
			encodeHandles(w, a.delivered)
		})
		return true
	})
	p.moves.Ascend(func(m move) bool {
		out.encode(recordMove, 5, func(w *rpc.Writer) {
			w.Uint64(m.number)
			w.Uint64(m.seq)
			w.String(m.target.Account)
			w.String(m.target.Name)
			w.String(m.sourceARN)
		})
		return true
	})
	for _, id := range slices.SortedFunc(maps.Keys(p.arrivals), PartitionID.compare) {
		out.encode(recordArrival, 4, func(w *rpc.Writer) {
			id.encode(w)
			w.Uint64(p.arrivals[id].number)
			w.Int64(p.arrivals[id].atMs)
		})
	}
	for i := range p.tasks {
		out.encode(recordTask, taskValues+2, func(w *rpc.Writer) {
			p.tasks[i].encode(w)
			w.Int64(p.tasks[i].creditMilli)
			w.Int64(p.tasks[i].stepMs)
		})
	}
	if p.loads == nil {
		return
	}
	p.writeLoad(out, load{inFlight: p.inFlight, spent: p.spent})
	p.loads.Ascend(func(l load) bool {
		p.writeLoad(out, l)
		return true
	})
}

func (p *partitionState) writeLoad(out *chunkWriter, l load) {
	l.spent.pass(p.advancedMs, l.inFlight)
	out.encode(recordLoad, 3, func(w *rpc.Writer) {
		w.String(l.group)
		w.Int64(l.spent.window)
		w.Int64(l.spent.before)
	})
}

// How many values these records have, a partition's in version 1, and a message that has been in other queues more.
const (
	partitionRecordValues       = 7
	oldestPartitionRecordValues = 5
	messageRecordValues         = 13
	originRecordValues          = 3
)

func (m *message) encode(w *rpc.Writer) {
	w.Uint64(m.seq)
	w.Int64(m.sentMs)
	w.Int64(m.visibleAtMs)
	w.Int64(m.firstReceiveMs)
	w.Int64(m.lastReceiveMs)
	w.Uint64(uint64(m.receives))
	w.Bytes(m.content.messageID[:])
	attributes, system := m.content.encodedAttributes()
	w.Bytes(m.content.body)
	w.Bytes(attributes)
	w.Bytes(system)
	w.String(m.content.senderID)
	w.String(m.content.group)
	w.String(m.content.dedupID)
	if o := m.content.origin; o != nil {
		w.Int64(o.sentMs)
		w.Uint64(uint64(o.receives))
		w.String(o.sourceARN)
	}
}

// encode writes the two values of a partition's id, without an array around them.
func (id PartitionID) encode(w *rpc.Writer) {
	w.Uint64(id.Queue)
	w.Uint64(uint64(id.Partition))
}

func encodeHandles(w *rpc.Writer, handles []Handle) {
	w.ArrayLen(len(handles))
	for _, handle := range handles {
		w.ArrayLen(2)
		handle.encode(w)
	}
}
