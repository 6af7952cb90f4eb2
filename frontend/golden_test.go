package frontend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exchange is one line of a recording.
type exchange struct {
	URL, RequestBody, ResponseBody  string
	RequestHeaders, ResponseHeaders map[string]string
}

// TestRecordedOnAWS sends requests that were recorded on Amazon SQS and compares the answers with those of AWS, field
// by field. What names a place, a time or an accident (hosts, accounts, ids, handles) need only be there.
func TestRecordedOnAWS(t *testing.T) {
	files, err := filepath.Glob("testdata/aws/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			recording, err := os.ReadFile(file)
			require.NoError(t, err)
			s := newWorld(t).frontend(t)
			seen := &sightings{handles: map[string]string{}, spread: strings.HasSuffix(file, "receive-message-order.jsonl")}
			lines := bufio.NewScanner(bytes.NewReader(recording))
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				var recorded exchange
				require.NoError(t, json.Unmarshal(lines.Bytes(), &recorded))
				replay(t, s, &recorded, seen)
			}
			require.NoError(t, lines.Err())
			require.ElementsMatch(t, seen.wanted, seen.got)
		})
	}
}

func replay(t *testing.T, s *testServer, recorded *exchange, seen *sightings) {
	t.Helper()
	body := recorded.RequestBody
	for old, ours := range seen.handles {
		body = strings.ReplaceAll(body, old, ours)
	}
	answer := s.ask(http.MethodPost, recorded.URL, strings.NewReader(body),
		"X-Amz-Target", recorded.RequestHeaders["X-Amz-Target"],
		"Authorization", "AWS4-HMAC-SHA256 Credential=360888705397/20250610/us-west-2/sqs/aws4_request, SignedHeaders=host, Signature=0")
	require.Equal(t, http.StatusOK, answer.status, "%s: %s", body, answer.body)
	require.Equal(t, []string{recorded.ResponseHeaders["Content-Type"]}, answer.header["Content-Type"])
	if recorded.ResponseBody == "" {
		require.Empty(t, answer.body)
		return
	}
	var want, got document
	require.NoError(t, json.Unmarshal([]byte(recorded.ResponseBody), &want))
	require.NoError(t, json.Unmarshal(answer.body, &got), "%s", answer.body)
	seen.take(want, got)
	require.Equal(t, normal("", want), normal("", got), "%s", body)
}

// sightings are the messages of a recording. AWS does not promise an order, so which message comes in which answer is not
// compared, only how many in each, and all of them in the end.
type sightings struct {
	// spread says that AWS spread the messages over its hosts, so that some answers had fewer than there were: how many come
	// in each is not compared either.
	spread bool
	// handles has, for recorded receipt handles, ours that took their place.
	handles map[string]string
	// wanted and got are bodies with their digests.
	wanted, got []string
}

// take notes the messages of two answers that belong together, and removes what may differ between them.
func (s *sightings) take(want, got document) {
	theirs, _ := want["Messages"].([]any)
	ours, _ := got["Messages"].([]any)
	if s.spread {
		s.wanted, s.got = append(s.wanted, texts(theirs)...), append(s.got, texts(ours)...)
		delete(want, "Messages")
		delete(got, "Messages")
		return
	}
	for i := range min(len(theirs), len(ours)) {
		their, our := theirs[i].(document), ours[i].(document)
		s.handles[their["ReceiptHandle"].(string)] = our["ReceiptHandle"].(string)
		for _, name := range []string{"Body", "MD5OfBody"} {
			s.wanted = append(s.wanted, name+" "+their[name].(string))
			s.got = append(s.got, name+" "+our[name].(string))
			delete(their, name)
			delete(our, name)
		}
	}
}

// texts returns messages as texts, without what differs from one run to the next.
func texts(messages []any) []string {
	var list []string
	for _, message := range messages {
		list = append(list, fmt.Sprint(normal("", message))) // which prints maps in the order of their keys
	}
	return list
}

// normal replaces what differs from one run to the next.
func normal(name string, value any) any {
	switch v := value.(type) {
	case document:
		for key := range v {
			v[key] = normal(key, v[key])
		}
	case []any:
		for i := range v {
			v[i] = normal(name, v[i])
		}
	case string:
		if slices.Contains([]string{"MessageId", "ReceiptHandle", "SenderId", "SentTimestamp", "ApproximateFirstReceiveTimestamp"}, name) {
			return "<" + name + ">"
		}
		if name == "QueueUrl" || name == "QueueArn" {
			return v[strings.LastIndexAny(v, "/:")+1:]
		}
	}
	return value
}
