package catalog

import (
	"errors"
	"fmt"

	"chasqui/metadata/codec"
	"chasqui/node/rpc"

	"github.com/vmihailenco/msgpack/v5"
)

// commandVersion is the first field of every command. Version 1, which had no Deletion and no IfVersion, can still
// be read.
const (
	commandVersion       = 2
	oldestCommandVersion = 1
)

// RequestID identifies one attempt of a client to change something, however often it is sent. The zero id means that
// the result need not be remembered.
type RequestID [16]byte

// Kind says what a command does.
type Kind uint8

// The kinds of commands. The numbers are part of the command format.
const (
	KindCreateQueue   Kind = 1
	KindSetAttributes Kind = 2
	KindDeleteQueue   Kind = 3
	KindMarkPurged    Kind = 4
	KindRegisterHost  Kind = 5
	KindAssignSlots   Kind = 6
	KindRestoreQueue  Kind = 7
)

// Command is one change of the catalog. The fields that Kind needs are set, the others are zero.
type Command struct {
	RequestID RequestID
	Kind      Kind
	// Account and Name name the queue (kinds 1 to 4 and 7).
	Account, Name string
	// Patch gives attributes (CreateQueue over the defaults, SetAttributes over the present ones).
	Patch Patch
	// Tags are set, RemoveTags removed (CreateQueue: Tags only; SetAttributes: both, removal first).
	Tags       map[string]string
	RemoveTags []string
	// IfVersion, unless it is 0, makes SetAttributes answer Conflict for a record of another version. With it, what was
	// computed from a record can be written back only if nobody has changed the record since.
	IfVersion uint64
	// ReceiptKey becomes the queue's (CreateQueue). It comes with the command because Apply has no randomness.
	ReceiptKey [32]byte
	// CooldownMs is how long after a deletion the name cannot be used again (CreateQueue), or after a purge the next
	// is refused (MarkPurged). 0 switches the rule off. At most TombstoneKeep.
	CooldownMs int64
	// Host is registered (RegisterHost).
	Host Host
	// Assignment is fixed (AssignSlots).
	Assignment Assignment
	// Deletion says how (DeleteQueue), or which deletion is undone (RestoreQueue).
	Deletion Deletion
}

const (
	commandFields       = 14
	oldestCommandFields = 12
)

// Encode returns the command's bytes. The command must be valid.
func (c *Command) Encode() []byte { return rpc.Encode(c) }

