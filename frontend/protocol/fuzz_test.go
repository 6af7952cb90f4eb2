package protocol

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// FuzzDecode compares the reader with one that was written by others: what it accepts must be valid JSON by their
// rules (unique names, valid UTF-8), with the same body in it; what they refuse it must refuse.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"MessageBody":"a"}`, `{"MessageBody":"\ud83d\ude00\n\u0000","x":[1,-0.5e+3,true,null,{"a":"b"}]}`,
		`{"MessageBody":"é` + "\u2028" + `","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"AQI="}}}`,
		`{"MessageBody":"12345678\"12345678\\","DelaySeconds":5}`, `{"a":1,"a":2}`, `{"MessageBody":"\ud800"}`, ` { "x" : [ ] } `,
	} {
		f.Add([]byte(seed))
	}
	action, _ := ActionNamed("SendMessage")
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) == 0 {
			t.Skip("an empty body counts as an empty object")
		}
		reference := jsontext.Value(bytes.Clone(body))
		request, err := JSON{}.Decode(action, bytes.Clone(body))
		if !reference.IsValid() {
			require.Error(t, err, "accepted %q", body)
			return
		}
		if err != nil {
			return
		}
		var want struct{ MessageBody *string }
		members := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(body, &members))
		if raw, ok := members["MessageBody"]; ok {
			require.NoError(t, json.Unmarshal(raw, &want.MessageBody))
		}
		got := request.(*SendMessageRequest).Message.Body
		if want.MessageBody == nil {
			require.Empty(t, got)
			return
		}
		require.Equal(t, *want.MessageBody, string(got))
	})
}

// FuzzString checks that text written is text read.
func FuzzString(f *testing.F) {
	for _, seed := range []string{"", "a", "\x00\x1f\"\\", "12345678é\U0001F600", "\ufffd", "\x7f</script>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("bodies are always valid UTF-8")
		}
		literal := appendJSONString(nil, text)
		var standard string
		require.NoError(t, json.Unmarshal(literal, &standard))
		require.Equal(t, text, standard)
		r := jsonReader{buf: literal}
		var own string
		r.readString(&own)
		r.end()
		require.NoError(t, r.err)
		require.Equal(t, text, own)
	})
}

// FuzzStoredAttributes checks that reading the stored form never panics, and that what is read is what was written.
func FuzzStoredAttributes(f *testing.F) {
	f.Add(EncodeAttributes([]MessageAttribute{{Name: "a", DataType: "String", Value: []byte("v")}}))
	f.Add([]byte("\xdd\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stored []byte) {
		attributes, err := DecodeAttributes(stored)
		if err != nil || len(attributes) == 0 {
			return
		}
		again, err := DecodeAttributes(EncodeAttributes(attributes))
		require.NoError(t, err)
		if !reflect.DeepEqual(again, attributes) {
			require.Equal(t, len(attributes), len(again))
			for i := range again {
				require.Equal(t, string(attributes[i].Value), string(again[i].Value))
			}
		}
	})
}

// FuzzAttributesDigest compares the digest with one that is written as the documentation describes it, by way of both
// protocols: the order in which attributes come makes no difference.
func FuzzAttributesDigest(f *testing.F) {
	f.Add("timestamp", "Number", "1493147359900", "a", "String", "b")
	f.Add("b", "Binary.x", "\x00\xff", "a", "String", "é")
	f.Fuzz(func(t *testing.T, name1, type1, value1, name2, type2, value2 string) {
		for _, text := range []string{name1, type1, name2, type2} {
			if name1 == name2 || !utf8.ValidString(text) {
				t.Skip("names are unique and valid UTF-8")
			}
		}
		first := MessageAttribute{Name: name1, DataType: type1, Value: []byte(value1)}
		second := MessageAttribute{Name: name2, DataType: type2, Value: []byte(value2)}
		if name2 < name1 {
			first, second = second, first
		}
		h := md5.New()
		for _, a := range []MessageAttribute{first, second} {
			write := func(part []byte) {
				require.NoError(t, binary.Write(h, binary.BigEndian, uint32(len(part))))
				h.Write(part)
			}
			write([]byte(a.Name))
			write([]byte(a.DataType))
			mark := byte(1)
			if len(a.DataType) >= 6 && a.DataType[:6] == "Binary" {
				mark = 2
			}
			h.Write([]byte{mark})
			write(a.Value)
		}
		given := []MessageAttribute{second, first}
		sortAttributes(given)
		digest := AttributesDigest(given)
		require.Equal(t, h.Sum(nil), digest.Value[:])

		form := url.Values{}
		for i, a := range []MessageAttribute{second, first} {
			prefix := "MessageAttribute." + itoa(i+1) + "."
			form.Set(prefix+"Name", a.Name)
			form.Set(prefix+"Value.DataType", a.DataType)
			if a.isBinary() {
				form.Set(prefix+"Value.BinaryValue", base64.StdEncoding.EncodeToString(a.Value))
			} else {
				form.Set(prefix+"Value.StringValue", string(a.Value))
			}
		}
		for _, a := range given {
			if !a.isBinary() && !utf8.Valid(a.Value) {
				return // such a text is refused
			}
		}
		parsed, err := ParseForm([]byte(form.Encode()))
		require.NoError(t, err)
		action, _ := ActionNamed("SendMessage")
		request, err := Query{}.Decode(action, parsed)
		require.NoError(t, err)
		require.Equal(t, digest, AttributesDigest(request.(*SendMessageRequest).Message.Attributes))
	})
}
