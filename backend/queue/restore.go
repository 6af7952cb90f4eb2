package queue

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"chasqui/node/rpc"
)

// maxRecordBytes bounds one record of a snapshot; the largest is a message.
const maxRecordBytes = MaxBodyBytes + MaxAttributesBytes + MaxSystemAttributesBytes + 4<<10

// Restore replaces the whole state by that of a snapshot. The old state is dropped first, to make room for the new one.
// An error that wraps ErrBadSnapshot means the bytes are no good; the machine is then empty.
func (m *Machine) Restore(from io.Reader) error {
	m.reset()
	if err := m.restore(from); err != nil {
		m.reset()
		return err
	}
	return nil
}

func (m *Machine) restore(from io.Reader) error {
	chunks, err := newChunkReader(from)
	if err != nil {
		return err
	}
	loading := restoring{machine: m}
	for {
		record, err := chunks.next(maxRecordBytes)
		if errors.Is(err, io.EOF) && !errors.Is(err, ErrBadSnapshot) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := loading.record(record); err != nil {
			return fmt.Errorf("%w: record %d: %w", ErrBadSnapshot, chunks.records, err)
		}
	}
}

// restoring is a restore under way.
type restoring struct {
	machine *Machine
	// sessionID, session, kept and partition are those that records belong to; kept is a copy of what session has.
	sessionID uint64
	session   *session
	kept      *keptResult
	partition *partition
	// lastMove is the partition's.
	lastMove uint64
	// timed says that the first record has been read.
	timed bool
}

// record takes one record into the state. Its bytes are not kept.
func (l *restoring) record(data []byte) error {
	r := rpc.NewReader(data)
	const maxValues = 20
	values := r.ArrayLen(maxValues)
	kind := r.Uint64()
	if !l.timed && kind != recordTime {
		r.Fail("the first record is of kind %d, want %d", kind, recordTime)
	}
	expect := func(want int, or ...int) {
		if values != want+1 && !slices.Contains(or, values-1) {
			r.Fail("record of kind %d has %d values, want %d", kind, values-1, want)
		}
	}
	switch kind {
	case recordTime:
		expect(1)
		l.machine.nowMs, l.timed = r.Int64(), true
	case recordSession:
		expect(3)
		l.readSession(&r)
	case recordKept:
		expect(7)
		l.readKept(&r)
	case recordTombstone:
		expect(3)
		l.machine.tombstones[decodePartitionID(&r)] = r.Int64()
	case recordTaken:
		expect(1)
		l.readTaken(&r)
	case recordPartition:
		expect(partitionRecordValues, oldestPartitionRecordValues)
		l.readPartition(&r, values-1 == partitionRecordValues)
	case recordMessage:
		expect(messageRecordValues, messageRecordValues+originRecordValues)
		l.readMessage(&r, values-1 > messageRecordValues)
	case recordDedup:
		expect(5)
		l.readDedup(&r)
	case recordAttempt:
		expect(4)
		l.readAttempt(&r)
	case recordMove:
		expect(5)
		l.readMove(&r)
	case recordArrival:
		expect(4)
		l.readArrival(&r)
	case recordTask:
		expect(taskValues + 2)
		l.readTask(&r)
	case recordLoad:
		expect(3)
		l.readLoad(&r)
	default:
		r.Fail("unknown kind %d", kind)
	}
	return r.Finish()
}

func (l *restoring) readSession(r *rpc.Reader) {
	l.sessionID = r.Uint64()
	l.session, l.kept = newSession(), nil
	l.session.lowWater, l.session.lastMs = r.Uint64(), r.Int64()
	if l.machine.sessions[l.sessionID] != nil {
		r.Fail("session %d comes twice", l.sessionID)
		return
	}
	l.machine.sessions[l.sessionID] = l.session
}

