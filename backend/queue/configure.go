package queue

// configure gives partition id its settings, creating it if it does not exist.
func (m *Machine) configure(id PartitionID, settings Settings) *Result {
	p := m.partitions[id]
	if p == nil {
		if len(m.partitions) >= MaxPartitions {
			return &Result{Code: Overloaded}
		}
		m.partitions[id] = newPartition(id, settings, m.nowMs, &m.memory)
		return &Result{}
	}
	// What was due under the old settings happens first: a message past the old retention does not come back because
	// the new one is longer.
	p.advance(m.nowMs)
	switch {
	case p.closed() && settings.Version <= p.settings.Version:
		return &Result{Code: QueueDropped}
	case settings.Version < p.settings.Version:
		return &Result{Code: StaleSettings}
	case settings.Version == p.settings.Version:
		return &Result{}
	case settings.FIFO != p.settings.FIFO:
		return &Result{Code: BadCommand}
	}
	p.dropAtMs = 0 // newer than the deletion: the queue was restored
	p.adopt(settings)
	return &Result{}
}

// adopt gives the partition other settings, and its messages what they have of them.
func (p *partition) adopt(settings Settings) {
	delayChanges := settings.DelayMs != p.settings.DelayMs
	p.settings = settings
	p.expireMessages()
	if delayChanges {
		p.delayAnew()
	}
}

// delayAnew gives the delayed messages of a FIFO queue the queue's delay, counted from their send. A standard queue's
// settings have none that could change.
func (p *partition) delayAnew() {
	var delayed []message
	p.hidden.Ascend(func(at place) bool {
		if at.delayed {
			delayed = append(delayed, p.mustGet(at.seq))
		}
		return true
	})
	for _, m := range delayed {
		changed := m
		changed.visibleAtMs = m.sentMs + p.settings.DelayMs
		p.change(m, changed)
	}
}

// purge removes every message in any state and forgets deduplication and attempt IDs, so that a producer may send the
// same messages again. Sequence numbers go on: a handle from before the purge must not name a message from after it.
func (p *partition) purge() {
	p.unclaimAll()
	fresh := newPartition(p.id, p.settings, p.advancedMs, p.memory)
	fresh.lastSeq = p.lastSeq
	fresh.lastMove, fresh.arrivals, fresh.tasks = p.lastMove, p.arrivals, p.tasks
	*p = *fresh
}
