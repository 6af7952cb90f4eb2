package frontend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chasqui/backend/queue"

	"github.com/stretchr/testify/require"
)

const (
	md5OfA    = "0cc175b9c0f1b6a831c399e269772661"
	badPrefix = "Bad Request InvalidParameterValueException: "
)

func TestSendMessage(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q", "MaximumMessageSize", "1024")
	sent := s.ok("SendMessage", document{"QueueUrl": "q", "MessageBody": "a"})
	require.Equal(t, document{"MD5OfMessageBody": md5OfA, "MessageId": sent["MessageId"]}, sent)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, sent["MessageId"])

	fifo := s.create("f.fifo", "FifoQueue", "true")
	sent = s.ok("SendMessage", document{"QueueUrl": fifo, "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 0})
	require.Len(t, sent["SequenceNumber"], 20)
	again := s.ok("SendMessage", document{"QueueUrl": fifo, "MessageBody": "b", "MessageGroupId": "g", "MessageDeduplicationId": "d"})
	require.Equal(t, sent["MessageId"], again["MessageId"])
	require.Equal(t, sent["SequenceNumber"], again["SequenceNumber"])

	s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": strings.Repeat("a", 1024),
		"MessageSystemAttributes": document{"AWSTraceHeader": document{"DataType": "String", "StringValue": "t"}}})
	require.Len(t, s.receive(url), 2, "system attributes do not count towards the size")

	attribute := func(dataType, value string) document {
		return document{"n": document{"DataType": dataType, "StringValue": value}}
	}
	for name, test := range map[string]struct {
		url  string
		more document
		want string
	}{
		"no queue":           {"", nil, "Bad Request MissingRequiredParameterException: The request must contain the parameter QueueUrl."},
		"missing queue":      {"r", nil, "Bad Request QueueDoesNotExist: The specified queue does not exist."},
		"no body":            {url, document{"MessageBody": ""}, "Bad Request MissingRequiredParameterException: The request must contain the parameter MessageBody."},
		"characters":         {url, document{"MessageBody": "a\x00"}, "Bad Request InvalidMessageContents: Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"},
		"large":              {url, document{"MessageBody": strings.Repeat("a", 1025)}, badPrefix + "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."},
		"large attributes":   {url, document{"MessageBody": strings.Repeat("a", 1016), "MessageAttributes": attribute("String", "xx")}, badPrefix + "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."},
		"attribute":          {url, document{"MessageAttributes": attribute("String", "")}, badPrefix + "Message (user) attribute 'n' must contain a non-empty value of type 'String'."},
		"attribute list":     {url, document{"MessageAttributes": document{"n": document{"DataType": "String", "StringListValues": []string{"a"}}}}, "Bad Request UnsupportedOperation: Message attribute list values in SendMessage operation are not supported."},
		"system attribute":   {url, document{"MessageSystemAttributes": attribute("String", "v")}, badPrefix + "Message system attribute name 'n' is invalid."},
		"empty trace":        {url, document{"MessageSystemAttributes": document{"AWSTraceHeader": document{"DataType": "String"}}}, badPrefix + "Message system attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'."},
		"long trace":         {url, document{"MessageSystemAttributes": document{"AWSTraceHeader": document{"DataType": "String", "StringValue": strings.Repeat("t", 4097)}}}, badPrefix + "Message system attribute 'AWSTraceHeader' must be at most 4096 bytes long."},
		"delay":              {url, document{"DelaySeconds": 901}, badPrefix + "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."},
		"negative delay":     {url, document{"DelaySeconds": -1}, badPrefix + "Value -1 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."},
		"empty group":        {url, document{"MessageGroupId": ""}, badPrefix + "Value  for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		"space in group":     {url, document{"MessageGroupId": "a b"}, badPrefix + "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		"deduplication":      {url, document{"MessageDeduplicationId": "d"}, badPrefix + "Value d for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type."},
		"no group":           {fifo, nil, "Bad Request MissingRequiredParameterException: The request must contain the parameter MessageGroupId."},
		"no deduplication":   {fifo, document{"MessageGroupId": "g"}, badPrefix + "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		"long deduplication": {fifo, document{"MessageGroupId": "g", "MessageDeduplicationId": strings.Repeat("d", 129)}, badPrefix + "Value " + strings.Repeat("d", 129) + " for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		"delay on fifo":      {fifo, document{"MessageGroupId": "g", "MessageDeduplicationId": "e", "DelaySeconds": 2}, badPrefix + "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."},
	} {
		t.Run(name, func(t *testing.T) {
			request := document{"QueueUrl": test.url, "MessageBody": "a"}
			for key, value := range test.more {
				request[key] = value
			}
			require.Equal(t, test.want, s.fails("SendMessage", request))
		})
	}
	require.Empty(t, s.receive(url), "no refused message was stored")
}

// Message groups of a standard queue are tenants: while one has a backlog and all that is in flight, the messages of the
// others come first, in every partition. A consumer needs to know nothing of it.
func TestFairQueue(t *testing.T) {
	for _, partitions := range []string{"1", "2"} {
		t.Run(partitions+" partitions", func(t *testing.T) {
			s := newWorld(t).frontend(t)
			url := s.create("q", "ChasquiPartitions", partitions)
			send := func(requests int, group string) {
				t.Helper()
				for range requests {
					list := entries(document{}, document{}, document{}, document{}, document{}, document{}, document{}, document{}, document{}, document{})
					for _, entry := range list {
						entry["MessageBody"], entry["MessageGroupId"] = "a", group
					}
					answer := s.ok("SendMessageBatch", document{"QueueUrl": url, "Entries": list})
					require.Len(t, answer["Successful"], 10)
					require.Nil(t, answer["Successful"].([]any)[0].(document)["SequenceNumber"], "that is for FIFO queues")
				}
			}
			receive := func() (groups []any) {
				t.Helper()
				for _, message := range s.receive(url, "MessageSystemAttributeNames", []string{"MessageGroupId"}, "VisibilityTimeout", 600) {
					groups = append(groups, message["Attributes"].(document)["MessageGroupId"])
				}
				return groups
			}
			send(16, "noisy")
			for range 8 {
				receive()
			}
			send(2, "quiet")
			for range 2 {
				require.Equal(t, slices.Repeat([]any{"quiet"}, 10), receive())
			}
			for range 8 {
				require.Equal(t, slices.Repeat([]any{"noisy"}, 10), receive())
			}
			require.Empty(t, receive())
		})
	}
}

func TestContentBasedDeduplication(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("f.fifo", "FifoQueue", "true", "ContentBasedDeduplication", "true")
	first := s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a", "MessageGroupId": "g"})
	sum := sha256.Sum256([]byte("a"))
	same := s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "b", "MessageGroupId": "g", "MessageDeduplicationId": hex.EncodeToString(sum[:])})
	require.Equal(t, first["MessageId"], same["MessageId"])
	other := s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "b", "MessageGroupId": "g"})
	require.NotEqual(t, first["MessageId"], other["MessageId"])
	require.Equal(t, []string{"a", "b"}, bodies(s.receive(url)))
}

