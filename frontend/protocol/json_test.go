package protocol

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// decode reads a request of the named action.
func decode(t *testing.T, action, body string) (Request, error) {
	t.Helper()
	found, ok := ActionNamed(action)
	require.True(t, ok)
	return JSON{}.Decode(found, []byte(body))
}

func TestDecodeSendMessage(t *testing.T) {
	request, err := decode(t, "SendMessage", `{
		"QueueUrl": "http://localhost/000000000000/q", "MessageBody": "a \"b\"\n\u00e9\ud83d\ude00 é",
		"DelaySeconds": 0, "MessageGroupId": "", "Future": [1, {"a": null}],
		"MessageAttributes": {
			"b": {"DataType": "Binary", "BinaryValue": "AQI="},
			"a": {"DataType": "String", "StringValue": "x\ty"},
			"c": {"DataType": "String", "StringListValues": ["x"]}
		}}`)
	require.NoError(t, err)
	require.Equal(t, &SendMessageRequest{
		QueueURL: "http://localhost/000000000000/q",
		Message: OutgoingMessage{
			Body:         []byte("a \"b\"\né😀 é"),
			DelaySeconds: Some[int64](0),
			GroupID:      Some(""),
			Attributes: []MessageAttribute{
				{Name: "a", DataType: "String", Value: []byte("x\ty")},
				{Name: "b", DataType: "Binary", Value: []byte{1, 2}},
				{Name: "c", DataType: "String", List: true},
			},
		},
	}, request)
}

