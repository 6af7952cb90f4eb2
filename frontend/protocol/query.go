package protocol

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
)

// Query is the older AWS protocol: form parameters in, an XML document out. Debian's and other systems' older SDKs
// and command lines speak it, and so do kombu and the clients of languages without a newer SDK.
type Query struct{}

var _ Codec = Query{}

// Decode reads a request out of a form. The request points into the bytes that the form was made from. Errors are
// *DecodeError.
func (Query) Decode(action *Action, form *Form) (Request, error) {
	request := action.newRequest()
	var r formReader
	action.readForm(&r, &form.root, request)
	if r.err != nil {
		return nil, r.err
	}
	return request, nil
}

// xmlStart begins every document, and xmlNamespace is that of its root element.
const (
	xmlStart     = `<?xml version="1.0"?>`
	xmlNamespace = ` xmlns="http://queue.amazonaws.com/doc/2012-11-05/"`
)

// AppendResponse appends the answer's document. Actions without result have no Result element.
func (Query) AppendResponse(dst []byte, action *Action, response Response, requestID string) []byte {
	w := xmlWriter{dst: append(dst, xmlStart...)}
	w.dst = append(w.dst, '<')
	w.dst = append(w.dst, action.Name...)
	w.dst = append(w.dst, "Response"+xmlNamespace+">"...)
	if !action.Void {
		w.result(action.Name, response)
	}
	w.dst = append(w.dst, "<ResponseMetadata>"...)
	w.text("RequestId", requestID)
	w.dst = append(w.dst, "</ResponseMetadata></"...)
	w.dst = append(w.dst, action.Name...)
	w.dst = append(w.dst, "Response>"...)
	return w.dst
}

// unknownOperation is the type of the fault that has a document of its own.
const unknownOperation = "UnknownOperationException"

// AppendFault appends the error document.
func (Query) AppendFault(dst []byte, fault *Fault, requestID string) []byte {
	if fault.Type == unknownOperation {
		return append(dst, "<"+unknownOperation+"/>"...)
	}
	kind := "Receiver"
	if fault.Sender {
		kind = "Sender"
	}
	message := fault.Message
	if fault.QueryMessage != "" {
		message = fault.QueryMessage
	}
	w := xmlWriter{dst: append(dst, xmlStart+"<ErrorResponse"+xmlNamespace+"><Error>"...)}
	w.text("Type", kind)
	w.text("Code", fault.Code)
	w.text("Message", message)
	w.dst = append(w.dst, "<Detail/></Error>"...)
	w.text("RequestId", requestID)
	w.dst = append(w.dst, "</ErrorResponse>"...)
	return w.dst
}

// ContentType returns the protocol's media type.
func (Query) ContentType() string { return "text/xml" }

// xmlWriter appends elements to dst.
type xmlWriter struct {
	dst []byte
	// items are the element names of the lists that are open. The answers of the API nest none.
	items []string
}

var _ answerWriter = (*xmlWriter)(nil)

// result writes the element with what an action answers.
func (w *xmlWriter) result(action string, response Response) {
	name := action + "Result"
	w.start(name)
	empty := len(w.dst)
	response.write(w)
	if len(w.dst) == empty {
		w.dst = append(w.dst[:empty-1], "/>"...)
		return
	}
	w.end(name)
}

func (w *xmlWriter) start(name string) {
	w.dst = append(w.dst, '<')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '>')
}

func (w *xmlWriter) end(name string) {
	w.dst = append(w.dst, '<', '/')
	w.dst = append(w.dst, name...)
	w.dst = append(w.dst, '>')
}

func (w *xmlWriter) text(name, value string) {
	w.start(name)
	w.dst = appendXMLText(w.dst, value)
	w.end(name)
}

func (w *xmlWriter) bytes(name string, value []byte) {
	w.start(name)
	w.dst = appendXMLText(w.dst, value)
	w.end(name)
}

func (w *xmlWriter) integer(name string, value int64) {
	w.start(name)
	w.dst = strconv.AppendInt(w.dst, value, 10)
	w.end(name)
}

func (w *xmlWriter) boolean(name string, value bool) {
	w.start(name)
	w.dst = strconv.AppendBool(w.dst, value)
	w.end(name)
}

func (w *xmlWriter) digest(name string, value Digest) {
	w.start(name)
	w.dst = hex.AppendEncode(w.dst, value[:])
	w.end(name)
}

func (w *xmlWriter) messageID(name string, id MessageID) {
	w.start(name)
	w.dst = id.AppendText(w.dst)
	w.end(name)
}

func (w *xmlWriter) sequence(name string, number uint64) {
	w.start(name)
	w.dst = appendSequence(w.dst, number)
	w.end(name)
}

func (w *xmlWriter) texts(_, query string, values []string) {
	for _, value := range values {
		w.text(query, value)
	}
}

func (w *xmlWriter) requiredTexts(name, query string, values []string) { w.texts(name, query, values) }

func (w *xmlWriter) pairs(_, query, key string, values []Pair) {
	for _, pair := range values {
		w.start(query)
		w.text(key, pair.Name)
		w.text("Value", pair.Value)
		w.end(query)
	}
}

func (w *xmlWriter) messageAttributes(attributes []MessageAttribute) {
	for i := range attributes {
		a := &attributes[i]
		w.start("MessageAttribute")
		w.text("Name", a.Name)
		w.start("Value")
		if a.isBinary() {
			w.start("BinaryValue")
			w.dst = base64.StdEncoding.AppendEncode(w.dst, a.Value)
			w.end("BinaryValue")
		} else {
			w.bytes("StringValue", a.Value)
		}
		w.text("DataType", a.DataType)
		w.end("Value")
		w.end("MessageAttribute")
	}
}

func (w *xmlWriter) beginList(_, query string) { w.items = append(w.items, query) }
func (w *xmlWriter) endList()                  { w.items = w.items[:len(w.items)-1] }
func (w *xmlWriter) beginItem()                { w.start(w.items[len(w.items)-1]) }
func (w *xmlWriter) endItem()                  { w.end(w.items[len(w.items)-1]) }

// appendXMLText appends character data. Nothing of it is lost in a parser: a carriage return is written as a reference,
// since parsers turn a bare one into a line feed (XML 1.0, section 2.11), and then the digest of a body would not match.
// What XML cannot carry at all, which is in no message but may be in a tag or be quoted by an error, becomes U+FFFD.
func appendXMLText[T string | []byte](dst []byte, value T) []byte {
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == '"':
			dst = append(dst, "&quot;"...)
		case c == '\r':
			dst = append(dst, "&#xD;"...)
		case c < ' ' && c != '\n' && c != '\t':
			dst = append(dst, replacement...)
		case isNonCharacter(value, i):
			dst = append(dst, replacement...)
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

const replacement = "\uFFFD"

// isNonCharacter reports whether U+FFFE or U+FFFF, EF BF BE and EF BF BF, stands at a position.
func isNonCharacter[T string | []byte](value T, at int) bool {
	return at+2 < len(value) && value[at] == 0xEF && value[at+1] == 0xBF && value[at+2] >= 0xBE
}