// entries makes batch entries with ids 0, 1 and so on.
func entries(list ...document) []document {
	for i := range list {
		list[i]["Id"] = fmt.Sprint(i)
	}
	return list
}

func TestSendMessageBatch(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q", "MaximumMessageSize", "1024")
	answer := s.ok("SendMessageBatch", document{"QueueUrl": url, "Entries": entries(
		document{"MessageBody": "a"}, document{"MessageBody": "\x00"}, document{"MessageBody": strings.Repeat("b", 1025)},
		document{"MessageBody": "d"}, document{"MessageBody": ""})})
	require.Equal(t, []any{
		document{"Code": "InvalidMessageContents", "Id": "1", "SenderFault": true, "Message": "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"},
		document{"Code": "InvalidParameterValue", "Id": "2", "SenderFault": true, "Message": "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes."},
		document{"Code": "MissingParameter", "Id": "4", "SenderFault": true, "Message": "The request must contain the parameter MessageBody."},
	}, answer["Failed"])
	successful := answer["Successful"].([]any)
	require.Len(t, successful, 2)
	require.Equal(t, "0", successful[0].(document)["Id"])
	require.Equal(t, md5OfA, successful[0].(document)["MD5OfMessageBody"])
	require.Equal(t, "3", successful[1].(document)["Id"])
	require.Equal(t, []string{"a", "d"}, bodies(s.receive(url)))

	fifo := s.create("f.fifo", "FifoQueue", "true")
	eleven := make([]document, 11)
	for i := range eleven {
		eleven[i] = document{"MessageBody": "a"}
	}
	large := s.create("large")
	const badID = "Bad Request InvalidBatchEntryId: A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
	for name, test := range map[string]struct {
		url     string
		entries []document
		want    string
	}{
		"empty":            {url, nil, "Bad Request EmptyBatchRequest: There should be at least one SendMessageBatchRequestEntry in the request."},
		"too many":         {url, entries(eleven...), "Bad Request TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. You have sent 11."},
		"no id":            {url, []document{{"MessageBody": "a"}}, badID},
		"bad id":           {url, []document{{"Id": "a.b", "MessageBody": "a"}}, badID},
		"long id":          {url, []document{{"Id": strings.Repeat("a", 81), "MessageBody": "a"}}, badID},
		"repeated id":      {url, []document{{"Id": "a", "MessageBody": "a"}, {"Id": "a", "MessageBody": "a"}}, "Bad Request BatchEntryIdsNotDistinct: Id a repeated."},
		"too long":         {large, entries(document{"MessageBody": strings.Repeat("a", 1<<20)}, document{"MessageBody": "b"}), "Bad Request BatchRequestTooLong: Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."},
		"no group":         {fifo, entries(document{"MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "1"}, document{"MessageBody": "a"}), badPrefix + "The request must contain the parameter MessageGroupId."},
		"no deduplication": {fifo, entries(document{"MessageBody": "a", "MessageGroupId": "g"}), badPrefix + "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, s.fails("SendMessageBatch", document{"QueueUrl": test.url, "Entries": test.entries}))
		})
	}
	require.Empty(t, s.receive(fifo), "nothing of a refused batch is stored")
}

func TestFifoBatchOverPartitions(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t)
	url := s.create("f.fifo", "FifoQueue", "true", "ChasquiPartitions", "4", "ContentBasedDeduplication", "true")
	var list []document
	for i := range 10 {
		list = append(list, document{"MessageBody": fmt.Sprint(i), "MessageGroupId": fmt.Sprint("g", i%5)})
	}
	answer := s.ok("SendMessageBatch", document{"QueueUrl": url, "Entries": entries(list...)})
	require.Nil(t, answer["Failed"])
	for i, one := range answer["Successful"].([]any) {
		require.Equal(t, fmt.Sprint(i), one.(document)["Id"])
	}
	used := map[uint16]bool{}
	for _, command := range w.commands {
		if command.Kind == queue.KindSend {
			used[command.Partition.Partition] = true
		}
	}
	require.Greater(t, len(used), 1, "five groups should not all be in one partition")

	byGroup := map[string][]string{}
	for {
		messages := s.receive(url, "MessageSystemAttributeNames", []string{"MessageGroupId"})
		if len(messages) == 0 {
			break
		}
		for _, message := range messages {
			group := message["Attributes"].(document)["MessageGroupId"].(string)
			byGroup[group] = append(byGroup[group], message["Body"].(string))
		}
	}
	require.Equal(t, map[string][]string{"g0": {"0", "5"}, "g1": {"1", "6"}, "g2": {"2", "7"}, "g3": {"3", "8"}, "g4": {"4", "9"}}, byGroup)
}

func TestReceiveMessage(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q")
	require.Equal(t, document{}, s.ok("ReceiveMessage", document{"QueueUrl": url}))
	trace := "Root=1-5759e988-bd862e3fe1be46a994272793"
	answer := s.send("SendMessage", `{"QueueUrl":"q","MessageBody":"a","MessageGroupId":"g","MessageAttributes":{
		"foo.a":{"DataType":"String","StringValue":"1"},"foo.b":{"DataType":"Binary","BinaryValue":"AQI="},"bar":{"DataType":"Number","StringValue":"2"}}}`,
		"X-Amzn-Trace-Id", trace)
	require.Equal(t, 200, answer.status)
	require.NotContains(t, string(answer.body), "MD5OfMessageSystemAttributes")

	receive := func(more ...any) document {
		t.Helper()
		messages := s.receive(url, append(more, "VisibilityTimeout", 0)...)
		require.Len(t, messages, 1)
		return messages[0]
	}
	message := receive()
	require.ElementsMatch(t, []string{"Body", "MD5OfBody", "MessageId", "ReceiptHandle"}, keys(message))
	require.Equal(t, md5OfA, message["MD5OfBody"])

	system := receive("AttributeNames", []string{"SenderId", "Color"}, "MessageSystemAttributeNames", []string{"ApproximateReceiveCount"})["Attributes"]
	require.Equal(t, document{"SenderId": testAccount, "ApproximateReceiveCount": "2"}, system)
	all := receive("AttributeNames", []string{"All"})["Attributes"].(document)
	require.ElementsMatch(t, []string{"SenderId", "ApproximateReceiveCount", "SentTimestamp", "ApproximateFirstReceiveTimestamp", "MessageGroupId", "AWSTraceHeader"}, keys(all))
	require.Equal(t, trace, all["AWSTraceHeader"])
	require.Len(t, all["SentTimestamp"], 13)

	for _, test := range []struct{ patterns, want []string }{
		{[]string{"All"}, []string{"foo.a", "foo.b", "bar"}},
		{[]string{".*"}, []string{"foo.a", "foo.b", "bar"}},
		{[]string{"*"}, []string{"foo.a", "foo.b", "bar"}},
		{[]string{"foo.*", "none", "$"}, []string{"foo.a", "foo.b"}},
		{[]string{"bar", "foo.a"}, []string{"foo.a", "bar"}},
		{[]string{"none"}, nil},
	} {
		message := receive("MessageAttributeNames", test.patterns)
		attributes, _ := message["MessageAttributes"].(document)
		require.ElementsMatch(t, test.want, keys(attributes), test.patterns)
		require.Equal(t, test.want != nil, message["MD5OfMessageAttributes"] != nil)
		if slices.Contains(test.want, "foo.b") {
			require.Equal(t, document{"DataType": "Binary", "BinaryValue": "AQI="}, attributes["foo.b"])
		}
	}

	for name, test := range map[string]struct {
		more document
		want string
	}{
		"most":       {document{"MaxNumberOfMessages": 11}, badPrefix + "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
		"least":      {document{"MaxNumberOfMessages": 0}, badPrefix + "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."},
		"wait":       {document{"WaitTimeSeconds": 21}, badPrefix + "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."},
		"visibility": {document{"VisibilityTimeout": 43201}, badPrefix + "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided."},
	} {
		test.more["QueueUrl"] = url
		require.Equal(t, test.want, s.fails("ReceiveMessage", test.more), name)
	}
	fifo := s.create("f.fifo", "FifoQueue", "true")
	require.Equal(t, badPrefix+"Value a b for parameter ReceiveRequestAttemptId is invalid. Reason: ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length.",
		s.fails("ReceiveMessage", document{"QueueUrl": fifo, "ReceiveRequestAttemptId": "a b"}))
	s.receive(url, "ReceiveRequestAttemptId", "a b") // a standard queue does not look at it
}

func keys(d document) []string {
	var list []string
	for key := range d {
		list = append(list, key)
	}
	return list
}

func TestFifoSystemAttributes(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("f.fifo", "FifoQueue", "true", "ChasquiPartitions", "2")
	sent := s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d",
		"MessageSystemAttributes": document{"AWSTraceHeader": document{"DataType": "String", "StringValue": "t"}}})
	require.NotNil(t, sent["MD5OfMessageSystemAttributes"])
	first := s.receive(url, "AttributeNames", []string{"MessageDeduplicationId", "SequenceNumber", "AWSTraceHeader"}, "ReceiveRequestAttemptId", "r")
	require.Equal(t, document{"MessageDeduplicationId": "d", "SequenceNumber": sent["SequenceNumber"], "AWSTraceHeader": "t"}, first[0]["Attributes"])
	for range 3 {
		again := s.receive(url, "ReceiveRequestAttemptId", "r")
		require.Len(t, again, 1)
		require.Equal(t, first[0]["ReceiptHandle"], again[0]["ReceiptHandle"])
	}
}

