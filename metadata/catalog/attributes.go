package catalog

import (
	"fmt"
	"math"

	"chasqui/metadata/codec"

	"github.com/vmihailenco/msgpack/v5"
)

// Values of DeduplicationScope and FifoThroughputLimit.
const (
	ScopeQueue             = "queue"
	ScopeMessageGroup      = "messageGroup"
	ThroughputPerQueue     = "perQueue"
	ThroughputPerGroupID   = "perMessageGroupId"
	attributeTextBytesMax  = 16 << 10 // one textual attribute; SQS allows a Policy of 8192 bytes
	attributeNameFifoQueue = "FifoQueue"
	attributeNamePartition = "Partitions"
	attributeNameDelivery  = "Delivery"

	// attributesOldest is how many of the table's rows version 1 of the formats had.
	attributesOldest = 16
)

// Values of Delivery; package backend/queue says what they mean to a partition.
const (
	DeliverAtLeastOnce = "atLeastOnce"
	DeliverAtMostOnce  = "atMostOnce"
	DeliverExactlyOnce = "exactlyOnce"
)

// PartitionsMax is the largest number of partitions of one queue.
const PartitionsMax = 64

// Attributes are a queue's settings under their SQS names, and the last three, which are chasqui's own. Numbers are in
// the unit of the SQS API: seconds and bytes. Ranges are checked by the frontend, which knows the error texts; the
// catalog checks only what depends on more than one attribute (see check).
type Attributes struct {
	DelaySeconds                  int
	MaximumMessageSize            int
	MessageRetentionPeriod        int
	ReceiveMessageWaitTimeSeconds int
	VisibilityTimeout             int
	// Policy, RedrivePolicy and RedriveAllowPolicy are JSON in the canonical form the frontend gives them, so that
	// equal policies are equal texts. Empty means not set.
	Policy             string
	RedrivePolicy      string
	RedriveAllowPolicy string
	// SqsManagedSseEnabled and KmsMasterKeyId exclude each other.
	SqsManagedSseEnabled         bool
	KmsMasterKeyId               string
	KmsDataKeyReusePeriodSeconds int
	// FifoQueue never changes. The next three mean something for FIFO queues only.
	FifoQueue                 bool
	ContentBasedDeduplication bool
	// DeduplicationScope is what GetQueueAttributes shows. How deduplication works is fixed at creation:
	// Queue.DedupPerGroup.
	DeduplicationScope  string
	FifoThroughputLimit string
	// Partitions is the number of parts the queue's data is split into, 1 to PartitionsMax. It never changes.
	Partitions int
	// DeletionProtection makes a deletion fail that is not forced.
	DeletionProtection bool
	// Delivery is one of the three values above; on a FIFO queue, which always deduplicates, it cannot be
	// DeliverAtLeastOnce. It never changes.
	Delivery string
}

// DefaultAttributes returns the settings of a queue created without any.
func DefaultAttributes(fifo bool) Attributes {
	a := Attributes{
		MaximumMessageSize:           1 << 20,
		MessageRetentionPeriod:       4 * 24 * 60 * 60,
		VisibilityTimeout:            30,
		SqsManagedSseEnabled:         true,
		KmsDataKeyReusePeriodSeconds: 300,
		Partitions:                   1,
		Delivery:                     DeliverAtLeastOnce,
	}
	if fifo {
		a.FifoQueue = true
		a.DeduplicationScope = ScopeQueue
		a.FifoThroughputLimit = ThroughputPerQueue
		a.Delivery = DeliverExactlyOnce
	}
	return a
}

// attribute is one row of the table that everything about attributes loops over. Exactly one of the three accessors
// is set.
type attribute struct {
	name     string
	fifoOnly bool
	number   func(*Attributes) *int
	flag     func(*Attributes) *bool
	text     func(*Attributes) *string
}

// attributes only grows at its end. A row's position is part of the command and record formats, and it is the order in
// which differences are looked for.
var attributes = [...]attribute{
	{name: "DelaySeconds", number: func(a *Attributes) *int { return &a.DelaySeconds }},
	{name: "MaximumMessageSize", number: func(a *Attributes) *int { return &a.MaximumMessageSize }},
	{name: "MessageRetentionPeriod", number: func(a *Attributes) *int { return &a.MessageRetentionPeriod }},
	{name: "ReceiveMessageWaitTimeSeconds", number: func(a *Attributes) *int { return &a.ReceiveMessageWaitTimeSeconds }},
	{name: "VisibilityTimeout", number: func(a *Attributes) *int { return &a.VisibilityTimeout }},
	{name: "Policy", text: func(a *Attributes) *string { return &a.Policy }},
	{name: "RedrivePolicy", text: func(a *Attributes) *string { return &a.RedrivePolicy }},
	{name: "RedriveAllowPolicy", text: func(a *Attributes) *string { return &a.RedriveAllowPolicy }},
	{name: "SqsManagedSseEnabled", flag: func(a *Attributes) *bool { return &a.SqsManagedSseEnabled }},
	{name: "KmsMasterKeyId", text: func(a *Attributes) *string { return &a.KmsMasterKeyId }},
	{name: "KmsDataKeyReusePeriodSeconds", number: func(a *Attributes) *int { return &a.KmsDataKeyReusePeriodSeconds }},
	{name: attributeNameFifoQueue, flag: func(a *Attributes) *bool { return &a.FifoQueue }},
	{name: "ContentBasedDeduplication", fifoOnly: true, flag: func(a *Attributes) *bool { return &a.ContentBasedDeduplication }},
	{name: "DeduplicationScope", fifoOnly: true, text: func(a *Attributes) *string { return &a.DeduplicationScope }},
	{name: "FifoThroughputLimit", fifoOnly: true, text: func(a *Attributes) *string { return &a.FifoThroughputLimit }},
	{name: attributeNamePartition, number: func(a *Attributes) *int { return &a.Partitions }},
	{name: "DeletionProtection", flag: func(a *Attributes) *bool { return &a.DeletionProtection }},
	{name: attributeNameDelivery, text: func(a *Attributes) *string { return &a.Delivery }},
}