// DecodeCommand reads and validates what Encode wrote.
func DecodeCommand(b []byte) (*Command, error) {
	c := new(Command)
	if err := rpc.Decode(b, c); err != nil {
		return nil, fmt.Errorf("decode catalog command: %w", err)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// Validate reports what makes the command impossible to store, whatever the state.
func (c *Command) Validate() error {
	switch c.Kind {
	case KindCreateQueue, KindSetAttributes, KindDeleteQueue, KindMarkPurged, KindRestoreQueue:
		return c.validateQueue()
	case KindRegisterHost:
		return c.Host.validate()
	case KindAssignSlots:
		return c.Assignment.validate()
	default:
		return fmt.Errorf("unknown kind of catalog command: %d", c.Kind)
	}
}

func (c *Command) validateQueue() error {
	switch {
	case c.Account == "" || len(c.Account) > AccountBytesMax:
		return fmt.Errorf("account of %d bytes, must have 1 to %d", len(c.Account), AccountBytesMax)
	case c.Name == "" || len(c.Name) > NameBytesMax:
		return fmt.Errorf("queue name of %d bytes, must have 1 to %d", len(c.Name), NameBytesMax)
	case len(c.Tags) > TagsMax:
		return fmt.Errorf("%d tags, at most %d", len(c.Tags), TagsMax)
	case len(c.RemoveTags) > TagsMax:
		return fmt.Errorf("%d tags to remove, at most %d", len(c.RemoveTags), TagsMax)
	case c.CooldownMs < 0 || c.CooldownMs > TombstoneKeep.Milliseconds():
		return fmt.Errorf("cool-down of %d ms, must be 0 to %d", c.CooldownMs, TombstoneKeep.Milliseconds())
	case c.IfVersion != 0 && c.Kind != KindSetAttributes:
		return fmt.Errorf("command kind %d depends on version %d, which only a change of attributes can", c.Kind, c.IfVersion)
	}
	if err := c.Deletion.validate(); err != nil {
		return err
	}
	for key, value := range c.Tags {
		if len(key) > tagKeyBytesMax || len(value) > tagValueBytesMax {
			return fmt.Errorf("tag with a key of %d and a value of %d bytes, at most %d and %d",
				len(key), len(value), tagKeyBytesMax, tagValueBytesMax)
		}
	}
	for _, key := range c.RemoveTags {
		if len(key) > tagKeyBytesMax {
			return fmt.Errorf("tag to remove with a key of %d bytes, at most %d", len(key), tagKeyBytesMax)
		}
	}
	return c.Patch.Validate()
}

func (h *Host) validate() error {
	switch {
	case h.ID == "" || len(h.ID) > HostIDBytesMax:
		return fmt.Errorf("host id of %d bytes, must have 1 to %d", len(h.ID), HostIDBytesMax)
	case h.Incarnation == 0:
		return fmt.Errorf("host %s: incarnation must not be 0", h.ID)
	case h.Address == "" || len(h.Address) > AddressBytesMax:
		return fmt.Errorf("host %s: address of %d bytes, must have 1 to %d", h.ID, len(h.Address), AddressBytesMax)
	case h.RejoinMs < 0:
		return fmt.Errorf("host %s: data folder made at %d ms, must not be before 1970", h.ID, h.RejoinMs)
	case len(h.Zone) > ZoneBytesMax:
		return fmt.Errorf("host %s: zone of %d bytes, at most %d", h.ID, len(h.Zone), ZoneBytesMax)
	}
	return nil
}

func (a Assignment) validate() error {
	if len(a) < 1 || len(a) > SlotsMax {
		return fmt.Errorf("assignment of %d slots, must be 1 to %d", len(a), SlotsMax)
	}
	for slot, members := range a {
		if len(members) < 1 || len(members) > ReplicasMax {
			return fmt.Errorf("slot %d has %d hosts, must be 1 to %d", slot, len(members), ReplicasMax)
		}
		seen := make(map[string]bool, len(members))
		for _, id := range members {
			if id == "" || seen[id] {
				return fmt.Errorf("slot %d: host id %q is empty or given twice", slot, id)
			}
			seen[id] = true
		}
	}
	return nil
}

// EncodeMsgpack writes the version and all fields; those that the kind does not use take a byte or two each.
func (c *Command) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(commandFields)
	w.Uint(commandVersion)
	w.Uint(uint64(c.Kind))
	w.Bytes(c.RequestID[:])
	w.String(c.Account)
	w.String(c.Name)
	w.Record(&c.Patch)
	writeTags(w, c.Tags)
	w.Fields(len(c.RemoveTags))
	for _, key := range c.RemoveTags {
		w.String(key)
	}
	w.Optional(c.Kind == KindCreateQueue, (*receiptKey)(&c.ReceiptKey))
	w.Int(c.CooldownMs)
	w.Optional(c.Kind == KindRegisterHost, &c.Host)
	w.Record(&c.Assignment)
	w.Optional(c.deletes(), &c.Deletion)
	w.Uint(c.IfVersion)
	return w.Err()
}

// deletes tells whether the command has a Deletion.
func (c *Command) deletes() bool { return c.Kind == KindDeleteQueue || c.Kind == KindRestoreQueue }

// DecodeMsgpack reads what EncodeMsgpack wrote, of this version or an earlier one. It refuses others.
func (c *Command) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	fields := r.List(commandFields)
	version := r.Uint()
	switch {
	case r.Err() != nil:
		return r.Err()
	case version < oldestCommandVersion || version > commandVersion:
		return fmt.Errorf("command has version %d, this program reads versions %d to %d", version, oldestCommandVersion, commandVersion)
	case version == oldestCommandVersion && fields != oldestCommandFields, version == commandVersion && fields != commandFields:
		return fmt.Errorf("command of version %d has %d fields", version, fields)
	}
	c.Kind = Kind(r.UintUpTo(255))
	r.Fixed(c.RequestID[:])
	c.Account = r.String(AccountBytesMax)
	c.Name = r.String(NameBytesMax)
	r.Record(&c.Patch)
	c.Tags = readTags(r)
	for range r.List(TagsMax) {
		c.RemoveTags = append(c.RemoveTags, r.String(tagKeyBytesMax))
	}
	hasKey := r.Optional()
	if hasKey {
		r.Fixed(c.ReceiptKey[:])
	}
	c.CooldownMs = r.Int()
	hasHost := r.Optional()
	if hasHost {
		r.Record(&c.Host)
	}
	r.Record(&c.Assignment)
	if version > oldestCommandVersion {
		hasDeletion := r.Optional()
		if hasDeletion {
			r.Record(&c.Deletion)
		}
		c.IfVersion = r.Uint()
		if r.Err() == nil && hasDeletion != c.deletes() {
			return errors.New("command has fields of another kind")
		}
	}
	if r.Err() == nil && (hasKey != (c.Kind == KindCreateQueue) || hasHost != (c.Kind == KindRegisterHost)) {
		return errors.New("command has fields of another kind")
	}
	return r.Err()
}

// receiptKey encodes a key as a byte string.
type receiptKey [32]byte

func (k *receiptKey) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeBytes(k[:]) }
