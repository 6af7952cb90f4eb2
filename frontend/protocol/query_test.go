package protocol

import (
	"encoding/xml"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// decodeForm reads a request of the named action in the Query protocol.
func decodeForm(t *testing.T, action string, texts ...string) (Request, error) {
	t.Helper()
	found, ok := ActionNamed(action)
	require.True(t, ok)
	var scratch [][]byte
	for _, text := range texts {
		scratch = append(scratch, []byte(text))
	}
	form, err := ParseForm(scratch...)
	if err != nil {
		return nil, err
	}
	return Query{}.Decode(found, form)
}

// TestBothProtocolsSayTheSame has one request of every action in both protocols.
func TestBothProtocolsSayTheSame(t *testing.T) {
	requests := []struct{ action, json, form string }{
		{"CreateQueue", `{"QueueName":"q","Attributes":{"DelaySeconds":"1","Policy":""},"tags":{"k":"v"}}`,
			`QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=1&Attribute.2.Name=Policy&Attribute.2.Value=&Tag.1.Key=k&Tag.1.Value=v`},
		{"GetQueueUrl", `{"QueueName":"q","QueueOwnerAWSAccountId":"1"}`, `QueueName=q&QueueOwnerAWSAccountId=1`},
		{"ListQueues", `{"QueueNamePrefix":"p","MaxResults":5,"NextToken":"t"}`, `QueueNamePrefix=p&MaxResults=5&NextToken=t`},
		{"ListDeadLetterSourceQueues", `{"QueueUrl":"u","MaxResults":2,"NextToken":"t"}`, `QueueUrl=u&MaxResults=2&NextToken=t`},
		{"GetQueueAttributes", `{"QueueUrl":"u","AttributeNames":["B","A"]}`, `QueueUrl=u&AttributeName.1=B&AttributeName.2=A`},
		{"SetQueueAttributes", `{"QueueUrl":"u","Attributes":{"a":"b"}}`, `QueueUrl=u&Attribute.1.Name=a&Attribute.1.Value=b`},
		{"DeleteQueue", `{"QueueUrl":"u"}`, `QueueUrl=u`},
		{"PurgeQueue", `{"QueueUrl":"u"}`, `QueueUrl=u`},
		{"ListQueueTags", `{"QueueUrl":"u"}`, `QueueUrl=u`},
		{"TagQueue", `{"QueueUrl":"u","Tags":{"a":"","b":"c"}}`, `QueueUrl=u&Tag.1.Key=a&Tag.1.Value=&Tag.2.Key=b&Tag.2.Value=c`},
		{"UntagQueue", `{"QueueUrl":"u","TagKeys":["a","b"]}`, `QueueUrl=u&TagKey.1=a&TagKey.2=b`},
		{"AddPermission", `{"QueueUrl":"u","Label":"l","AWSAccountIds":["1","2"],"Actions":["SendMessage"]}`,
			`QueueUrl=u&Label=l&AWSAccountId.1=1&AWSAccountId.2=2&ActionName.1=SendMessage`},
		{"RemovePermission", `{"QueueUrl":"u","Label":"l"}`, `QueueUrl=u&Label=l`},
		{"StartMessageMoveTask", `{"SourceArn":"s","DestinationArn":"d","MaxNumberOfMessagesPerSecond":5}`, `SourceArn=s&DestinationArn=d&MaxNumberOfMessagesPerSecond=5`},
		{"CancelMessageMoveTask", `{"TaskHandle":"h"}`, `TaskHandle=h`},
		{"ListMessageMoveTasks", `{"SourceArn":"s","MaxResults":3}`, `SourceArn=s&MaxResults=3`},
		{"SendMessage", `{"QueueUrl":"u","MessageBody":"a b&c=d+e\u00e9","DelaySeconds":0,"MessageGroupId":"","MessageDeduplicationId":"d",
			"MessageAttributes":{"z":{"DataType":"Binary.x","BinaryValue":"AQI="},"a":{"DataType":"String","StringValue":"v"},"l":{"DataType":"String","StringListValues":["x"]}},
			"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"t"}}}`,
			`QueueUrl=u&MessageBody=a+b%26c%3Dd%2Be%C3%A9&DelaySeconds=0&MessageGroupId=&MessageDeduplicationId=d` +
				`&MessageAttribute.1.Name=z&MessageAttribute.1.Value.DataType=Binary.x&MessageAttribute.1.Value.BinaryValue=AQI%3D` +
				`&MessageAttribute.2.Name=a&MessageAttribute.2.Value.DataType=String&MessageAttribute.2.Value.StringValue=v` +
				`&MessageAttribute.3.Name=l&MessageAttribute.3.Value.DataType=String&MessageAttribute.3.Value.StringListValue.1=x` +
				`&MessageSystemAttribute.1.Name=AWSTraceHeader&MessageSystemAttribute.1.Value.StringValue=t&MessageSystemAttribute.1.Value.DataType=String`},
		{"SendMessageBatch", `{"QueueUrl":"u","Entries":[{"Id":"1","MessageBody":"b","DelaySeconds":2},{"Id":"2","MessageBody":"c","MessageAttributes":{"a":{"DataType":"String","StringValue":"v"}}}]}`,
			`QueueUrl=u&SendMessageBatchRequestEntry.1.Id=1&SendMessageBatchRequestEntry.1.MessageBody=b&SendMessageBatchRequestEntry.1.DelaySeconds=2` +
				`&SendMessageBatchRequestEntry.2.Id=2&SendMessageBatchRequestEntry.2.MessageBody=c` +
				`&SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=a&SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.DataType=String&SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.StringValue=v`},
		{"ReceiveMessage", `{"QueueUrl":"u","MaxNumberOfMessages":2,"VisibilityTimeout":0,"WaitTimeSeconds":20,"AttributeNames":["A"],
			"MessageSystemAttributeNames":["B"],"MessageAttributeNames":["c.*"],"ReceiveRequestAttemptId":"r"}`,
			`QueueUrl=u&MaxNumberOfMessages=2&VisibilityTimeout=0&WaitTimeSeconds=20&AttributeName.1=A&MessageSystemAttributeName.1=B&MessageAttributeName.1=c.%2A&ReceiveRequestAttemptId=r`},
		{"DeleteMessage", `{"QueueUrl":"u","ReceiptHandle":"h"}`, `QueueUrl=u&ReceiptHandle=h`},
		{"DeleteMessageBatch", `{"QueueUrl":"u","Entries":[{"Id":"1","ReceiptHandle":"h"}]}`,
			`QueueUrl=u&DeleteMessageBatchRequestEntry.1.Id=1&DeleteMessageBatchRequestEntry.1.ReceiptHandle=h`},
		{"ChangeMessageVisibility", `{"QueueUrl":"u","ReceiptHandle":"h","VisibilityTimeout":3}`, `QueueUrl=u&ReceiptHandle=h&VisibilityTimeout=3`},
		{"ChangeMessageVisibilityBatch", `{"QueueUrl":"u","Entries":[{"Id":"1","ReceiptHandle":"h","VisibilityTimeout":-1},{"Id":"2"}]}`,
			`QueueUrl=u&ChangeMessageVisibilityBatchRequestEntry.1.Id=1&ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=h` +
				`&ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=-1&ChangeMessageVisibilityBatchRequestEntry.2.Id=2`},
	}
	seen := map[string]bool{}
	for _, test := range requests {
		t.Run(test.action, func(t *testing.T) {
			seen[test.action] = true
			want, err := decode(t, test.action, test.json)
			require.NoError(t, err)
			got, err := decodeForm(t, test.action, test.form+"&Version=2012-11-05&Action="+test.action)
			require.NoError(t, err)
			require.Equal(t, want, got)
			// Where a parameter stands, in the URL or the body, and in which order, makes no difference.
			parts := strings.Split(test.form, "&")
			for i := range parts {
				got, err := decodeForm(t, test.action, strings.Join(parts[i:], "&"), strings.Join(parts[:i], "&"))
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		})
	}
	require.Len(t, seen, len(actions), "every action")
}

func TestDecodeForm(t *testing.T) {
	names := func(form string) []string {
		t.Helper()
		request, err := decodeForm(t, "GetQueueAttributes", form)
		require.NoError(t, err)
		return request.(*GetQueueAttributesRequest).AttributeNames
	}
	require.Equal(t, []string{"All"}, names("AttributeName=All"), "kombu sends no index")
	require.Equal(t, []string{"A", "B"}, names("AttributeName=A&AttributeName=B"))
	require.Equal(t, []string{"b", "j", "a"}, names("AttributeName.10=j&AttributeName.12=a&AttributeName.2=b"), "by number, with gaps")
	require.Nil(t, names("AttributeNames=A&QueueUrl.1=x"))

	request, err := decodeForm(t, "SetQueueAttributes", "QueueUrl=u&Attribute.Name=VisibilityTimeout&Attribute.Value=35")
	require.NoError(t, err)
	require.Equal(t, []Pair{{"VisibilityTimeout", "35"}}, request.(*SetQueueAttributesRequest).Attributes)

	form, err := ParseForm([]byte("&&Action=A&B=1&B=2&X.Y=3&=4"))
	require.NoError(t, err)
	require.Equal(t, []string{"A", "", "", ""}, []string{form.Text("Action"), form.Text("B"), form.Text("X"), form.Text("Y")})
	form.SetDefault("Action", "Z")
	form.SetDefault("New", "n")
	require.Equal(t, []string{"A", "n"}, []string{form.Text("Action"), form.Text("New")})
	empty := new(Form)
	empty.SetDefault("New", "n")
	require.Equal(t, "n", empty.Text("New"))

	for name, test := range map[string]struct{ action, form, want string }{
		"integer":        {"ListQueues", "MaxResults=ten", "A number is not an integer or too large."},
		"empty integer":  {"ListQueues", "MaxResults=", "A number is not an integer or too large."},
		"twice":          {"DeleteQueue", "QueueUrl=a&QueueUrl=b", "A parameter occurs twice."},
		"twice a name":   {"SetQueueAttributes", "Attribute.1.Name=a&Attribute.2.Name=a", "A name occurs twice in one list."},
		"twice an attr":  {"SendMessage", "MessageAttribute.1.Name=a&MessageAttribute.2.Name=a", "A name occurs twice in one list."},
		"cut escape":     {"DeleteQueue", "QueueUrl=%4", "A parameter is not valid percent-encoded UTF-8."},
		"bad escape":     {"DeleteQueue", "QueueUrl=%4g", "A parameter is not valid percent-encoded UTF-8."},
		"bad UTF-8":      {"DeleteQueue", "QueueUrl=%ff", "A parameter is not valid percent-encoded UTF-8."},
		"bad UTF-8 name": {"DeleteQueue", "%ff=1", "A parameter is not valid percent-encoded UTF-8."},
		"base64":         {"SendMessage", "MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=Binary&MessageAttribute.1.Value.BinaryValue=*", "A binary value is not valid base64."},
		"too many":       {"DeleteQueue", strings.Repeat("a=1&", MaxParameters+1), "The request has more than 2000 parameters."},
		"too deep":       {"DeleteQueue", strings.Repeat("a.", maxNames) + "a=1", "A parameter's name has more than 8 parts."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeForm(t, test.action, test.form)
			var refused *DecodeError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, test.want, refused.Reason)
		})
	}
}