func (l *restoring) readKept(r *rpc.Reader) {
	seq := r.Uint64()
	kept := keptResult{
		seq: seq, partition: decodePartitionID(r), code: decodeCode(r),
		sent: decodeSent(r), codes: decodeCodes(r), delivered: decodeHandles(r),
	}
	switch {
	case r.Err() != nil:
	case l.session == nil:
		r.Fail("result of seq %d without a session", seq)
	case l.session.kept.Has(kept):
		r.Fail("two results of seq %d of session %d", seq, l.sessionID)
	default:
		l.session.kept.ReplaceOrInsert(kept)
		l.kept = &kept
	}
}

// readTaken reads a message that a kept receive has removed. The record's bytes are not kept.
func (l *restoring) readTaken(r *rpc.Reader) {
	var m Message
	m.decode(r)
	switch {
	case r.Err() != nil:
	case l.kept == nil || len(l.kept.delivered) > 0 || len(l.kept.taken) >= MaxBatch:
		r.Fail("message %d taken by no receive, or by one of %d messages", m.Seq, MaxBatch)
	default:
		m.separate()
		l.kept.taken = append(l.kept.taken, m)
		l.session.kept.ReplaceOrInsert(*l.kept)
	}
}

// readPartition reads a partition's record. Those of version 1 are not complete.
func (l *restoring) readPartition(r *rpc.Reader, complete bool) {
	id := decodePartitionID(r)
	var settings Settings
	settings.decode(r)
	lastSeq, advancedMs, dropAtMs, lastMove := r.Uint64(), r.Int64(), int64(0), uint64(0)
	if complete {
		dropAtMs, lastMove = r.Int64(), r.Uint64()
	}
	switch {
	case r.Err() != nil:
	case settings.check() != nil:
		r.Fail("partition %v: %v", id, settings.check())
	case l.machine.partitions[id] != nil:
		r.Fail("partition %v comes twice", id)
	default:
		l.partition = newPartition(id, settings, advancedMs, &l.machine.memory)
		l.partition.lastSeq, l.partition.dropAtMs = lastSeq, dropAtMs
		l.partition.lastMove, l.lastMove = lastMove, lastMove
		l.machine.partitions[id] = l.partition
	}
}

func (l *restoring) readMessage(r *rpc.Reader, moved bool) {
	m := message{
		seq: r.Uint64(), sentMs: r.Int64(), visibleAtMs: r.Int64(),
		firstReceiveMs: r.Int64(), lastReceiveMs: r.Int64(), receives: r.Uint32(),
	}
	var s Send
	r.BytesInto(s.MessageID[:])
	s.Body, s.Attributes, s.SystemAttributes = r.Bytes(MaxBodyBytes), r.Bytes(MaxAttributesBytes), r.Bytes(MaxSystemAttributesBytes)
	s.SenderID, s.Group, s.DedupID = r.String(MaxNameBytes), r.String(MaxNameBytes), r.String(MaxNameBytes)
	var from *origin
	if moved {
		from = &origin{sentMs: r.Int64(), receives: r.Uint32(), sourceARN: r.String(MaxNameBytes)}
	}
	p := l.partition
	switch {
	case r.Err() != nil:
	case p == nil:
		r.Fail("message %d without a partition", m.seq)
	case m.seq > p.lastSeq || !p.follows(&m):
		r.Fail("message %d of %d ms is out of order, last seq is %d", m.seq, m.sentMs, p.lastSeq)
	default:
		m.content = &content{}
		m.content.set(&s, p.shareSender(s.SenderID))
		m.content.separate() // the record's memory is used again
		m.content.origin = from
		p.add(m)
	}
}

func (l *restoring) readDedup(r *rpc.Reader) {
	entry := dedupEntry{seq: r.Uint64(), sentMs: r.Int64()}
	r.BytesInto(entry.messageID[:])
	entry.key = dedupKey{group: r.String(MaxNameBytes), id: r.String(MaxNameBytes)}
	switch {
	case r.Err() != nil:
	case l.partition == nil:
		r.Fail("deduplication ID without a partition")
	case l.partition.hasDedup(&entry):
		r.Fail("deduplication ID %q or its seq %d comes twice", entry.key.id, entry.seq)
	default:
		l.partition.addDedup(entry)
	}
}

