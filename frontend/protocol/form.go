package protocol

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"unicode/utf8"
)

// MaxParameters is the most parameters of one request in the Query protocol. A batch of ten messages with ten
// attributes each has some 360.
const MaxParameters = 2000

// maxNames bounds the parts of a parameter's name. The longest of the API has six:
// SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue.
const maxNames = 8

// Form is the parameters of a request in the Query protocol, from its URL and its body.
//
// The dots in the names of parameters make a tree: Attribute.1.Name and Attribute.1.Value are two leaves below
// Attribute.1. Text is decoded in place, and what is read out of a form points into the bytes that it was made from.
type Form struct {
	root  formNode
	count int
}

// formNode is one part of a name.
type formNode struct {
	// values are those given to exactly this name. More than one means that a name was repeated, which only a list
	// without indices may do.
	values   [][]byte
	children map[string]*formNode
}

// child returns a part of the tree; nil if there is none.
func (n *formNode) child(name string) *formNode { return n.children[name] }

// ParseForm reads the parameters in the given texts, those of the URL and of the body, in the form
// application/x-www-form-urlencoded. The texts are used as scratch space. Errors are *DecodeError.
func ParseForm(texts ...[]byte) (*Form, error) {
	f := new(Form)
	for _, text := range texts {
		for len(text) > 0 {
			var parameter []byte
			parameter, text, _ = bytes.Cut(text, []byte("&"))
			if len(parameter) == 0 {
				continue
			}
			if err := f.add(parameter); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// add reads one name=value.
func (f *Form) add(parameter []byte) error {
	name, value, _ := bytes.Cut(parameter, []byte("="))
	name, nameOK := unescape(name)
	value, valueOK := unescape(value)
	switch {
	case !nameOK || !valueOK:
		return &DecodeError{Reason: "A parameter is not valid percent-encoded UTF-8."}
	case f.count == MaxParameters:
		return &DecodeError{Reason: "The request has more than " + itoa(MaxParameters) + " parameters."}
	}
	f.count++
	at := &f.root
	for depth := 0; ; depth++ {
		part, rest, more := bytes.Cut(name, []byte("."))
		if depth == maxNames {
			return &DecodeError{Reason: "A parameter's name has more than " + itoa(maxNames) + " parts."}
		}
		child := at.children[string(part)]
		if child == nil {
			if at.children == nil {
				at.children = make(map[string]*formNode)
			}
			child = new(formNode)
			at.children[string(part)] = child
		}
		at, name = child, rest
		if !more {
			at.values = append(at.values, value)
			return nil
		}
	}
}

// unescape decodes percent-encoding in place; false if it is malformed or does not give UTF-8.
func unescape(text []byte) ([]byte, bool) {
	write := 0
	for read := 0; read < len(text); read++ {
		c := text[read]
		switch c {
		case '+':
			c = ' '
		case '%':
			if read+2 >= len(text) {
				return nil, false
			}
			high, highOK := hexValue(text[read+1])
			low, lowOK := hexValue(text[read+2])
			if !highOK || !lowOK {
				return nil, false
			}
			c = high<<4 | low
			read += 2
		}
		text[write] = c
		write++
	}
	text = text[:write:write]
	return text, utf8.Valid(text)
}

func hexValue(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}

// Text returns the value of a parameter that has one part and occurs once; "" otherwise.
func (f *Form) Text(name string) string {
	if n := f.root.child(name); n != nil && len(n.values) == 1 {
		return string(n.values[0])
	}
	return ""
}

// SetDefault gives a parameter a value unless the request has the parameter.
func (f *Form) SetDefault(name, value string) {
	if f.root.children[name] != nil {
		return
	}
	if f.root.children == nil {
		f.root.children = make(map[string]*formNode)
	}
	f.root.children[name] = &formNode{values: [][]byte{[]byte(value)}}
}

// formReader reads values out of a form. The first error sticks.
type formReader struct{ err error }

func (r *formReader) fail(reason string) {
	if r.err == nil {
		r.err = &DecodeError{Reason: reason}
	}
}

// text returns the one value of a node. No value at all is none.
func (r *formReader) text(at *formNode) []byte {
	if at == nil || len(at.values) == 0 {
		return nil
	}
	if len(at.values) > 1 {
		r.fail("A parameter occurs twice.")
	}
	return at.values[0]
}

// readInteger reads a whole number.
func (r *formReader) readInteger(at *formNode, into *Optional[int64]) {
	value, err := strconv.ParseInt(string(r.text(at)), 10, 64)
	if err != nil {
		r.fail("A number is not an integer or too large.")
		return
	}
	*into = Some(value)
}

// elements returns the elements of a list: those of a name without index, as some clients send a single one, and then
// those with one, in order.
func (r *formReader) elements(at *formNode) []*formNode {
	var list []*formNode
	for _, value := range at.values {
		list = append(list, &formNode{values: [][]byte{value}})
	}
	type indexed struct {
		index int
		node  *formNode
	}
	var found []indexed
	named := new(formNode)
	for name, child := range at.children {
		index, err := strconv.Atoi(name)
		if err == nil && index >= 0 && name == strconv.Itoa(index) {
			found = append(found, indexed{index, child})
			continue
		}
		// Attribute.Name without an index.
		if named.children == nil {
			named.children = make(map[string]*formNode)
		}
		named.children[name] = child
	}
	if named.children != nil {
		list = append(list, named)
	}
	slices.SortFunc(found, func(a, b indexed) int { return a.index - b.index })
	for _, f := range found {
		list = append(list, f.node)
	}
	return list
}

// readPairs reads a map of texts.
func (r *formReader) readPairs(at *formNode, key string, into *[]Pair) {
	for _, element := range r.elements(at) {
		pair := Pair{Name: string(r.text(element.child(key))), Value: string(r.text(element.child("Value")))}
		if slices.ContainsFunc(*into, func(other Pair) bool { return other.Name == pair.Name }) {
			r.fail("A name occurs twice in one list.")
			return
		}
		*into = append(*into, pair)
	}
}

// readMessageAttributes reads a map of message attributes.
func (r *formReader) readMessageAttributes(at *formNode, into *[]MessageAttribute) {
	for _, element := range r.elements(at) {
		attribute := MessageAttribute{Name: string(r.text(element.child("Name")))}
		if value := element.child("Value"); value != nil {
			attribute.DataType = string(r.text(value.child("DataType")))
			attribute.Value = r.text(value.child("StringValue"))
			if attribute.isBinary() {
				attribute.Value = r.base64(value.child("BinaryValue"))
			}
			attribute.List = value.child("StringListValue") != nil || value.child("BinaryListValue") != nil
		}
		*into = append(*into, attribute)
	}
	sortAttributes(*into)
	for i := 1; i < len(*into); i++ {
		if (*into)[i].Name == (*into)[i-1].Name {
			r.fail("A name occurs twice in one list.")
		}
	}
}

// base64 returns the bytes that a value is the base64 text of, in the place of that text.
func (r *formReader) base64(at *formNode) []byte {
	text := r.text(at)
	n, err := base64.StdEncoding.Decode(text, text)
	if err != nil {
		r.fail("A binary value is not valid base64.")
		return nil
	}
	return text[:n:n]
}