func TestAppendQueryResponses(t *testing.T) {
	digest := BodyDigest([]byte("a"))
	const md5 = "0cc175b9c0f1b6a831c399e269772661"
	id := MessageID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4d, 0xef, 0x80}
	const uuid = "01234567-89ab-4def-8000-000000000000"
	failed := []FailedEntry{{"2", Fault{Type: "T", Code: "C", Message: "m<", Sender: true, Status: 400}}}
	const failedXML = "<BatchResultErrorEntry><Code>C</Code><Id>2</Id><Message>m&lt;</Message><SenderFault>true</SenderFault></BatchResultErrorEntry>"
	for _, test := range []struct {
		action   string
		response Response
		want     string // what stands before ResponseMetadata
	}{
		{"DeleteMessage", Empty{}, ""},
		{"CreateQueue", &QueueURLResponse{"http://h/1/q?a&b"}, "<CreateQueueResult><QueueUrl>http://h/1/q?a&amp;b</QueueUrl></CreateQueueResult>"},
		{"ListQueues", &ListQueuesResponse{}, "<ListQueuesResult/>"},
		{"ListQueues", &ListQueuesResponse{[]string{"a", "b"}, "t"}, "<ListQueuesResult><NextToken>t</NextToken><QueueUrl>a</QueueUrl><QueueUrl>b</QueueUrl></ListQueuesResult>"},
		{"ListDeadLetterSourceQueues", &ListDeadLetterSourceQueuesResponse{[]string{"a"}, ""}, "<ListDeadLetterSourceQueuesResult><QueueUrl>a</QueueUrl></ListDeadLetterSourceQueuesResult>"},
		{"GetQueueAttributes", &AttributesResponse{[]Pair{{"a", "1"}, {"b", `"x"`}}}, "<GetQueueAttributesResult><Attribute><Name>a</Name><Value>1</Value></Attribute>" +
			"<Attribute><Name>b</Name><Value>&quot;x&quot;</Value></Attribute></GetQueueAttributesResult>"},
		{"ListQueueTags", &TagsResponse{[]Pair{{"k", ""}}}, "<ListQueueTagsResult><Tag><Key>k</Key><Value></Value></Tag></ListQueueTagsResult>"},
		{"SendMessage", &SendMessageResponse{SentMessage{MessageID: id, BodyDigest: digest, AttributesDigest: Some(digest), SystemAttributesDigest: Some(digest), SequenceNumber: Some[uint64](7)}},
			"<SendMessageResult><MD5OfMessageAttributes>" + md5 + "</MD5OfMessageAttributes><MD5OfMessageBody>" + md5 + "</MD5OfMessageBody><MD5OfMessageSystemAttributes>" + md5 +
				"</MD5OfMessageSystemAttributes><MessageId>" + uuid + "</MessageId><SequenceNumber>00000000000000000007</SequenceNumber></SendMessageResult>"},
		{"SendMessageBatch", &SendMessageBatchResponse{[]SentMessage{{ID: "1", MessageID: id, BodyDigest: digest}}, failed},
			"<SendMessageBatchResult>" + failedXML + "<SendMessageBatchResultEntry><Id>1</Id><MD5OfMessageBody>" + md5 + "</MD5OfMessageBody><MessageId>" + uuid + "</MessageId></SendMessageBatchResultEntry></SendMessageBatchResult>"},
		{"ReceiveMessage", &ReceiveMessageResponse{}, "<ReceiveMessageResult/>"},
		{"ReceiveMessage", &ReceiveMessageResponse{[]ReceivedMessage{{MessageID: id, ReceiptHandle: "h", Body: []byte("a"), BodyDigest: digest, AttributesDigest: Some(digest),
			SystemAttributes: []Pair{{"SenderId", "s"}}, Attributes: []MessageAttribute{{Name: "b", DataType: "Binary", Value: []byte{1, 2}}, {Name: "s", DataType: "String", Value: []byte("v")}}}}},
			"<ReceiveMessageResult><Message><Attribute><Name>SenderId</Name><Value>s</Value></Attribute><Body>a</Body><MD5OfBody>" + md5 + "</MD5OfBody><MD5OfMessageAttributes>" + md5 +
				"</MD5OfMessageAttributes><MessageAttribute><Name>b</Name><Value><BinaryValue>AQI=</BinaryValue><DataType>Binary</DataType></Value></MessageAttribute>" +
				"<MessageAttribute><Name>s</Name><Value><StringValue>v</StringValue><DataType>String</DataType></Value></MessageAttribute>" +
				"<MessageId>" + uuid + "</MessageId><ReceiptHandle>h</ReceiptHandle></Message></ReceiveMessageResult>"},
		{"DeleteMessageBatch", &DeleteMessageBatchResponse{BatchResult{[]string{"1"}, failed}}, "<DeleteMessageBatchResult>" + failedXML + "<DeleteMessageBatchResultEntry><Id>1</Id></DeleteMessageBatchResultEntry></DeleteMessageBatchResult>"},
		{"ChangeMessageVisibilityBatch", &ChangeMessageVisibilityBatchResponse{BatchResult{[]string{"1"}, nil}},
			"<ChangeMessageVisibilityBatchResult><ChangeMessageVisibilityBatchResultEntry><Id>1</Id></ChangeMessageVisibilityBatchResultEntry></ChangeMessageVisibilityBatchResult>"},
		{"StartMessageMoveTask", &StartMessageMoveTaskResponse{"h"}, "<StartMessageMoveTaskResult><TaskHandle>h</TaskHandle></StartMessageMoveTaskResult>"},
		{"CancelMessageMoveTask", &CancelMessageMoveTaskResponse{3}, "<CancelMessageMoveTaskResult><ApproximateNumberOfMessagesMoved>3</ApproximateNumberOfMessagesMoved></CancelMessageMoveTaskResult>"},
		{"ListMessageMoveTasks", &ListMessageMoveTasksResponse{[]MoveTask{{Status: "RUNNING", SourceARN: "s", TaskHandle: "h", Moved: 1, StartedMs: 2}}},
			"<ListMessageMoveTasksResult><ListMessageMoveTasksResultEntry><ApproximateNumberOfMessagesMoved>1</ApproximateNumberOfMessagesMoved><SourceArn>s</SourceArn>" +
				"<StartedTimestamp>2</StartedTimestamp><Status>RUNNING</Status><TaskHandle>h</TaskHandle></ListMessageMoveTasksResultEntry></ListMessageMoveTasksResult>"},
	} {
		action, ok := ActionNamed(test.action)
		require.True(t, ok)
		got := string(Query{}.AppendResponse(nil, action, test.response, "r"))
		require.Equal(t, `<?xml version="1.0"?><`+test.action+`Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/">`+test.want+
			"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></"+test.action+"Response>", got)
	}
}