func TestLongPoll(t *testing.T) {
	for _, partitions := range []string{"1", "4"} {
		t.Run(partitions+" partitions", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s := w.frontend(t)
				url := s.create("q", "ChasquiPartitions", partitions, "ReceiveMessageWaitTimeSeconds", "10")
				began := time.Now()
				require.Empty(t, s.receive(url))
				require.Equal(t, 10*time.Second, time.Since(began), "the queue's own wait")
				require.Empty(t, s.receive(url, "WaitTimeSeconds", 0))
				require.Equal(t, 10*time.Second, time.Since(began), "an explicit 0 wins")

				w.kinds()
				for round := range 8 { // so that every partition has its turn
					w.host.Tasks.Go("producer", func(context.Context) {
						if pause(w, 3*time.Second) {
							s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
						}
					})
					began = time.Now()
					require.Equal(t, []string{"a"}, bodies(s.receive(url, "WaitTimeSeconds", 20)))
					require.Equal(t, 3*time.Second, time.Since(began), "round %d", round)
				}
				kinds := w.kinds()
				require.Less(t, len(kinds), 150, "waiting must not be busy")

				// A delayed message wakes the waiter by time alone.
				s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "late", "DelaySeconds": 7})
				began = time.Now()
				require.Equal(t, []string{"late"}, bodies(s.receive(url, "WaitTimeSeconds", 20)))
				require.Equal(t, 7*time.Second, time.Since(began))
			})
		})
	}
}

func TestLongPollIsNotInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.frontend(t)
		url := s.create("q")
		w.host.Tasks.Go("observer", func(context.Context) {
			if pause(w, time.Second) {
				require.Equal(t, []int64{0, 1}, []int64{s.load.inFlight.Load(), s.load.longPolls.Load()})
			}
		})
		require.Empty(t, s.receive(url, "WaitTimeSeconds", 2))
		require.Equal(t, []int64{0, 0}, []int64{s.load.inFlight.Load(), s.load.longPolls.Load()})
	})
}

func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWorld(t).frontend(t)
		url := s.create("q", "DelaySeconds", "10")
		fifo := s.create("f.fifo", "FifoQueue", "true", "ContentBasedDeduplication", "true", "DelaySeconds", "10")
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "at once", "DelaySeconds": 0})
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "soon", "DelaySeconds": 5})
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "as the queue says"})
		s.ok("SendMessage", document{"QueueUrl": fifo, "MessageBody": "as the queue says", "MessageGroupId": "g", "DelaySeconds": 0})
		require.Equal(t, []string{"at once"}, bodies(s.receive(url)))
		require.Empty(t, s.receive(fifo))
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"soon"}, bodies(s.receive(url)))
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"as the queue says"}, bodies(s.receive(url)))
		require.Equal(t, []string{"as the queue says"}, bodies(s.receive(fifo)))
	})
}

