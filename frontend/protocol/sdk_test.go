package protocol

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// snapshot is a file of testdata/sdk: a first line, a header, and a JSON body.
type snapshot struct {
	first  string
	action string
	body   string
}

func readSnapshot(t *testing.T, file string) snapshot {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	head, body, found := strings.Cut(string(content), "\n\n{")
	require.True(t, found, file)
	first, header, _ := strings.Cut(head, "\n")
	_, target, _ := strings.Cut(header, "X-Amz-Target: ")
	target, _, _ = strings.Cut(target, "\n")
	action, ok := TargetAction(target)
	require.True(t, ok, file)
	return snapshot{first: first, action: action, body: "{" + body}
}

// leaves calls visit with every text and number of a JSON value, and the name of the member it is in.
func leaves(name string, value any, visit func(name string, value any)) {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			if strings.HasPrefix(key, "key") {
				visit(name, key) // the key of a map
			}
			leaves(key, v[key], visit)
		}
	case []any:
		for i := range v {
			leaves(name, v[i], visit)
		}
	default:
		visit(name, v)
	}
}

// TestSDKRequests reads what the SDK writes with every member set: each value must be found in the request.
func TestSDKRequests(t *testing.T) {
	files, err := filepath.Glob("testdata/sdk/*.request.snap")
	require.NoError(t, err)
	require.Len(t, files, len(actions))
	for _, file := range files {
		s := readSnapshot(t, file)
		t.Run(s.action, func(t *testing.T) {
			request, err := decode(t, s.action, s.body)
			require.NoError(t, err)
			read, err := json.Marshal(request)
			require.NoError(t, err)
			var sent any
			require.NoError(t, json.Unmarshal([]byte(s.body), &sent))
			numbers := 0
			leaves("", sent, func(name string, value any) {
				switch v := value.(type) {
				case float64:
					numbers++
				case string:
					switch {
					case strings.HasSuffix(name, "ListValues"):
						require.Contains(t, string(read), `"List":true`)
					case name == "BinaryValue": // the data type of the snapshots is no binary one
					case name == "MessageBody" || name == "StringValue":
						encoded, err := json.Marshal([]byte(v))
						require.NoError(t, err)
						require.Contains(t, string(read), string(encoded), name)
					default:
						require.Contains(t, string(read), v, name)
					}
				}
			})
			require.Equal(t, numbers, strings.Count(string(read), `"Value":1,"Set":true`))
		})
	}
}

// TestSDKResponses writes answers with every member set: they must be those that the SDK reads.
func TestSDKResponses(t *testing.T) {
	failed := []FailedEntry{{"__Id__", Fault{Code: "__Code__", Message: "__Message__", Sender: true}}, {"__Id__", Fault{Code: "__Code__", Message: "__Message__", Sender: true}}}
	batch := BatchResult{Successful: []string{"__Id__", "__Id__"}, Failed: failed}
	members := []string{"__Member__", "__Member__"}
	task := MoveTask{TaskHandle: "__TaskHandle__", Status: "__Status__", SourceARN: "__SourceArn__", DestinationARN: "__DestinationArn__",
		FailureReason: "__FailureReason__", MaxPerSecond: Some[int64](1), ToMove: Some[int64](1), Moved: 1, StartedMs: 1}
	responses := map[string]Response{
		"CreateQueue":                  &QueueURLResponse{"__QueueUrl__"},
		"GetQueueUrl":                  &QueueURLResponse{"__QueueUrl__"},
		"ListQueues":                   &ListQueuesResponse{members, "__NextToken__"},
		"ListDeadLetterSourceQueues":   &ListDeadLetterSourceQueuesResponse{members, "__NextToken__"},
		"GetQueueAttributes":           &AttributesResponse{[]Pair{{"key0", "__Value__"}}},
		"ListQueueTags":                &TagsResponse{[]Pair{{"key0", "__Value__"}}},
		"DeleteMessageBatch":           &DeleteMessageBatchResponse{batch},
		"ChangeMessageVisibilityBatch": &ChangeMessageVisibilityBatchResponse{batch},
		"StartMessageMoveTask":         &StartMessageMoveTaskResponse{"__TaskHandle__"},
		"CancelMessageMoveTask":        &CancelMessageMoveTaskResponse{1},
		"ListMessageMoveTasks":         &ListMessageMoveTasksResponse{[]MoveTask{task, task}},
	}
	files, err := filepath.Glob("testdata/sdk/*.response.snap")
	require.NoError(t, err)
	// The SDK has no snapshots of answers whose digests it checks: SendMessage, SendMessageBatch, ReceiveMessage.
	require.Len(t, files, len(actions)-3)
	for _, file := range files {
		s := readSnapshot(t, file)
		t.Run(s.action, func(t *testing.T) {
			action, _ := ActionNamed(s.action)
			if action.Void {
				require.JSONEq(t, `{}`, s.body)
				require.Empty(t, JSON{}.AppendResponse(nil, action, Empty{}, ""), "SQS itself answers nothing at all")
				return
			}
			require.JSONEq(t, s.body, string(JSON{}.AppendResponse(nil, action, responses[s.action], "")))
		})
	}
}

// TestSDKErrors writes errors as the SDK reads them. Which error has which status is checked in package frontend.
func TestSDKErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/sdk/*.error.snap")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		s := readSnapshot(t, file)
		name := strings.TrimSuffix(filepath.Base(file), ".error.snap")
		var want map[string]string
		require.NoError(t, json.Unmarshal([]byte(s.body), &want))
		require.Equal(t, name, want["__type"])
		want["__type"] = typeNamespace + name
		want["message"] = "__Message__" // two of the snapshots, of errors that have none in the model, leave it out
		var got map[string]string
		require.NoError(t, json.Unmarshal(JSON{}.AppendFault(nil, &Fault{Type: name, Message: "__Message__"}, ""), &got))
		require.Equal(t, want, got)
	}
}
