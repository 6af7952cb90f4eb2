package replication

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/hashicorp/raft"

	"chasqui/node/checksum"
)

// The CRC-32C of an entry's data is computed once on the leader, where the data is made, and checked once by every
// follower, with the frame it arrives in. In between it stays with the entry: the frames to the followers and the
// journal's records are combined from it, so that data which is damaged in memory on its way does not get a checksum
// that makes it good. raft carries it in the entry's Extensions, which are there for such things. It is neither sent
// nor stored for itself. Of an entry without one, such as those raft makes, it is not known.

const checksumBytes = 4

// withChecksum returns the Extensions of an entry whose data has this CRC; 0 is not known.
func withChecksum(sum uint32) []byte {
	if sum == 0 {
		return nil
	}
	return binary.LittleEndian.AppendUint32(nil, sum)
}

// checksumOf returns the CRC of an entry's data, 0 if it is not known.
func checksumOf(l *raft.Log) uint32 {
	if len(l.Extensions) != checksumBytes {
		return 0
	}
	return binary.LittleEndian.Uint32(l.Extensions)
}

// takeChecksum gives the entry of an append request its data's CRC, if it is the only one: then its data is the end of the
// body, and its CRC is what has to be combined with that of the bytes before it to give the body's, and the other way
// round.
func takeChecksum(r *raft.AppendEntriesRequest, body []byte, bodySum uint32) {
	if len(r.Entries) != 1 {
		return
	}
	entry := r.Entries[0]
	before := crc32.Checksum(body[:len(body)-len(entry.Data)], castagnoli)
	entry.Extensions = withChecksum(checksum.Combine(before, bodySum, int64(len(entry.Data))))
}
