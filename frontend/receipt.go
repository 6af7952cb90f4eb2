package frontend

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"

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

// receipts makes and reads the receipt handles of one queue, for one request: taking in the key is most of the work. It is
// not safe for concurrent use.
type receipts struct {
	record *catalog.Queue
	mac    hash.Hash
	// token and sum are room for one handle and its whole HMAC.
	token [receiptBytes]byte
	sum   [sha256.Size]byte
}

func receiptsOf(record *catalog.Queue) *receipts {
	return &receipts{record: record, mac: hmac.New(sha256.New, record.ReceiptKey[:])}
}

// handle returns the handle of one delivery.
func (r *receipts) handle(partition int, handle queue.Handle) string {
	data := append(r.token[:0], receiptVersion)
	data = binary.BigEndian.AppendUint64(data, r.record.ID)
	data = binary.BigEndian.AppendUint16(data, uint16(partition))
	data = binary.BigEndian.AppendUint64(data, handle.Seq)
	data = binary.BigEndian.AppendUint32(data, handle.Receive)
	copy(r.token[receiptDataBytes:], r.authenticate(data))
	var text [(receiptBytes*8 + 5) / 6]byte
	receiptEncoding.Encode(text[:], r.token[:])
	return string(text[:])
}

// parse returns what a handle names. It returns false for one that is malformed, forged, or of another queue.
func (r *receipts) parse(text string) (partition int, handle queue.Handle, ok bool) {
	token, record := r.token[:], r.record
	if len(text) != receiptEncoding.EncodedLen(receiptBytes) {
		return 0, queue.Handle{}, false
	}
	if n, err := receiptEncoding.Decode(token, []byte(text)); err != nil || n != receiptBytes {
		return 0, queue.Handle{}, false
	}
	data := token[:receiptDataBytes]
	if !hmac.Equal(r.authenticate(data), token[receiptDataBytes:]) {
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

// authenticate returns the HMAC of a handle's data, cut. It is valid until the next call.
func (r *receipts) authenticate(data []byte) []byte {
	r.mac.Reset()
	r.mac.Write(data)
	return r.mac.Sum(r.sum[:0])[:receiptMACBytes]
}
