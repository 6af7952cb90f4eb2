package protocol

import (
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader walks over one JSON document (RFC 8259) from front to back. It is strict where leniency hides mistakes or
// attacks: a name may occur once in an object, text is valid UTF-8, nesting and lengths are bounded, nothing follows
// the document.
//
// The first error sticks: every later read returns a zero value, and every loop over an object or array ends. So the
// decoding of a struct is a straight line, and its caller looks at err once.
//
// Text is unescaped in place (an escape is never shorter than what it stands for) and returned as slices of buf:
// reading allocates nothing.
type jsonReader struct {
	buf   []byte
	pos   int
	depth int
	err   error
}

// fail keeps the first error and moves to the end, so that nothing more is read.
func (r *jsonReader) fail(reason string) {
	if r.err == nil {
		r.err = &DecodeError{Reason: reason}
	}
	r.pos = len(r.buf)
}

// end checks that nothing but white space is left.
func (r *jsonReader) end() {
	if r.peek() != 0 || r.pos < len(r.buf) {
		r.fail("The request body has content after its JSON value.")
	}
}

// peek returns the first byte of the next token, without taking it; 0 at the end.
func (r *jsonReader) peek() byte {
	for ; r.pos < len(r.buf); r.pos++ {
		switch c := r.buf[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// jsonObject is the state of a loop over an object's members:
//
//	for o := r.object(); o.next(); {
//		switch string(o.name) {
//		case "QueueUrl":
//			r.readString(&url)
//		default:
//			r.skip()
//		}
//	}
type jsonObject struct {
	r *jsonReader
	// name is the current member's. It stays valid as long as the buffer.
	name  []byte
	count int
	// recent and seen hold the names so far: comparing few of them is faster than hashing.
	recent [16][]byte
	seen   map[string]struct{}
	open   bool
}

// object enters an object. null counts as one without members.
func (r *jsonReader) object() jsonObject {
	return jsonObject{r: r, open: r.enter('{', "a structure")}
}

// enter takes an opening bracket, or null, for which it returns false.
func (r *jsonReader) enter(bracket byte, wanted string) bool {
	switch c := r.peek(); {
	case c == 'n':
		r.literal("null")
		return false
	case c != bracket:
		r.failKind(c, wanted)
		return false
	case r.depth == MaxDepth:
		r.fail("The request body is nested too deeply.")
		return false
	}
	r.depth++
	r.pos++
	return true
}

// next moves to the next member: its name is then in o.name, and its value must be read. It returns false after the
// last one and after an error.
func (o *jsonObject) next() bool {
	if !o.open || !o.r.step('}', o.count) {
		o.open = false
		return false
	}
	r := o.r
	if r.peek() != '"' {
		r.fail("The request body is not valid JSON: a member's name is missing.")
		return false
	}
	name := r.text()
	if r.peek() != ':' {
		r.fail("The request body is not valid JSON: a colon is missing.")
		return false
	}
	r.pos++
	if o.repeated(name) {
		r.fail("The request body is not valid: a name occurs twice in one structure.")
		return false
	}
	o.name = name
	o.count++
	return true
}

// repeated remembers a name and says whether it was there before.
func (o *jsonObject) repeated(name []byte) bool {
	if o.count < len(o.recent) {
		for _, other := range o.recent[:o.count] {
			if string(other) == string(name) {
				return true
			}
		}
		o.recent[o.count] = name
		return false
	}
	if o.seen == nil {
		o.seen = make(map[string]struct{}, 2*len(o.recent))
		for _, other := range o.recent {
			o.seen[string(other)] = struct{}{}
		}
	}
	_, repeated := o.seen[string(name)]
	o.seen[string(name)] = struct{}{}
	return repeated
}

// step moves over a comma or a closing bracket. It returns false when there are no more elements.
func (r *jsonReader) step(closing byte, count int) bool {
	c := r.peek()
	if c == closing {
		r.pos++
		r.depth--
		return false
	}
	if r.err != nil {
		return false
	}
	if count == MaxMembers {
		r.fail("The request body has too many elements in one list or structure.")
		return false
	}
	if count > 0 {
		if c != ',' {
			r.fail("The request body is not valid JSON: a comma is missing.")
			return false
		}
		r.pos++
	}
	if r.peek() == 0 {
		r.fail("The request body is not valid JSON: it ends too early.")
		return false
	}
	return true
}

// jsonArray is the state of a loop over an array, used like jsonObject.
type jsonArray struct {
	r     *jsonReader
	count int
	open  bool
}

// array enters an array. null counts as an empty one.
func (r *jsonReader) array() jsonArray {
	return jsonArray{r: r, open: r.enter('[', "a list")}
}

// next moves to the next element, which must then be read.
func (a *jsonArray) next() bool {
	if !a.open || !a.r.step(']', a.count) {
		a.open = false
		return false
	}
	a.count++
	return true
}

// readString reads text. null leaves *into alone.
func (r *jsonReader) readString(into *string) {
	if text, ok := r.textOrNull(); ok {
		*into = string(text)
	}
}

// readOptionalString reads text that counts as absent when it is null.
func (r *jsonReader) readOptionalString(into *Optional[string]) {
	if text, ok := r.textOrNull(); ok {
		*into = Some(string(text))
	}
}

// readBytes reads text as a slice of the buffer.
func (r *jsonReader) readBytes(into *[]byte) {
	if text, ok := r.textOrNull(); ok {
		*into = text
	}
}

// readBase64 reads bytes that are written as base64 text, into the place of that text.
func (r *jsonReader) readBase64(into *[]byte) {
	text, ok := r.textOrNull()
	if !ok {
		return
	}
	n, err := base64.StdEncoding.Decode(text, text)
	if err != nil {
		r.fail("A binary value is not valid base64.")
		return
	}
	*into = text[:n:n]
}

// readInteger reads a whole number that counts as absent when it is null.
func (r *jsonReader) readInteger(into *Optional[int64]) {
	c := r.peek()
	if c == 'n' {
		r.literal("null")
		return
	}
	if c != '-' && (c < '0' || c > '9') {
		r.failKind(c, "an integer")
		return
	}
	token := r.number()
	value, err := strconv.ParseInt(string(token), 10, 64)
	if err != nil {
		r.fail("A number is not an integer or too large.")
		return
	}
	*into = Some(value)
}

// readStrings reads a list of texts and appends it.
func (r *jsonReader) readStrings(into *[]string) {
	for a := r.array(); a.next(); {
		var text string
		r.readString(&text)
		*into = append(*into, text)
	}
}

// readPairs reads an object whose values are texts.
func (r *jsonReader) readPairs(into *[]Pair) {
	for o := r.object(); o.next(); {
		pair := Pair{Name: string(o.name)}
		r.readString(&pair.Value)
		*into = append(*into, pair)
	}
}

// skip moves over a value of any kind, checking it all the same.
func (r *jsonReader) skip() {
	switch c := r.peek(); c {
	case '{':
		for o := r.object(); o.next(); {
			r.skip()
		}
	case '[':
		for a := r.array(); a.next(); {
			r.skip()
		}
	case '"':
		r.text()
	case 't':
		r.literal("true")
	case 'f':
		r.literal("false")
	case 'n':
		r.literal("null")
	default:
		if c != '-' && (c < '0' || c > '9') {
			r.fail("The request body is not valid JSON: a value is missing.")
			return
		}
		r.number()
	}
}

func (r *jsonReader) literal(word string) {
	if r.pos+len(word) > len(r.buf) || string(r.buf[r.pos:r.pos+len(word)]) != word {
		r.fail("The request body is not valid JSON: a word is not true, false or null.")
		return
	}
	r.pos += len(word)
}

// number takes a number's text.
func (r *jsonReader) number() []byte {
	start := r.pos
	if r.pos < len(r.buf) && r.buf[r.pos] == '-' {
		r.pos++
	}
	leading := r.pos
	whole := r.digits()
	valid := whole > 0 && (whole == 1 || r.buf[leading] != '0')
	if r.pos < len(r.buf) && r.buf[r.pos] == '.' {
		r.pos++
		valid = r.digits() > 0 && valid
	}
	if r.pos < len(r.buf) && r.buf[r.pos]|0x20 == 'e' {
		r.pos++
		if r.pos < len(r.buf) && (r.buf[r.pos] == '+' || r.buf[r.pos] == '-') {
			r.pos++
		}
		valid = r.digits() > 0 && valid
	}
	token := r.buf[start:r.pos]
	if !valid {
		r.fail("The request body is not valid JSON: a number is malformed.")
	}
	return token
}

// digits moves over decimal digits and returns how many there were.
func (r *jsonReader) digits() int {
	start := r.pos
	for r.pos < len(r.buf) && r.buf[r.pos] >= '0' && r.buf[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}

// failKind says that a value has the wrong type, in the words that SQS uses.
func (r *jsonReader) failKind(first byte, wanted string) {
	kind := ""
	switch first {
	case '"':
		kind = "STRING_VALUE"
	case '{':
		kind = "START_OBJECT"
	case '[':
		kind = "START_ARRAY"
	case 't':
		kind = "TRUE_VALUE"
	case 'f':
		kind = "FALSE_VALUE"
	default:
		if first != '-' && (first < '0' || first > '9') {
			r.fail("The request body is not valid JSON: a value is missing.")
			return
		}
		kind = "NUMBER_VALUE"
	}
	r.fail(kind + " can not be converted to " + wanted + ".")
}

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

// unicodeEscape reads \uXXXX.
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
