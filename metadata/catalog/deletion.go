package catalog

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"chasqui/metadata/codec"

	"github.com/vmihailenco/msgpack/v5"
)

// A deleted queue leaves a tombstone with its record. Until its time to be restored is over, RestoreQueue brings the
// record back as it was, with a new version; the queue's partitions keep their data for as long and an hour more
// (KeepMargin). The tombstone also keeps the name from being used again during the cool-down.

// KeepMargin is how much longer than the queue can be restored its partitions keep their data. The catalog and each slot
// tell time by their own leader's clock; so long as these differ by less, a queue is not restored without its messages.
const KeepMargin = time.Hour

// Deletion says how a queue is deleted, or which deletion is undone.
type Deletion struct {
	// Force deletes a queue that is protected (DeleteQueue).
	Force bool
	// RestoreMs is how long the queue can be restored, 0 to RestoreMax; 0 means never (DeleteQueue).
	RestoreMs int64
	// QueueID is the id of the queue to restore, of several of the same name; 0 means the one deleted last (RestoreQueue).
	QueueID uint64
}

func (d *Deletion) validate() error {
	if d.RestoreMs < 0 || d.RestoreMs > RestoreMax.Milliseconds() {
		return fmt.Errorf("time to restore of %d ms, must be 0 to %d", d.RestoreMs, RestoreMax.Milliseconds())
	}
	return nil
}

const deletionFields = 3

// EncodeMsgpack writes the record.
func (d *Deletion) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(deletionFields)
	w.Bool(d.Force)
	w.Int(d.RestoreMs)
	w.Uint(d.QueueID)
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (d *Deletion) DecodeMsgpack(decoder *msgpack.Decoder) error {
	r := codec.NewReader(decoder)
	r.Fields(deletionFields)
	d.Force = r.Bool()
	d.RestoreMs = r.Int()
	d.QueueID = r.Uint()
	return r.Err()
}

// Tombstone remembers a deleted queue for TombstoneKeep, or for as long as it can be restored if that is longer.
type Tombstone struct {
	// Queue is the record, with the version of the deletion and the time to restore it. One that comes from version 1 of
	// the snapshot format has only its id, account, name and slots, and cannot be restored.
	Queue *Queue
	// DeletedMs is the replicated time of the deletion.
	DeletedMs int64
}

// forgetMs is when the tombstone goes.
func (t *Tombstone) forgetMs() int64 {
	return t.DeletedMs + max(t.Queue.RestoreMs, TombstoneKeep.Milliseconds())
}

// RestorableUntilMs is when the time to restore the queue is over.
func (t *Tombstone) RestorableUntilMs() int64 { return t.DeletedMs + t.Queue.RestoreMs }

func tombstoneBefore(a, b *Tombstone) bool {
	return cmp.Or(cmp.Compare(a.forgetMs(), b.forgetMs()), cmp.Compare(a.Queue.Version, b.Queue.Version), cmp.Compare(a.Queue.ID, b.Queue.ID)) < 0
}

// deletedBefore orders by account and name, and the tombstones of a name by age.
func deletedBefore(a, b *Tombstone) bool {
	return cmp.Or(strings.Compare(a.Queue.Account, b.Queue.Account), strings.Compare(a.Queue.Name, b.Queue.Name),
		cmp.Compare(a.Queue.Version, b.Queue.Version), cmp.Compare(a.Queue.ID, b.Queue.ID)) < 0
}

// deleteQueue removes a queue and leaves a tombstone. The result has the last record, with the version of the deletion,
// so that the caller can close or drop the queue's partitions: what anybody knows of the queue is older.
func (c *Catalog) deleteQueue(command *Command) *Result {
	q, ok := c.Queue(command.Account, command.Name)
	if !ok {
		return &Result{Code: NoSuchQueue}
	}
	if q.Attributes.DeletionProtection && !command.Deletion.Force {
		return &Result{Code: Protected}
	}
	c.queues.Delete(q)
	c.addLoad(q.Slots, -1)
	last := *q
	last.Version, last.RestoreMs = c.nextVersion(), command.Deletion.RestoreMs
	c.addTombstone(&Tombstone{Queue: &last, DeletedMs: c.nowMs})
	return &Result{Queue: &last}
}

