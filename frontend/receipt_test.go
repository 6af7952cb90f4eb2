package frontend

import (
	"strings"
	"testing"

	"chasqui/backend/queue"
	"chasqui/metadata/catalog"

	"github.com/stretchr/testify/require"
)

func TestReceiptHandle(t *testing.T) {
	record := &catalog.Queue{ID: 7, Slots: make([]uint16, 3), ReceiptKey: [32]byte{1}}
	want := queue.Handle{Seq: 1 << 40, Receive: 3}
	text := receiptsOf(record).handle(2, want)
	// The form is seen by other versions of this program: it must not change by accident.
	require.Equal(t, "AQAAAAAAAAAHAAIAAAEAAAAAAAAAAAO_MhJTDK5n0g03ODmNZYXA", text)
	partition, handle, ok := receiptsOf(record).parse(text)
	require.True(t, ok)
	require.Equal(t, 2, partition)
	require.Equal(t, want, handle)

	other := *record
	other.ID = 8
	fewer := *record
	fewer.Slots = fewer.Slots[:2]
	key := *record
	key.ReceiptKey[31] = 1
	for name, test := range map[string]struct {
		record *catalog.Queue
		text   string
	}{
		"other queue":       {&other, text},
		"no such partition": {&fewer, text},
		"other key":         {&key, text},
		"cut":               {record, text[:len(text)-1]},
		"longer":            {record, text + "A"},
		"padded":            {record, text[:len(text)-1] + "="},
		"empty":             {record, ""},
		"not base64":        {record, strings.Repeat("*", len(text))},
		"line break":        {record, text[:10] + "\n" + text[10:len(text)-1]},
	} {
		_, _, ok := receiptsOf(test.record).parse(test.text)
		require.False(t, ok, name)
	}
	one := receiptsOf(record)
	for i := range len(text) {
		changed := []byte(text)
		changed[i] ^= 1
		_, _, ok := one.parse(string(changed))
		require.False(t, ok, "byte %d changed", i)
	}
	require.Equal(t, text, one.handle(2, want), "one handle leaves nothing behind for the next")
}

// FuzzReceiptHandle checks that nothing but what was given out is accepted, and that reading never panics.
func FuzzReceiptHandle(f *testing.F) {
	record := &catalog.Queue{ID: 7, Slots: make([]uint16, 3), ReceiptKey: [32]byte{1}}
	f.Add(receiptsOf(record).handle(1, queue.Handle{Seq: 5, Receive: 1}))
	f.Add("AQEB")
	f.Fuzz(func(t *testing.T, text string) {
		partition, handle, ok := receiptsOf(record).parse(text)
		if ok {
			require.Equal(t, text, receiptsOf(record).handle(partition, handle))
		}
	})
}

func TestResolve(t *testing.T) {
	c := &caller{account: testAccount}
	for url, want := range map[string]string{
		"http://localhost:9324/000000000001/q":             "000000000001/q",
		"https://sqs.eu-west-1.example.org/000000000001/q": "000000000001/q",
		"http://localhost/000000000001/q/":                 "000000000001/q",
		"http://localhost/path/before/000000000001/q.fifo": "000000000001/q.fifo",
		"http://localhost/000000000001/q?x=/a/b":           "000000000001/q",
		"/000000000001/q":                                  "000000000001/q",
		"000000000001/q":                                   "000000000001/q",
		"q":                                                testAccount + "/q",
		"http://localhost/q":                               testAccount + "/q",
		"http://localhost/":                                "",
		"http://localhost":                                 "",
		"http://localhost/account/q":                       "",
		"http://localhost/000000000001/a b":                "",
		"http://localhost/000000000001/.fifo":              "",
		"//":                                               "",
	} {
		account, name, err := c.resolve(url)
		if want == "" {
			require.ErrorIs(t, err, errQueueDoesNotExist, url)
			continue
		}
		require.NoError(t, err, url)
		require.Equal(t, want, account+"/"+name, url)
	}
	_, _, err := c.resolve("")
	require.EqualError(t, err, "MissingRequiredParameterException: The request must contain the parameter QueueUrl.")
}

// FuzzResolve checks that whatever is resolved is an account and a queue name, and resolves to itself.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"http://localhost:9324/000000000001/q", "q", "//", "://", "a?b/c", "x://y/000000000000/z.fifo"} {
		f.Add(seed)
	}
	c := &caller{account: testAccount, base: "http://sqs.test/"}
	f.Fuzz(func(t *testing.T, url string) {
		account, name, err := c.resolve(url)
		if err != nil {
			return
		}
		require.True(t, isAccount(account))
		require.True(t, validQueueName(name))
		again, nameAgain, err := c.resolve(c.queueURL(account, name))
		require.NoError(t, err)
		require.Equal(t, account+"/"+name, again+"/"+nameAgain)
	})
}

func TestCredentialScope(t *testing.T) {
	for header, want := range map[string][2]string{
		"": {},
		"AWS4-HMAC-SHA256 Credential=AKID/20250610/us-west-2/sqs/aws4_request, SignedHeaders=host, Signature=0": {"AKID", "us-west-2"},
		"AWS4-HMAC-SHA256 SignedHeaders=host,Credential=AKID/20250610/us-west-2/sqs/aws4_request":               {"AKID", "us-west-2"},
		"Credential=AKID": {"AKID", ""},
		"Bearer abc":      {},
	} {
		key, region := credentialScope(header)
		require.Equal(t, want, [2]string{key, region}, header)
	}
}
