package frontend

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAtMostOnce(t *testing.T) {
	for _, name := range []string{"q", "q.fifo"} {
		t.Run(name, func(t *testing.T) {
			s := newWorld(t).frontend(t)
			attributes := []string{"ChasquiDelivery", "atMostOnce", "VisibilityTimeout", "0"}
			if name == "q.fifo" {
				attributes = append(attributes, "FifoQueue", "true", "ContentBasedDeduplication", "true")
			}
			url := s.create(name, attributes...)
			for _, body := range []string{"a", "b", "c"} {
				s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": body, "MessageGroupId": "g"})
			}
			first := s.receive(url, "MaxNumberOfMessages", 2)
			require.Equal(t, []string{"a", "b"}, bodies(first))
			require.Equal(t, []string{"c"}, bodies(s.receive(url)))
			require.Empty(t, s.receive(url), "none comes again, though their timeout is over")
			// There is nothing to delete, which a client that does not know the queue may do all the same, and nothing to keep.
			s.ok("DeleteMessage", document{"QueueUrl": url, "ReceiptHandle": first[0]["ReceiptHandle"]})
			require.Contains(t, s.fails("ChangeMessageVisibility", document{"QueueUrl": url, "ReceiptHandle": first[0]["ReceiptHandle"], "VisibilityTimeout": 9}),
				"Message does not exist")
		})
	}
}

func TestExactlyOnce(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t)
	url := s.create("q", "ChasquiDelivery", "exactlyOnce", "ChasquiPartitions", "5")
	send := func(body, id string) any {
		return s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": body, "MessageDeduplicationId": id})["MessageId"]
	}
	ids := map[any]bool{}
	for i := range 20 {
		id := fmt.Sprint(i)
		first := send("first", id)
		require.Equal(t, first, send("again", id), "whatever partition the turn is at")
		ids[first] = true
	}
	require.Len(t, ids, 20)
	const needed = "Bad Request InvalidParameterValueException: The queue delivers exactly once (ChasquiDelivery): every message needs a MessageDeduplicationId."
	require.Equal(t, needed, s.fails("SendMessage", document{"QueueUrl": url, "MessageBody": "x"}))
	batch := s.ok("SendMessageBatch", document{"QueueUrl": url, "Entries": []document{
		{"Id": "1", "MessageBody": "y", "MessageDeduplicationId": "3"}, {"Id": "2", "MessageBody": "z"}, {"Id": "3", "MessageBody": "y", "MessageDeduplicationId": "21"}}})
	require.Len(t, batch["Successful"], 2)
	require.True(t, ids[batch["Successful"].([]any)[0].(document)["MessageId"]], "a duplicate of one sent alone")
	require.Equal(t, "2", batch["Failed"].([]any)[0].(document)["Id"])

	// Whoever lost a message to another can do nothing to it.
	lost := s.receive(url, "VisibilityTimeout", 0, "MaxNumberOfMessages", 1, "AttributeNames", []string{"All"})[0]
	require.NotEmpty(t, lost["Attributes"].(document)["MessageDeduplicationId"])
	expired := "Bad Request InvalidParameterValueException: Value " + lost["ReceiptHandle"].(string) +
		" for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
	require.Equal(t, expired, s.fails("DeleteMessage", document{"QueueUrl": url, "ReceiptHandle": lost["ReceiptHandle"]}))
	seen := map[any]bool{}
	for range 40 {
		for _, m := range s.receive(url) {
			require.False(t, seen[m["MessageId"]])
			seen[m["MessageId"]] = true
			if m["MessageId"] == lost["MessageId"] {
				require.Equal(t, expired, s.fails("DeleteMessage", document{"QueueUrl": url, "ReceiptHandle": lost["ReceiptHandle"]}))
				require.Contains(t, s.fails("ChangeMessageVisibility", document{"QueueUrl": url, "ReceiptHandle": lost["ReceiptHandle"], "VisibilityTimeout": 0}), "expired")
			}
			s.ok("DeleteMessage", document{"QueueUrl": url, "ReceiptHandle": m["ReceiptHandle"]})
		}
	}
	require.Len(t, seen, 21)
}

func TestDeliveryIsFixed(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q")
	require.Equal(t, "Bad Request InvalidAttributeValue: Invalid value for the parameter ChasquiDelivery. Reason: how often messages are delivered is fixed at creation",
		s.fails("SetQueueAttributes", document{"QueueUrl": url, "Attributes": document{"ChasquiDelivery": "atMostOnce"}}))
	require.Equal(t, "Bad Request QueueNameExists: A queue already exists with the same name and a different value for attribute ChasquiDelivery",
		s.fails("CreateQueue", document{"QueueName": "q", "Attributes": document{"ChasquiDelivery": "atMostOnce"}}))
	require.Equal(t, "Bad Request InvalidAttributeValue: Invalid value for the parameter ChasquiDelivery.",
		s.fails("CreateQueue", document{"QueueName": "x", "Attributes": document{"ChasquiDelivery": "AtMostOnce"}}))
	require.Contains(t, s.fails("CreateQueue", document{"QueueName": "x.fifo", "Attributes": document{"FifoQueue": "true", "ChasquiDelivery": "atLeastOnce"}}),
		"a FIFO queue always deduplicates")
	fifo := s.create("y.fifo", "FifoQueue", "true")
	require.Equal(t, fifo, s.create("y.fifo", "FifoQueue", "true", "ChasquiDelivery", "exactlyOnce"))
	shown := s.ok("GetQueueAttributes", document{"QueueUrl": fifo, "AttributeNames": []string{"All"}})["Attributes"].(document)
	require.NotContains(t, shown, "ChasquiDelivery")
}

func TestASendCreatesItsQueue(t *testing.T) {
	w := newWorld(t)
	off, s := w.frontend(t), w.frontend(t, func(c *Config) { c.CreateQueues = true })
	const url = "http://sqs.test/" + testAccount + "/q"
	require.Equal(t, gone, off.fails("SendMessage", document{"QueueUrl": url, "MessageBody": "a"}))
	s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	s.ok("SendMessageBatch", document{"QueueUrl": url + ".fifo", "Entries": []document{
		{"Id": "1", "MessageBody": "b", "MessageGroupId": "g", "MessageDeduplicationId": "d"}}})
	require.Equal(t, []string{"a"}, bodies(off.receive(url)))
	require.Equal(t, []string{"b"}, bodies(off.receive(url+".fifo")))
	// Nothing but a send creates, and nobody creates for others.
	require.Equal(t, gone, s.fails("ReceiveMessage", document{"QueueUrl": url + "2"}))
	require.Equal(t, gone, s.fails("SendMessage", document{"QueueUrl": "http://sqs.test/999988887777/q", "MessageBody": "a"}))
	// A queue that was deleted a moment ago does not come back by a message that was late.
	s.ok("DeleteQueue", document{"QueueUrl": url})
	require.Contains(t, s.fails("SendMessage", document{"QueueUrl": url, "MessageBody": "a"}), "QueueDeletedRecently")
}