func (l *restoring) readAttempt(r *rpc.Reader) {
	a := attempt{id: r.String(MaxNameBytes), receivedMs: r.Int64(), visibleAtMs: r.Int64(), delivered: decodeHandles(r)}
	switch {
	case r.Err() != nil:
	case l.partition == nil:
		r.Fail("attempt without a partition")
	case l.partition.hasAttempt(a.id):
		r.Fail("attempt %q comes twice", a.id)
	default:
		l.partition.addAttempt(a)
	}
}

func (l *restoring) readMove(r *rpc.Reader) {
	number, seq := r.Uint64(), r.Uint64()
	target, sourceARN := Target{Account: r.String(MaxNameBytes), Name: r.String(MaxNameBytes)}, r.String(MaxNameBytes)
	p := l.partition
	if r.Err() != nil {
		return
	}
	if p == nil {
		r.Fail("move %d without a partition", number)
		return
	}
	before := uint64(0)
	if latest, ok := p.moves.Max(); ok {
		before = latest.number
	}
	m, ok := p.get(seq)
	if !ok || m.move != 0 || m.hidden(p.advancedMs) || number <= before || number > l.lastMove {
		r.Fail("move %d (after %d, the last is %d) of message %d, which cannot be set aside", number, before, l.lastMove, seq)
		return
	}
	p.lastMove = before // for setAside, which gives numbers out in order
	p.setAside(m, number, target, sourceARN)
	p.lastMove = l.lastMove
	l.machine.noteMoves(p.id)
}

func (l *restoring) readArrival(r *rpc.Reader) {
	id, a := decodePartitionID(r), arrival{number: r.Uint64(), atMs: r.Int64()}
	switch {
	case r.Err() != nil:
	case l.partition == nil:
		r.Fail("arrival without a partition")
	default:
		l.partition.arrivals[id] = a
	}
}

func (l *restoring) readTask(r *rpc.Reader) {
	var t TaskState
	t.decode(r)
	t.creditMilli, t.stepMs = r.Int64(), r.Int64()
	p := l.partition
	switch {
	case r.Err() != nil:
	case p == nil:
		r.Fail("task without a partition")
	case len(p.tasks) == MaxTasks || len(p.tasks) > 0 && t.Status == TaskRunningStatus:
		r.Fail("task %x comes after %d others", t.ID, len(p.tasks))
	default:
		p.tasks = append(p.tasks, t)
		l.machine.noteMoves(p.id)
	}
}

// readLoad reads what was spent. The loads of groups with messages in flight are there already.
func (l *restoring) readLoad(r *rpc.Reader) {
	group, window, before := r.String(MaxNameBytes), r.Int64(), r.Int64()
	p := l.partition
	switch {
	case r.Err() != nil:
	case p == nil:
		r.Fail("load without a partition")
	case group == "":
		p.spent = meter{atMs: p.advancedMs, window: window, before: before}
	default:
		known, ok := p.loads.Get(load{group: group})
		if !ok && p.tenants[group] == nil {
			r.Fail("load of group %q, which has no message in flight or visible", group)
			return
		}
		known.group, known.spent = group, meter{atMs: p.advancedMs, window: window, before: before}
		p.loads.ReplaceOrInsert(known)
	}
}

func decodePartitionID(r *rpc.Reader) PartitionID {
	return PartitionID{Queue: r.Uint64(), Partition: r.Uint16()}
}

func decodeHandles(r *rpc.Reader) []Handle {
	n := r.ArrayLen(MaxBatch)
	if n == 0 {
		return nil
	}
	handles := make([]Handle, n)
	for i := range handles {
		r.ArrayExactly(2)
		handles[i] = decodeHandle(r)
	}
	return handles
}
