package workload

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"chasqui/linearizability"

	"github.com/stretchr/testify/require"
)

// onThread runs f as the only thread of a machine that answers tries in turn, and returns the headers of the tries.
func onThread(t *testing.T, tries []verdict, f func(m *machine)) []http.Header {
	t.Helper()
	var headers []http.Header
	m := newMachine(t, 1)
	dials := 0
	m.service = func(r *http.Request) verdict {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, `{"a":1}`, string(body))
		headers = append(headers, r.Header)
		v := tries[0]
		tries = tries[1:]
		return v
	}
	m.refuse = func() error {
		dials++
		if len(tries) > 0 && errors.Is(tries[0].err, errRefused) {
			tries = tries[1:]
			return errRefused
		}
		return nil
	}
	finished := false
	m.Go("test", func() {
		f(m)
		finished = true
	})
	m.until(10 * time.Minute)
	require.True(t, finished)
	require.Empty(t, tries)
	return headers
}

var (
	errRefused = errors.New("refused")
	errReset   = errors.New("reset")
)

func TestWhatIsKnownOfARequest(t *testing.T) {
	ok := answer(200, "{}")
	refused := verdict{err: errRefused}
	lost := verdict{after: time.Millisecond, err: errReset}
	hung := verdict{after: time.Hour}
	cut := verdict{answer: []byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), err: io.ErrUnexpectedEOF}
	noHTTP := verdict{answer: []byte("hello\r\n\r\n")}
	bad := answer(400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}`)
	throttled := answer(403, `{"__type":"com.amazonaws.sqs#RequestThrottled"}`)
	busy := answer(503, `{"__type":"com.amazonaws.sqs#ServiceUnavailable"}`)
	gateway := answer(502, "<html>")
	for name, test := range map[string]struct {
		tries    []verdict
		outcome  linearizability.Outcome
		doubtful bool
		code     string
	}{
		"at once":                        {[]verdict{ok}, linearizability.OK, false, ""},
		"refused by the service":         {[]verdict{bad}, linearizability.Failed, false, "QueueDoesNotExist"},
		"after a refused connection":     {[]verdict{refused, ok}, linearizability.OK, false, ""},
		"never connected":                {[]verdict{refused, refused, refused, refused}, linearizability.Failed, false, "refused"},
		"after a lost answer":            {[]verdict{lost, ok}, linearizability.OK, true, ""},
		"after a cut answer":             {[]verdict{cut, ok}, linearizability.OK, true, ""},
		"after an answer that is no one": {[]verdict{noHTTP, ok}, linearizability.OK, true, ""},
		"after a throttled try":          {[]verdict{throttled, ok}, linearizability.OK, false, ""},
		"always throttled":               {[]verdict{throttled, throttled, throttled, throttled}, linearizability.Failed, false, "RequestThrottled"},
		"after a busy service":           {[]verdict{busy, ok}, linearizability.OK, true, ""},
		"always busy":                    {[]verdict{busy, busy, busy, busy}, linearizability.Unknown, true, "ServiceUnavailable"},
		"lost, then refused":             {[]verdict{lost, bad}, linearizability.Unknown, true, "QueueDoesNotExist"},
		"lost, then never connected":     {[]verdict{lost, refused, refused, refused}, linearizability.Unknown, true, "refused"},
		"connected at last, and lost":    {[]verdict{refused, refused, refused, lost}, linearizability.Unknown, false, "reset"},
		"hung":                           {[]verdict{hung, hung, gateway, hung}, linearizability.Unknown, true, "i/o timeout"},
		"from a gateway":                 {[]verdict{gateway, gateway, gateway, gateway}, linearizability.Unknown, true, "HTTP 502"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := onThread(t, test.tries, func(m *machine) {
				r := newClient(m, m.Random("client"), "sqs.test").call("SendMessage", []byte(`{"a":1}`), 0)
				require.Equal(t, test.outcome, r.outcome)
				require.Equal(t, test.doubtful, r.doubtful)
				require.Contains(t, r.code, test.code)
				require.Len(t, test.tries, r.tries)
				require.Equal(t, r.code == "", r.outcome == linearizability.OK)
			})
			for _, header := range headers {
				require.Equal(t, headers[0].Get("Amz-Sdk-Invocation-Id"), header.Get("Amz-Sdk-Invocation-Id"))
			}
		})
	}
}

func TestRequestsLookLikeAnSDKs(t *testing.T) {
	headers := onThread(t, []verdict{answer(200, ""), answer(200, "")}, func(m *machine) {
		c := newClient(m, m.Random("client"), "sqs.test")
		require.Equal(t, 1, c.call("DeleteMessage", []byte(`{"a":1}`), 0).dials)
		require.Equal(t, 0, c.call("DeleteMessage", []byte(`{"a":1}`), 0).dials, "the connection is kept")
	})
	header := headers[0]
	require.Equal(t, "AmazonSQS.DeleteMessage", header.Get("X-Amz-Target"))
	require.Equal(t, "application/x-amz-json-1.0", header.Get("Content-Type"))
	require.Regexp(t, `^AWS4-HMAC-SHA256 Credential=\w{20}/20260101/us-east-1/sqs/aws4_request, SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}$`, header.Get("Authorization"))
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, header.Get("Amz-Sdk-Invocation-Id"))
	require.NotEqual(t, header.Get("Amz-Sdk-Invocation-Id"), headers[1].Get("Amz-Sdk-Invocation-Id"))
	require.Regexp(t, `^20260101T0000\d\dZ$`, header.Get("X-Amz-Date"))
}

func TestIdleConnectionsAreNotUsedAgain(t *testing.T) {
	onThread(t, []verdict{answer(200, ""), answer(200, "")}, func(m *machine) {
		c := newClient(m, m.Random("client"), "sqs.test")
		c.call("PurgeQueue", []byte(`{"a":1}`), 0)
		m.Sleep(idleMax + time.Second)
		require.Equal(t, 1, c.call("PurgeQueue", []byte(`{"a":1}`), 0).dials)
	})
}
