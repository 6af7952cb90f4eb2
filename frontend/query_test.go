package frontend

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// element is any XML element.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

// all returns the texts of the elements at a path of names, in order.
func (e *element) all(path ...string) []string {
	if len(path) == 0 {
		return []string{e.Text}
	}
	var texts []string
	for i := range e.Children {
		if e.Children[i].XMLName.Local == path[0] {
			texts = append(texts, e.Children[i].all(path[1:]...)...)
		}
	}
	return texts
}

// get is all for an element that must be there once.
func (e *element) get(t testing.TB, path ...string) string {
	t.Helper()
	texts := e.all(path...)
	require.Len(t, texts, 1, "%v", path)
	return texts[0]
}

// query makes a request in the Query protocol: parameters are given as name, value, name, value.
func (s *testServer) query(path, action string, parameters ...string) (reply, *element) {
	s.t.Helper()
	form := url.Values{"Version": {"2012-11-05"}}
	if action != "" {
		form.Set("Action", action)
	}
	for i := 0; i < len(parameters); i += 2 {
		form.Add(parameters[i], parameters[i+1])
	}
	answer := s.ask(http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return answer, s.document(answer)
}

// document parses an answer and looks at what every one must have.
func (s *testServer) document(answer reply) *element {
	s.t.Helper()
	root := new(element)
	require.NoError(s.t, xml.Unmarshal(answer.body, root), "%s", answer.body)
	require.Equal(s.t, []string{"text/xml"}, answer.header["Content-Type"])
	require.Nil(s.t, answer.header["x-amzn-query-error"])
	if root.XMLName.Local != "UnknownOperationException" {
		require.Equal(s.t, "http://queue.amazonaws.com/doc/2012-11-05/", root.XMLName.Space)
		path := []string{"ResponseMetadata", "RequestId"}
		if answer.status != http.StatusOK {
			path = path[1:]
		}
		require.Equal(s.t, answer.header["x-amzn-RequestId"][0], root.get(s.t, path...))
	}
	return root
}

// did carries out an action that must succeed and returns its result; nil for actions without one.
func (s *testServer) did(path, action string, parameters ...string) *element {
	s.t.Helper()
	answer, root := s.query(path, action, parameters...)
	require.Equal(s.t, http.StatusOK, answer.status, "%s: %s", action, answer.body)
	require.Equal(s.t, action+"Response", root.XMLName.Local)
	for i := range root.Children {
		if root.Children[i].XMLName.Local == action+"Result" {
			return &root.Children[i]
		}
	}
	return nil
}

// refuses carries out an action that must fail and returns "status code: message".
func (s *testServer) refuses(path, action string, parameters ...string) string {
	s.t.Helper()
	answer, root := s.query(path, action, parameters...)
	require.Equal(s.t, "ErrorResponse", root.XMLName.Local)
	side := "Sender"
	if answer.status >= 500 {
		side = "Receiver"
	}
	require.Equal(s.t, side, root.get(s.t, "Error", "Type"))
	require.Equal(s.t, "", root.get(s.t, "Error", "Detail"))
	return http.StatusText(answer.status) + " " + root.get(s.t, "Error", "Code") + ": " + root.get(s.t, "Error", "Message")
}

// TestQueryProtocol walks through the actions as an old client would.
func TestQueryProtocol(t *testing.T) {
	s := newWorld(t).frontend(t)
	q := s.did("/", "CreateQueue", "QueueName", "q", "Attribute.1.Name", "VisibilityTimeout", "Attribute.1.Value", "60",
		"Tag.1.Key", "team", "Tag.1.Value", "red & <blue>").get(t, "QueueUrl")
	require.Equal(t, "http://sqs.test/"+testAccount+"/q", q)
	path := "/" + testAccount + "/q"

	require.Equal(t, q, s.did("/", "GetQueueUrl", "QueueName", "q").get(t, "QueueUrl"))
	require.Equal(t, []string{q}, s.did("/", "ListQueues").all("QueueUrl"))
	require.Nil(t, s.did("/", "ListQueues", "QueueNamePrefix", "none").Children)
	require.Nil(t, s.did(path, "SetQueueAttributes", "Attribute.Name", "DelaySeconds", "Attribute.Value", "0"))
	attributes := s.did(path, "GetQueueAttributes", "AttributeName", "All")
	require.Contains(t, attributes.all("Attribute", "Name"), "QueueArn")
	require.Contains(t, attributes.all("Attribute", "Value"), "60")
	require.Equal(t, "red & <blue>", s.did(path, "ListQueueTags").get(t, "Tag", "Value"))
	require.Nil(t, s.did(path, "TagQueue", "Tag.1.Key", "a", "Tag.1.Value", ""))
	require.Nil(t, s.did(path, "UntagQueue", "TagKey.1", "team"))
	require.Equal(t, []string{"a"}, s.did(path, "ListQueueTags").all("Tag", "Key"))

	body := "a \"body\" with\r\n\ttabs & <tags>, é, \U0001F600, ]]>"
	sent := s.did(path, "SendMessage", "MessageBody", body,
		"MessageAttribute.1.Name", "z", "MessageAttribute.1.Value.DataType", "Binary", "MessageAttribute.1.Value.BinaryValue", "AQL/",
		"MessageAttribute.2.Name", "a", "MessageAttribute.2.Value.DataType", "String.x", "MessageAttribute.2.Value.StringValue", "v\r")
	received := s.did(path, "ReceiveMessage", "MaxNumberOfMessages", "10", "AttributeName.1", "All", "MessageAttributeName.1", "All")
	require.Equal(t, body, received.get(t, "Message", "Body"))
	for _, name := range []string{"MessageId", "MD5OfMessageAttributes"} {
		require.Equal(t, sent.get(t, name), received.get(t, "Message", name))
	}
	require.Equal(t, sent.get(t, "MD5OfMessageBody"), received.get(t, "Message", "MD5OfBody"))
	require.Equal(t, []string{"a", "z"}, received.all("Message", "MessageAttribute", "Name"))
	require.Equal(t, "v\r", received.get(t, "Message", "MessageAttribute", "Value", "StringValue"))
	require.Equal(t, "AQL/", received.get(t, "Message", "MessageAttribute", "Value", "BinaryValue"))
	require.Contains(t, received.all("Message", "Attribute", "Name"), "SentTimestamp")
	handle := received.get(t, "Message", "ReceiptHandle")
	require.Nil(t, s.did(path, "ReceiveMessage").Children)
	require.Nil(t, s.did(path, "ChangeMessageVisibility", "ReceiptHandle", handle, "VisibilityTimeout", "10"))
	require.Nil(t, s.did(path, "DeleteMessage", "ReceiptHandle", handle))

	batch := s.did(path, "SendMessageBatch", "SendMessageBatchRequestEntry.1.Id", "one", "SendMessageBatchRequestEntry.1.MessageBody", "1",
		"SendMessageBatchRequestEntry.2.Id", "two", "SendMessageBatchRequestEntry.2.MessageBody", "\x01",
		"SendMessageBatchRequestEntry.10.Id", "ten", "SendMessageBatchRequestEntry.10.MessageBody", "10")
	require.Equal(t, []string{"one", "ten"}, batch.all("SendMessageBatchResultEntry", "Id"))
	require.Equal(t, "InvalidMessageContents", batch.get(t, "BatchResultErrorEntry", "Code"))
	require.Equal(t, "true", batch.get(t, "BatchResultErrorEntry", "SenderFault"))
	handles := s.did(path, "ReceiveMessage", "MaxNumberOfMessages", "10").all("Message", "ReceiptHandle")
	require.Len(t, handles, 2)
	changed := s.did(path, "ChangeMessageVisibilityBatch", "ChangeMessageVisibilityBatchRequestEntry.1.Id", "x",
		"ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle", handles[0], "ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout", "0")
	require.Equal(t, []string{"x"}, changed.all("ChangeMessageVisibilityBatchResultEntry", "Id"))
	deleted := s.did(path, "DeleteMessageBatch", "DeleteMessageBatchRequestEntry.1.Id", "x", "DeleteMessageBatchRequestEntry.1.ReceiptHandle", handles[0],
		"DeleteMessageBatchRequestEntry.2.Id", "y", "DeleteMessageBatchRequestEntry.2.ReceiptHandle", "forged")
	require.Equal(t, []string{"x"}, deleted.all("DeleteMessageBatchResultEntry", "Id"))
	require.Equal(t, "ReceiptHandleIsInvalid", deleted.get(t, "BatchResultErrorEntry", "Code"))

	require.Nil(t, s.did(path, "PurgeQueue"))
	require.Equal(t, "Forbidden AWS.SimpleQueueService.PurgeQueueInProgress: Only one PurgeQueue operation on q is allowed every 60 seconds.", s.refuses(path, "PurgeQueue"))
	require.Nil(t, s.did(path, "DeleteQueue"))
	require.Equal(t, "Bad Request AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist for this wsdl version.", s.refuses(path, "DeleteQueue"))
}

// Which queue a request means, by its path, its parameter or both.
func TestQueryAddressing(t *testing.T) {
	s := newWorld(t).frontend(t)
	q, r := s.create("q"), s.create("r")
	path := "/" + testAccount + "/q"
	arn := func(path string, parameters ...string) string {
		t.Helper()
		return s.did(path, "GetQueueAttributes", append(parameters, "AttributeName.1", "QueueArn")...).get(t, "Attribute", "Value")
	}
	require.True(t, strings.HasSuffix(arn("/", "QueueUrl", q), ":q"))
	require.True(t, strings.HasSuffix(arn("/", "QueueUrl", "q"), ":q"))
	require.True(t, strings.HasSuffix(arn(path), ":q"))
	require.True(t, strings.HasSuffix(arn(path, "QueueUrl", r), ":r"), "the parameter overrides the path")
	require.Equal(t, r, s.did(path, "GetQueueUrl", "QueueName", "r").get(t, "QueueUrl"))

	require.Equal(t, "Bad Request InvalidAction: The action CreateQueue is not valid for this endpoint.", s.refuses(path, "CreateQueue", "QueueName", "x"))
	require.Equal(t, "Bad Request InvalidAction: The action ListQueues is not valid for this endpoint.", s.refuses(path, "ListQueues"))
	require.Equal(t, "Bad Request InvalidAction: The action Boil is not valid for this endpoint.", s.refuses("/", "Boil"))
	require.Equal(t, "Bad Request MissingParameter: The request must contain the parameter QueueUrl.", s.refuses("/", "GetQueueAttributes"))
	require.Equal(t, "Bad Request AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist for this wsdl version.",
		s.refuses("/"+testAccount+"/none", "SendMessage", "MessageBody", "a"))
	require.Equal(t, "Bad Request MalformedInput: A number is not an integer or too large.", s.refuses(path, "ReceiveMessage", "MaxNumberOfMessages", "one"))

	answer, _ := s.query("/", "")
	require.Equal(t, http.StatusNotFound, answer.status)
	require.Equal(t, "<UnknownOperationException/>", string(answer.body))
	answer = s.ask(http.MethodPut, "/?Action=ListQueues", nil)
	require.Equal(t, "<UnknownOperationException/>", string(answer.body))
}

// Parameters may stand in the URL, in the body, or in both.
func TestQueryByGet(t *testing.T) {
	s := newWorld(t).frontend(t)
	q := s.create("q")
	path := "/" + testAccount + "/q"
	answer := s.ask(http.MethodGet, path+"?Action=SendMessage&MessageBody=a+b%0D%26&Version=2012-11-05", nil)
	require.Equal(t, http.StatusOK, answer.status)
	s.document(answer)
	answer = s.ask(http.MethodPost, path+"?Action=SendMessage", strings.NewReader("MessageBody=c"), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusOK, answer.status)
	require.Equal(t, []string{"a b\r&", "c"}, bodies(s.receive(q)))

	// The signer's account may stand in a presigned URL or beside an old signature.
	for _, parameters := range []string{"X-Amz-Credential=222222222222/20250610/eu-west-1/sqs/aws4_request", "AWSAccessKeyId=222222222222"} {
		r := s.ask(http.MethodGet, "/?Action=CreateQueue&QueueName=q&"+parameters, nil, "Authorization", "")
		require.Equal(t, "http://sqs.test/222222222222/q", s.document(r).get(t, "CreateQueueResult", "QueueUrl"))
	}
}

// A large message takes three times its size in a form.
func TestQueryLargeMessage(t *testing.T) {
	s := newWorld(t).frontend(t)
	q := s.create("q")
	large := strings.Repeat("é", 1<<19)
	s.did("/", "SendMessage", "QueueUrl", q, "MessageBody", large)
	require.Equal(t, large, s.did("/", "ReceiveMessage", "QueueUrl", q).get(t, "Message", "Body"))
	require.Equal(t, "Bad Request InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
		s.refuses("/", "SendMessage", "QueueUrl", q, "MessageBody", large+"a"))
}

func TestQueryOverload(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t, func(c *Config) { c.MaxInFlight = 10 })
	s.create("q")
	const overloaded = "Service Unavailable ServiceUnavailable: The service has more requests than it can answer. Try again."
	s.load.inFlight.Store(8)
	require.Equal(t, overloaded, s.refuses("/", "SendMessage", "QueueUrl", "q", "MessageBody", "a"))
	s.did("/", "ReceiveMessage", "QueueUrl", "q")
	s.load.inFlight.Store(10)
	require.Equal(t, overloaded, s.refuses("/", "DeleteMessage", "QueueUrl", "q", "ReceiptHandle", "x"))
	require.Equal(t, int64(10), s.load.inFlight.Load())
	w.mu.Lock()
	w.unreachable = true
	w.mu.Unlock()
	s.load.inFlight.Store(0)
	answer, _ := s.query("/", "GetQueueUrl", "QueueName", "q")
	require.Equal(t, http.StatusServiceUnavailable, answer.status)
	require.Equal(t, []string{"1"}, answer.header["Retry-After"])
}

// What a tag may contain and XML may not does not spoil the document.
func TestQueryTagsThatXMLCannotCarry(t *testing.T) {
	s := newWorld(t).frontend(t)
	q := s.ok("CreateQueue", document{"QueueName": "q", "tags": document{"k": "a\x01b\uffff"}})["QueueUrl"].(string)
	require.Equal(t, "a\ufffdb\ufffd", s.did("/", "ListQueueTags", "QueueUrl", q).get(t, "Tag", "Value"))
}
