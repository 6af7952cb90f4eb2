package protocol

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"
)

// jsonWriter appends one JSON object to dst, member by member. Members that SQS leaves out when they are empty are left
// out by the methods themselves.
type jsonWriter struct {
	dst []byte
	// comma says that something stands before the next member.
	comma bool
}

// open begins an object or array.
func (w *jsonWriter) open(bracket byte) {
	w.separate()
	w.dst = append(w.dst, bracket)
	w.comma = false
}

// close ends it.
func (w *jsonWriter) close(bracket byte) {
	w.dst = append(w.dst, bracket)
	w.comma = true
}

func (w *jsonWriter) separate() {
	if w.comma {
		w.dst = append(w.dst, ',')
	}
	w.comma = true
}

// key begins a member whose name needs no escaping. Its value must follow.
func (w *jsonWriter) key(name string) {
	w.separate()
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '"', ':')
	w.comma = false
}

// stringMember writes a member that is text.
func (w *jsonWriter) stringMember(name, value string) {
	w.key(name)
	w.dst = appendJSONString(w.dst, value)
	w.comma = true
}

// bytesMember writes a member that is text, held as bytes.
func (w *jsonWriter) bytesMember(name string, value []byte) {
	w.key(name)
	w.dst = appendJSONString(w.dst, value)
	w.comma = true
}

// base64Member writes a member that is binary.
func (w *jsonWriter) base64Member(name string, value []byte) {
	w.key(name)
	w.dst = append(w.dst, '"')
	w.dst = base64.StdEncoding.AppendEncode(w.dst, value)
	w.dst = append(w.dst, '"')
	w.comma = true
}

// digestMember writes an MD5 in lower-case hexadecimal digits.
func (w *jsonWriter) digestMember(name string, digest Digest) {
	w.key(name)
	w.dst = append(w.dst, '"')
	w.dst = hex.AppendEncode(w.dst, digest[:])
	w.dst = append(w.dst, '"')
	w.comma = true
}

// messageIDMember writes a message id.
func (w *jsonWriter) messageIDMember(name string, id MessageID) {
	w.key(name)
	w.dst = append(w.dst, '"')
	w.dst = id.AppendText(w.dst)
	w.dst = append(w.dst, '"')
	w.comma = true
}

// sequenceMember writes a sequence number as text of 20 digits, the form in which SQS shows it.
func (w *jsonWriter) sequenceMember(name string, number uint64) {
	w.key(name)
	w.dst = append(w.dst, '"')
	w.dst = appendSequence(w.dst, number)
	w.dst = append(w.dst, '"')
	w.comma = true
}

// boolMember writes true or false.
func (w *jsonWriter) boolMember(name string, value bool) {
	w.key(name)
	w.dst = strconv.AppendBool(w.dst, value)
	w.comma = true
}

// pairsMember writes an object of texts, or nothing if there are none.
func (w *jsonWriter) pairsMember(name string, pairs []Pair) {
	if len(pairs) == 0 {
		return
	}
	w.key(name)
	w.open('{')
	for _, pair := range pairs {
		w.separate()
		w.dst = appendJSONString(w.dst, pair.Name)
		w.dst = append(w.dst, ':')
		w.dst = appendJSONString(w.dst, pair.Value)
	}
	w.close('}')
}

// sequenceDigits is how many digits a sequence number has on the wire.
const sequenceDigits = 20

// appendSequence appends a number with leading zeros.
func appendSequence(dst []byte, number uint64) []byte {
	var digits [sequenceDigits]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = '0' + byte(number%10)
		number /= 10
	}
	return append(dst, digits[:]...)
}

// SequenceText returns a sequence number in the form in which SQS shows it.
func SequenceText(number uint64) string {
	return string(appendSequence(make([]byte, 0, sequenceDigits), number))
}

// appendJSONString appends a JSON string literal. The value is valid UTF-8.
func appendJSONString[T string | []byte](dst []byte, value T) []byte {
	dst = append(dst, '"')
	for {
		stop := firstSpecial(value)
		dst = append(dst, value[:stop]...)
		if stop == len(value) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, value[stop])
		value = value[stop+1:]
	}
}

// firstSpecial returns the position of the first byte that a JSON string literal must escape, or the length if there is
// none. See jsonReader.plain for how it works.
func firstSpecial[T string | []byte](value T) int {
	pos := 0
	for ; pos+8 <= len(value); pos += 8 {
		var word [8]byte
		copy(word[:], value[pos:pos+8])
		x := binary.LittleEndian.Uint64(word[:])
		quote := x ^ ('"' * everyByte)
		slash := x ^ ('\\' * everyByte)
		special := (x-0x20*everyByte)&^x | (quote-everyByte)&^quote | (slash-everyByte)&^slash
		if special &= highBits; special != 0 {
			return pos + bits.TrailingZeros64(special)/8
		}
	}
	for ; pos < len(value); pos++ {
		if c := value[pos]; c < 0x20 || c == '"' || c == '\\' {
			break
		}
	}
	return pos
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
