package catalog

import (
	"bytes"
	"cmp"
	"time"

	"github.com/google/btree"
)

const (
	// RequestKeep is how long the result of a command with a request id is remembered, in replicated time. A client
	// stops retrying long before.
	RequestKeep = 10 * time.Minute
	// RequestsMax bounds the remembered results. Beyond it the oldest goes first: at 80 changes per second for ten
	// minutes, a retry that comes minutes late may take effect a second time.
	RequestsMax = 50_000
)

// remembered holds the results of commands by request id, and forgets them in the order they came.
type remembered struct {
	byID  *btree.BTreeG[*request]
	byAge *btree.BTreeG[*request]
	last  uint64 // the number of the latest request
}

// request is one remembered command. Immutable.
type request struct {
	id        RequestID
	number    uint64 // counts up from 1, so that requests of one millisecond have an order
	appliedMs int64
	result    *Result
}

func newRemembered() remembered {
	return remembered{
		byID:  btree.NewG(treeDegree, func(a, b *request) bool { return bytes.Compare(a.id[:], b.id[:]) < 0 }),
		byAge: btree.NewG(treeDegree, func(a, b *request) bool { return cmp.Compare(a.number, b.number) < 0 }),
	}
}

// recall returns the result of an earlier command with this id. The zero id is never remembered.
func (m *remembered) recall(id RequestID) (*Result, bool) {
	r, ok := m.byID.Get(&request{id: id})
	if !ok {
		return nil, false
	}
	return r.result, true
}

func (m *remembered) remember(nowMs int64, id RequestID, result *Result) {
	if id == (RequestID{}) {
		return
	}
	m.last++
	m.add(&request{id: id, number: m.last, appliedMs: nowMs, result: result})
	if m.byAge.Len() > RequestsMax {
		m.forgetOldest()
	}
}

func (m *remembered) add(r *request) {
	m.byID.ReplaceOrInsert(r)
	m.byAge.ReplaceOrInsert(r)
}

// forget drops what was applied RequestKeep ago or earlier.
func (m *remembered) forget(nowMs int64) {
	for {
		oldest, ok := m.byAge.Min()
		if !ok || nowMs-oldest.appliedMs < RequestKeep.Milliseconds() {
			return
		}
		m.forgetOldest()
	}
}

func (m *remembered) forgetOldest() {
	if oldest, ok := m.byAge.DeleteMin(); ok {
		m.byID.Delete(oldest)
	}
}
