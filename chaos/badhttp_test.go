package chaos

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// answerTimeout bounds the wait for an answer on a connection of the tests' own.
	answerTimeout = 5 * time.Second
	// maxBody is the largest request body that the API takes.
	maxBody = 4 << 20
)

// dial opens a connection that is closed when the test ends.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, answerTimeout)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(answerTimeout)))
	return conn
}

// exchange writes bytes to the endpoint and returns the statuses of all answers that come until the connection ends.
func (b *bystander) exchange(t *testing.T, request string) []int {
	t.Helper()
	conn := dial(t, b.cluster.Endpoint)
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	return statuses(t, conn)
}

func statuses(t *testing.T, conn net.Conn) []int {
	t.Helper()
	var all []int
	for r := bufio.NewReader(conn); ; {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			var timeout net.Error
			require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "neither an answer nor an end after %v", all)
			return all
		}
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		all = append(all, response.StatusCode)
	}
}

// post returns a request as a program without an SDK would write it.
func post(action, body string) string {
	return head(action, fmt.Sprintf("Connection: close\r\nContent-Length: %d", len(body))) + body
}

// form returns a request in the Query protocol.
func form(parameters string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: sqs\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		len(parameters), parameters)
}

// head returns the first lines of a request.
func head(action, headers string) string {
	return "POST / HTTP/1.1\r\nHost: sqs\r\nX-Amz-Target: AmazonSQS." + action + "\r\n" + headers + "\r\n\r\n"
}

