package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/metadata"
	"chasqui/node/replication"
)

// TestReplicasThatDifferMakeTheClusterUnhealthy has slots whose replicas report digests.
func TestReplicasThatDifferMakeTheClusterUnhealthy(t *testing.T) {
	replica := func(host string, heard bool, index, hash uint64) metadata.ReplicaStatus {
		return metadata.ReplicaStatus{HostID: host, Heard: heard, Group: replication.Status{
			HostID: host, Role: "follower", Digest: replication.StateDigest{Index: index, Hash: hash},
		}}
	}
	const difference = "replicas differ at index 7: a 0000000000000001, b 0000000000000002"
	for _, c := range []struct {
		name     string
		replicas []metadata.ReplicaStatus
		healthy  bool
		want     string
	}{
		{"equal", []metadata.ReplicaStatus{replica("a", true, 7, 1), replica("b", true, 7, 1)}, true, ""},
		{"one is behind", []metadata.ReplicaStatus{replica("a", true, 7, 1), replica("b", true, 5, 2)}, true, ""},
		{"different", []metadata.ReplicaStatus{replica("a", true, 7, 1), replica("b", true, 7, 2)}, false, difference},
		{"silent", []metadata.ReplicaStatus{replica("a", true, 7, 1), replica("b", false, 7, 2)}, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := report{Healthy: true}
			r.addSlots([]metadata.SlotStatus{{Slot: 3, Leader: "a", Replicas: c.replicas}})
			require.Equal(t, c.healthy, r.Healthy)
			require.Equal(t, c.want, r.Slots[0].Differ)
			var table bytes.Buffer
			require.NoError(t, r.print(&table, "table"))
			if c.want != "" {
				require.Contains(t, table.String(), "UNHEALTHY: slot 3: "+difference)
			} else {
				require.NotContains(t, table.String(), "differ")
			}
		})
	}
}

func TestMetadataReplicasThatDiffer(t *testing.T) {
	member := func(id string, reachable bool, hash uint64) metadata.MemberStatus {
		return metadata.MemberStatus{ID: id, Reachable: reachable, Group: replication.Status{
			HostID: id, Digest: replication.StateDigest{Index: 9, Hash: hash},
		}}
	}
	status := metadata.Status{Members: []metadata.MemberStatus{member("a", true, 1), member("b", false, 2)}}
	require.Empty(t, status.Disagreement())
	status.Members = append(status.Members, member("c", true, 2))
	r := report{Differ: status.Disagreement()}
	var table bytes.Buffer
	require.NoError(t, r.print(&table, "table"))
	require.Contains(t, table.String(), "UNHEALTHY: metadata: replicas differ at index 9: a 0000000000000001, c 0000000000000002")
}
