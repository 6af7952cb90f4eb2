package queue

// Digest returns a number that is equal on replicas whose queues hold the same messages in the same states, have made the
// same moves, have been as busy and go at the same time, and almost certainly differs otherwise. Replicas must be compared
// after the same command. It costs a few operations per partition and origin of moves, for each partition keeps the sum over
// its messages up to date.
// Sessions and tombstones are not part of it: when their memory is released may differ between replicas.
func (m *Machine) Digest() uint64 {
	var sum uint64
	for id, p := range m.partitions {
		h := mix(mix(id.Queue, uint64(id.Partition)), p.settings.Version)
		h = mix(mix(h, uint64(p.dropAtMs)), p.lastMove)
		if p.loads.Len() > 0 {
			h = mix(h, uint64(p.spent.recent(p.advancedMs, p.inFlight)))
		}
		if len(p.tasks) > 0 {
			h = mix(mix(h, uint64(p.tasks[0].Status)), p.tasks[0].Moved)
		}
		for origin, a := range p.arrivals { // in any order: a sum does not show it
			sum += mix(h, mix(mix(origin.Queue, uint64(origin.Partition)), a.number))
		}
		sum += mix(mix(h, p.lastSeq), p.digest)
	}
	return sum
}

// digest is the message's share in its partition's sum.
func (m *message) digest() uint64 {
	h := mix(m.seq, uint64(m.sentMs))
	h = mix(h, uint64(m.visibleAtMs))
	h = mix(h, uint64(m.lastReceiveMs))
	return mix(h, uint64(m.receives)+m.move<<32)
}

// mix combines two numbers so that each bit of either changes about half of the result's (the finalizer of
// MurmurHash3).
func mix(a, b uint64) uint64 {
	h := a*0x9e3779b97f4a7c15 + b
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