// AttributeNames returns the names that a Patch may give, in the catalog's order.
func AttributeNames() []string {
	names := make([]string, len(attributes))
	for i := range attributes {
		names[i] = attributes[i].name
	}
	return names
}

func (f *attribute) equal(a, b *Attributes) bool {
	switch {
	case f.number != nil:
		return *f.number(a) == *f.number(b)
	case f.flag != nil:
		return *f.flag(a) == *f.flag(b)
	default:
		return *f.text(a) == *f.text(b)
	}
}

func (f *attribute) copy(to, from *Attributes) {
	switch {
	case f.number != nil:
		*f.number(to) = *f.number(from)
	case f.flag != nil:
		*f.flag(to) = *f.flag(from)
	default:
		*f.text(to) = *f.text(from)
	}
}

func (f *attribute) write(w *codec.Writer, a *Attributes) {
	switch {
	case f.number != nil:
		w.Int(int64(*f.number(a)))
	case f.flag != nil:
		w.Bool(*f.flag(a))
	default:
		w.String(*f.text(a))
	}
}

func (f *attribute) read(r *codec.Reader, a *Attributes) {
	switch {
	case f.number != nil:
		v := r.Int()
		if v < math.MinInt32 || v > math.MaxInt32 { // int may have 32 bits
			r.Fail(fmt.Errorf("attribute %s: number %d does not fit in 32 bits", f.name, v))
		}
		*f.number(a) = int(v)
	case f.flag != nil:
		*f.flag(a) = r.Bool()
	default:
		*f.text(a) = r.String(attributeTextBytesMax)
	}
}

// check looks at what depends on several attributes. It returns the name of an attribute that cannot be so, and why;
// or "".
func (a *Attributes) check() (name, reason string) {
	for i := range attributes {
		f := &attributes[i]
		var zero Attributes
		if f.fifoOnly && !a.FifoQueue && !f.equal(a, &zero) {
			return f.name, "it can be specified only for a FIFO queue"
		}
	}
	switch {
	case a.Partitions < 1 || a.Partitions > PartitionsMax:
		return attributeNamePartition, fmt.Sprintf("%d partitions, must be 1 to %d", a.Partitions, PartitionsMax)
	case a.FifoQueue && a.Delivery == DeliverAtLeastOnce:
		return attributeNameDelivery, "a FIFO queue always deduplicates: it delivers exactlyOnce or atMostOnce"
	case a.Delivery != DeliverAtLeastOnce && a.Delivery != DeliverAtMostOnce && a.Delivery != DeliverExactlyOnce:
		return attributeNameDelivery, fmt.Sprintf("must be %s, %s or %s", DeliverAtLeastOnce, DeliverAtMostOnce, DeliverExactlyOnce)
	case a.FifoThroughputLimit == ThroughputPerGroupID && a.DeduplicationScope != ScopeMessageGroup:
		return "FifoThroughputLimit", "perMessageGroupId needs DeduplicationScope messageGroup"
	case a.SqsManagedSseEnabled && a.KmsMasterKeyId != "":
		return "SqsManagedSseEnabled", "only one type of server-side encryption can be enabled"
	}
	return "", ""
}

// EncodeMsgpack writes all attributes in the table's order.
func (a *Attributes) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(len(attributes))
	for i := range attributes {
		attributes[i].write(w, a)
	}
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote. A record of fewer rows is of a program that had no others; what they say
// of its queues is what such a queue is today.
func (a *Attributes) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	rows := r.List(len(attributes))
	if r.Err() == nil && rows < attributesOldest {
		return fmt.Errorf("record has %d attributes, at least %d expected", rows, attributesOldest)
	}
	for i := range rows {
		attributes[i].read(r, a)
	}
	if rows == attributesOldest {
		a.Delivery = DefaultAttributes(a.FifoQueue).Delivery
	}
	return r.Err()
}
