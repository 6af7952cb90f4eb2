package metadata

import (
	"bytes"
	"testing"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/node/replication"
	"chasqui/node/rpc"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

type record interface {
	msgpack.CustomEncoder
	msgpack.CustomDecoder
}

// TestRecords sends every record with all fields set, and cuts and damages it: errors, no panic.
func TestRecords(t *testing.T) {
	group := replication.Status{Group: 3, Name: "slot-3", HostID: "b", Role: "leader", Leader: "b", Term: 4, LastIndex: 5,
		CommitIndex: 6, AppliedIndex: 7, SnapshotIndex: 8, Followers: []replication.FollowerStatus{{ID: "c", Match: 9, Lag: 10, AgeMs: 11}}}
	digested := group
	digested.Digest = replication.StateDigest{Index: 7, Hash: 1<<63 + 5}
	topology := Topology{Version: 1,
		Slots: []SlotAssignment{{Slot: 2, Members: []replication.Member{{ID: "a", Address: "a:1"}}, Leader: "a", Term: 3}},
		Hosts: []HostView{{ID: "a", Address: "a:1", Zone: "z", Alive: true, AgeMs: 5}}}
	status := Status{AnsweredBy: "m", ExpectBackends: 3, Queues: 4,
		Members:  []MemberStatus{{ID: "m", Address: "m:1", Reachable: true, Error: "e", Group: group}},
		Backends: []BackendStatus{{Host: backendHost(1), PID: 1, StartedMs: 2, AgeMs: -1, Alive: true, Standing: StandingPending, Message: "x"}},
		Slots: []SlotStatus{{Slot: 1, Leader: "a", Term: 2, Partitions: 3,
			Replicas: []ReplicaStatus{{HostID: "a", Heard: true, Group: group, Lag: 4}}}}}
	for _, test := range []struct{ sent, into record }{
		{&queueKey{account: "1", name: "q"}, new(queueKey)},
		{&listRequest{account: "1", prefix: "p", after: "a", limit: 7}, new(listRequest)},
		{&sourcesRequest{account: "1", arn: "arn:q", after: "a", limit: 7}, new(sourcesRequest)},
		{&listAnswer{names: []string{"a", "b"}, more: true}, new(listAnswer)},
		{&deletedAnswer{{ID: 1, Name: "q", Deleted: time.UnixMilli(2), Until: time.UnixMilli(3)}}, new(deletedAnswer)},
		{&HeartbeatInfo{Host: backendHost(1), PID: 1, StartedMs: 2, Accepted: true, Groups: []replication.Status{group, digested, group}}, new(HeartbeatInfo)},
		{&HeartbeatAnswer{Standing: StandingRefused, Message: "why", Topology: topology}, new(HeartbeatAnswer)},
		{&topology, new(Topology)},
		{&status, new(Status)},
		{&catalog.Host{ID: "a", Incarnation: 1, Address: "b", Zone: "c"}, new(catalog.Host)},
		{&catalog.Host{ID: "a", Incarnation: 1, Address: "b", Zone: "c", RejoinMs: 5}, new(catalog.Host)},
	} {
		sent := rpc.Encode(test.sent)
		require.NoError(t, rpc.Decode(sent, test.into))
		require.Equal(t, test.sent, test.into)
		for i := range sent {
			require.Error(t, rpc.Decode(sent[:i], test.into), "%T cut at %d", test.sent, i)
			damaged := bytes.Clone(sent)
			damaged[i] ^= 0xff
			_ = rpc.Decode(damaged, test.into) // may be a record with another value; must not panic
		}
	}
}