// badRequests are requests that are answered, each on a connection of its own.
func badRequests() []badInput {
	deep := strings.Repeat("[", 100_000)
	send := func(more string) string { return `{"QueueUrl":"/000000000000/scrap","MessageBody":"x"` + more + `}` }
	tests := []badInput{{"wrong JSON types", wrongTypes}, {"bad queue names", badQueueNames}}
	for _, c := range []struct {
		name    string
		request string
		want    int
	}{
		{"no JSON", post("SendMessage", "QueueUrl=scrap&MessageBody=x"), 400},
		{"no body", post("SendMessage", ""), 400},
		{"truncated JSON", post("SendMessage", send("")[:30]), 400},
		{"JSON with a tail", post("SendMessage", send("")+"}"), 400},
		{"JSON array", post("SendMessage", "["+send("")+"]"), 400},
		{"deep JSON", post("SendMessage", `{"QueueUrl":`+deep), 400},
		{"deep JSON in an unknown field", post("SendMessage", send(`,"x":`+deep+strings.Repeat("]", len(deep)))), 400},
		{"deep JSON objects", post("SendMessage", strings.Repeat(`{"MessageAttributes":`, 100_000)), 400},
		{"duplicate keys", post("SendMessage", send(`,"MessageBody":"y"`)), 400},
		{"duplicate unknown keys", post("SendMessage", send(`,"x":1,"x":2`)), 400},
		{"invalid UTF-8", post("SendMessage", send(",\"MessageGroupId\":\"\xff\xfe\"")), 400},
		{"invalid UTF-8 key", post("SendMessage", send(",\"\xc3\x28\":1")), 400},
		{"half a surrogate", post("SendMessage", send(`,"MessageGroupId":"\ud800"`)), 400},
		{"zero bytes", post("SendMessage", strings.Repeat("\x00", 1000)), 400},
		{"unknown action", post("Boil", "{}"), 400},
		{"action of odd bytes", post("\x7f../%00", "{}"), 400},
		{"missing target", "POST / HTTP/1.1\r\nHost: sqs\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 404},
		{"form without action", form("QueueUrl=scrap&MessageBody=x"), 404},
		{"form with an unknown action", form("Action=Boil"), 400},
		{"form with two actions", form("Action=ListQueues&Action=ListQueues"), 404},
		{"form cut in an escape", form("Action=SendMessage&QueueUrl=scrap&MessageBody=%4"), 400},
		{"form of invalid UTF-8", form("Action=SendMessage&QueueUrl=scrap&MessageBody=%ff"), 400},
		{"form with a deep name", form("Action=ListQueues&" + strings.Repeat("a.", 1<<19) + "=1"), 400},
		{"form of many parameters", form("Action=ListQueues&" + strings.Repeat("a=1&", 1<<19)), 400},
		{"form of many names", form("Action=ListQueues" + strings.Repeat("&Tag.1.Key", 1<<17)), 400},
		{"form with a zero byte", form("Action=SendMessage&QueueUrl=scrap&MessageBody=%00"), 400},
		{"form in the URL", "GET /?Action=ListQueues HTTP/1.1\r\nHost: sqs\r\nConnection: close\r\n\r\n", 200},
		{"two targets", head("ListQueues", "X-Amz-Target: Boil\r\nConnection: close\r\nContent-Length: 2") + "{}", 200},
		{"another verb", strings.Replace(post("SendMessage", send("")), "POST", "DELETE", 1), 404},
		{"oversized body announced", head("SendMessage", "Connection: close\r\nContent-Length: 104857600") + "{", 413},
		{"body of a negative length", head("SendMessage", "Content-Length: -1"), 400},
		{"body of two lengths", head("SendMessage", "Content-Length: 2\r\nContent-Length: 3") + "{}", 400},
		{"broken chunks", head("SendMessage", "Connection: close\r\nTransfer-Encoding: chunked") + "zz\r\n{}\r\n", 400},
		{"unknown coding", head("SendMessage", "Transfer-Encoding: gzip\r\nContent-Length: 2") + "{}", 501},
		{"huge header", head("SendMessage", "X-Large: "+strings.Repeat("a", 64<<10)), 431},
		{"many headers", head("SendMessage", strings.Repeat("X-Many: a\r\n", 8000)+"X-Last: a"), 431},
		{"bad header", head("SendMessage", "no colon"), 400},
		{"no host", "POST / HTTP/1.1\r\n\r\n", 400},
		{"another protocol", "EHLO sqs\r\n\r\n", 400},
		{"bad escape in the path", "GET /%zz HTTP/1.1\r\nHost: sqs\r\n\r\n", 400},
		{"HTTP/1.0", strings.Replace(post("SendMessage", send("")), "HTTP/1.1", "HTTP/1.0", 1), 200},
		{"HTTP/3.7", strings.Replace(post("SendMessage", send("")), "HTTP/1.1", "HTTP/3.7", 1), 505},
	} {
		tests = append(tests, badInput{c.name, func(t *testing.T, b *bystander) {
			require.Equal(t, []int{c.want}, b.exchange(t, c.request))
		}})
	}
	return tests
}

// wrongTypes gives every field of SendMessage values of every JSON type. What has another type than the field is
// refused; null is as if the field were not there; the rest is for the rules of the API.
func wrongTypes(t *testing.T, b *bystander) {
	const text, number, object, list = `"`, `1`, `{`, `[`
	attribute := func(field string) string { return `"MessageAttributes":{"a":{"DataType":"String",` + field + `}}` }
	fields := []struct{ document, kind string }{
		{`{"QueueUrl":%s,"MessageBody":"x"}`, text},
		{`{"QueueUrl":"scrap","MessageBody":%s}`, text},
		{`{"QueueUrl":"scrap","MessageBody":"x","DelaySeconds":%s}`, number},
		{`{"QueueUrl":"scrap","MessageBody":"x","MessageGroupId":%s}`, text},
		{`{"QueueUrl":"scrap","MessageBody":"x","MessageDeduplicationId":%s}`, text},
		{`{"QueueUrl":"scrap","MessageBody":"x","MessageAttributes":%s}`, object},
		{`{"QueueUrl":"scrap","MessageBody":"x","MessageSystemAttributes":%s}`, object},
		{`{"QueueUrl":"scrap","MessageBody":"x","MessageAttributes":{"a":%s}}`, object},
		{`{"QueueUrl":"scrap","MessageBody":"x","MessageSystemAttributes":{"AWSTraceHeader":%s}}`, object},
		{`{"QueueUrl":"scrap","MessageBody":"x","MessageAttributes":{"a":{"DataType":%s,"StringValue":"x"}}}`, text},
		{`{"QueueUrl":"scrap","MessageBody":"x",` + attribute(`"StringValue":%s`) + `}`, text},
		{`{"QueueUrl":"scrap","MessageBody":"x",` + attribute(`"BinaryValue":%s`) + `}`, text},
		{`{"QueueUrl":"scrap","MessageBody":"x",` + attribute(`"StringListValues":%s`) + `}`, list},
		{`{"QueueUrl":"scrap","MessageBody":"x",` + attribute(`"BinaryListValues":%s`) + `}`, list},
	}
	values := []string{
		`null`, `true`, `1`, `-1`, `1.5`, `1e400`, `9223372036854775808`, `""`, `"1"`, `"\u0000"`, `[]`, `[1]`, `[null]`, `{}`,
		`{"a":1}`, `{"a":null}`, `{"":{}}`,
	}
	for _, field := range fields {
		for _, value := range values {
			document := fmt.Sprintf(field.document, value)
			got := b.exchange(t, post("SendMessage", document))
			require.Len(t, got, 1, document)
			kind := value[:1]
			if strings.Contains("-0123456789", kind) {
				kind = number
			}
			if kind == field.kind || value == "null" {
				require.Contains(t, []int{200, 400, 404}, got[0], document)
			} else {
				require.Equal(t, 400, got[0], document)
			}
		}
	}
}

// badQueueNames tries to create and to address queues whose names are none.
func badQueueNames(t *testing.T, b *bystander) {
	for _, name := range []string{
		"", ".", "..", "../../x", "..%2f..%2fx", "a/b", `a\\b`, "/etc/passwd", "a b", "a.b", "q.fifo", "q.FIFO", ".fifo",
		strings.Repeat("a", 81), strings.Repeat("a", 76) + ".fifo", "Schlange-ä", "队列", `a\u0000`, `\u202eq`, "a\xff", "-$HOME", "a;b", "<q>",
	} {
		require.Equal(t, []int{400}, b.exchange(t, post("CreateQueue", `{"QueueName":"`+name+`"}`)), "%q", name)
		for _, url := range []string{name, "/000000000000/" + name, "http://sqs/000000000000/" + name, "../000000000000/" + name} {
			got := b.exchange(t, post("SendMessage", `{"QueueUrl":"`+url+`","MessageBody":"x"}`))
			require.Equal(t, []int{400}, got, "%q", url)
		}
	}
	for _, url := range []string{"http://sqs/../../scrap", "file:///etc/passwd", "//", "http://[::1/0/scrap", "\\\\\\\\host\\\\scrap", strings.Repeat("/", 5000)} {
		got := b.exchange(t, post("SendMessage", `{"QueueUrl":"`+url+`","MessageBody":"x"}`))
		require.Len(t, got, 1, "%q", url)
		require.Contains(t, []int{400, 404}, got[0], "%q", url)
	}
}

// badConnections are clients that do more than send a bad request.
func badConnections() []badInput {
	tests := map[string]func(t *testing.T, b *bystander){
		"oversized body sent all the same": func(t *testing.T, b *bystander) {
			flood(t, b, head("SendMessage", "Content-Length: 104857600"), strings.Repeat(" ", 64<<10))
		},
		"endless chunks": func(t *testing.T, b *bystander) {
			flood(t, b, head("SendMessage", "Transfer-Encoding: chunked"), "10000\r\n"+strings.Repeat(" ", 64<<10)+"\r\n")
		},
		"endless header": func(t *testing.T, b *bystander) {
			flood(t, b, "POST / HTTP/1.1\r\n", strings.Repeat("X-Many: a\r\n", 6000))
		},
		"end within the body": func(t *testing.T, b *bystander) {
			conn := dial(t, b.cluster.Endpoint)
			_, err := io.WriteString(conn, head("SendMessage", "Content-Length: 100")+`{"QueueUrl":`)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			require.Subset(t, []int{400}, statuses(t, conn)) // whoever is still there hears of it
		},
		"end before the answer": func(t *testing.T, b *bystander) {
			for range 50 {
				conn := dial(t, b.cluster.Endpoint)
				_, err := io.WriteString(conn, post("ReceiveMessage", `{"QueueUrl":"scrap","WaitTimeSeconds":20}`))
				require.NoError(t, err)
				require.NoError(t, conn.Close())
			}
		},
		"garbage behind a request": func(t *testing.T, b *bystander) {
			request := strings.Replace(post("ListQueues", "{}"), "Connection: close\r\n", "", 1)
			require.Equal(t, []int{200, 200, 400}, b.exchange(t, request+request+"\x00\x01\x02 garbage\r\n\r\n"+request))
		},
		"many with one byte each": func(t *testing.T, b *bystander) {
			for range 300 { // they stay open while the bystander works
				_, err := io.WriteString(dial(t, b.cluster.Endpoint), "P")
				require.NoError(t, err)
			}
		},
		"TLS": func(t *testing.T, b *bystander) {
			err := tls.Client(dial(t, b.cluster.Endpoint), &tls.Config{ServerName: "sqs"}).HandshakeContext(t.Context())
			require.Error(t, err)
			var timeout net.Error
			require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "the connection hangs")
		},
	}
	var all []badInput
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		all = append(all, badInput{name, tests[name]})
	}
	return all
}

// flood sends a request's beginning and then the same bytes over and over. The server must end the connection after not
// much more than the largest request.
func flood(t *testing.T, b *bystander, beginning, again string) {
	t.Helper()
	const networkBuffers = 32 << 20 // what the system and the balancer may have taken in the meantime
	conn := dial(t, b.cluster.Endpoint)
	_, err := io.WriteString(conn, beginning)
	require.NoError(t, err)
	for sent := 0; ; sent += len(again) {
		if _, err := io.WriteString(conn, again); err != nil {
			var timeout net.Error
			require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "the server holds the connection")
			return
		}
		require.Less(t, sent, maxBody+networkBuffers, "the server takes everything")
	}
}
