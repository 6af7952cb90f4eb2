package backend

import (
	"encoding/binary"
	"errors"
	"slices"

	"chasqui/backend/queue"
	"chasqui/node/rpc"
)

// RPC methods of a backend host. Integers are little-endian.
const (
	// methodExecute: slot(2) kind(1) command -> result, both as package queue encodes them.
	methodExecute rpc.Method = 60
	// methodWait: slot(2) partition(10) settings version(8) max(1) -> 1 receivable or changed, 0 not.
	methodWait rpc.Method = 61
	// methodStats: slot(2) partition(10) -> found(1) visible inFlight delayed oldestSentMs bytes (8 each).
	methodStats rpc.Method = 62
)

const (
	executeHeaderBytes = 2 + 1
	partitionBytes     = 8 + 2
	waitBytes          = 2 + partitionBytes + 8 + 1
	statsRequestBytes  = 2 + partitionBytes
	statsAnswerBytes   = 1 + 5*8
)

var errMessage = errors.New("message has a wrong length")

// repeatedFlag is set in the kind's byte of a command that an earlier try may have carried out. The answer is then what
// that try left behind, and only the log tells: a receive must not be answered from the state alone, in which what the
// first try took is in flight.
const repeatedFlag = 0x80

// repeatedExecute returns a copy of an execute request with the flag set; the request may still be on its way.
func repeatedExecute(b []byte) []byte {
	b = slices.Clone(b)
	b[2] |= repeatedFlag
	return b
}

func encodeExecute(slot uint16, command *queue.Command) []byte {
	var w rpc.Writer
	w.Reset(make([]byte, 0, executeHeaderBytes+command.SizeHint()))
	w.Raw(byte(slot), byte(slot>>8), byte(command.Kind))
	command.EncodeTo(&w)
	return w.Body()
}

func decodeExecute(b []byte) (slot uint16, kind queue.Kind, repeated bool, command []byte, err error) {
	if len(b) < executeHeaderBytes {
		return 0, 0, false, nil, errMessage
	}
	return binary.LittleEndian.Uint16(b), queue.Kind(b[2] &^ repeatedFlag), b[2]&repeatedFlag != 0, b[executeHeaderBytes:], nil
}

func appendPartition(b []byte, id queue.PartitionID) []byte {
	b = binary.LittleEndian.AppendUint64(b, id.Queue)
	return binary.LittleEndian.AppendUint16(b, id.Partition)
}

func decodePartition(b []byte) queue.PartitionID {
	return queue.PartitionID{Queue: binary.LittleEndian.Uint64(b), Partition: binary.LittleEndian.Uint16(b[8:])}
}

type waitRequest struct {
	slot      uint16
	partition queue.PartitionID
	version   uint64
	max       uint8
}

func (r waitRequest) encode() []byte {
	b := binary.LittleEndian.AppendUint16(make([]byte, 0, waitBytes), r.slot)
	b = appendPartition(b, r.partition)
	b = binary.LittleEndian.AppendUint64(b, r.version)
	return append(b, r.max)
}

func decodeWait(b []byte) (waitRequest, error) {
	if len(b) != waitBytes {
		return waitRequest{}, errMessage
	}
	return waitRequest{
		slot: binary.LittleEndian.Uint16(b), partition: decodePartition(b[2:]),
		version: binary.LittleEndian.Uint64(b[2+partitionBytes:]), max: b[waitBytes-1],
	}, nil
}

func encodeStats(s queue.Stats, found bool) []byte {
	b := make([]byte, 1, statsAnswerBytes)
	if found {
		b[0] = 1
	}
	for _, v := range []int64{int64(s.Visible), int64(s.InFlight), int64(s.Delayed), s.OldestSentMs, s.Bytes} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func decodeStats(b []byte) (s queue.Stats, found bool, err error) {
	if len(b) != statsAnswerBytes {
		return queue.Stats{}, false, errMessage
	}
	field := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[1+8*i:])) }
	return queue.Stats{
		Visible: int(field(0)), InFlight: int(field(1)), Delayed: int(field(2)), OldestSentMs: field(3), Bytes: field(4),
	}, b[0] == 1, nil
}
