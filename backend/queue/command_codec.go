package queue

import (
	"fmt"

	"chasqui/node/rpc"
)

// commandVersion is the format below. A decoder refuses any other: a journal may hold entries that a later program
// wrote.
const commandVersion = 1

// Encode returns the command as it travels to the leader and lies in the journal, in msgpack:
//
//	version | [session, seq, low water, queue, partition, settings version, kind, payload]
//
//	payload of   configure    [version, fifo, retention ms, dedup per group]
//	             send         [[message id, body, attributes, system attributes, sender id, group, dedup id,
//	                            delay ms], ...]
//	             receive      [max, visibility ms, attempt id]
//	             delete       [[seq, receive], ...]
//	             visibility   [[seq, receive, visibility ms], ...]
//	             the others   nil
//
// The result belongs to the caller.
func (c *Command) Encode() []byte {
	w := rpc.NewWriter()
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
	return w.Finish()
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
	default:
		w.Nil()
	}
}

func (s *Settings) encode(w *rpc.Writer) {
	w.ArrayLen(4)
	w.Uint64(s.Version)
	w.Bool(s.FIFO)
	w.Int64(s.RetentionMs)
	w.Bool(s.DedupPerGroup)
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
	r := rpc.NewReader(b)
	if version := r.Uint64(); version != commandVersion {
		r.Fail("command of version %d, this program reads version %d", version, commandVersion)
	}
	r.ArrayExactly(8)
	c := Command{
		Session: r.Uint64(), Seq: r.Uint64(), LowWater: r.Uint64(),
		Partition:       PartitionID{Queue: r.Uint64(), Partition: r.Uint16()},
		SettingsVersion: r.Uint64(), Kind: Kind(r.Uint8()),
	}
	c.decodePayload(&r)
	if err := r.Finish(); err != nil {
		return Command{}, fmt.Errorf("decoding a command: %w", err)
	}
	return c, nil
}

func (c *Command) decodePayload(r *rpc.Reader) {
	switch c.Kind {
	case KindConfigure:
		c.Settings = &Settings{}
		c.Settings.decode(r)
	case KindSend:
		c.Sends = make([]Send, r.ArrayLen(MaxBatch))
		for i := range c.Sends {
			c.Sends[i].decode(r)
		}
	case KindReceive:
		r.ArrayExactly(3)
		c.Receive = &Receive{Max: int(r.UintMax(MaxBatch)), VisibilityMs: r.Int64(), AttemptID: r.String(MaxNameBytes)}
	case KindDelete:
		c.Deletes = make([]Handle, r.ArrayLen(MaxBatch))
		for i := range c.Deletes {
			r.ArrayExactly(2)
			c.Deletes[i] = decodeHandle(r)
		}
	case KindVisibility:
		c.Changes = make([]VisibilityChange, r.ArrayLen(MaxBatch))
		for i := range c.Changes {
			r.ArrayExactly(3)
			c.Changes[i] = VisibilityChange{Handle: decodeHandle(r), VisibilityMs: r.Int64()}
		}
	case KindPurge, KindDrop, KindExpire:
		if !r.Nil() {
			r.Fail("%v command without its nil", c.Kind)
		}
	default:
		r.Fail("unknown command %v", c.Kind)
	}
}

func (s *Settings) decode(r *rpc.Reader) {
	r.ArrayExactly(4)
	*s = Settings{Version: r.Uint64(), FIFO: r.Bool(), RetentionMs: r.Int64(), DedupPerGroup: r.Bool()}
}

func (s *Send) decode(r *rpc.Reader) {
	r.ArrayExactly(8)
	r.BytesInto(s.MessageID[:])
	s.Body = r.Bytes(MaxBodyBytes)
	s.Attributes = r.Bytes(MaxAttributesBytes)
	s.SystemAttributes = r.Bytes(MaxSystemAttributesBytes)
	s.SenderID = r.String(MaxNameBytes)
	s.Group = r.String(MaxNameBytes)
	s.DedupID = r.String(MaxNameBytes)
	s.DelayMs = r.Int64()
}

func decodeHandle(r *rpc.Reader) Handle { return Handle{Seq: r.Uint64(), Receive: r.Uint32()} }
