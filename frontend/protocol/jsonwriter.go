package protocol

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"
)

// jsonWriter appends one JSON object to dst, member by member.
type jsonWriter struct {
	dst []byte
	// comma says that something stands before the next member.
	comma bool
}

var _ answerWriter = (*jsonWriter)(nil)

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

// text writes a member that is text.
func (w *jsonWriter) text(name, value string) {
	w.key(name)
	w.dst = appendJSONString(w.dst, value)
	w.comma = true
}

// bytes writes a member that is text, held as bytes.
func (w *jsonWriter) bytes(name string, value []byte) {
	w.key(name)
	w.dst = appendJSONString(w.dst, value)
	w.comma = true
}

// base64 writes a member that is binary.
func (w *jsonWriter) base64(name string, value []byte) {
	w.key(name)
	w.dst = append(w.dst, '"')
	w.dst = base64.StdEncoding.AppendEncode(w.dst, value)
	w.dst = append(w.dst, '"')
	w.comma = true
}

// digest writes an MD5 in lower-case hexadecimal digits.
func (w *jsonWriter) digest(name string, digest Digest) {
	w.key(name)
	w.dst = append(w.dst, '"')
	w.dst = hex.AppendEncode(w.dst, digest[:])
	w.dst = append(w.dst, '"')
	w.comma = true
}

// messageID writes a message id.
func (w *jsonWriter) messageID(name string, id MessageID) {
	w.key(name)
	w.dst = append(w.dst, '"')
	w.dst = id.AppendText(w.dst)
	w.dst = append(w.dst, '"')
	w.comma = true
}

// sequence writes a sequence number as text of 20 digits, the form in which SQS shows it.
func (w *jsonWriter) sequence(name string, number uint64) {
	w.key(name)
	w.dst = append(w.dst, '"')
	w.dst = appendSequence(w.dst, number)
	w.dst = append(w.dst, '"')
	w.comma = true
}

// boolean writes true or false.
func (w *jsonWriter) boolean(name string, value bool) {
	w.key(name)
	w.dst = strconv.AppendBool(w.dst, value)
	w.comma = true
}

// integer writes a whole number.
func (w *jsonWriter) integer(name string, value int64) {
	w.key(name)
	w.dst = strconv.AppendInt(w.dst, value, 10)
	w.comma = true
}

// texts writes an array of texts, or nothing if there are none.
func (w *jsonWriter) texts(name, query string, values []string) {
	if len(values) > 0 {
		w.requiredTexts(name, query, values)
	}
}

// requiredTexts writes an array of texts.
func (w *jsonWriter) requiredTexts(name, _ string, values []string) {
	w.key(name)
	w.open('[')
	for _, value := range values {
		w.separate()
		w.dst = appendJSONString(w.dst, value)
	}
	w.close(']')
}

// pairs writes an object of texts, or nothing if there are none.
func (w *jsonWriter) pairs(name, _, _ string, pairs []Pair) {
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

// messageAttributes writes an object of message attributes, or nothing if there are none.
func (w *jsonWriter) messageAttributes(attributes []MessageAttribute) {
	if len(attributes) == 0 {
		return
	}
	w.key("MessageAttributes")
	w.open('{')
	for i := range attributes {
		a := &attributes[i]
		w.separate()
		w.dst = appendJSONString(w.dst, a.Name)
		w.dst = append(w.dst, ':')
		w.comma = false
		w.open('{')
		if a.isBinary() {
			w.base64("BinaryValue", a.Value)
		}
		w.text("DataType", a.DataType)
		if !a.isBinary() {
			w.bytes("StringValue", a.Value)
		}
		w.close('}')
	}
	w.close('}')
}

// beginList begins an array of objects, and endList ends it.
func (w *jsonWriter) beginList(name, _ string) {
	w.key(name)
	w.open('[')
}

func (w *jsonWriter) endList() { w.close(']') }

// beginItem begins an object of an array, and endItem ends it.
func (w *jsonWriter) beginItem() { w.open('{') }

func (w *jsonWriter) endItem() { w.close('}') }

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
