package frontend

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"chasqui/backend/queue"
	"chasqui/metadata/catalog"
)

// A receipt handle is what a consumer deletes a message with. It names one receive of one message, and any frontend
// can check it: only who holds the queue's ReceiptKey can make one. Its form is the base64url text of
//
//	+---------+----------+-----------+----------+---------+--------------------------+
//	| version | queue id | partition | sequence | receive | HMAC-SHA256 of the left, |
//	| 1 byte  | 8        | 2         | 8        | 4       | cut to 16                |
//	+---------+----------+-----------+----------+---------+--------------------------+
//
// with big-endian numbers. The version is also that of the key.
const (
	receiptVersion   = 1
	receiptDataBytes = 1 + 8 + 2 + 8 + 4
	receiptMACBytes  = 16
	receiptBytes     = receiptDataBytes + receiptMACBytes
)

// receiptEncoding refuses text that differs from what it would itself have written (trailing bits, line breaks).
var receiptEncoding = base64.RawURLEncoding.Strict()

// receiptHandle returns the handle of one delivery.
func receiptHandle(record *catalog.Queue, partition int, handle queue.Handle) string {
	var token [receiptBytes]byte
	data := append(token[:0], receiptVersion)
	data = binary.BigEndian.AppendUint64(data, record.ID)
	data = binary.BigEndian.AppendUint16(data, uint16(partition))
	data = binary.BigEndian.AppendUint64(data, handle.Seq)
	data = binary.BigEndian.AppendUint32(data, handle.Receive)
	mac := receiptMAC(&record.ReceiptKey, data)
	copy(token[receiptDataBytes:], mac[:receiptMACBytes])
	var text [(receiptBytes*8 + 5) / 6]byte
	receiptEncoding.Encode(text[:], token[:])
	return string(text[:])
}

// parseReceiptHandle returns what a handle names. It returns false for one that is malformed, forged, or of another
// queue.
func parseReceiptHandle(record *catalog.Queue, text string) (partition int, handle queue.Handle, ok bool) {
	var token [receiptBytes]byte
	if len(text) != receiptEncoding.EncodedLen(receiptBytes) {
		return 0, queue.Handle{}, false
	}
	if n, err := receiptEncoding.Decode(token[:], []byte(text)); err != nil || n != receiptBytes {
		return 0, queue.Handle{}, false
	}
	data := token[:receiptDataBytes]
	mac := receiptMAC(&record.ReceiptKey, data)
	if !hmac.Equal(mac[:receiptMACBytes], token[receiptDataBytes:]) {
		return 0, queue.Handle{}, false
	}
	partition = int(binary.BigEndian.Uint16(data[9:]))
	if data[0] != receiptVersion || binary.BigEndian.Uint64(data[1:]) != record.ID || partition >= len(record.Slots) {
		return 0, queue.Handle{}, false
	}
	handle.Seq = binary.BigEndian.Uint64(data[11:])
	handle.Receive = binary.BigEndian.Uint32(data[19:])
	return partition, handle, true
}

func receiptMAC(key *[32]byte, data []byte) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, key[:])
	mac.Write(data)
	mac.Sum(sum[:0])
	return sum
}
