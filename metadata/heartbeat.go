package metadata

import (
	"fmt"

	"chasqui/metadata/catalog"
	"chasqui/metadata/codec"
	"chasqui/node/replication"

	"github.com/vmihailenco/msgpack/v5"
)

// HeartbeatInfo is what a backend host tells every metadata host twice a second.
type HeartbeatInfo struct {
	// Host names the backend host, its data folder, address and zone.
	Host catalog.Host
	// PID and StartedMs (ms since 1970) describe its process, for operators.
	PID       int
	StartedMs int64
	// Accepted says that this process was accepted before. Until then only a metadata host that is certain to know the
	// latest registrations may accept it: one that lags would accept a data folder that has been replaced.
	Accepted bool
	// Groups has the state of every slot replica on the host; Group is the slot's number.
	Groups []replication.Status
}

// Standing is what the metadata service thinks of a backend host.
type Standing uint8

const (
	// StandingPending: the host is not registered yet, because the metadata hosts have no leader or are about to do it;
	// or its data folder is about to replace the one that is registered, or this metadata host cannot be certain.
	StandingPending Standing = 1
	// StandingAccepted: the host is registered.
	StandingAccepted Standing = 2
	// StandingRefused: the host's id is registered with another data folder. It must not serve.
	StandingRefused Standing = 3
)

// String returns the standing's name.
func (s Standing) String() string {
	switch s {
	case StandingPending:
		return "pending"
	case StandingAccepted:
		return "accepted"
	case StandingRefused:
		return "refused"
	default:
		return fmt.Sprintf("standing %d", uint8(s))
	}
}

// HeartbeatAnswer is a metadata host's answer to a heartbeat.
type HeartbeatAnswer struct {
	Standing Standing
	// Message explains a refusal to a person; "" otherwise.
	Message  string
	Topology Topology
}

const (
	roleBytesMax    = 32
	messageBytesMax = 1024
	// groupFields is how many fields a replica's status has; the index and the hash of its digest are further ones,
	// written once there is a digest.
	groupFields  = 11
	digestFields = 2
)

// EncodeMsgpack writes the heartbeat.
func (h *HeartbeatInfo) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(5)
	w.Record(&h.Host)
	w.Int(int64(h.PID))
	w.Int(h.StartedMs)
	w.Bool(h.Accepted)
	w.Fields(len(h.Groups))
	for i := range h.Groups {
		writeGroup(w, &h.Groups[i])
	}
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (h *HeartbeatInfo) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(5)
	r.Record(&h.Host)
	h.PID = int(r.Int())
	h.StartedMs = r.Int()
	h.Accepted = r.Bool()
	h.Groups = make([]replication.Status, r.List(catalog.SlotsMax))
	for i := range h.Groups {
		readGroup(r, &h.Groups[i])
	}
	return r.Err()
}

// EncodeMsgpack writes the answer.
func (a *HeartbeatAnswer) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(3)
	w.Uint(uint64(a.Standing))
	w.String(a.Message[:min(len(a.Message), messageBytesMax)])
	w.Record(&a.Topology)
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (a *HeartbeatAnswer) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	r.Fields(3)
	a.Standing = Standing(r.UintUpTo(uint64(StandingRefused)))
	a.Message = r.String(messageBytesMax)
	r.Record(&a.Topology)
	return r.Err()
}

func writeGroup(w *codec.Writer, s *replication.Status) {
	digested := s.Digest.Index != 0
	if digested {
		w.Fields(groupFields + digestFields)
	} else {
		w.Fields(groupFields)
	}
	w.Uint(uint64(s.Group))
	w.String(s.Name)
	w.String(s.HostID)
	w.String(s.Role)
	w.String(s.Leader)
	w.Uint(s.Term)
	w.Uint(s.LastIndex)
	w.Uint(s.CommitIndex)
	w.Uint(s.AppliedIndex)
	w.Uint(s.SnapshotIndex)
	w.Fields(len(s.Followers))
	for _, f := range s.Followers {
		w.Fields(4)
		w.String(f.ID)
		w.Uint(f.Match)
		w.Uint(f.Lag)
		w.Int(f.AgeMs)
	}
	if digested {
		w.Uint(s.Digest.Index)
		w.Uint(s.Digest.Hash)
	}
}

func readGroup(r *codec.Reader, s *replication.Status) {
	fields := r.List(groupFields + digestFields)
	if r.Err() == nil && fields != groupFields && fields != groupFields+digestFields {
		r.Fail(fmt.Errorf("replica status has %d fields, want %d or %d", fields, groupFields, groupFields+digestFields))
	}
	s.Group = uint32(r.UintUpTo(1<<32 - 1))
	s.Name = r.String(catalog.HostIDBytesMax)
	s.HostID = r.String(catalog.HostIDBytesMax)
	s.Role = r.String(roleBytesMax)
	s.Leader = r.String(catalog.HostIDBytesMax)
	s.Term = r.Uint()
	s.LastIndex = r.Uint()
	s.CommitIndex = r.Uint()
	s.AppliedIndex = r.Uint()
	s.SnapshotIndex = r.Uint()
	s.Followers = make([]replication.FollowerStatus, r.List(catalog.ReplicasMax))
	for i := range s.Followers {
		f := &s.Followers[i]
		r.Fields(4)
		f.ID = r.String(catalog.HostIDBytesMax)
		f.Match = r.Uint()
		f.Lag = r.Uint()
		f.AgeMs = r.Int()
	}
	s.Digest = replication.StateDigest{}
	if fields == groupFields+digestFields {
		s.Digest.Index, s.Digest.Hash = r.Uint(), r.Uint()
	}
}