func TestLongPollEndsWithTheQueue(t *testing.T) {
	for _, partitions := range []string{"1", "4"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s, other := w.frontend(t), w.frontend(t)
			url := s.create("q", "ChasquiPartitions", partitions)
			w.host.Tasks.Go("deleter", func(context.Context) {
				if pause(w, 2*time.Second) {
					// A change of settings on the way must not make the waiter busy.
					other.ok("SetQueueAttributes", document{"QueueUrl": url, "Attributes": document{"DelaySeconds": "1"}})
				}
				if pause(w, 2*time.Second) {
					other.ok("DeleteQueue", document{"QueueUrl": url})
				}
			})
			began := time.Now()
			require.Equal(t, "Bad Request QueueDoesNotExist: The specified queue does not exist.",
				s.fails("ReceiveMessage", document{"QueueUrl": url, "WaitTimeSeconds": 20}))
			require.Equal(t, 4*time.Second, time.Since(began))
			require.Less(t, len(w.kinds()), 60)
		})
	}
}

func TestDeleteMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWorld(t).frontend(t)
		for _, url := range []string{s.create("q", "ChasquiPartitions", "2"), s.create("f.fifo", "FifoQueue", "true")} {
			fifo := strings.HasSuffix(url, ".fifo")
			send := func(body string) {
				request := document{"QueueUrl": url, "MessageBody": body}
				if fifo {
					request["MessageGroupId"], request["MessageDeduplicationId"] = body, body
				}
				s.ok("SendMessage", request)
			}
			one := func(action string, handle any) document {
				return document{"QueueUrl": url, "ReceiptHandle": handle}
			}
			send("a")
			handle := s.receive(url)[0]["ReceiptHandle"]
			require.Nil(t, s.ok("DeleteMessage", one("", handle)))
			require.Nil(t, s.ok("DeleteMessage", one("", handle)), "again")
			require.Equal(t, badPrefix+"Value "+handle.(string)+" for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
				s.fails("ChangeMessageVisibility", document{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 1}))

			send("b")
			handle = s.receive(url, "VisibilityTimeout", 1)[0]["ReceiptHandle"]
			time.Sleep(2 * time.Second)
			if fifo {
				require.Equal(t, badPrefix+"Value "+handle.(string)+" for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
					s.fails("DeleteMessage", one("", handle)))
				require.Len(t, s.receive(url), 1)
			} else {
				require.Nil(t, s.ok("DeleteMessage", one("", handle)))
				require.Empty(t, s.receive(url))
			}
		}
		url := s.create("r")
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
		handle := s.receive(url)[0]["ReceiptHandle"].(string)
		for name, bad := range map[string]document{
			"form":        {"QueueUrl": url, "ReceiptHandle": "x"},
			"other queue": {"QueueUrl": "q", "ReceiptHandle": handle},
		} {
			want := fmt.Sprintf("Not Found ReceiptHandleIsInvalid: The input receipt handle \"%s\" is not a valid receipt handle.", bad["ReceiptHandle"])
			require.Equal(t, want, s.fails("DeleteMessage", bad), name)
		}
		require.Equal(t, "Bad Request MissingRequiredParameterException: The request must contain the parameter ReceiptHandle.",
			s.fails("DeleteMessage", document{"QueueUrl": url}))
	})
}

