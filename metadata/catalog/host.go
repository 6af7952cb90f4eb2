package catalog

import (
	"fmt"
	"slices"

	"chasqui/metadata/codec"

	"github.com/vmihailenco/msgpack/v5"
)

// Limits of the cluster's map.
const (
	// HostsMax is the number of backend hosts of a cluster that the catalog registers.
	HostsMax = 256
	// SlotsMax is the largest number of slots. Each is a raft group, and idle groups cost RPCs.
	SlotsMax = 64
	// ReplicasMax is the largest number of hosts that hold one slot.
	ReplicasMax = 7
	// HostIDBytesMax, AddressBytesMax and ZoneBytesMax bound the texts of a host's registration.
	HostIDBytesMax  = 128
	AddressBytesMax = 256
	ZoneBytesMax    = 128
)

// Host is a backend host that has registered. Records are immutable.
type Host struct {
	// ID names the host for ever.
	ID string
	// Incarnation identifies the host's data folder: a random number written into it when it was made. A host that
	// comes back with another one has lost its votes and its log, and must not pass for the old one.
	Incarnation uint64
	// RejoinMs is when the data folder was made, in ms since 1970 by the host's clock, if it was made to replace a lost
	// one by the rules of node/replication/rejoin.go; 0 otherwise. A folder replaces the one that is registered only if
	// it was made later, so that a folder which was replaced stays refused.
	RejoinMs int64
	// Address is where the host answers RPCs.
	Address string
	// Zone is the data center the host says it is in; may be empty.
	Zone string
}

// hostFields is how many fields a host has; RejoinMs is a further one, written if it is not 0.
const hostFields = 4

// EncodeMsgpack writes the record.
func (h *Host) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	fields := hostFields
	if h.RejoinMs != 0 {
		fields++
	}
	w.Fields(fields)
	w.String(h.ID)
	w.Uint(h.Incarnation)
	w.String(h.Address)
	w.String(h.Zone)
	if h.RejoinMs != 0 {
		w.Int(h.RejoinMs)
	}
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (h *Host) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	fields := r.List(hostFields + 1)
	if r.Err() == nil && fields < hostFields {
		return fmt.Errorf("host record has %d fields, want %d or %d", fields, hostFields, hostFields+1)
	}
	h.ID = r.String(HostIDBytesMax)
	h.Incarnation = r.Uint()
	h.Address = r.String(AddressBytesMax)
	h.Zone = r.String(ZoneBytesMax)
	h.RejoinMs = 0
	if fields > hostFields {
		h.RejoinMs = r.Int()
	}
	return r.Err()
}

// Assignment says which hosts hold each slot: Assignment[s] lists the host ids of slot s, the preferred first leader
// first. It is committed once and then fixed.
type Assignment [][]string

// equal tells whether both assign the same.
func (a Assignment) equal(b Assignment) bool {
	return slices.EqualFunc(a, b, func(x, y []string) bool { return slices.Equal(x, y) })
}

// SpreadSlots assigns slots to hosts: slot s is held by the hosts s, s+1, ... s+replicas-1 (modulo their number) of
// the sorted ids, so that every host holds and prefers to lead the same number of slots, give or take one. With fewer
// hosts than replicas every host holds every slot.
func SpreadSlots(hostIDs []string, slots, replicas int) Assignment {
	sorted := slices.Sorted(slices.Values(hostIDs))
	replicas = min(replicas, len(sorted))
	assignment := make(Assignment, slots)
	for s := range assignment {
		for i := range replicas {
			assignment[s] = append(assignment[s], sorted[(s+i)%len(sorted)])
		}
	}
	return assignment
}

// EncodeMsgpack writes the assignment as a list of lists.
func (a *Assignment) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(len(*a))
	for _, members := range *a {
		w.Fields(len(members))
		for _, id := range members {
			w.String(id)
		}
	}
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (a *Assignment) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	n := r.List(SlotsMax)
	*a = make(Assignment, n)
	for s := range *a {
		members := make([]string, r.List(ReplicasMax))
		for i := range members {
			members[i] = r.String(HostIDBytesMax)
		}
		(*a)[s] = members
	}
	return r.Err()
}
