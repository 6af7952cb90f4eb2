package catalog

import (
	"fmt"
	"maps"
	"slices"

	"chasqui/metadata/codec"

	"github.com/vmihailenco/msgpack/v5"
)

// Limits of one queue record.
const (
	// AccountBytesMax and NameBytesMax bound the two parts of a queue's key. SQS has 12 digits and 80 characters.
	AccountBytesMax = 64
	NameBytesMax    = 80
	// TagsMax is the number of tags of one queue. A key has at most 128 characters, a value 256; in UTF-8 a character
	// takes up to 4 bytes.
	TagsMax          = 50
	tagKeyBytesMax   = 128 * 4
	tagValueBytesMax = 256 * 4
)

// Queue is the record of one queue. Records are immutable: whoever holds a *Queue may read it without a lock, and
// nobody may change it or what it refers to.
type Queue struct {
	// ID is unique for ever: it is never used again after the queue's deletion.
	ID            uint64
	Account, Name string
	Attributes    Attributes
	Tags          map[string]string
	// CreatedMs and ModifiedMs are replicated times in ms since 1970. Only a change of attributes counts as one.
	CreatedMs, ModifiedMs int64
	// Version grows with every change of the record, and never repeats in the whole catalog.
	Version uint64
	// FIFO is Attributes.FifoQueue.
	FIFO bool
	// DedupPerGroup is true if the queue was created with DeduplicationScope messageGroup. It never changes, whatever
	// the attribute later says: AWS behaves so.
	DedupPerGroup bool
	// Slots[i] is the slot in which partition i lives. It has Attributes.Partitions elements and never changes.
	Slots []uint16
	// ReceiptKey authenticates the queue's receipt handles. It is a secret: it never goes into a log.
	ReceiptKey [32]byte
	// PurgedMs is when the queue was last marked as purged; 0 means never.
	PurgedMs int64
	// RestoreMs, in the record of a deleted queue, is how long after its deletion it can be restored. That record's
	// Version is the deletion's.
	RestoreMs int64
}

const (
	queueFields       = 14
	oldestQueueFields = 13 // without RestoreMs
)

// EncodeMsgpack writes the record; tags are sorted by key.
func (q *Queue) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(queueFields)
	w.Uint(q.ID)
	w.String(q.Account)
	w.String(q.Name)
	w.Record(&q.Attributes)
	writeTags(w, q.Tags)
	w.Int(q.CreatedMs)
	w.Int(q.ModifiedMs)
	w.Uint(q.Version)
	w.Bool(q.FIFO)
	w.Bool(q.DedupPerGroup)
	writeSlots(w, q.Slots)
	w.Bytes(q.ReceiptKey[:])
	w.Int(q.PurgedMs)
	w.Int(q.RestoreMs)
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (q *Queue) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	fields := r.List(queueFields)
	if r.Err() == nil && fields < oldestQueueFields {
		return fmt.Errorf("queue has %d fields, at least %d expected", fields, oldestQueueFields)
	}
	q.ID = r.Uint()
	q.Account = r.String(AccountBytesMax)
	q.Name = r.String(NameBytesMax)
	r.Record(&q.Attributes)
	q.Tags = readTags(r)
	q.CreatedMs = r.Int()
	q.ModifiedMs = r.Int()
	q.Version = r.Uint()
	q.FIFO = r.Bool()
	q.DedupPerGroup = r.Bool()
	q.Slots = readSlots(r)
	r.Fixed(q.ReceiptKey[:])
	q.PurgedMs = r.Int()
	if fields == queueFields {
		q.RestoreMs = r.Int()
	}
	return r.Err()
}

func writeTags(w *codec.Writer, tags map[string]string) {
	w.Fields(2 * len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		w.String(key)
		w.String(tags[key])
	}
}

func readTags(r *codec.Reader) map[string]string {
	n := r.List(2 * TagsMax)
	if n%2 != 0 {
		r.Fail(fmt.Errorf("tags have %d elements, an even number expected", n))
	}
	if n == 0 || r.Err() != nil {
		return nil
	}
	tags := make(map[string]string, n/2)
	for range n / 2 {
		key := r.String(tagKeyBytesMax)
		tags[key] = r.String(tagValueBytesMax)
	}
	return tags
}

func writeSlots(w *codec.Writer, slots []uint16) {
	w.Fields(len(slots))
	for _, slot := range slots {
		w.Uint(uint64(slot))
	}
}

func readSlots(r *codec.Reader) []uint16 {
	n := r.List(PartitionsMax)
	slots := make([]uint16, n)
	for i := range slots {
		slots[i] = uint16(r.UintUpTo(SlotsMax - 1))
	}
	return slots
}