func TestBatchesOfHandles(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t)
	url := s.create("q", "ChasquiPartitions", "3")
	var handles []any
	for i := range 6 {
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": fmt.Sprint(i)})
	}
	for len(handles) < 6 {
		for _, message := range s.receive(url) {
			handles = append(handles, message["ReceiptHandle"])
		}
	}
	changed := s.ok("ChangeMessageVisibilityBatch", document{"QueueUrl": url, "Entries": entries(
		document{"ReceiptHandle": handles[0], "VisibilityTimeout": 0}, document{"ReceiptHandle": "x", "VisibilityTimeout": 0},
		document{"ReceiptHandle": handles[1], "VisibilityTimeout": 43201}, document{"ReceiptHandle": handles[2]},
		document{"ReceiptHandle": handles[3], "VisibilityTimeout": 0}, document{"ReceiptHandle": handles[4], "VisibilityTimeout": 10})})
	require.Equal(t, []any{document{"Id": "0"}, document{"Id": "4"}, document{"Id": "5"}}, changed["Successful"])
	require.Equal(t, []any{
		document{"Code": "ReceiptHandleIsInvalid", "Id": "1", "SenderFault": true, "Message": `The input receipt handle "x" is not a valid receipt handle.`},
		document{"Code": "InvalidParameterValue", "Id": "2", "SenderFault": true, "Message": "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."},
		document{"Code": "MissingParameter", "Id": "3", "SenderFault": true, "Message": "The request must contain the parameter ChangeMessageVisibilityBatchRequestEntry.4.VisibilityTimeout."},
	}, changed["Failed"])

	w.kinds()
	var list []document
	for _, handle := range handles {
		list = append(list, document{"ReceiptHandle": handle})
	}
	deleted := s.ok("DeleteMessageBatch", document{"QueueUrl": url, "Entries": entries(list...)})
	require.Len(t, deleted["Successful"], 6)
	require.Nil(t, deleted["Failed"])
	require.Equal(t, []queue.Kind{queue.KindDelete, queue.KindDelete, queue.KindDelete}, w.kinds(), "one command for each partition")
	require.Empty(t, s.receive(url))

	for _, action := range []string{"DeleteMessageBatch", "ChangeMessageVisibilityBatch"} {
		require.Equal(t, "Bad Request EmptyBatchRequest: There should be at least one "+action+"RequestEntry in the request.",
			s.fails(action, document{"QueueUrl": url}))
		require.Contains(t, s.fails(action, document{"QueueUrl": url, "Entries": []document{{"Id": "", "ReceiptHandle": "x"}}}), "InvalidBatchEntryId")
	}
}

func TestChangeMessageVisibility(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWorld(t).frontend(t)
		url := s.create("q")
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
		handle := s.receive(url)[0]["ReceiptHandle"]
		change := func(seconds any) document {
			return document{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": seconds}
		}
		require.Nil(t, s.ok("ChangeMessageVisibility", change(0)))
		messages := s.receive(url, "VisibilityTimeout", 100)
		require.Len(t, messages, 1)
		handle = messages[0]["ReceiptHandle"]
		time.Sleep(10 * time.Second)
		require.Equal(t, badPrefix+"Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
			s.fails("ChangeMessageVisibility", change(43200)))
		require.Nil(t, s.ok("ChangeMessageVisibility", change(43100)))
		require.Equal(t, badPrefix+"Value -1 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.", s.fails("ChangeMessageVisibility", change(-1)))
		require.Equal(t, "Bad Request MissingRequiredParameterException: The request must contain the parameter VisibilityTimeout.", s.fails("ChangeMessageVisibility", change(nil)))
	})
}

func TestSendsTakeTurns(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t)
	url := s.create("q", "ChasquiPartitions", "2")
	used := map[uint16]int{}
	for range 10 {
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
		require.Len(t, s.receive(url), 1)
	}
	for _, command := range w.commands {
		if command.Kind == queue.KindSend {
			used[command.Partition.Partition]++
		}
	}
	require.GreaterOrEqual(t, used[0], 5)
	require.GreaterOrEqual(t, used[1], 5)
}
