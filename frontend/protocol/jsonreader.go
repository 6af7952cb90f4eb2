package protocol

import (
	"encoding/base64"
	"strconv"
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

// readMessageAttributes reads an object of message attributes and sorts them.
func (r *jsonReader) readMessageAttributes(into *[]MessageAttribute) {
	for o := r.object(); o.next(); {
		attribute := MessageAttribute{Name: string(o.name)}
		var text, binary []byte
		for member := r.object(); member.next(); {
			switch string(member.name) {
			case "DataType":
				r.readString(&attribute.DataType)
			case "StringValue":
				r.readBytes(&text)
			case "BinaryValue":
				r.readBase64(&binary)
			case "StringListValues", "BinaryListValues":
				list := r.array()
				for list.next() {
					r.skip()
				}
				attribute.List = attribute.List || list.count > 0
			default:
				r.skip()
			}
		}
		attribute.Value = text
		if attribute.isBinary() {
			attribute.Value = binary
		}
		*into = append(*into, attribute)
	}
	sortAttributes(*into)
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
