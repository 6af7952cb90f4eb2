package queue

import "fmt"

// PartitionID names one partition of one queue. Queue ids come from the catalog, which never gives one out twice.
type PartitionID struct {
	Queue     uint64
	Partition uint16
}

// String returns "queue/partition", for errors and scripts.
func (id PartitionID) String() string { return fmt.Sprintf("%d/%d", id.Queue, id.Partition) }

// compare orders partitions for everything that must not show a map's order.
func (id PartitionID) compare(other PartitionID) int {
	switch {
	case id.Queue < other.Queue, id.Queue == other.Queue && id.Partition < other.Partition:
		return -1
	case id == other:
		return 0
	default:
		return 1
	}
}

// Settings is what a partition must know of its queue. Everything else about a queue (its default delay, its
// visibility timeout, its size limit) is turned into fields of each command by the frontend.
type Settings struct {
	// Version grows with every change of the queue in the catalog; it is at least 1.
	Version uint64
	// FIFO chooses the order of messages: strict within a group, or best effort. It never changes for a queue.
	FIFO bool
	// RetentionMs is how long after its send a message is kept, 1 to MaxRetentionMs.
	RetentionMs int64
	// DedupPerGroup makes a deduplication ID count within its group only (FIFO queues with DeduplicationScope
	// messageGroup). SQS keeps a queue to the scope it was created with, so callers pass that one.
	DedupPerGroup bool
	// Redrive says when messages move to the dead-letter queue.
	Redrive Redrive
	// DelayMs is the delay of a FIFO queue, 0 to MaxDelayMs: a change of it reaches the messages that are delayed. On a
	// standard queue it is 0, for there a message keeps the delay that it was sent with.
	DelayMs int64
	// Delivery is how often a message is delivered; see delivery.go. It never changes for a queue.
	Delivery Delivery
}

// Kind says what a command does. The numbers are part of the wire and journal format.
type Kind uint8

const (
	// KindConfigure gives a partition its Settings and creates it if needed. Settings older than the partition's are
	// answered StaleSettings; of the same version, OK with nothing changed.
	KindConfigure Kind = iota + 1
	// KindSend stores the Sends in order.
	KindSend
	// KindReceive delivers up to Receive.Max messages and puts them in flight.
	KindReceive
	// KindDelete deletes the messages named by Deletes.
	KindDelete
	// KindVisibility sets the deadlines of the messages named by Changes.
	KindVisibility
	// KindPurge removes every message and forgets all deduplication and attempt IDs; sequence numbers go on.
	KindPurge
	// KindDrop removes the partition, at once or, with Keep, after a time during which its queue can be restored; see
	// drop.go. It then leaves a tombstone for TombstoneMs, so that late commands and late
	// KindConfigures are answered QueueDropped. A KindConfigure from a cache that is staler still would create an
	// empty partition of a queue that the catalog does not know: nobody can read from it, retention empties it, and
	// as queue ids are never given out twice it can be taken for no other queue. Caches of the catalog must be
	// younger than TombstoneMs.
	KindDrop
	// KindExpire does nothing but let time pass: it releases the memory of messages past their retention in a
	// partition that nobody addresses. A leader proposes it when NextExpiry has come.
	KindExpire
	// KindTransfer stores messages that move here from another partition.
	KindTransfer
	// KindSettle ends moves to other partitions. Leaders propose it.
	KindSettle
	// KindMoveTask starts, cancels, lists or carries on message move tasks.
	KindMoveTask
)

