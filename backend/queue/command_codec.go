package queue

import (
	"fmt"
	"slices"

	"chasqui/node/rpc"
)

// commandVersion is the format below. A decoder reads version 1 too, which had no delivery and nothing to keep, and refuses
// any other: a journal may hold entries that a later program wrote.
const (
	commandVersion       = 2
	oldestCommandVersion = 1
)

// Encode returns the command as it travels to the leader and lies in the journal, in msgpack:
//
//	version | [session, seq, low water, queue, partition, settings version, kind, payload]
//
//	payload of   configure    [version, fifo, retention ms, dedup per group, delivery]; with a dead-letter queue, followed
//	                          by max receives, its account, its name, source ARN; with a delay, then followed by delay ms
//	             send         [[message id, body, attributes, system attributes, sender id, group, dedup id,
//	                            delay ms], ...]
//	             receive      [max, visibility ms, attempt id]
//	             delete       [[seq, receive], ...]
//	             visibility   [[seq, receive, visibility ms], ...]
//	             drop         nil, or [as configure, keep ms]
//	             transfer     [queue, partition, [[number, sent ms, receives, source ARN, (as a send)], ...]]
//	             settle       [through, returned]
//	             move task    [operation, id, target's account, target's name, rate]
//	             the others   nil
//
// The result belongs to the caller.
func (c *Command) Encode() []byte {
	w := rpc.NewWriter()
	c.EncodeTo(w)
	return w.Finish()
}

// commandBytes and sendBytes are about what a command takes without its messages, and a message besides its body,
// attributes and names.
const (
	commandBytes = 96
	sendBytes    = 48
)

// SizeHint returns about how many bytes Encode returns, for a send seldom less.
func (c *Command) SizeHint() int {
	size := commandBytes
	for i := range c.Sends {
		s := &c.Sends[i]
		size += sendBytes + len(s.Body) + len(s.Attributes) + len(s.SystemAttributes) + len(s.SenderID) + len(s.Group) + len(s.DedupID)
	}
	return size
}

// EncodeTo writes what Encode returns.
func (c *Command) EncodeTo(w *rpc.Writer) {
	w.Uint64(commandVersion)
	w.ArrayLen(8)
	w.Uint64(c.Session)
	w.Uint64(c.Seq)
	w.Uint64(c.LowWater)
	w.Uint64(c.Partition.Queue)
	w.Uint64(uint64(c.Partition.Partition))
	w.Uint64(c.SettingsVersion)
	w.Uint64(uint64(c.Kind))
	c.encodePayload(w)
}

func (c *Command) encodePayload(w *rpc.Writer) {
	switch {
	case c.Kind == KindConfigure && c.Settings != nil:
		c.Settings.encode(w)
	case c.Kind == KindSend:
		w.ArrayLen(len(c.Sends))
		for i := range c.Sends {
			c.Sends[i].encode(w)
		}
	case c.Kind == KindReceive && c.Receive != nil:
		w.ArrayLen(3)
		w.Int64(int64(c.Receive.Max))
		w.Int64(c.Receive.VisibilityMs)
		w.String(c.Receive.AttemptID)
	case c.Kind == KindDelete:
		w.ArrayLen(len(c.Deletes))
		for _, handle := range c.Deletes {
			w.ArrayLen(2)
			handle.encode(w)
		}
	case c.Kind == KindVisibility:
		w.ArrayLen(len(c.Changes))
		for _, change := range c.Changes {
			w.ArrayLen(3)
			change.encode(w)
			w.Int64(change.VisibilityMs)
		}
	case c.Kind == KindDrop && c.Keep != nil:
		w.ArrayLen(2)
		c.Keep.Settings.encode(w)
		w.Int64(c.Keep.KeepMs)
	case c.Kind == KindTransfer && c.Transfer != nil:
		w.ArrayLen(3)
		c.Transfer.Origin.encode(w)
		w.ArrayLen(len(c.Transfer.Messages))
		for i := range c.Transfer.Messages {
			c.Transfer.Messages[i].encode(w)
		}
	case c.Kind == KindSettle && c.Settle != nil:
		w.ArrayLen(2)
		w.Uint64(c.Settle.Through)
		w.Bool(c.Settle.Returned)
	case c.Kind == KindMoveTask && c.MoveTask != nil:
		w.ArrayLen(5)
		w.Uint64(uint64(c.MoveTask.Operation))
		w.Bytes(c.MoveTask.ID[:])
		w.String(c.MoveTask.Target.Account)
		w.String(c.MoveTask.Target.Name)
		w.Uint64(uint64(c.MoveTask.RateMilli))
	default:
		w.Nil()
	}
}

