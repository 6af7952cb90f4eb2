package frontend

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"chasqui/backend/queue"

	"github.com/stretchr/testify/require"
)

func arnOf(name string) string { return "arn:aws:sqs:us-west-2:" + testAccount + ":" + name }

func redriveTo(name string, count int) string {
	return fmt.Sprintf(`{"deadLetterTargetArn":"%s","maxReceiveCount":%d}`, arnOf(name), count)
}

func TestDeadLetterQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, other := w.frontend(t), w.frontend(t)
		dead := s.create("dead", "ChasquiPartitions", "2")
		url := s.create("q", "ChasquiPartitions", "3", "VisibilityTimeout", "1", "RedrivePolicy", redriveTo("dead", 2))
		sent := map[any]document{}
		for i := range 6 {
			one := s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": fmt.Sprint(i), "MessageAttributes": document{"n": document{"DataType": "Number", "StringValue": "1"}},
				"MessageSystemAttributes": document{"AWSTraceHeader": document{"DataType": "String", "StringValue": "t"}}})
			sent[one["MessageId"]] = one
		}
		began := fmt.Sprint(time.Now().UnixMilli())
		all := func(url string) (messages []document) {
			for {
				some := other.receive(url, "AttributeNames", []string{"All"}, "MessageAttributeNames", []string{"All"})
				if len(some) == 0 {
					return messages
				}
				messages = append(messages, some...)
			}
		}
		for range 2 {
			require.Len(t, all(url), 6)
			time.Sleep(time.Second)
		}
		require.Equal(t, "6", s.attribute(url, "ApproximateNumberOfMessages"), "they move with the next receive")
		require.Equal(t, "0", s.attribute(dead, "ApproximateNumberOfMessages"))
		require.Empty(t, all(url))
		for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"} {
			require.Equal(t, "0", s.attribute(url, name))
		}
		require.Equal(t, "6", s.attribute(dead, "ApproximateNumberOfMessages"))
		moved := all(dead)
		require.Len(t, moved, 6)
		for _, message := range moved {
			original := sent[message["MessageId"]]
			require.NotNil(t, original, "the id is kept")
			require.Equal(t, original["MD5OfMessageBody"], message["MD5OfBody"])
			require.Equal(t, original["MD5OfMessageAttributes"], message["MD5OfMessageAttributes"])
			attributes := message["Attributes"].(document)
			require.Equal(t, []any{"3", began, arnOf("q"), "t", testAccount},
				[]any{attributes["ApproximateReceiveCount"], attributes["SentTimestamp"], attributes["DeadLetterQueueSourceArn"], attributes["AWSTraceHeader"], attributes["SenderId"]})
			delete(sent, message["MessageId"])
		}

		// A long poll on the dead-letter queue is woken by what arrives, and one on the source is not ended by what leaves.
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "late"})
		for range 2 {
			require.Len(t, all(url), 1)
			time.Sleep(time.Second)
		}
		before := time.Now()
		require.Empty(t, s.receive(url, "WaitTimeSeconds", 3))
		require.Equal(t, 3*time.Second, time.Since(before))
		require.Equal(t, []string{"late"}, bodies(s.receive(dead, "WaitTimeSeconds", 3)))
	})
}

// Each queue of a chain counts its own receives.
func TestDeadLetterQueueOfADeadLetterQueue(t *testing.T) {
	s := newWorld(t).frontend(t)
	last := s.create("last")
	middle := s.create("middle", "RedrivePolicy", redriveTo("last", 2))
	first := s.create("first", "RedrivePolicy", redriveTo("middle", 1))
	s.ok("SendMessage", document{"QueueUrl": first, "MessageBody": "a"})
	count := func(url string) any {
		messages := s.receive(url, "VisibilityTimeout", 0, "AttributeNames", []string{"ApproximateReceiveCount"})
		if len(messages) == 0 {
			return nil
		}
		return messages[0]["Attributes"].(document)["ApproximateReceiveCount"]
	}
	require.Equal(t, []any{"1", nil, "2", "3", nil, "4", "5"}, []any{count(first), count(first), count(middle), count(middle), count(middle), count(last), count(last)})
}

func TestDeadLetterQueueFifo(t *testing.T) {
	s := newWorld(t).frontend(t)
	dead := s.create("dead.fifo", "FifoQueue", "true", "ChasquiPartitions", "2")
	url := s.create("q.fifo", "FifoQueue", "true", "ContentBasedDeduplication", "true", "RedrivePolicy", redriveTo("dead.fifo", 1))
	for i := range 3 {
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": fmt.Sprint(i), "MessageGroupId": "g"})
	}
	require.Equal(t, []string{"0"}, bodies(s.receive(url, "MaxNumberOfMessages", 1, "VisibilityTimeout", 0)))
	require.Equal(t, []string{"1", "2"}, bodies(s.receive(url, "VisibilityTimeout", 0)), "the move unblocks the group")
	require.Empty(t, s.receive(url))
	messages := s.receive(dead, "AttributeNames", []string{"MessageGroupId", "MessageDeduplicationId"})
	require.Equal(t, []string{"0", "1", "2"}, bodies(messages))
	require.Equal(t, "g", messages[0]["Attributes"].(document)["MessageGroupId"])
	require.Len(t, messages[0]["Attributes"].(document)["MessageDeduplicationId"], 64)
}

