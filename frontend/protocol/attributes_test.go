package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckAttributes(t *testing.T) {
	one := func(name, dataType, value string) []MessageAttribute {
		return []MessageAttribute{{Name: name, DataType: dataType, Value: []byte(value)}}
	}
	eleven := make([]MessageAttribute, MaxAttributes+1)
	const badType = "The type of message (user) attribute 'n' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
	const badNumber = "Can't cast the value of message (user) attribute 'n' to a number."
	for name, test := range map[string]struct {
		attributes []MessageAttribute
		want       string
	}{
		"none":                {nil, ""},
		"text":                {one("n", "String", "v"), ""},
		"labelled":            {one("n", "String.json", "v"), ""},
		"accented name":       {one("é", "String", "v"), ""},
		"binary anything":     {one("n", "Binary", "\x00\xff"), ""},
		"too many":            {eleven, "Number of message attributes [11] exceeds the allowed maximum [10]."},
		"no name":             {one("", "String", "v"), "The request must contain non-empty message (user) attribute names."},
		"long name":           {one(strings.Repeat("n", 257), "String", "v"), "Message (user) attribute name must be shorter than 256 bytes."},
		"leading period":      {one(".n", "String", "v"), "You can't start or end a message (user) attribute name with a period (.): '.n'."},
		"trailing period":     {one("n.", "String", "v"), "You can't start or end a message (user) attribute name with a period (.): 'n.'."},
		"two periods":         {one("n..m", "String", "v"), "You can't have successive periods (.) in a message (user) attribute name: 'n..m'."},
		"reserved":            {one("aWs.x", "String", "v"), "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use."},
		"space in name":       {one("a b", "String", "v"), "The message attribute name 'a b' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters."},
		"no type":             {one("n", "", "v"), "The message (user) attribute 'n' must contain a non-empty attribute type."},
		"other type":          {one("n", "Stringy", "v"), badType},
		"empty label":         {one("n", "String.", "v"), badType},
		"empty text":          {one("n", "String", ""), "Message (user) attribute 'n' must contain a non-empty value of type 'String'."},
		"bad characters":      {one("n", "String", "\x01"), InvalidCharacters},
		"number":              {one("n", "Number", "-1.5e3"), ""},
		"not a number":        {one("n", "Number", "12a"), badNumber},
		"38 digits":           {one("n", "Number", strings.Repeat("9", 38)), ""},
		"39 digits":           {one("n", "Number", strings.Repeat("9", 39)), badNumber},
		"zeros do not count":  {one("n", "Number", "1"+strings.Repeat("0", 100)), ""},
		"10^127":              {one("n", "Number", "1e127"), badNumber},
		"10^126":              {one("n", "Number", "1e126"), ""},
		"10^-129":             {one("n", "Number", "1e-129"), badNumber},
		"infinite":            {one("n", "Number", "Inf"), badNumber},
		"only an exponent":    {one("n", "Number", "e5"), badNumber},
		"huge exponent":       {one("n", "Number", "1e99999"), badNumber},
		"zero, huge exponent": {one("n", "Number", "0e9999"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckAttributes(test.attributes)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
		})
	}
	var refused *AttributeError
	require.ErrorAs(t, CheckAttributes([]MessageAttribute{{Name: "n", DataType: "String", List: true}}), &refused)
	require.True(t, refused.Unsupported)
}

func TestValidText(t *testing.T) {
	for text, want := range map[string]bool{
		"":                          true,
		"plain text, 20 bytes":      true,
		"\t\r\n":                    true,
		"\x00":                      false,
		"0123456789\x1f":            false,
		"\x7f":                      true,
		"\ud7ff\ue000\ufffd":        true,
		"\ufffe":                    false,
		"0123456789\uffff":          false,
		"\U00010000\U0010ffff":      true,
		"\uf000\ufb00\uffe6 halves": true,
	} {
		require.Equal(t, want, ValidText(text), "%q", text)
		require.Equal(t, want, ValidText([]byte(text)), "%q", text)
		// The same wherever it stands: eight bytes are looked at together.
		for at := range 17 {
			shifted := strings.Repeat("x", at) + text + strings.Repeat("é", at)
			require.Equal(t, want, ValidText(shifted), "%q", shifted)
		}
	}
}

func TestStoredAttributes(t *testing.T) {
	attributes := []MessageAttribute{
		{Name: "a", DataType: "String.x", Value: []byte("é")},
		{Name: "b", DataType: "Binary", Value: []byte{0, 255}},
	}
	stored := EncodeAttributes(attributes)
	require.Equal(t, "\x97\x01\xa1a\xa8String.x\xc4\x02\xc3\xa9\xa1b\xa6Binary\xc4\x02\x00\xff", string(stored))
	decoded, err := DecodeAttributes(stored)
	require.NoError(t, err)
	require.Equal(t, attributes, decoded)

	require.Nil(t, EncodeAttributes(nil))
	decoded, err = DecodeAttributes(nil)
	require.NoError(t, err)
	require.Empty(t, decoded)

	for name, bad := range map[string]string{
		"other version":   "\x91\x02",
		"cut":             string(stored[:len(stored)-1]),
		"odd length":      "\x92\x01\xa1a",
		"hostile length":  "\xdd\xff\xff\xff\xff\x01",
		"no version":      "\x90",
		"trailing bytes":  string(stored) + "\x00",
		"not an array":    "\xa1a",
		"other type":      "\x94\x01\x01\x01\x01",
		"too many values": "\xdc\x00\x40\x01",
	} {
		_, err := DecodeAttributes([]byte(bad))
		require.Error(t, err, name)
	}
}