func (m *Moved) encode(w *rpc.Writer) {
	w.ArrayLen(5)
	w.Uint64(m.Number)
	w.Int64(m.SentMs)
	w.Uint64(uint64(m.Receives))
	w.String(m.SourceARN)
	m.Send.encode(w)
}

// settingsValues is how many values settings have, oldestSettingsValues how many in version 1; redriveValues how many more
// with a dead-letter queue, and delayValues with a delay.
const (
	settingsValues       = 5
	oldestSettingsValues = 4
	redriveValues        = 4
	delayValues          = 1
)

func (s *Settings) encode(w *rpc.Writer) {
	values := settingsValues
	if s.Redrive.MaxReceives > 0 {
		values += redriveValues
	}
	if s.DelayMs != 0 {
		values += delayValues
	}
	w.ArrayLen(values)
	w.Uint64(s.Version)
	w.Bool(s.FIFO)
	w.Int64(s.RetentionMs)
	w.Bool(s.DedupPerGroup)
	w.Uint64(uint64(s.Delivery))
	if s.Redrive.MaxReceives > 0 {
		w.Uint64(uint64(s.Redrive.MaxReceives))
		w.String(s.Redrive.Target.Account)
		w.String(s.Redrive.Target.Name)
		w.String(s.Redrive.SourceARN)
	}
	if s.DelayMs != 0 {
		w.Int64(s.DelayMs)
	}
}

func (s *Send) encode(w *rpc.Writer) {
	w.ArrayLen(8)
	w.Bytes(s.MessageID[:])
	w.Bytes(s.Body)
	w.Bytes(s.Attributes)
	w.Bytes(s.SystemAttributes)
	w.String(s.SenderID)
	w.String(s.Group)
	w.String(s.DedupID)
	w.Int64(s.DelayMs)
}

// encode writes the two values of a handle, without an array around them.
func (h Handle) encode(w *rpc.Writer) {
	w.Uint64(h.Seq)
	w.Uint64(uint64(h.Receive))
}

// DecodeCommand reads what Encode wrote. Bodies and attributes in the result alias b. Lengths are checked against the
// limits of this package before anything is allocated; whether the values make sense is for [Command.Check].
func DecodeCommand(b []byte) (Command, error) {
	var d Decoder
	c, err := d.Decode(b)
	if err != nil {
		return Command{}, err
	}
	return *c, nil
}

// Decoder decodes one command after the other and uses the memory of the one before again. The zero value is ready.
type Decoder struct {
	command Command
	// sends, deletes and changes are the memory of the command's.
	sends   []Send
	deletes []Handle
	changes []VisibilityChange
}

// Decode is DecodeCommand, but the result is valid until the next call.
func (d *Decoder) Decode(b []byte) (*Command, error) {
	r := rpc.NewReader(b)
	if version := r.Uint64(); version < oldestCommandVersion || version > commandVersion {
		r.Fail("command of version %d, this program reads versions %d to %d", version, oldestCommandVersion, commandVersion)
	}
	r.ArrayExactly(8)
	c := &d.command
	*c = Command{
		Session: r.Uint64(), Seq: r.Uint64(), LowWater: r.Uint64(),
		Partition:       PartitionID{Queue: r.Uint64(), Partition: r.Uint16()},
		SettingsVersion: r.Uint64(), Kind: Kind(r.Uint8()),
	}
	d.payload(&r)
	if err := r.Finish(); err != nil {
		return nil, fmt.Errorf("decoding a command: %w", err)
	}
	return c, nil
}

