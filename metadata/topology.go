package metadata

import (
	"chasqui/metadata/catalog"
	"chasqui/metadata/codec"
	"chasqui/node/replication"

	"github.com/vmihailenco/msgpack/v5"
)

// Topology says where the slots of the backend cluster are, as one metadata host sees it.
type Topology struct {
	// Version grows when hosts register, change their address, or slots are assigned. Of two topologies the one with
	// the larger version has the later members and addresses; leaders and liveness change without it.
	Version uint64
	// Slots has one element per slot, in order; empty until slots are assigned.
	Slots []SlotAssignment
	// Hosts are the registered backend hosts in order of id.
	Hosts []HostView
}

// SlotAssignment says which backend hosts hold a slot.
type SlotAssignment struct {
	Slot uint16
	// Members are the hosts, with their latest registered addresses. The first is preferred as leader when the whole
	// cluster starts.
	Members []replication.Member
	// Leader is the host that leads the slot according to the heartbeat with the highest term; "" if none is known. It
	// is a hint.
	Leader string
	// Term is the raft term in which Leader leads; 0 if no leader is known.
	Term uint64
}

// LeaderAddress returns where the slot's leader answers.
func (s *SlotAssignment) LeaderAddress() (address string, ok bool) {
	for _, m := range s.Members {
		if m.ID == s.Leader && s.Leader != "" {
			return m.Address, true
		}
	}
	return "", false
}

// HostView is a registered backend host and how long it has been silent.
type HostView struct {
	ID, Address, Zone string
	// Alive is false once the host has been silent for DeadAfter.
	Alive bool
	// AgeMs is the time since its last heartbeat in ms; -1 if the answering metadata host has never heard it.
	AgeMs int64
}

// EncodeMsgpack writes the topology.
func (t *Topology) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(3)
	w.Uint(t.Version)
	w.Fields(len(t.Slots))
	for i := range t.Slots {
		s := &t.Slots[i]
		w.Fields(4)
		w.Uint(uint64(s.Slot))
		w.Fields(len(s.Members))
		for _, m := range s.Members {
			w.Fields(2)
			w.String(m.ID)
			w.String(m.Address)
		}
		w.String(s.Leader)
		w.Uint(s.Term)
	}
	w.Fields(len(t.Hosts))
	for _, h := range t.Hosts {
		w.Fields(5)
		w.String(h.ID)
		w.String(h.Address)
		w.String(h.Zone)
		w.Bool(h.Alive)
		w.Int(h.AgeMs)
	}
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (t *Topology) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(3)
	t.Version = r.Uint()
	t.Slots = make([]SlotAssignment, r.List(catalog.SlotsMax))
	for i := range t.Slots {
		s := &t.Slots[i]
		r.Fields(4)
		s.Slot = uint16(r.UintUpTo(catalog.SlotsMax - 1))
		s.Members = make([]replication.Member, r.List(catalog.ReplicasMax))
		for j := range s.Members {
			r.Fields(2)
			s.Members[j].ID = r.String(catalog.HostIDBytesMax)
			s.Members[j].Address = r.String(catalog.AddressBytesMax)
		}
		s.Leader = r.String(catalog.HostIDBytesMax)
		s.Term = r.Uint()
	}
	t.Hosts = make([]HostView, r.List(catalog.HostsMax))
	for i := range t.Hosts {
		h := &t.Hosts[i]
		r.Fields(5)
		h.ID = r.String(catalog.HostIDBytesMax)
		h.Address = r.String(catalog.AddressBytesMax)
		h.Zone = r.String(catalog.ZoneBytesMax)
		h.Alive = r.Bool()
		h.AgeMs = r.Int()
	}
	return r.Err()
}