// A dead-letter queue that was deleted takes nothing: the messages stay until the policy changes.
func TestDeadLetterQueueGone(t *testing.T) {
	s := newWorld(t).frontend(t)
	s.create("dead")
	url := s.create("q", "RedrivePolicy", redriveTo("dead", 1))
	s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	s.ok("DeleteQueue", document{"QueueUrl": "dead"})
	require.Len(t, s.receive(url, "VisibilityTimeout", 0), 1)
	require.Empty(t, s.receive(url, "VisibilityTimeout", 0))
	require.Equal(t, "1", s.attribute(url, "ApproximateNumberOfMessages"))
	s.create("other")
	s.ok("SetQueueAttributes", document{"QueueUrl": url, "Attributes": document{"RedrivePolicy": redriveTo("other", 1)}})
	require.Empty(t, s.receive(url))
	require.Equal(t, []string{"a"}, bodies(s.receive("other")))
}

// deadLetters makes a dead-letter queue with messages from a source, and returns the URLs of both.
func (s *testServer) deadLetters(count int) (dead, source string) {
	s.t.Helper()
	dead = s.create("dead", "ChasquiPartitions", "2")
	source = s.create("source", "RedrivePolicy", redriveTo("dead", 1))
	for i := range count {
		s.ok("SendMessage", document{"QueueUrl": source, "MessageBody": fmt.Sprint(i)})
	}
	for range 2 {
		for len(s.receive(source, "VisibilityTimeout", 1)) > 0 {
		}
		time.Sleep(time.Second)
	}
	require.Equal(s.t, fmt.Sprint(count), s.attribute(dead, "ApproximateNumberOfMessages"))
	return dead, source
}

// tasks lists the tasks of a queue.
func (s *testServer) tasks(name string) []any {
	s.t.Helper()
	list, _ := s.ok("ListMessageMoveTasks", document{"SourceArn": arnOf(name), "MaxResults": 10})["Results"].([]any)
	return list
}

func TestMessageMoveTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.frontend(t)
		dead, source := s.deadLetters(7)
		started := time.Now().UnixMilli()
		handle := s.ok("StartMessageMoveTask", document{"SourceArn": arnOf("dead")})["TaskHandle"].(string)
		text, err := base64.StdEncoding.DecodeString(handle)
		require.NoError(t, err)
		var content document
		require.NoError(t, json.Unmarshal(text, &content))
		require.Equal(t, arnOf("dead"), content["sourceArn"])
		require.Len(t, content["taskId"], 36)
		running := document{"Status": "RUNNING", "SourceArn": arnOf("dead"), "TaskHandle": handle, "StartedTimestamp": float64(started),
			"ApproximateNumberOfMessagesMoved": 0.0, "ApproximateNumberOfMessagesToMove": 7.0}
		require.Equal(t, []any{running}, s.tasks("dead"))
		require.Equal(t, badPrefix+"There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
			s.fails("StartMessageMoveTask", document{"SourceArn": arnOf("dead")}))
		for range 3 {
			require.NoError(t, w.move())
		}
		delete(running, "TaskHandle")
		running["Status"], running["ApproximateNumberOfMessagesMoved"] = "COMPLETED", 7.0
		require.Equal(t, []any{running}, s.tasks("dead"))
		require.Equal(t, "7", s.attribute(source, "ApproximateNumberOfMessages"))
		require.Equal(t, "0", s.attribute(dead, "ApproximateNumberOfMessages"))
		message := s.receive(source, "AttributeNames", []string{"All"})[0]["Attributes"].(document)
		require.Equal(t, "1", message["ApproximateReceiveCount"], "it begins anew")
		require.Nil(t, message["DeadLetterQueueSourceArn"])
		require.Equal(t, "Bad Request UnsupportedOperation: Only running tasks can be cancelled.", s.fails("CancelMessageMoveTask", document{"TaskHandle": handle}))
	})
}

func TestMessageMoveTaskAtARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.frontend(t)
		dead, _ := s.deadLetters(60)
		other := s.create("other")
		handle := s.ok("StartMessageMoveTask", document{"SourceArn": arnOf("dead"), "DestinationArn": arnOf("other"), "MaxNumberOfMessagesPerSecond": 4})["TaskHandle"]
		for range 20 { // 5 seconds
			time.Sleep(250 * time.Millisecond)
			require.NoError(t, w.move())
		}
		require.NoError(t, w.move())
		require.Equal(t, "20", s.attribute(other, "ApproximateNumberOfMessages"))
		require.Equal(t, document{"ApproximateNumberOfMessagesMoved": 20.0}, s.ok("CancelMessageMoveTask", document{"TaskHandle": handle}))
		time.Sleep(5 * time.Second)
		require.NoError(t, w.move())
		require.Equal(t, "20", s.attribute(other, "ApproximateNumberOfMessages"))
		require.Equal(t, "40", s.attribute(dead, "ApproximateNumberOfMessages"))
		task := s.tasks("dead")[0].(document)
		require.Equal(t, []any{"CANCELLED", 4.0, arnOf("other"), nil}, []any{task["Status"], task["MaxNumberOfMessagesPerSecond"], task["DestinationArn"], task["TaskHandle"]})

		// A destination that vanishes fails the task, and nothing is lost.
		s.ok("StartMessageMoveTask", document{"SourceArn": arnOf("dead"), "DestinationArn": arnOf("other")})
		s.ok("DeleteQueue", document{"QueueUrl": other})
		for range 3 {
			require.NoError(t, w.move())
		}
		tasks := s.tasks("dead")
		require.Len(t, tasks, 2)
		require.Equal(t, []any{"FAILED", "AWS.SimpleQueueService.NonExistentQueue"}, []any{tasks[0].(document)["Status"], tasks[0].(document)["FailureReason"]})
		require.Equal(t, "40", s.attribute(dead, "ApproximateNumberOfMessages"))
	})
}

func TestMessageMoveTaskRefusals(t *testing.T) {
	s := newWorld(t).frontend(t)
	s.create("plain")
	s.create("f.fifo", "FifoQueue", "true")
	s.create("dead")
	s.create("source", "RedrivePolicy", redriveTo("dead", 1))
	start := func(source, destination string, rate any) document {
		return document{"SourceArn": source, "DestinationArn": destination, "MaxNumberOfMessagesPerSecond": rate}
	}
	const notFound = "Not Found ResourceNotFoundException: "
	for name, test := range map[string]struct {
		action  string
		request document
		want    string
	}{
		"no source":          {"StartMessageMoveTask", document{}, "Bad Request MissingRequiredParameterException: The request must contain the parameter SourceArn."},
		"missing source":     {"StartMessageMoveTask", start(arnOf("none"), "", nil), notFound + "The resource that you specified for the SourceArn parameter doesn't exist."},
		"no ARN":             {"StartMessageMoveTask", start("dead", "", nil), notFound + "The resource that you specified for the SourceArn parameter doesn't exist."},
		"another region":     {"StartMessageMoveTask", start("arn:aws:sqs:eu-west-1:"+testAccount+":dead", "", nil), notFound + "The resource that you specified for the SourceArn parameter doesn't exist."},
		"not dead":           {"StartMessageMoveTask", start(arnOf("plain"), "", nil), badPrefix + "Source queue must be configured as a Dead Letter Queue."},
		"missing target":     {"StartMessageMoveTask", start(arnOf("dead"), arnOf("none"), nil), notFound + "The resource that you specified for the DestinationArn parameter doesn't exist."},
		"itself":             {"StartMessageMoveTask", start(arnOf("dead"), arnOf("dead"), nil), badPrefix + "Source queue arn and destination queue arn cannot be the same."},
		"another type":       {"StartMessageMoveTask", start(arnOf("dead"), arnOf("f.fifo"), nil), badPrefix + "Source queue and destination queue must be of the same type."},
		"rate":               {"StartMessageMoveTask", start(arnOf("dead"), "", 501), badPrefix + "Value 501 for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: Must be between 1 and 500, if provided."},
		"list of nothing":    {"ListMessageMoveTasks", document{}, "Bad Request MissingRequiredParameterException: The request must contain the parameter SourceArn."},
		"list of a missing":  {"ListMessageMoveTasks", document{"SourceArn": arnOf("none")}, notFound + "The resource that you specified for the SourceArn parameter doesn't exist."},
		"too many listed":    {"ListMessageMoveTasks", document{"SourceArn": arnOf("dead"), "MaxResults": 11}, badPrefix + "Value 11 for parameter MaxResults is invalid. Reason: MaxResults must be between 1 and 10."},
		"no handle":          {"CancelMessageMoveTask", document{}, "Bad Request MissingRequiredParameterException: The request must contain the parameter TaskHandle."},
		"no base64":          {"CancelMessageMoveTask", document{"TaskHandle": "*"}, badPrefix + "Value for parameter TaskHandle is invalid."},
		"no document":        {"CancelMessageMoveTask", document{"TaskHandle": "AAAA"}, badPrefix + "Value for parameter TaskHandle is invalid."},
		"unknown task":       {"CancelMessageMoveTask", document{"TaskHandle": handleOf(queue.TaskID{1}, arnOf("dead"))}, notFound + "Task does not exist."},
		"task of no queue":   {"CancelMessageMoveTask", document{"TaskHandle": handleOf(queue.TaskID{1}, arnOf("none"))}, notFound + "The resource that you specified for the SourceArn parameter doesn't exist."},
		"task id is no uuid": {"CancelMessageMoveTask", document{"TaskHandle": base64.StdEncoding.EncodeToString([]byte(`{"taskId":"1","sourceArn":"a"}`))}, badPrefix + "Value for parameter TaskHandle is invalid."},
	} {
		require.Equal(t, test.want, s.fails(test.action, test.request), name)
	}
	require.Empty(t, s.tasks("plain"))
}