// resized returns a slice of n elements, in the memory of s if there is room.
func resized[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// payload reads what is behind the kind.
func (d *Decoder) payload(r *rpc.Reader) {
	switch c := &d.command; c.Kind {
	case KindConfigure:
		c.Settings = &Settings{}
		c.Settings.decode(r)
	case KindSend:
		d.sends = resized(d.sends, r.ArrayLen(MaxBatch))
		c.Sends = d.sends
		for i := range c.Sends {
			c.Sends[i].decode(r)
		}
	case KindReceive:
		r.ArrayExactly(3)
		c.Receive = &Receive{Max: int(r.UintMax(MaxBatch)), VisibilityMs: r.Int64(), AttemptID: r.String(MaxNameBytes)}
	case KindDelete:
		d.deletes = resized(d.deletes, r.ArrayLen(MaxBatch))
		c.Deletes = d.deletes
		for i := range c.Deletes {
			r.ArrayExactly(2)
			c.Deletes[i] = decodeHandle(r)
		}
	case KindVisibility:
		d.changes = resized(d.changes, r.ArrayLen(MaxBatch))
		c.Changes = d.changes
		for i := range c.Changes {
			r.ArrayExactly(3)
			c.Changes[i] = VisibilityChange{Handle: decodeHandle(r), VisibilityMs: r.Int64()}
		}
	case KindTransfer:
		r.ArrayExactly(3)
		c.Transfer = &Transfer{Origin: decodePartitionID(r), Messages: make([]Moved, r.ArrayLen(MaxBatch))}
		for i := range c.Transfer.Messages {
			c.Transfer.Messages[i].decode(r)
		}
	case KindSettle:
		r.ArrayExactly(2)
		c.Settle = &Settle{Through: r.Uint64(), Returned: r.Bool()}
	case KindMoveTask:
		r.ArrayExactly(5)
		c.MoveTask = &MoveTask{Operation: TaskOperation(r.Uint8())}
		r.BytesInto(c.MoveTask.ID[:])
		c.MoveTask.Target = Target{Account: r.String(MaxNameBytes), Name: r.String(MaxNameBytes)}
		c.MoveTask.RateMilli = r.Uint32()
	case KindPurge, KindExpire:
		if !r.Nil() {
			r.Fail("%v command without its nil", c.Kind)
		}
	case KindDrop:
		if !r.Nil() {
			r.ArrayExactly(2)
			c.Keep = &Keep{}
			c.Keep.Settings.decode(r)
			c.Keep.KeepMs = r.Int64()
		}
	default:
		r.Fail("unknown command %v", c.Kind)
	}
}

func (s *Settings) decode(r *rpc.Reader) {
	values := r.ArrayLen(settingsValues + redriveValues + delayValues)
	*s = Settings{Version: r.Uint64(), FIFO: r.Bool(), RetentionMs: r.Int64(), DedupPerGroup: r.Bool()}
	if values == oldestSettingsValues {
		return
	}
	s.Delivery = Delivery(r.Uint8())
	redrive, delay := false, false
	switch values {
	case settingsValues:
	case settingsValues + delayValues:
		delay = true
	case settingsValues + redriveValues:
		redrive = true
	case settingsValues + redriveValues + delayValues:
		redrive, delay = true, true
	default:
		r.Fail("settings with %d values", values)
	}
	if redrive {
		s.Redrive = Redrive{
			MaxReceives: r.Uint32(), Target: Target{Account: r.String(MaxNameBytes), Name: r.String(MaxNameBytes)},
			SourceARN: r.String(MaxNameBytes),
		}
		if s.Redrive.MaxReceives == 0 {
			r.Fail("a dead-letter queue after 0 receives")
		}
	}
	if delay {
		if s.DelayMs = r.Int64(); s.DelayMs == 0 {
			r.Fail("a delay of 0")
		}
	}
}

func (m *Moved) decode(r *rpc.Reader) {
	r.ArrayExactly(5)
	m.Number, m.SentMs, m.Receives, m.SourceARN = r.Uint64(), r.Int64(), r.Uint32(), r.String(MaxNameBytes)
	m.Send.decode(r)
}

func (s *Send) decode(r *rpc.Reader) {
	r.ArrayExactly(8)
	r.BytesInto(s.MessageID[:])
	s.Body = r.Bytes(MaxBodyBytes)
	s.Attributes = r.Bytes(MaxAttributesBytes)
	s.SystemAttributes = r.Bytes(MaxSystemAttributesBytes)
	s.SenderID = r.StringLike(s.SenderID, MaxNameBytes) // most often that of the command before
	s.Group = r.String(MaxNameBytes)
	s.DedupID = r.String(MaxNameBytes)
	s.DelayMs = r.Int64()
}

func decodeHandle(r *rpc.Reader) Handle { return Handle{Seq: r.Uint64(), Receive: r.Uint32()} }