// restoreQueue brings a deleted queue back, with its id, attributes, tags, slots and receipt key.
func (c *Catalog) restoreQueue(command *Command) *Result {
	if q, ok := c.Queue(command.Account, command.Name); ok {
		return &Result{Code: QueueExists, Detail: fmt.Sprintf("queue %d has the name", q.ID)}
	}
	t := c.lastDeleted(command.Account, command.Name)
	if id := command.Deletion.QueueID; id != 0 {
		t = c.deletedWithID(command.Account, command.Name, id)
	}
	switch {
	case t == nil:
		return &Result{Code: NotRestorable, Detail: "no deleted queue of this name, or not with this id, is remembered"}
	case c.nowMs >= t.RestorableUntilMs():
		return &Result{Code: NotRestorable, Detail: fmt.Sprintf("queue %d was deleted at %s and could be restored for %s",
			t.Queue.ID, time.UnixMilli(t.DeletedMs).UTC().Format(time.RFC3339), time.Duration(t.Queue.RestoreMs)*time.Millisecond)}
	case c.queues.Len() >= QueuesMax:
		return &Result{Code: LimitReached, Detail: fmt.Sprintf("the catalog holds %d queues, its limit", QueuesMax)}
	}
	c.dropTombstone(t)
	q := *t.Queue
	q.Version, q.RestoreMs = c.nextVersion(), 0
	c.queues.ReplaceOrInsert(&q)
	c.addLoad(q.Slots, 1)
	return &Result{Queue: &q}
}

// lastDeleted returns the tombstone of the queue of a name that was deleted last, or nil.
func (c *Catalog) lastDeleted(account, name string) (last *Tombstone) {
	end := &Tombstone{Queue: &Queue{Account: account, Name: name, ID: math.MaxUint64, Version: math.MaxUint64}}
	c.deleted.DescendLessOrEqual(end, func(t *Tombstone) bool {
		if t.Queue.Account == account && t.Queue.Name == name {
			last = t
		}
		return false
	})
	return last
}

// deletedWithID returns the tombstone of the queue with a name and an id, or nil.
func (c *Catalog) deletedWithID(account, name string, id uint64) (found *Tombstone) {
	c.deleted.AscendGreaterOrEqual(&Tombstone{Queue: &Queue{Account: account, Name: name}}, func(t *Tombstone) bool {
		if t.Queue.Account != account || t.Queue.Name != name {
			return false
		}
		if t.Queue.ID == id {
			found = t
		}
		return found == nil
	})
	return found
}

// Restorable returns up to limit deleted queues of an account that can be restored and whose names begin with prefix,
// in the order of their names, those of one name the oldest first.
func (c *Catalog) Restorable(account, prefix string, limit int) []*Tombstone {
	var all []*Tombstone
	c.deleted.AscendGreaterOrEqual(&Tombstone{Queue: &Queue{Account: account, Name: prefix}}, func(t *Tombstone) bool {
		if t.Queue.Account != account || !strings.HasPrefix(t.Queue.Name, prefix) || len(all) == limit {
			return false
		}
		if c.nowMs < t.RestorableUntilMs() {
			all = append(all, t)
		}
		return true
	})
	return all
}

func (c *Catalog) addTombstone(t *Tombstone) {
	c.tombstones.ReplaceOrInsert(t)
	c.deleted.ReplaceOrInsert(t)
}

func (c *Catalog) dropTombstone(t *Tombstone) {
	c.tombstones.Delete(t)
	c.deleted.Delete(t)
}

// forgetTombstones drops those whose time is over, and while there are too many the next to go.
func (c *Catalog) forgetTombstones() {
	for {
		next, ok := c.tombstones.Min()
		if !ok || (c.nowMs < next.forgetMs() && c.tombstones.Len() <= TombstonesMax) {
			return
		}
		c.dropTombstone(next)
	}
}

const (
	tombstoneFields = 2
	// oldestTombstoneFields is for records of version 1: [id, account, name, slots, deleted ms].
	oldestTombstoneFields = 5
)

// EncodeMsgpack writes the record.
func (t *Tombstone) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(tombstoneFields)
	w.Record(t.Queue)
	w.Int(t.DeletedMs)
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote, or a record of version 1.
func (t *Tombstone) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	t.Queue = new(Queue)
	switch fields := r.List(oldestTombstoneFields); {
	case r.Err() != nil:
		return r.Err()
	case fields == oldestTombstoneFields:
		t.Queue.ID = r.Uint()
		t.Queue.Account = r.String(AccountBytesMax)
		t.Queue.Name = r.String(NameBytesMax)
		t.Queue.Slots = readSlots(r)
		t.DeletedMs = r.Int()
	case fields == tombstoneFields:
		r.Record(t.Queue)
		t.DeletedMs = r.Int()
	default:
		return fmt.Errorf("tombstone has %d fields, %d expected", fields, tombstoneFields)
	}
	return r.Err()
}
