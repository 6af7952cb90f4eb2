package queue

// A queue that is deleted can be restored for a while, so its partitions are closed first and dropped later:
//
//	          drop with Keep              dropAtMs has come
//	open -----------------------> closed -------------------> dropped (tombstone)
//	     <-----------------------                                  ^
//	       configure of a version                                  |
//	       above the deletion's       drop without Keep, from any state
//
// The deletion has a settings version of its own, above all that the queue had before. A closed partition answers
// QueueDropped to commands and settings up to that version, so that every frontend, whatever it has cached, finds the
// queue deleted. Restoring the queue gives it a version above, and the first command of that version opens the partition
// as any new settings would. So neither a late deletion nor a late command can do harm: versions say which came last.
// Messages past their retention go while a partition is closed too, and those that are set aside complete their moves, or
// come back if their target is gone: they left the queue before it was deleted. A move task ends with the queue.

// Keep says for how long a drop keeps the partition's data.
type Keep struct {
	// Settings are the queue's, with the version of the deletion.
	Settings Settings
	// KeepMs is how long, 1 to MaxKeepMs.
	KeepMs int64
}

func (k *Keep) check() error {
	if k == nil {
		return nil
	}
	if err := k.Settings.check(); err != nil {
		return err
	}
	return checkRange("keep", k.KeepMs, 1, MaxKeepMs)
}

// closed reports whether the partition's queue is deleted and its data still there.
func (p *partition) closed() bool { return p.dropAtMs != 0 }

// close closes partition id. Where there is none it makes one: commands of the deleted queue may be on their way, and a
// tombstone would refuse those of the restored queue too.
func (m *Machine) close(id PartitionID, keep *Keep) *Result {
	p := m.partitions[id]
	switch {
	case m.dropped(id):
		return &Result{}
	case p == nil && len(m.partitions) >= MaxPartitions:
		return &Result{Code: Overloaded}
	case p == nil:
		p = newPartition(id, keep.Settings, m.nowMs, &m.memory)
		m.partitions[id] = p
	case p.closed() && p.settings.Version == keep.Settings.Version:
		return &Result{}
	case keep.Settings.Version <= p.settings.Version:
		return &Result{Code: StaleSettings} // the queue was restored since
	case keep.Settings.FIFO != p.settings.FIFO:
		return &Result{Code: BadCommand}
	}
	p.advance(m.nowMs)
	p.adopt(keep.Settings)
	p.dropAtMs = m.nowMs + keep.KeepMs
	p.noteClosed()
	return &Result{}
}

// dropDue drops partition id if it is closed and its time has come.
func (m *Machine) dropDue(id PartitionID) {
	if p := m.partitions[id]; p != nil && p.closed() && p.dropAtMs <= m.nowMs {
		m.drop(id)
	}
}

// drop removes partition id and leaves a tombstone, also where there was no partition: a KindConfigure may be on its
// way.
func (m *Machine) drop(id PartitionID) *Result {
	if p := m.partitions[id]; p != nil {
		p.unclaimAll()
		delete(m.partitions, id)
	}
	if !m.dropped(id) {
		m.tombstones[id] = m.nowMs
	}
	return &Result{}
}

// dropped reports whether id has a tombstone, and forgets a tombstone that is past its time.
func (m *Machine) dropped(id PartitionID) bool {
	droppedMs, ok := m.tombstones[id]
	if ok && droppedMs+TombstoneMs <= m.nowMs {
		delete(m.tombstones, id)
		return false
	}
	return ok
}