func TestDecodeEveryAction(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want Request
	}{
		"CreateQueue": {`{"QueueName":"q","Attributes":{"DelaySeconds":"1"},"tags":{"k":"v"}}`,
			&CreateQueueRequest{QueueName: "q", Attributes: []Pair{{"DelaySeconds", "1"}}, Tags: []Pair{{"k", "v"}}}},
		"GetQueueUrl":        {`{"QueueName":"q","QueueOwnerAWSAccountId":"1"}`, &GetQueueURLRequest{QueueName: "q", OwnerAccount: "1"}},
		"ListQueues":         {`{"QueueNamePrefix":"p","MaxResults":5,"NextToken":"t"}`, &ListQueuesRequest{"p", Some[int64](5), "t"}},
		"GetQueueAttributes": {`{"QueueUrl":"u","AttributeNames":["All"]}`, &GetQueueAttributesRequest{"u", []string{"All"}}},
		"SetQueueAttributes": {`{"QueueUrl":"u","Attributes":{"a":"b"}}`, &SetQueueAttributesRequest{"u", []Pair{{"a", "b"}}}},
		"DeleteQueue":        {`{"QueueUrl":"u"}`, &DeleteQueueRequest{"u"}},
		"PurgeQueue":         {`{"QueueUrl":"u"}`, &PurgeQueueRequest{"u"}},
		"ListQueueTags":      {`{"QueueUrl":"u"}`, &ListQueueTagsRequest{"u"}},
		"TagQueue":           {`{"QueueUrl":"u","Tags":{"a":""}}`, &TagQueueRequest{"u", []Pair{{"a", ""}}}},
		"UntagQueue":         {`{"QueueUrl":"u","TagKeys":["a"]}`, &UntagQueueRequest{"u", []string{"a"}}},
		"SendMessageBatch": {`{"QueueUrl":"u","Entries":[{"Id":"1","MessageBody":"b","DelaySeconds":2}]}`,
			&SendMessageBatchRequest{"u", []OutgoingMessage{{ID: "1", Body: []byte("b"), DelaySeconds: Some[int64](2)}}}},
		"ReceiveMessage": {`{"QueueUrl":"u","MaxNumberOfMessages":2,"VisibilityTimeout":0,"WaitTimeSeconds":null,
			"AttributeNames":["A"],"MessageSystemAttributeNames":["B"],"MessageAttributeNames":["c.*"],"ReceiveRequestAttemptId":"r"}`,
			&ReceiveMessageRequest{QueueURL: "u", MaxNumberOfMessages: Some[int64](2), VisibilityTimeout: Some[int64](0),
				SystemAttributeNames: []string{"A", "B"}, MessageAttributeNames: []string{"c.*"}, AttemptID: Some("r")}},
		"DeleteMessage": {`{"QueueUrl":"u","ReceiptHandle":"h"}`, &DeleteMessageRequest{"u", DeleteEntry{"", "h"}}},
		"DeleteMessageBatch": {`{"QueueUrl":"u","Entries":[{"Id":"1","ReceiptHandle":"h"}]}`,
			&DeleteMessageBatchRequest{"u", []DeleteEntry{{"1", "h"}}}},
		"ChangeMessageVisibility": {`{"QueueUrl":"u","ReceiptHandle":"h","VisibilityTimeout":3}`,
			&ChangeMessageVisibilityRequest{"u", VisibilityEntry{"", "h", Some[int64](3)}}},
		"ListDeadLetterSourceQueues": {`{"QueueUrl":"u","MaxResults":2,"NextToken":"t"}`, &ListDeadLetterSourceQueuesRequest{"u", Some[int64](2), "t"}},
		"AddPermission": {`{"QueueUrl":"u","Label":"l","AWSAccountIds":["a","b"],"Actions":["*"]}`,
			&AddPermissionRequest{"u", "l", []string{"a", "b"}, []string{"*"}}},
		"RemovePermission": {`{"QueueUrl":"u","Label":"l"}`, &RemovePermissionRequest{"u", "l"}},
		"StartMessageMoveTask": {`{"SourceArn":"s","DestinationArn":"d","MaxNumberOfMessagesPerSecond":5}`,
			&StartMessageMoveTaskRequest{"s", "d", Some[int64](5)}},
		"CancelMessageMoveTask": {`{"TaskHandle":"h"}`, &CancelMessageMoveTaskRequest{"h"}},
		"ListMessageMoveTasks":  {`{"SourceArn":"s","MaxResults":3}`, &ListMessageMoveTasksRequest{"s", Some[int64](3)}},
		"ChangeMessageVisibilityBatch": {`{"QueueUrl":"u","Entries":[{"Id":"1","ReceiptHandle":"h","VisibilityTimeout":-1}]}`,
			&ChangeMessageVisibilityBatchRequest{"u", []VisibilityEntry{{"1", "h", Some[int64](-1)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := decode(t, name, test.body)
			require.NoError(t, err)
			require.Equal(t, test.want, request)
		})
	}
	for name, action := range actions {
		request, err := decode(t, name, ``)
		require.NoError(t, err, name)
		require.Equal(t, action.newRequest(), request)
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := func(depth int) string {
		return `{"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
	}
	many := func(members int) string { return `{"x":[0` + strings.Repeat(",0", members-1) + `]}` }
	names := `{"n0":0`
	for i := 1; i < 40; i++ {
		names += `,"n` + itoa(i) + `":0`
	}
	const malformed = "The request body is not valid JSON: "
	for name, test := range map[string]struct{ body, want string }{
		"not an object":               {`[]`, "The request body is not a JSON object."},
		"text for integer":            {`{"DelaySeconds":"1"}`, "STRING_VALUE can not be converted to an integer."},
		"integer for text":            {`{"MessageBody":1}`, "NUMBER_VALUE can not be converted to a String."},
		"object for text":             {`{"MessageBody":{}}`, "START_OBJECT can not be converted to a String."},
		"list for text":               {`{"QueueUrl":[]}`, "START_ARRAY can not be converted to a String."},
		"true for structure":          {`{"MessageAttributes":true}`, "TRUE_VALUE can not be converted to a structure."},
		"fraction":                    {`{"DelaySeconds":1.5}`, "A number is not an integer or too large."},
		"huge":                        {`{"DelaySeconds":99999999999999999999}`, "A number is not an integer or too large."},
		"base64":                      {`{"MessageAttributes":{"a":{"BinaryValue":"*"}}}`, "A binary value is not valid base64."},
		"duplicate":                   {`{"MessageBody":"a","MessageBody":"b"}`, "The request body is not valid: a name occurs twice in one structure."},
		"duplicate by escape":         {`{"QueueUrl":"a","Queue\u0055rl":"b"}`, "The request body is not valid: a name occurs twice in one structure."},
		"duplicate after many":        {names + `,"n3":0}`, "The request body is not valid: a name occurs twice in one structure."},
		"too deep":                    {deep(MaxDepth), "The request body is nested too deeply."},
		"too many":                    {many(MaxMembers + 1), "The request body has too many elements in one list or structure."},
		"bad UTF-8":                   {"{\"MessageBody\":\"\xff\"}", "The request body is not valid UTF-8."},
		"surrogate as UTF-8":          {"{\"MessageBody\":\"12345678\xed\xa0\x80\"}", "The request body is not valid UTF-8."},
		"half a surrogate pair":       {`{"MessageBody":"\ud83d"}`, malformed + "a text has a malformed escape."},
		"pair without second":         {`{"MessageBody":"\ud83d\u0041"}`, malformed + "a text has a malformed escape."},
		"unknown escape":              {`{"MessageBody":"\x"}`, malformed + "a text has a malformed escape."},
		"cut escape":                  {`{"MessageBody":"\u12`, malformed + "a text has a malformed escape."},
		"raw control character":       {"{\"MessageBody\":\"a\nb\"}", malformed + "a text has a control character in it."},
		"no end of text":              {`{"MessageBody":"abc`, malformed + "a text has no end."},
		"no end of text after escape": {`{"MessageBody":"abc\n`, malformed + "a text has no end."},
		"no end of object":            {`{"MessageBody":"abc"`, malformed + "a comma is missing."},
		"nothing in object":           {`{`, malformed + "it ends too early."},
		"comma at the end":            {`{"x":1,}`, malformed + "a member's name is missing."},
		"no colon":                    {`{"x" 1}`, malformed + "a colon is missing."},
		"no value":                    {`{"x":}`, malformed + "a value is missing."},
		"no value wanted as text":     {`{"QueueUrl":}`, malformed + "a value is missing."},
		"not null":                    {`{"QueueUrl":nil}`, malformed + "a word is not true, false or null."},
		"leading zero":                {`{"x":01}`, malformed + "a number is malformed."},
		"lonely minus":                {`{"x":-}`, malformed + "a number is malformed."},
		"empty exponent":              {`{"x":1e}`, malformed + "a number is malformed."},
		"trailing content":            {`{} {}`, "The request body has content after its JSON value."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(t, "SendMessage", test.body)
			var refused *DecodeError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, test.want, refused.Reason)
		})
	}
	for name, body := range map[string]string{"deep": deep(MaxDepth - 1), "many": many(MaxMembers), "names": names + `}`} {
		_, err := decode(t, "SendMessage", body)
		require.NoError(t, err, name)
	}
}

func TestAppendResponses(t *testing.T) {
	digest := BodyDigest([]byte("a"))
	id := MessageID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4d, 0xef, 0x80}
	sent := SentMessage{ID: "1", MessageID: id, BodyDigest: digest}
	full := sent
	full.AttributesDigest, full.SystemAttributesDigest, full.SequenceNumber = Some(digest), Some(digest), Some[uint64](7)
	failed := []FailedEntry{{"2", Fault{Type: "T", Code: "C", Message: "m", Sender: true, Status: 400}}}
	const md5 = `"0cc175b9c0f1b6a831c399e269772661"`
	const uuid = `"01234567-89ab-4def-8000-000000000000"`
	for name, test := range map[string]struct {
		response Response
		want     string
	}{
		"url":              {&QueueURLResponse{"http://h/1/q"}, `{"QueueUrl":"http://h/1/q"}`},
		"no queues":        {&ListQueuesResponse{}, `{}`},
		"queues":           {&ListQueuesResponse{[]string{"a", "b"}, "t"}, `{"NextToken":"t","QueueUrls":["a","b"]}`},
		"no attributes":    {&AttributesResponse{}, `{}`},
		"attributes":       {&AttributesResponse{[]Pair{{"a", "1"}, {"b", "\"\x01é"}}}, `{"Attributes":{"a":"1","b":"\"\u0001é"}}`},
		"tags":             {&TagsResponse{[]Pair{{"a\n", ""}}}, `{"Tags":{"a\n":""}}`},
		"sent":             {&SendMessageResponse{sent}, `{"MD5OfMessageBody":` + md5 + `,"MessageId":` + uuid + `}`},
		"sent in full":     {&SendMessageResponse{full}, `{"MD5OfMessageAttributes":` + md5 + `,"MD5OfMessageBody":` + md5 + `,"MD5OfMessageSystemAttributes":` + md5 + `,"MessageId":` + uuid + `,"SequenceNumber":"00000000000000000007"}`},
		"sent batch":       {&SendMessageBatchResponse{[]SentMessage{sent}, failed}, `{"Failed":[{"Code":"C","Id":"2","Message":"m","SenderFault":true}],"Successful":[{"Id":"1","MD5OfMessageBody":` + md5 + `,"MessageId":` + uuid + `}]}`},
		"nothing received": {&ReceiveMessageResponse{}, `{}`},
		"received": {&ReceiveMessageResponse{[]ReceivedMessage{
			{MessageID: id, ReceiptHandle: "h", Body: []byte("a"), BodyDigest: digest},
			{MessageID: id, ReceiptHandle: "h", Body: []byte("12345678\\9\t\r"), BodyDigest: digest, AttributesDigest: Some(digest),
				SystemAttributes: []Pair{{"SenderId", "s"}}, Attributes: []MessageAttribute{
					{Name: "b", DataType: "Binary", Value: []byte{1, 2}}, {Name: "s", DataType: "String", Value: []byte("v")}}},
		}}, `{"Messages":[{"Body":"a","MD5OfBody":` + md5 + `,"MessageId":` + uuid + `,"ReceiptHandle":"h"},` +
			`{"Attributes":{"SenderId":"s"},"Body":"12345678\\9\t\r","MD5OfBody":` + md5 + `,"MD5OfMessageAttributes":` + md5 +
			`,"MessageAttributes":{"b":{"BinaryValue":"AQI=","DataType":"Binary"},"s":{"DataType":"String","StringValue":"v"}},"MessageId":` + uuid + `,"ReceiptHandle":"h"}]}`},
		"batch":       {&DeleteMessageBatchResponse{BatchResult{[]string{"1", "3"}, failed}}, `{"Failed":[{"Code":"C","Id":"2","Message":"m","SenderFault":true}],"Successful":[{"Id":"1"},{"Id":"3"}]}`},
		"sources":     {&ListDeadLetterSourceQueuesResponse{[]string{"a"}, "t"}, `{"NextToken":"t","queueUrls":["a"]}`},
		"started":     {&StartMessageMoveTaskResponse{"h"}, `{"TaskHandle":"h"}`},
		"cancelled":   {&CancelMessageMoveTaskResponse{7}, `{"ApproximateNumberOfMessagesMoved":7}`},
		"no tasks":    {&ListMessageMoveTasksResponse{}, `{}`},
		"simple task": {&ListMessageMoveTasksResponse{[]MoveTask{{Status: "COMPLETED", SourceARN: "s", Moved: 1, StartedMs: 2}}}, `{"Results":[{"ApproximateNumberOfMessagesMoved":1,"SourceArn":"s","StartedTimestamp":2,"Status":"COMPLETED"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := JSON{}.AppendResponse([]byte("before"), new(Action), test.response, "")
			require.Equal(t, "before"+test.want, string(got))
			require.True(t, test.want == "" || json.Valid([]byte(test.want)))
		})
	}
	require.Empty(t, JSON{}.AppendResponse(nil, &Action{Void: true}, Empty{}, ""))
	fault := JSON{}.AppendFault(nil, &Fault{Type: "QueueDoesNotExist", Message: `no "q"`}, "")
	require.Equal(t, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no \"q\""}`, string(fault))
}

func TestDigests(t *testing.T) {
	attribute := func(name, dataType, value string) MessageAttribute {
		return MessageAttribute{Name: name, DataType: dataType, Value: []byte(value)}
	}
	for want, attributes := range map[string][]MessageAttribute{
		"235c5c510d26fb653d073faed50ae77c": {attribute("timestamp", "Number", "1493147359900")},
		"4c360f3fdafd970e05fae2f149d997f5": {attribute("Help.Me", "String", "Me"), attribute("Hello", "String", "There"), attribute("General", "String", "Kenobi")},
		"5ae4d5d7636402d80f4eb6d213245a88": {attribute("AWSTraceHeader", "String", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")},
	} {
		sortAttributes(attributes)
		digest := AttributesDigest(attributes)
		require.True(t, digest.Set)
		require.Equal(t, want, hex.EncodeToString(digest.Value[:]))
	}
	require.False(t, AttributesDigest(nil).Set)
	binary := AttributesDigest([]MessageAttribute{attribute("a", "Binary", "x")})
	text := AttributesDigest([]MessageAttribute{attribute("a", "String", "x")})
	require.NotEqual(t, binary, text)
}