func TestAppendQueryFault(t *testing.T) {
	fault := Fault{Type: "T", Code: "C", Message: "m", QueryMessage: "q", Sender: true}
	require.Equal(t, `<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>C</Code>`+
		`<Message>q</Message><Detail/></Error><RequestId>r</RequestId></ErrorResponse>`, string(Query{}.AppendFault(nil, &fault, "r")))
	require.Contains(t, string(Query{}.AppendFault(nil, &Fault{Message: "m\x00"}, "r")), "<Type>Receiver</Type><Code></Code><Message>m\ufffd</Message>")
	require.Equal(t, "<UnknownOperationException/>", string(Query{}.AppendFault(nil, &Fault{Type: "UnknownOperationException"}, "r")))
}

// FuzzXMLText checks with the standard library's parser that text arrives as it was sent.
func FuzzXMLText(f *testing.F) {
	for _, seed := range []string{"", "a", "\r\n\t \"<&>'", "]]>", "é\U0001F600\u2028\ufffd", "\x00\ufffe\uffff\x1b", "\xef\xbf"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		want := strings.Map(func(c rune) rune {
			if ValidText(string(c)) {
				return c
			}
			return '\ufffd'
		}, text)
		document := append(appendXMLText([]byte("<a>"), text), "</a>"...)
		var got string
		require.NoError(t, xml.Unmarshal(document, &got), "%q", document)
		require.Equal(t, want, got)
	})
}

// FuzzForm compares the reader of forms with the standard library's: what that accepts, without semicolons, which it
// refuses, must have the same body in it.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "MessageBody=a", "MessageBody=a%20b+c%C3%A9&QueueUrl=u", "MessageBody=%4&a", "MessageBody&=&&",
		"MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=Binary&MessageAttribute.1.Value.BinaryValue=AQI%3D", "MessageBody=a&MessageBody=b", "a.b.c.d.e.f.g.h.i=1"} {
		f.Add(seed)
	}
	action, _ := ActionNamed("SendMessage")
	f.Fuzz(func(t *testing.T, text string) {
		form, err := ParseForm([]byte(text))
		if err != nil {
			return
		}
		request, err := Query{}.Decode(action, form)
		if err != nil {
			return
		}
		if strings.Contains(text, ";") {
			return
		}
		want, err := url.ParseQuery(text)
		require.NoError(t, err, "%q", text)
		require.LessOrEqual(t, len(want["MessageBody"]), 1)
		require.Equal(t, want.Get("MessageBody"), string(request.(*SendMessageRequest).Message.Body))
	})
}
