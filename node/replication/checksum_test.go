package replication

import (
	"bytes"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"chasqui/node/rpc"
)

// TestChecksumsOfAnAppendRequest has a request arrive: the checksum that its only entry is given is that of its data.
func TestChecksumsOfAnAppendRequest(t *testing.T) {
	arrive := func(data ...[]byte) *raft.AppendEntriesRequest {
		sent := &raft.AppendEntriesRequest{RPCHeader: raft.RPCHeader{ID: []byte("a")}, Term: 2}
		for i, d := range data {
			sent.Entries = append(sent.Entries, &raft.Log{Index: uint64(i) + 1, Data: d})
		}
		body := joinParts(encodeAppendRequest(9, sent))
		d := &decoder{b: body}
		d.u32()
		got, err := decodeAppendRequest(d)
		require.NoError(t, err)
		takeChecksum(got, body, crc32.Checksum(body, castagnoli))
		return got
	}
	for _, n := range []int{1, 2, 3, 100, 1023, 1 << 20} {
		data := bytes.Repeat([]byte("abcde"), n)
		require.Equal(t, crc32.Checksum(data, castagnoli), checksumOf(arrive(data).Entries[0]), "%d bytes", len(data))
	}
	require.Empty(t, arrive().Entries)
	require.Zero(t, checksumOf(arrive(nil).Entries[0]), "the CRC of no data is 0")
	for _, entry := range arrive([]byte("one"), []byte("two")).Entries {
		require.Empty(t, entry.Extensions)
	}
}

// TestKnownChecksumGoesOut: an entry's checksum is handed to the connection, which does not read the data then.
func TestKnownChecksumGoesOut(t *testing.T) {
	data := []byte("data")
	parts := encodeAppendRequest(9, &raft.AppendEntriesRequest{Entries: []*raft.Log{
		{Index: 1, Data: data}, {Index: 2, Data: data, Extensions: withChecksum(77)},
	}})
	require.Equal(t, rpc.Part{Data: data, Immutable: true}, parts[1])
	require.Equal(t, rpc.Part{Data: data, Immutable: true, Checksum: 77}, parts[3])
}

// TestEveryHostKnowsTheChecksums proposes operations of all sizes and looks at what the hosts' logs hold.
func TestEveryHostKnowsTheChecksums(t *testing.T) {
	cfg := testConfig()
	cfg.HeartbeatTimeout = time.Second // no other leader comes on a busy machine
	c := newTestCluster(t, 3, cfg)
	leader := c.leader(t)
	var want []string
	for n := range 10 {
		operation := strings.Repeat("x", 1<<(2*n))
		_, err := leader.propose(operation)
		require.NoError(t, err)
		want = append(want, operation)
		c.requireEqualStates(t, want) // so that each entry is sent alone
	}
	for _, h := range c.hosts {
		known := 0
		for index := uint64(1); index <= h.replica.logs.last(); index++ {
			var entry raft.Log
			require.NoError(t, h.replica.logs.GetLog(index, &entry))
			if sum := checksumOf(&entry); sum != 0 {
				known++
				require.Equal(t, crc32.Checksum(entry.Data, castagnoli), sum, "%s, entry %d", h.id, index)
			}
		}
		// The first may arrive together with the entry that a leader begins with.
		require.GreaterOrEqual(t, known, len(want)-1, "%s: the operations' entries have checksums", h.id)
	}
}

func TestAStoreTakesNoOtherExtension(t *testing.T) {
	h := newTestCluster(t, 1, testConfig()).hosts[0]
	err := h.replica.logs.StoreLogs([]*raft.Log{{Index: 100, Extensions: []byte("five!")}})
	require.ErrorContains(t, err, "extension of 5 bytes")
}
