package replication

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"chasqui/node/rpc"
)

func TestMessagesRoundTripAndArePinned(t *testing.T) {
	header := raft.RPCHeader{ProtocolVersion: 3, ID: []byte("a"), Addr: []byte("a")}
	request := &raft.AppendEntriesRequest{
		RPCHeader: header, Term: 2, PrevLogEntry: 3, PrevLogTerm: 1, LeaderCommitIndex: 3,
		Entries: []*raft.Log{{Index: 4, Term: 2, Type: raft.LogCommand, AppendedAt: time.Unix(0, 5), Data: []byte("xy")}},
	}
	b := joinParts(encodeAppendRequest(9, request))
	require.Equal(t, "09000000"+"03000000"+"0100000061"+"0100000061"+
		"0200000000000000"+"0300000000000000"+"0100000000000000"+"0300000000000000"+"01000000"+
		"0400000000000000"+"0200000000000000"+"00"+"0500000000000000"+"020000007879", hex.EncodeToString(b))
	d := &decoder{b: b}
	require.Equal(t, uint32(9), d.u32())
	got, err := decodeAppendRequest(d)
	require.NoError(t, err)
	require.Equal(t, request.Entries[0].Data, got.Entries[0].Data)
	require.True(t, request.Entries[0].AppendedAt.Equal(got.Entries[0].AppendedAt))
	require.Equal(t, b, joinParts(encodeAppendRequest(9, got)))

	var response raft.AppendEntriesResponse
	want := raft.AppendEntriesResponse{RPCHeader: header, Term: 7, LastLog: 8, NoRetryBackoff: true}
	require.NoError(t, decodeAppendResponse(encodeAppendResponse(&want), &response))
	require.Equal(t, want, response)

	vote := voteRequest{header: header, term: 1, lastIndex: 2, lastTerm: 3, leadershipTransferRequested: true}
	d = &decoder{b: encodeVoteRequest(1, vote)}
	d.u32()
	gotVote, err := decodeVoteRequest(d)
	require.NoError(t, err)
	require.Equal(t, vote, gotVote)
	gotHeader, term, granted, err := decodeVoteResponse(encodeVoteResponse(header, 5, true))
	require.NoError(t, err)
	require.Equal(t, header, gotHeader)
	require.Equal(t, uint64(5), term)
	require.True(t, granted)
}

func TestLogEntriesRoundTrip(t *testing.T) {
	data := appendEntryHeader(nil, 1234, 2)
	data = appendOperation(appendOperation(data, []byte("one")), nil)
	require.Equal(t, "01"+"d204000000000000"+"02000000"+"03000000"+"6f6e65"+"00000000", hex.EncodeToString(data))
	now, operations, err := decodeEntry(data)
	require.NoError(t, err)
	require.Equal(t, int64(1234), now)
	require.Equal(t, [][]byte{[]byte("one"), {}}, operations)
	require.Equal(t, "01"+"ffffffffffffffff"+"00000000", hex.EncodeToString(digestEntry()))
	now, operations, err = decodeEntry(digestEntry())
	require.NoError(t, err)
	require.Equal(t, digestTime, now)
	require.Empty(t, operations)
	for n := range data {
		_, _, err := decodeEntry(data[:n])
		require.Error(t, err, "cut after %d bytes", n)
	}
	_, _, err = decodeEntry(append(bytes.Clone(data), 0))
	require.Error(t, err)
	_, _, err = decodeEntry([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	require.Error(t, err, "a count that does not fit allocates nothing")
}

func FuzzMessages(f *testing.F) {
	f.Add(joinParts(encodeAppendRequest(1, &raft.AppendEntriesRequest{Entries: []*raft.Log{{Data: []byte("x")}}})))
	f.Add(encodeVoteRequest(1, voteRequest{term: 3}))
	f.Add(appendEntryHeader(nil, 1, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &decoder{b: b}
		group := d.u32()
		if request, err := decodeAppendRequest(d); err == nil {
			require.Equal(t, b, joinParts(encodeAppendRequest(group, request)), "what decodes encodes to the same bytes")
		}
		d = &decoder{b: b}
		d.u32()
		d.installHeader()
		_, _, _, _ = decodeVoteResponse(b)
		var response raft.AppendEntriesResponse
		_ = decodeAppendResponse(b, &response)
		_, _, _ = decodeEntry(b)
	})
}

// joinParts returns a message as it goes over the wire.
func joinParts(parts []rpc.Part) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p.Data...)
	}
	return b
}