// String returns the kind's word in scripts and logs.
func (k Kind) String() string {
	switch k {
	case KindConfigure:
		return "configure"
	case KindSend:
		return "send"
	case KindReceive:
		return "receive"
	case KindDelete:
		return "delete"
	case KindVisibility:
		return "visibility"
	case KindPurge:
		return "purge"
	case KindDrop:
		return "drop"
	case KindExpire:
		return "expire"
	case KindTransfer:
		return "transfer"
	case KindSettle:
		return "settle"
	case KindMoveTask:
		return "move-task"
	default:
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
}

// Command is one operation on one partition.
type Command struct {
	// Session is a random number that a client process chose for itself; with Seq it names the command. Session 0
	// means no memory: the command is applied as often as it comes.
	Session uint64
	// Seq grows by one with every command that this client sends to this slot. A retry keeps its Seq.
	Seq uint64
	// LowWater is the lowest Seq whose answer the client still awaits, at most Seq. Results below it are forgotten. A
	// command that waits for long (a long poll) holds LowWater back for its whole session, so a client uses a session
	// of its own for these.
	LowWater uint64
	// Partition is the partition addressed.
	Partition PartitionID
	// SettingsVersion is the version of the queue's settings that the sender of the command knew. Not looked at for
	// KindConfigure, KindDrop, KindExpire, KindSettle, and a step of a KindMoveTask.
	SettingsVersion uint64
	// Kind says which one of the fields below is given; KindPurge and KindExpire have none, and KindDrop may have Keep.
	Kind Kind

	Settings *Settings
	Sends    []Send
	Receive  *Receive
	Deletes  []Handle
	Changes  []VisibilityChange
	Transfer *Transfer
	Settle   *Settle
	MoveTask *MoveTask
	Keep     *Keep
}

// Send is one message to store.
type Send struct {
	// MessageID is what the producer gets back as the message's id (a UUID).
	MessageID [16]byte
	// Body, Attributes and SystemAttributes are opaque here; the last two are encoded by frontend/protocol.
	Body, Attributes, SystemAttributes []byte
	// SenderID names the producer's account or user.
	SenderID string
	// Group is the message group. A FIFO queue needs one; a standard queue only hands it back.
	Group string
	// DedupID is the deduplication ID; a FIFO queue needs one (for content-based deduplication the frontend computes
	// it). A standard queue only hands it back.
	DedupID string
	// DelayMs is how long the message stays delayed, 0 to MaxDelayMs.
	DelayMs int64
}

// Receive asks for messages.
type Receive struct {
	// Max is the number of messages wanted at most, 1 to MaxBatch.
	Max int
	// VisibilityMs is how long the messages stay in flight, 0 to MaxVisibilityMs. With 0 they stay visible; only
	// their receive count grows.
	VisibilityMs int64
	// AttemptID is SQS's ReceiveRequestAttemptId: a FIFO receive repeated with the same ID gets the same messages.
	// Empty for none; a standard queue does not look at it.
	AttemptID string
}

// Handle names one receive of one message; a receipt handle token carries it to the consumer and back.
type Handle struct {
	// Seq is the message's sequence number in its partition.
	Seq uint64
	// Receive is the message's receive count as of that receive, from 1.
	Receive uint32
}

// VisibilityChange sets a message's visibility timeout.
type VisibilityChange struct {
	Handle
	// VisibilityMs is the new timeout counted from now, 0 to MaxVisibilityMs; 0 makes the message visible at once.
	VisibilityMs int64
}

// Check returns an error if a field is out of its range or the fields do not fit the kind. Apply answers such a
// command BadCommand.
func (c *Command) Check() error {
	if c.Session != 0 && c.LowWater > c.Seq {
		return fmt.Errorf("low water %d is above seq %d", c.LowWater, c.Seq)
	}
	if err := c.checkShape(); err != nil {
		return err
	}
	switch c.Kind {
	case KindConfigure:
		return c.Settings.check()
	case KindSend:
		for i := range c.Sends {
			if err := c.Sends[i].check(); err != nil {
				return fmt.Errorf("send %d: %w", i, err)
			}
		}
	case KindReceive:
		return c.Receive.check()
	case KindDrop:
		return c.Keep.check()
	case KindTransfer:
		return c.Transfer.check()
	case KindMoveTask:
		return c.MoveTask.check()
	case KindVisibility:
		for i := range c.Changes {
			if err := checkRange("visibility", c.Changes[i].VisibilityMs, 0, MaxVisibilityMs); err != nil {
				return fmt.Errorf("change %d: %w", i, err)
			}
		}
	}
	return nil
}

// checkShape checks that the kind is known, that its own field is given, and that no other is.
func (c *Command) checkShape() error {
	if c.Kind < KindConfigure || c.Kind > KindMoveTask {
		return fmt.Errorf("unknown command %v", c.Kind)
	}
	if c.Keep != nil && c.Kind != KindDrop {
		return fmt.Errorf("%v command carries a %v", c.Kind, KindDrop)
	}
	for _, field := range []struct {
		kind  Kind
		count int
	}{
		{KindConfigure, countOf(c.Settings != nil)},
		{KindSend, len(c.Sends)},
		{KindReceive, countOf(c.Receive != nil)},
		{KindDelete, len(c.Deletes)},
		{KindVisibility, len(c.Changes)},
		{KindTransfer, countOf(c.Transfer != nil)},
		{KindSettle, countOf(c.Settle != nil)},
		{KindMoveTask, countOf(c.MoveTask != nil)},
	} {
		switch {
		case field.kind != c.Kind && field.count > 0:
			return fmt.Errorf("%v command carries a %v", c.Kind, field.kind)
		case field.kind == c.Kind && (field.count < 1 || field.count > MaxBatch):
			return fmt.Errorf("%v command with %d entries, want 1 to %d", c.Kind, field.count, MaxBatch)
		}
	}
	return nil
}

func countOf(given bool) int {
	if given {
		return 1
	}
	return 0
}

func (s *Settings) check() error {
	if s.Version == 0 {
		return fmt.Errorf("settings version 0, want at least 1")
	}
	if s.Delivery > maxDelivery {
		return fmt.Errorf("%v, want at most %d", s.Delivery, maxDelivery)
	}
	if err := s.Redrive.check(); err != nil {
		return err
	}
	if s.DelayMs != 0 && !s.FIFO {
		return fmt.Errorf("delay of %d ms in the settings of a standard queue", s.DelayMs)
	}
	if err := checkRange("delay", s.DelayMs, 0, MaxDelayMs); err != nil {
		return err
	}
	return checkRange("retention", s.RetentionMs, 1, MaxRetentionMs)
}

func (r *Redrive) check() error {
	switch {
	case r.MaxReceives == 0 && *r != Redrive{}:
		return fmt.Errorf("redrive to %s after 0 receives", r.Target.Name)
	case r.MaxReceives > MaxRedriveReceives:
		return fmt.Errorf("redrive after %d receives, at most %d", r.MaxReceives, MaxRedriveReceives)
	case len(r.Target.Account) > MaxNameBytes || len(r.Target.Name) > MaxNameBytes || len(r.SourceARN) > MaxNameBytes:
		return fmt.Errorf("redrive with names of %d, %d and %d bytes, at most %d",
			len(r.Target.Account), len(r.Target.Name), len(r.SourceARN), MaxNameBytes)
	}
	return nil
}

func (t *MoveTask) check() error {
	switch {
	case t.Operation < TaskStart || t.Operation > TaskList:
		return fmt.Errorf("unknown operation %d on a task", t.Operation)
	case len(t.Target.Account) > MaxNameBytes || len(t.Target.Name) > MaxNameBytes:
		return fmt.Errorf("task with names of %d and %d bytes, at most %d", len(t.Target.Account), len(t.Target.Name), MaxNameBytes)
	case t.Operation != TaskStart && (t.Target != Target{} || t.RateMilli != 0):
		return fmt.Errorf("operation %d on a task has a target or rate", t.Operation)
	}
	return nil
}

func (t *Transfer) check() error {
	if len(t.Messages) < 1 || len(t.Messages) > MaxBatch {
		return fmt.Errorf("transfer of %d messages, want 1 to %d", len(t.Messages), MaxBatch)
	}
	last := uint64(0)
	for i := range t.Messages {
		m := &t.Messages[i]
		if err := m.check(); err != nil {
			return fmt.Errorf("moved message %d: %w", i, err)
		}
		if m.Number <= last || m.DelayMs != 0 || len(m.SourceARN) > MaxNameBytes {
			return fmt.Errorf("moved message %d has number %d after %d, a delay of %d ms, a source of %d bytes",
				i, m.Number, last, m.DelayMs, len(m.SourceARN))
		}
		last = m.Number
	}
	return nil
}

func (s *Send) check() error {
	for _, field := range []struct {
		name      string
		size, max int
	}{
		{"body", len(s.Body), MaxBodyBytes},
		{"attributes", len(s.Attributes), MaxAttributesBytes},
		{"system attributes", len(s.SystemAttributes), MaxSystemAttributesBytes},
		{"sender ID", len(s.SenderID), MaxNameBytes},
		{"group", len(s.Group), MaxNameBytes},
		{"deduplication ID", len(s.DedupID), MaxNameBytes},
	} {
		if field.size > field.max {
			return fmt.Errorf("%s of %d bytes, at most %d", field.name, field.size, field.max)
		}
	}
	return checkRange("delay", s.DelayMs, 0, MaxDelayMs)
}

func (r *Receive) check() error {
	if r.Max < 1 || r.Max > MaxBatch {
		return fmt.Errorf("receive of %d messages, want 1 to %d", r.Max, MaxBatch)
	}
	if len(r.AttemptID) > MaxNameBytes {
		return fmt.Errorf("attempt ID of %d bytes, at most %d", len(r.AttemptID), MaxNameBytes)
	}
	return checkRange("visibility", r.VisibilityMs, 0, MaxVisibilityMs)
}

func checkRange(name string, valueMs, minMs, maxMs int64) error {
	if valueMs < minMs || valueMs > maxMs {
		return fmt.Errorf("%s of %d ms, want %d to %d", name, valueMs, minMs, maxMs)
	}
	return nil
}
