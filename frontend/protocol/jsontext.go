package protocol

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// How jsonReader takes text: where most of a request's bytes are, and so most of the time of reading it.

// textOrNull takes a text, or null, for which it returns false.
func (r *jsonReader) textOrNull() ([]byte, bool) {
	switch c := r.peek(); c {
	case '"':
		text := r.text()
		return text, r.err == nil
	case 'n':
		r.literal("null")
	default:
		r.failKind(c, "a String")
	}
	return nil, false
}

// text takes a string, whose opening quote is next, and returns what it means.
func (r *jsonReader) text() []byte {
	r.pos++
	start := r.pos
	stop, ascii := r.plain(start)
	if stop < len(r.buf) && r.buf[stop] == '\\' {
		return r.escapedText(start, stop, ascii)
	}
	return r.endText(start, stop, stop, ascii)
}

// escapedText goes on with a text that began at start once an escape is met, at pos. It moves what follows down over
// the gaps that escapes leave.
func (r *jsonReader) escapedText(start, pos int, ascii bool) []byte {
	write := pos
	for pos < len(r.buf) && r.buf[pos] == '\\' {
		meaning, size := escape(r.buf[pos:])
		if size == 0 {
			r.fail("The request body is not valid JSON: a text has a malformed escape.")
			return nil
		}
		write += utf8.EncodeRune(r.buf[write:], meaning)
		pos += size
		stop, plainASCII := r.plain(pos)
		write += copy(r.buf[write:], r.buf[pos:stop])
		ascii = ascii && plainASCII
		pos = stop
	}
	return r.endText(start, write, pos, ascii)
}

// endText takes the closing quote at pos and returns the text, which has come to lie at start to end.
func (r *jsonReader) endText(start, end, pos int, ascii bool) []byte {
	if pos >= len(r.buf) {
		r.fail("The request body is not valid JSON: a text has no end.")
		return nil
	}
	if r.buf[pos] != '"' {
		r.fail("The request body is not valid JSON: a text has a control character in it.")
		return nil
	}
	r.pos = pos + 1
	text := r.buf[start:end:end]
	if !ascii && !utf8.Valid(text) {
		r.fail("The request body is not valid UTF-8.")
		return nil
	}
	return text
}

// The words below have the same byte eight times.
const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

// plain returns the position, from pos on, of the first quote, backslash or control character, and whether all bytes
// before it are ASCII (it may say no when the first byte that is not lies a little after). It looks at eight bytes at
// a time: (x - 0x01...) & ^x & 0x80... has a bit set in the lowest byte of x that is zero.
func (r *jsonReader) plain(pos int) (stop int, ascii bool) {
	buf := r.buf
	var seen uint64
	for ; pos+8 <= len(buf); pos += 8 {
		x := binary.LittleEndian.Uint64(buf[pos:])
		seen |= x
		quote := x ^ ('"' * everyByte)
		slash := x ^ ('\\' * everyByte)
		special := (x-0x20*everyByte)&^x | (quote-everyByte)&^quote | (slash-everyByte)&^slash
		if special &= highBits; special != 0 {
			return pos + bits.TrailingZeros64(special)/8, seen&highBits == 0
		}
	}
	for ; pos < len(buf); pos++ {
		c := buf[pos]
		if c < 0x20 || c == '"' || c == '\\' {
			break
		}
		seen |= uint64(c)
	}
	return pos, seen&highBits == 0
}

// escape reads one escape at the start of b and returns what it stands for and how long it is; 0 if it is malformed.
// Half of a surrogate pair is malformed: it stands for no character.
func escape(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch c := b[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	first, ok := unicodeEscape(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	second, ok := unicodeEscape(b[6:])
	if !ok {
		return 0, 0
	}
	pair := utf16.DecodeRune(first, second)
	if pair == utf8.RuneError {
		return 0, 0
	}
	return pair, 12
}

// unicodeEscape reads \u and four hexadecimal digits.
func unicodeEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var value rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		value = value<<4 | rune(c)
	}
	return value, true
}
