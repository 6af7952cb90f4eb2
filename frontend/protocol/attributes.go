package protocol

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of message attributes (SQS developer guide, "Amazon SQS message metadata").
const (
	// MaxAttributes is the most attributes of one message.
	MaxAttributes = 10
	// maxAttributeNameBytes bounds a name, and maxAttributeTypeBytes a data type.
	maxAttributeNameBytes = 256
	maxAttributeTypeBytes = 256
	// maxNumberDigits is the precision of a Number.
	maxNumberDigits = 38
	// A Number lies between -10^128 and 10^126.
	maxNumberExponent = 126
	minNumberExponent = -128
)

// MessageAttribute is a named value beside a message's body.
type MessageAttribute struct {
	Name string
	// DataType is String, Number or Binary, perhaps followed by a dot and a label of the user's.
	DataType string
	// Value is the text of a String or Number, the bytes of a Binary.
	Value []byte
	// List says that the request gave a list of values, which SQS reserves for the future.
	List bool
}

func (a *MessageAttribute) isBinary() bool { return strings.HasPrefix(a.DataType, "Binary") }

// sortAttributes puts attributes in the order of the digest: by the bytes of their names.
func sortAttributes(attributes []MessageAttribute) {
	slices.SortFunc(attributes, func(a, b MessageAttribute) int { return strings.Compare(a.Name, b.Name) })
}

// AttributesSize returns how much attributes count towards a message's size, in bytes.
func AttributesSize(attributes []MessageAttribute) int {
	size := 0
	for i := range attributes {
		size += len(attributes[i].Name) + len(attributes[i].DataType) + len(attributes[i].Value)
	}
	return size
}

// AttributeError says which rule a message attribute breaks.
type AttributeError struct {
	// Reason is a sentence for the client.
	Reason string
	// Unsupported is true for what SQS itself reserves for the future.
	Unsupported bool
}

// Error returns the reason.
func (e *AttributeError) Error() string { return e.Reason }

// CheckAttributes checks the attributes of one message. Errors are *AttributeError.
func CheckAttributes(attributes []MessageAttribute) error {
	if len(attributes) > MaxAttributes {
		return &AttributeError{Reason: "Number of message attributes [" + itoa(len(attributes)) +
			"] exceeds the allowed maximum [" + itoa(MaxAttributes) + "]."}
	}
	for i := range attributes {
		if reason := checkName(attributes[i].Name); reason != "" {
			return &AttributeError{Reason: reason}
		}
		if attributes[i].List {
			return &AttributeError{Reason: "Message attribute list values in SendMessage operation are not supported.", Unsupported: true}
		}
		if reason := checkValue(&attributes[i]); reason != "" {
			return &AttributeError{Reason: reason}
		}
	}
	return nil
}

// checkName returns why a name is refused, or "".
func checkName(name string) string {
	switch {
	case name == "":
		return "The request must contain non-empty message (user) attribute names."
	case len(name) > maxAttributeNameBytes:
		return "Message (user) attribute name must be shorter than 256 bytes."
	case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "."):
		return "You can't start or end a message (user) attribute name with a period (.): '" + name + "'."
	case strings.Contains(name, ".."):
		return "You can't have successive periods (.) in a message (user) attribute name: '" + name + "'."
	}
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
		return "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use."
	}
	for _, c := range name {
		if c != '_' && c != '-' && c != '.' && !unicode.IsLetter(c) && (c < '0' || c > '9') {
			return "The message attribute name '" + name + "' is invalid. Attribute name can contain A-Z, a-z, 0-9, " +
				"underscore (_), hyphen (-), and period (.) characters."
		}
	}
	return ""
}

// checkValue returns why a data type or value is refused, or "".
func checkValue(a *MessageAttribute) string {
	kind, label, labelled := strings.Cut(a.DataType, ".")
	switch {
	case a.DataType == "":
		return "The message (user) attribute '" + a.Name + "' must contain a non-empty attribute type."
	case len(a.DataType) > maxAttributeTypeBytes:
		return "Message (user) attribute types must be shorter than 256 bytes."
	case kind != "String" && kind != "Number" && kind != "Binary" || labelled && label == "":
		return "The type of message (user) attribute '" + a.Name + "' is invalid. You must use only the following " +
			"supported type prefixes: Binary, Number, String."
	case !ValidText(a.DataType):
		return InvalidCharacters
	case len(a.Value) == 0:
		return "Message (user) attribute '" + a.Name + "' must contain a non-empty value of type '" + kind + "'."
	case kind == "Number" && !validNumber(string(a.Value)):
		return "Can't cast the value of message (user) attribute '" + a.Name + "' to a number."
	case kind != "Binary" && !ValidText(a.Value):
		return InvalidCharacters
	}
	return ""
}

// validNumber reports whether text is a decimal number within the precision and range of SQS, perhaps with an exponent.
func validNumber(text string) bool {
	text = strings.TrimSpace(text)
	mantissa, exponentText, hasExponent := strings.Cut(strings.ToLower(text), "e")
	exponent := 0
	if hasExponent {
		var ok bool
		if exponent, ok = smallInteger(exponentText); !ok {
			return false
		}
	}
	if mantissa != "" && (mantissa[0] == '-' || mantissa[0] == '+') {
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" || !onlyDigits(whole) || !onlyDigits(fraction) {
		return false
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return true
	}
	// The number is 0.digits * 10^magnitude.
	magnitude := len(digits) - len(fraction) + exponent
	digits = strings.TrimRight(digits, "0")
	return len(digits) <= maxNumberDigits && magnitude <= maxNumberExponent+1 && magnitude > minNumberExponent
}

// smallInteger reads a signed integer of at most four digits.
func smallInteger(text string) (int, bool) {
	sign := 1
	if text != "" && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = -1
		}
		text = text[1:]
	}
	if text == "" || len(text) > 4 || !onlyDigits(text) {
		return 0, false
	}
	value := 0
	for _, c := range text {
		value = value*10 + int(c-'0')
	}
	return sign * value, true
}

func onlyDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// InvalidCharacters is what SQS says of text that breaks the rule of ValidText.
const InvalidCharacters = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | " +
	"#xE000 to #xFFFD | #x10000 to #x10FFFF"

// plainWord reports whether none of eight bytes is a control character or beyond ASCII. See jsonReader.plain for how it works.
func plainWord[T string | []byte](text T) bool {
	var word [8]byte
	copy(word[:], text)
	x := binary.LittleEndian.Uint64(word[:])
	return ((x-0x20*everyByte)&^x|x)&highBits == 0
}

// ValidText reports whether valid UTF-8 text consists of characters that a message may contain: those of XML 1.0.
func ValidText[T string | []byte](text T) bool {
	for i := 0; i < len(text); i++ {
		if i%8 == 0 {
			for i+8 <= len(text) && plainWord(text[i:i+8]) {
				i += 8
			}
			if i == len(text) {
				break
			}
		}
		switch c := text[i]; {
		case c >= 0x20 && c < 0xEF, c == '\n', c == '\r', c == '\t':
		case c < 0x20:
			return false
		case c == 0xEF:
			// U+FFFE and U+FFFF are EF BF BE and EF BF BF.
			if i+2 < len(text) && text[i+1] == 0xBF && text[i+2] >= 0xBE {
				return false
			}
		case c >= utf8.RuneSelf: // U+10000 and above: all allowed
		}
	}
	return true
}
