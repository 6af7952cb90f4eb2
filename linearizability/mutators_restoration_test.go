package linearizability

import "slices"

// restorationMutators break what is promised of queues that are deleted and restored.
var restorationMutators = []mutator{
	{"receive from a deleted queue", DeletedServes, func(m *mutation) bool {
		return m.inGap(DeleteQueue, RestoreQueue, Operation{Kind: Receive, Outcome: OK, Max: 1, VisibilitySeconds: 30})
	}},
	{"send to a deleted queue", DeletedServes, func(m *mutation) bool {
		return m.inGap(DeleteQueue, RestoreQueue, Operation{Kind: Send, Outcome: OK, Body: "late", MessageID: "late", SequenceNumber: "99999999999999999999",
			Group: "late", DeduplicationID: "late"})
	}},
	{"leave a restored queue closed", RestoredMissing, func(m *mutation) bool {
		return m.inGap(RestoreQueue, DeleteQueue, Operation{Kind: Receive, Outcome: Failed, Error: codesMissing[0], Max: 1, VisibilitySeconds: 30})
	}},
	{"lose a message with its queue", Lost, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool { return one.survives() && acknowledged(one) })
		if one == nil {
			return false
		}
		for _, r := range one.receipts {
			m.drop(r)
		}
		m.remove(append(slices.Clone(one.deletes), one.changes.settled...))
		return true
	}},
	{"forget deduplication IDs with a queue", DuplicateSendFIFO, func(m *mutation) bool {
		one := pick(m, m.messages(), func(one *message) bool { return one.survives() && one.queue.fifo && acknowledged(one) })
		if one == nil {
			return false
		}
		out := again(one.receipts[0])
		out.MessageID, out.ReceiveCount, out.SequenceNumber = "copy", 1, "99999999999999999999"
		m.insert(one.queue.name, m.known.end, out)
		return true
	}},
	{"restore what was deleted from a queue", DeletedReturns, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			return r.message.queue.restored && !r.message.queue.fifo && slices.ContainsFunc(r.message.deletes, func(op *Operation) bool {
				return op.Outcome == OK && slices.ContainsFunc(r.message.queue.life, func(d *Operation) bool { return d.Kind == DeleteQueue && d.Call > op.Return })
			})
		})
		if r == nil {
			return false
		}
		m.insert(r.message.queue.name, m.known.end, again(r))
		return true
	}},
	{"forget who holds a message with its queue", HoldOverlap, func(m *mutation) bool {
		r := pick(m, m.receipts(), func(r *receipt) bool {
			changed := r.message.changes.wild || len(r.message.changes.settled) > 0
			until := r.op.Call + timeout(r.op) - m.known.slack
			return r.message.queue.restored && !r.message.queue.fifo && !changed && slices.ContainsFunc(r.message.queue.life, func(back *Operation) bool {
				return back.Kind == RestoreQueue && back.settled() && back.Call > r.op.Return && back.Return+1 < until
			})
		})
		if r == nil {
			return false
		}
		i := slices.IndexFunc(r.message.queue.life, func(back *Operation) bool {
			return back.Kind == RestoreQueue && back.settled() && back.Call > r.op.Return
		})
		m.insert(r.message.queue.name, r.message.queue.life[i].Return, again(r))
		return true
	}},
}

// restoringMutators break what the model of metadata says of restorations.
var restoringMutators = []mutator{
	{"metadata: restore a queue that is there", PorcupineMetadata, func(m *mutation) bool {
		return m.after(m.reads(archive, m.undisturbed), Operation{Kind: RestoreQueue})
	}},
	{"metadata: refuse to restore a deleted queue", PorcupineMetadata, func(m *mutation) bool {
		get := pick(m, m.operations(), func(get *Operation) bool {
			return get.Queue == archive && get.Kind == GetAttributes && get.missing() && m.undisturbed(get)
		})
		return m.after(get, Operation{Kind: RestoreQueue, Outcome: Failed, Error: NameTaken})
	}},
	{"metadata: restore a queue without its attributes", PorcupineMetadata, func(m *mutation) bool {
		get := m.reads(archive, func(get *Operation) bool {
			set := m.lastSet(get)
			return set != nil && get.Values[period] == set.Attributes[period] && slices.ContainsFunc(m.known.history[set.ID:get.ID], func(op Operation) bool {
				return op.Queue == archive && op.Kind == RestoreQueue && op.settled()
			})
		})
		if get == nil {
			return false
		}
		m.setValue(get, "345600") // what it was created with
		return true
	}},
}

// inGap adds an operation just after one that begins or ends a queue's life, if nothing can turn that over so soon.
func (m *mutation) inGap(from, to Kind, op Operation) bool {
	var queues []*queue
	for _, q := range m.known.queues {
		if q.restored && q.name != archive {
			queues = append(queues, q)
		}
	}
	var all []*Operation
	for _, q := range queues {
		all = append(all, q.life...)
	}
	first := pick(m, all, func(first *Operation) bool {
		return first.Kind == from && first.settled() && !slices.ContainsFunc(m.known.byName[first.Queue].life, func(other *Operation) bool {
			reach := other.reach()
			return other.Kind == to && reach.from <= first.Return+2 && reach.to >= first.Call
		})
	})
	if first == nil {
		return false
	}
	op.Client, op.Queue, op.Call, op.Return = "mutant", first.Queue, first.Return+1, first.Return+2
	m.h = append(m.h, op)
	return true
}

// survives reports whether the message was in its queue before a deletion, and received after the restoration.
func (m *message) survives() bool {
	return m.queue.restored && len(m.receipts) > 0 && slices.ContainsFunc(m.queue.life, func(op *Operation) bool {
		return op.Kind == DeleteQueue && op.Outcome == OK && op.Call > m.bornBy && op.Return < m.receipts[0].op.Call
	})
}
