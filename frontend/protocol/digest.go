package protocol

import (
	"crypto/md5" // #nosec G501 -- the API defines its digests as MD5; they detect accidents, not attacks
	"encoding/binary"
	"strconv"
)

// Digest is an MD5, which clients compare to find out that a message arrived unharmed.
type Digest [md5.Size]byte

// BodyDigest returns the digest of a message's body.
func BodyDigest(body []byte) Digest { return md5.Sum(body) } // #nosec G401

// Marks of how an attribute's value is transported, in the digest.
const (
	digestText   = 1
	digestBinary = 2
)

// AttributesDigest returns the digest of message attributes (SQS developer guide, "Calculating the MD5 message digest
// for message attributes"), absent if there are none. The attributes must be sorted, as those of a Request are. What
// is digested is, for each attribute:
//
//	+--------+------+--------+----------+---+--------+-------+
//	| length | name | length | DataType | m | length | value |     length: 4 bytes, big endian
//	+--------+------+--------+----------+---+--------+-------+     m: 1 for text, 2 for binary
func AttributesDigest(attributes []MessageAttribute) Optional[Digest] {
	if len(attributes) == 0 {
		return Optional[Digest]{}
	}
	input := make([]byte, 0, AttributesSize(attributes)+13*len(attributes))
	for i := range attributes {
		a := &attributes[i]
		input = appendSized(input, a.Name)
		input = appendSized(input, a.DataType)
		mark := byte(digestText)
		if a.isBinary() {
			mark = digestBinary
		}
		input = append(input, mark)
		input = appendSized(input, a.Value)
	}
	return Some(BodyDigest(input))
}

func appendSized[T string | []byte](dst []byte, value T) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

func itoa(n int) string { return strconv.Itoa(n) }
