package queue

// Machine is the state of one slot: the sessions of its clients and its partitions. NewMachine returns an empty one.
//
// It is not safe for concurrent use. The caller serialises Apply, Snapshot, Restore and the reads (the leader's shell
// holds one lock around them); only a Snapshot that has been taken may be written out while later Applies run.
type Machine struct {
	// nowMs is the greatest time any command carried: the replicated time, in ms since 1970.
	nowMs int64
	// nextSweepMs is when sessions and tombstones that are past their time are next looked for. It decides when their
	// memory is released and nothing else: whoever meets one of them treats it as gone.
	nextSweepMs int64

	sessions   sessionTable
	partitions map[PartitionID]*partition
	// tombstones maps a dropped partition to the time it was dropped.
	tombstones map[PartitionID]int64
	// moving are the partitions that have set messages aside or have a move task running.
	moving map[PartitionID]struct{}
	memory memory
}

// sweepEveryMs spaces the searches for old sessions and tombstones.
const sweepEveryMs = 60 * 1000

// NewMachine returns the state of a slot that has seen no command.
func NewMachine() *Machine {
	m := &Machine{}
	m.reset()
	return m
}

func (m *Machine) reset() {
	*m = Machine{
		sessions:   sessionTable{},
		partitions: map[PartitionID]*partition{},
		tombstones: map[PartitionID]int64{},
		moving:     map[PartitionID]struct{}{},
	}
}

// Apply executes one log entry: the encoded commands in operations, in order, at time nowMs (ms since 1970, stamped by
// the leader that proposed the entry). It returns one *Result per operation. A time before one already seen counts
// as that one. An operation that does not decode is answered BadCommand and changes nothing.
//
// Stored messages may keep the bytes of operations alive, which should be one allocation's. Nobody may write to them.
func (m *Machine) Apply(nowMs int64, operations [][]byte) []any {
	m.BeginEntry(operations)
	defer m.EndEntry()
	results := make([]any, len(operations))
	var decoder Decoder
	for i, operation := range operations {
		command, err := decoder.Decode(operation)
		if err != nil {
			m.passTime(nowMs)
			results[i] = &Result{Code: BadCommand}
			continue
		}
		results[i] = m.ApplyCommand(nowMs, command)
	}
	return results
}

// ApplyCommand executes one decoded command at time nowMs. See Apply. c itself is not kept.
func (m *Machine) ApplyCommand(nowMs int64, c *Command) *Result {
	m.passTime(nowMs)
	if c.Check() != nil {
		return &Result{Code: BadCommand}
	}
	if c.Session == 0 {
		return m.execute(c)
	}
	return m.executeOnce(c)
}

// passTime moves the replicated time. It never runs backwards: a leader whose clock is behind that of its predecessor
// stamps times that are already past, and a message must not become invisible again because of that.
func (m *Machine) passTime(nowMs int64) {
	m.nowMs = max(m.nowMs, nowMs)
	if m.nowMs < m.nextSweepMs {
		return
	}
	m.nextSweepMs = m.nowMs + sweepEveryMs
	m.sessions.sweep(m.nowMs)
	for id := range m.tombstones {
		m.dropped(id)
	}
}

// execute executes c without regard to its session.
func (m *Machine) execute(c *Command) *Result {
	defer m.noteMoves(c.Partition)
	m.dropDue(c.Partition)
	switch {
	case c.Kind == KindDrop && c.Keep != nil:
		return m.close(c.Partition, c.Keep)
	case c.Kind == KindDrop:
		return m.drop(c.Partition)
	case m.dropped(c.Partition):
		return &Result{Code: QueueDropped}
	case c.Kind == KindConfigure:
		return m.configure(c.Partition, *c.Settings)
	}
	p := m.partitions[c.Partition]
	if p == nil {
		return &Result{Code: NeedSettings}
	}
	p.advance(m.nowMs)
	switch c.Kind {
	case KindExpire:
		return &Result{}
	case KindSettle:
		return p.settle(c.Settle)
	case KindMoveTask:
		if c.MoveTask.Operation == TaskStep {
			return &Result{Aside: p.stepTask()}
		}
	}
	switch {
	case c.SettingsVersion > p.settings.Version:
		return &Result{Code: NeedSettings}
	case p.closed():
		return &Result{Code: QueueDropped}
	case c.SettingsVersion < p.settings.Version:
		return &Result{Code: StaleSettings}
	}
	switch c.Kind {
	case KindSend:
		return p.send(c.Sends)
	case KindReceive:
		return p.receive(c.Receive)
	case KindDelete:
		return p.delete(c.Deletes)
	case KindVisibility:
		return p.changeVisibility(c.Changes)
	case KindPurge:
		p.purge()
		return &Result{}
	case KindTransfer:
		return p.transfer(c.Transfer)
	case KindMoveTask:
		return p.moveTask(c.MoveTask)
	default:
		return &Result{Code: BadCommand}
	}
}

// noteMoves keeps moving up to date after a command on a partition.
func (m *Machine) noteMoves(id PartitionID) {
	if p := m.partitions[id]; p != nil && (p.moves.Len() > 0 || p.runningTask() != nil) {
		m.moving[id] = struct{}{}
	} else if len(m.moving) > 0 {
		delete(m.moving, id)
	}
}
