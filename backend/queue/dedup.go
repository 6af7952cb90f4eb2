package queue

import (
	"cmp"
	"fmt"
)

// Deduplication (FIFO queues, and standard ones that deliver exactly once): a send whose deduplication ID was accepted within the last DedupMs stores nothing and
// is answered with the original's id and sequence number. The interval counts from the first accepted send in
// replicated time, and does not end when the message is received or deleted. It is part of the state, so it survives
// a change of leader.

// dedupKey is what makes two sends the same.
type dedupKey struct {
	// group is empty unless the queue deduplicates per group.
	group string
	id    string
}

// dedupEntry is an accepted send. Entries are stored by seq, which is also the order in which they are forgotten.
type dedupEntry struct {
	seq       uint64
	sentMs    int64
	messageID [16]byte
	key       dedupKey
}

func compareDedups(a, b *dedupEntry) int { return cmp.Compare(a.seq, b.seq) }

func (p *partition) dedupKey(s *Send) dedupKey {
	if p.settings.DedupPerGroup && p.settings.FIFO {
		return dedupKey{group: s.Group, id: s.DedupID}
	}
	return dedupKey{id: s.DedupID}
}

// findDedup returns the accepted send with this key, if there was one within DedupMs.
func (p *partition) findDedup(key dedupKey) (dedupEntry, bool) {
	seq, ok := p.dedupSeqs[key]
	if !ok {
		return dedupEntry{}, false
	}
	entry, ok := p.dedup.Get(dedupEntry{seq: seq})
	if !ok || entry.key != key {
		panic(fmt.Sprintf("partition %v: deduplication ID %q points to seq %d, which holds %q", p.id, key, seq, entry.key))
	}
	return entry, true
}

func (p *partition) rememberDedup(key dedupKey, sent Sent) {
	p.addDedup(dedupEntry{seq: sent.Seq, sentMs: p.advancedMs, messageID: sent.MessageID, key: key})
}

// hasDedup reports whether an entry with the same key or seq is stored.
func (p *partition) hasDedup(entry *dedupEntry) bool {
	_, ok := p.dedupSeqs[entry.key]
	return ok || p.dedup.Has(*entry)
}

func (p *partition) addDedup(entry dedupEntry) {
	p.dedup.ReplaceOrInsert(entry)
	p.dedupSeqs[entry.key] = entry.seq
}

// expireDedup forgets the sends that are DedupMs old.
func (p *partition) expireDedup() {
	for {
		oldest, ok := p.dedup.Min()
		if !ok || oldest.sentMs+DedupMs > p.advancedMs {
			return
		}
		p.dedup.DeleteMin()
		delete(p.dedupSeqs, oldest.key)
	}
}
