package metadata

import (
	"chasqui/metadata/catalog"
	"chasqui/metadata/codec"
	"chasqui/node/replication"

	"github.com/vmihailenco/msgpack/v5"
)

// Status is the state of the metadata hosts and of the backend cluster, for operators. It is put together from what
// each metadata host sees and is not linearizable.
type Status struct {
	// AnsweredBy is the metadata host whose view of the backend this is: the leader's if it answered.
	AnsweredBy string
	// ExpectBackends is how many backend hosts must register before slots are assigned.
	ExpectBackends int
	// Queues is the number of queues.
	Queues int
	// Members are the metadata hosts in the order in which they are configured.
	Members []MemberStatus
	// Backends are the backend hosts in order of id: the registered ones, and those that are heard but not accepted.
	Backends []BackendStatus
	// Slots are the slots in order; empty until they are assigned.
	Slots []SlotStatus
}

// MemberStatus is one metadata host.
type MemberStatus struct {
	ID, Address string
	// Reachable is false if the host did not answer; Error then says why.
	Reachable bool
	Error     string
	// Group is its replica of the catalog: role, term, indexes, and on the leader the followers.
	Group replication.Status
}

// BackendStatus is one backend host.
type BackendStatus struct {
	Host      catalog.Host
	PID       int
	StartedMs int64
	// AgeMs is the time since its last heartbeat in ms; -1 if it was never heard. Alive is false once it has been silent
	// for DeadAfter.
	AgeMs    int64
	Alive    bool
	Standing Standing
	// Message says why a host is refused.
	Message string
}

// SlotStatus is one slot.
type SlotStatus struct {
	Slot uint16
	// Leader and Term are as in SlotAssignment.
	Leader string
	Term   uint64
	// Partitions is the number of queue partitions placed in the slot.
	Partitions int
	Replicas   []ReplicaStatus
}

// ReplicaStatus is the replica of a slot on one host, as the host's last heartbeat described it.
type ReplicaStatus struct {
	HostID string
	// Heard is false if the host's last heartbeat is too old or did not mention the slot; the rest is then zero.
	Heard bool
	Group replication.Status
	// Lag is how many log entries it lacks; known while the slot's leader is heard too.
	Lag uint64
}

// Disagreement returns "" or, if replicas of the slot differ, a sentence that says how. See replication.Disagreement.
func (s *SlotStatus) Disagreement() string {
	heard := make([]replication.Status, 0, len(s.Replicas))
	for i := range s.Replicas {
		if s.Replicas[i].Heard {
			heard = append(heard, s.Replicas[i].Group)
		}
	}
	return replication.Disagreement(heard)
}

// Disagreement is the same of the metadata hosts' replicas of the catalog.
func (s *Status) Disagreement() string {
	reached := make([]replication.Status, 0, len(s.Members))
	for i := range s.Members {
		if s.Members[i].Reachable {
			reached = append(reached, s.Members[i].Group)
		}
	}
	return replication.Disagreement(reached)
}

// EncodeMsgpack writes the status.
func (s *Status) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(6)
	w.String(s.AnsweredBy)
	w.Int(int64(s.ExpectBackends))
	w.Int(int64(s.Queues))
	w.Fields(len(s.Members))
	for i := range s.Members {
		m := &s.Members[i]
		w.Fields(5)
		w.String(m.ID)
		w.String(m.Address)
		w.Bool(m.Reachable)
		w.String(m.Error)
		writeGroup(w, &m.Group)
	}
	w.Fields(len(s.Backends))
	for i := range s.Backends {
		b := &s.Backends[i]
		w.Fields(7)
		w.Record(&b.Host)
		w.Int(int64(b.PID))
		w.Int(b.StartedMs)
		w.Int(b.AgeMs)
		w.Bool(b.Alive)
		w.Uint(uint64(b.Standing))
		w.String(b.Message)
	}
	w.Fields(len(s.Slots))
	for i := range s.Slots {
		writeSlotStatus(w, &s.Slots[i])
	}
	return w.Err()
}

func writeSlotStatus(w *codec.Writer, s *SlotStatus) {
	w.Fields(5)
	w.Uint(uint64(s.Slot))
	w.String(s.Leader)
	w.Uint(s.Term)
	w.Int(int64(s.Partitions))
	w.Fields(len(s.Replicas))
	for i := range s.Replicas {
		replica := &s.Replicas[i]
		w.Fields(4)
		w.String(replica.HostID)
		w.Bool(replica.Heard)
		writeGroup(w, &replica.Group)
		w.Uint(replica.Lag)
	}
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (s *Status) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(6)
	s.AnsweredBy = r.String(catalog.HostIDBytesMax)
	s.ExpectBackends = int(r.Int())
	s.Queues = int(r.Int())
	s.Members = make([]MemberStatus, r.List(catalog.ReplicasMax))
	for i := range s.Members {
		m := &s.Members[i]
		r.Fields(5)
		m.ID = r.String(catalog.HostIDBytesMax)
		m.Address = r.String(catalog.AddressBytesMax)
		m.Reachable = r.Bool()
		m.Error = r.String(messageBytesMax)
		readGroup(r, &m.Group)
	}
	s.Backends = make([]BackendStatus, r.List(heardMax+catalog.HostsMax))
	for i := range s.Backends {
		b := &s.Backends[i]
		r.Fields(7)
		r.Record(&b.Host)
		b.PID = int(r.Int())
		b.StartedMs = r.Int()
		b.AgeMs = r.Int()
		b.Alive = r.Bool()
		b.Standing = Standing(r.UintUpTo(uint64(StandingRefused)))
		b.Message = r.String(messageBytesMax)
	}
	s.Slots = make([]SlotStatus, r.List(catalog.SlotsMax))
	for i := range s.Slots {
		readSlotStatus(r, &s.Slots[i])
	}
	return r.Err()
}

func readSlotStatus(r *codec.Reader, s *SlotStatus) {
	r.Fields(5)
	s.Slot = uint16(r.UintUpTo(catalog.SlotsMax - 1))
	s.Leader = r.String(catalog.HostIDBytesMax)
	s.Term = r.Uint()
	s.Partitions = int(r.Int())
	s.Replicas = make([]ReplicaStatus, r.List(catalog.ReplicasMax))
	for i := range s.Replicas {
		replica := &s.Replicas[i]
		r.Fields(4)
		replica.HostID = r.String(catalog.HostIDBytesMax)
		replica.Heard = r.Bool()
		readGroup(r, &replica.Group)
		replica.Lag = r.Uint()
	}
}
