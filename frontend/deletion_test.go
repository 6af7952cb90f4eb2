package frontend

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/metadata/catalog"

	"github.com/stretchr/testify/require"
)

const gone = "Bad Request QueueDoesNotExist: The specified queue does not exist."

// restore brings a queue of testAccount back, as an administrator does: through the catalog alone.
func (w *world) restore(t *testing.T, name string) {
	t.Helper()
	w.change(t, &catalog.Command{Kind: catalog.KindRestoreQueue, Account: testAccount, Name: name})
}

func TestARestoredQueueHasItsMessages(t *testing.T) {
	w := newWorld(t)
	s, other := w.frontend(t), w.frontend(t)
	url := s.create("q", "ChasquiPartitions", "3", "VisibilityTimeout", "40")
	for _, body := range []string{"a", "b", "c", "d"} {
		s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": body})
	}
	held := other.receive(url, "MaxNumberOfMessages", 1)
	require.Len(t, held, 1)
	s.ok("DeleteQueue", document{"QueueUrl": url})
	// The other frontend still has the queue in its cache.
	require.Equal(t, gone, other.fails("SendMessage", document{"QueueUrl": url, "MessageBody": "e"}))
	require.Equal(t, gone, s.fails("GetQueueUrl", document{"QueueName": "q"}))

	w.restore(t, "q")
	require.Equal(t, url, other.ok("GetQueueUrl", document{"QueueName": "q"})["QueueUrl"])
	// In flight is what was, and a receipt handle from before the deletion still names its message.
	other.ok("DeleteMessage", document{"QueueUrl": url, "ReceiptHandle": held[0]["ReceiptHandle"]})
	var left []string
	for range 3 {
		left = append(left, bodies(s.receive(url))...)
	}
	require.ElementsMatch(t, []string{"a", "b", "c", "d"}, append(left, held[0]["Body"].(string)))
	counts := s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{"ApproximateNumberOfMessagesNotVisible", "VisibilityTimeout"}})
	require.Equal(t, document{"ApproximateNumberOfMessagesNotVisible": "3", "VisibilityTimeout": "40"}, counts["Attributes"])
}

// TestAStaleFrontendUsesARestoredQueue has a frontend that has slept through a queue's deletion and restoration.
func TestAStaleFrontendUsesARestoredQueue(t *testing.T) {
	w := newWorld(t)
	s, sleeper := w.frontend(t), w.frontend(t)
	url := s.create("q")
	sleeper.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	s.ok("DeleteQueue", document{"QueueUrl": url})
	w.restore(t, "q")
	sleeper.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "b"})
	require.Equal(t, []string{"a", "b"}, bodies(sleeper.receive(url)))
}

// TestALateDeletionDoesNoHarm: a frontend could not tell the partition of a deletion, answered 503, and its command
// arrives after the queue was restored and used.
func TestALateDeletionDoesNoHarm(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t)
	url := s.create("q")
	s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	var late *queue.Command
	w.refuse = func(_ uint16, c *queue.Command) error {
		if c.Kind != queue.KindDrop {
			return nil
		}
		late = c
		return backend.ErrUnknownOutcome
	}
	require.Contains(t, s.fails("DeleteQueue", document{"QueueUrl": url}), "Service Unavailable")
	w.refuse = nil
	w.restore(t, "q")
	slot := uint16(0)
	result, err := w.execute(slot, late)
	require.NoError(t, err)
	require.Equal(t, queue.OK, result.Code, "nobody had told the partition of the restored queue")
	s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "b"})
	result, err = w.execute(slot, late)
	require.NoError(t, err)
	require.Equal(t, queue.StaleSettings, result.Code)
	require.Equal(t, []string{"a", "b"}, bodies(s.receive(url)))
}

// TestAQueueDeletedInTheMiddleOfAChange: what the catalog had accepted before the deletion must not be answered with "no such queue".
func TestAQueueDeletedInTheMiddleOfAChange(t *testing.T) {
	w := newWorld(t)
	s, other := w.frontend(t), w.frontend(t)
	for name, c := range map[string]struct {
		kind queue.Kind
		ask  func(url string)
	}{
		"set": {queue.KindConfigure, func(url string) {
			s.ok("SetQueueAttributes", document{"QueueUrl": url, "Attributes": document{"VisibilityTimeout": "77"}})
		}},
		"tag": {queue.KindConfigure, func(url string) { s.ok("TagQueue", document{"QueueUrl": url, "Tags": document{"a": "b"}}) }},
		"purge": {queue.KindPurge, func(url string) {
			require.Contains(t, s.fails("PurgeQueue", document{"QueueUrl": url}), "Service Unavailable")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			url := s.create(name, "ChasquiPartitions", "2")
			for range 4 { // each partition knows its settings
				s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
			}
			var once sync.Once
			w.refuse = func(_ uint16, command *queue.Command) error {
				if command.Kind == c.kind {
					once.Do(func() { other.ok("DeleteQueue", document{"QueueUrl": url}) })
				}
				return nil
			}
			c.ask(url)
			w.refuse = nil
			require.Equal(t, gone, s.fails("GetQueueUrl", document{"QueueName": name}))
		})
	}
}

// TestABatchOfWhichAPartWasDone deletes a queue when one of its partitions has carried out its part of a batch and the other has not.
func TestABatchOfWhichAPartWasDone(t *testing.T) {
	w := newWorld(t)
	s, other := w.frontend(t), w.frontend(t)
	url := s.create("q.fifo", "FifoQueue", "true", "ContentBasedDeduplication", "true", "ChasquiPartitions", "2")
	record, ok := w.catalog.Queue(testAccount, "q.fifo")
	require.True(t, ok)
	var entries []document // one for each partition
	for group := 0; len(entries) < 2; group++ {
		if name := strconv.Itoa(group); backend.GroupPartition(record, name) == len(entries) {
			entries = append(entries, document{"Id": name, "MessageBody": "body " + name, "MessageGroupId": name})
		}
	}
	s.ok("SendMessageBatch", document{"QueueUrl": url, "Entries": entries}) // both partitions know their settings
	for i := range entries {
		entries[i]["MessageBody"] = "later " + entries[i]["Id"].(string)
	}
	batch := document{"QueueUrl": url, "Entries": entries}
	var sends atomic.Int64
	stored := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.commands[len(w.commands)-1].Kind == queue.KindSend && sends.Load() > 1
	}
	w.refuse = func(_ uint16, c *queue.Command) error {
		if c.Kind == queue.KindSend && sends.Add(1) == 2 {
			require.Eventually(t, stored, 5*time.Second, time.Millisecond)
			other.ok("DeleteQueue", document{"QueueUrl": url})
		}
		return nil
	}
	require.Contains(t, s.fails("SendMessageBatch", batch), "Service Unavailable")
	require.Equal(t, gone, s.fails("SendMessageBatch", batch), "no part of this one was done")
	w.refuse = nil
	w.restore(t, "q.fifo")
	require.Len(t, s.ok("SendMessageBatch", batch)["Successful"], 2)
	counts := s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{"ApproximateNumberOfMessages"}})
	require.Equal(t, document{"ApproximateNumberOfMessages": "4"}, counts["Attributes"], "the part that was done is a duplicate now")
}

func TestALongPollEndsWithItsQueueWhichMayBeRestored(t *testing.T) {
	w := newWorld(t)
	s, other := w.frontend(t), w.frontend(t)
	url := s.create("q")
	answers := make(chan string, 1)
	w.host.Tasks.Go("poll", func(context.Context) {
		answers <- other.fails("ReceiveMessage", document{"QueueUrl": url, "WaitTimeSeconds": 20})
	})
	require.Eventually(t, func() bool { return other.load.longPolls.Load() == 1 }, 10*time.Second, time.Millisecond)
	s.ok("DeleteQueue", document{"QueueUrl": url})
	select {
	case answer := <-answers:
		require.Equal(t, gone, answer)
	case <-time.After(10 * time.Second):
		t.Fatal("the poll outlived its queue")
	}
}

func TestDeleteQueueIsSwitchedOff(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t, func(c *Config) { c.NoDeleteQueue = true })
	url := s.create("q")
	const refused = "Forbidden AccessDeniedException: DeleteQueue is switched off here (--no-delete-queue). " +
		"An administrator deletes queues with: chasqui queue delete --admin"
	require.Equal(t, refused, s.fails("DeleteQueue", document{"QueueUrl": url}))
	s.ok("GetQueueUrl", document{"QueueName": "q"})
	// An administrator's deletion goes past it.
	record, err := w.DeleteQueue(t.Context(), testAccount, "q")
	require.NoError(t, err)
	require.NoError(t, s.EndQueue(t.Context(), record))
	require.Equal(t, gone, s.fails("SendMessage", document{"QueueUrl": url, "MessageBody": "a"}))
}

func TestDeletionProtection(t *testing.T) {
	s := newWorld(t).frontend(t)
	url := s.create("q", "ChasquiDeletionProtection", "TRUE")
	shown := s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{"All"}})["Attributes"].(document)
	require.Equal(t, "true", shown["ChasquiDeletionProtection"])
	require.Equal(t, "Forbidden AccessDeniedException: The queue is protected against deletion. Set its attribute ChasquiDeletionProtection to "+
		"false first, or let an administrator run: chasqui queue delete --admin --force", s.fails("DeleteQueue", document{"QueueUrl": url}))
	s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	s.ok("SetQueueAttributes", document{"QueueUrl": url, "Attributes": document{"ChasquiDeletionProtection": "false"}})
	// A queue that differs in nothing from those of SQS shows nothing of ours, unless it is asked for.
	shown = s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{"All"}})["Attributes"].(document)
	for name := range shown {
		require.NotContains(t, name, ourPrefix)
	}
	shown = s.ok("GetQueueAttributes", document{"QueueUrl": url, "AttributeNames": []string{"ChasquiDeletionProtection", "ChasquiDelivery"}})["Attributes"].(document)
	require.Equal(t, document{"ChasquiDeletionProtection": "false", "ChasquiDelivery": "atLeastOnce"}, shown)
	s.ok("DeleteQueue", document{"QueueUrl": url})
	require.Equal(t, "Bad Request InvalidAttributeValue: Invalid value for the parameter ChasquiDeletionProtection.",
		s.fails("CreateQueue", document{"QueueName": "x", "Attributes": document{"ChasquiDeletionProtection": "yes"}}))
}

func TestAFinalDeletionDrops(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t)
	url := s.create("q")
	s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	record, err := w.apply(&catalog.Command{Kind: catalog.KindDeleteQueue, Account: testAccount, Name: "q"})
	require.NoError(t, err)
	require.NoError(t, s.EndQueue(t.Context(), record))
	for slot := range w.slots {
		require.Zero(t, w.slots[slot].Totals().Messages)
	}
	w.refuse = func(uint16, *queue.Command) error { return errors.New("not to be asked") }
	require.Equal(t, gone, s.fails("SendMessage", document{"QueueUrl": url, "MessageBody": "a"}))
}

// A dead-letter queue that is deleted leaves its sources as they are. Restored, it takes their messages again.
func TestRestoringAQueueWhoseDeadLetterQueueIsGone(t *testing.T) {
	w := newWorld(t)
	s := w.frontend(t)
	dead := s.create("dead")
	url := s.create("q", "RedrivePolicy", redriveTo("dead", 1))
	s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": "a"})
	sources := func() any { return s.ok("ListDeadLetterSourceQueues", document{"QueueUrl": dead})["queueUrls"] }
	require.Equal(t, []any{url}, sources())
	s.ok("DeleteQueue", document{"QueueUrl": url})
	require.Empty(t, sources(), "a deleted queue is nobody's source")
	s.ok("DeleteQueue", document{"QueueUrl": dead})

	w.restore(t, "q")
	require.Equal(t, redriveTo("dead", 1), s.attribute(url, "RedrivePolicy"))
	require.Equal(t, []string{"a"}, bodies(s.receive(url, "VisibilityTimeout", 0)))
	require.Empty(t, s.receive(url, "VisibilityTimeout", 0), "it is set aside")
	require.NoError(t, w.move())
	require.Equal(t, "1", s.attribute(url, "ApproximateNumberOfMessages"), "and comes back")
	w.restore(t, "dead")
	require.Equal(t, []any{url}, sources())
	require.Empty(t, s.receive(url, "VisibilityTimeout", 0))
	require.NoError(t, w.move())
	require.Equal(t, []string{"a"}, bodies(s.receive(dead)))
	require.Equal(t, "0", s.attribute(url, "ApproximateNumberOfMessages"))
}

// Guards, attributes of our own and deliveries, as an old client sees them.
func TestGuardedDeletionInTheQueryProtocol(t *testing.T) {
	w := newWorld(t)
	s, guarded := w.frontend(t), w.frontend(t, func(c *Config) { c.NoDeleteQueue = true })
	s.did("/", "CreateQueue", "QueueName", "q", "Attribute.1.Name", "ChasquiDeletionProtection", "Attribute.1.Value", "true",
		"Attribute.2.Name", "ChasquiDelivery", "Attribute.2.Value", "atMostOnce")
	path := "/" + testAccount + "/q"
	require.Equal(t, "Forbidden AccessDenied: "+errNoDeleteQueue.message, guarded.refuses(path, "DeleteQueue"))
	require.Contains(t, s.refuses(path, "DeleteQueue"), "Forbidden AccessDenied: The queue is protected against deletion.")
	ours := s.did(path, "GetQueueAttributes", "AttributeName.1", "ChasquiDeletionProtection", "AttributeName.2", "ChasquiDelivery")
	require.Equal(t, []string{"true", "atMostOnce"}, ours.all("Attribute", "Value"))
	require.Equal(t, "Bad Request InvalidAttributeValue: Invalid value for the parameter ChasquiDelivery.",
		s.refuses("/", "CreateQueue", "QueueName", "r", "Attribute.1.Name", "ChasquiDelivery", "Attribute.1.Value", "never"))
	require.Contains(t, s.refuses(path, "SetQueueAttributes", "Attribute.Name", "ChasquiDelivery", "Attribute.Value", "exactlyOnce"),
		"Bad Request InvalidAttributeValue: ")
	s.did(path, "SendMessage", "MessageBody", "a")
	require.Equal(t, "a", s.did(path, "ReceiveMessage", "VisibilityTimeout", "0").get(t, "Message", "Body"))
	require.Nil(t, s.did(path, "ReceiveMessage").Children)
	s.did(path, "SetQueueAttributes", "Attribute.Name", "ChasquiDeletionProtection", "Attribute.Value", "false")
	require.Nil(t, s.did(path, "DeleteQueue"))
}

// TestAPartitionThatNobodyUsesIsNotDroppedAfterTheRestoration lets a queue lie idle, once it is restored, until the time to restore
// it is over.
func TestAPartitionThatNobodyUsesIsNotDroppedAfterTheRestoration(t *testing.T) {
	for _, told := range []bool{false, true} {
		w := newWorld(t)
		s := w.frontend(t)
		url := s.create("q", "ChasquiPartitions", "3")
		for _, body := range []string{"a", "b", "c", "d", "e", "f"} {
			s.ok("SendMessage", document{"QueueUrl": url, "MessageBody": body})
		}
		s.ok("DeleteQueue", document{"QueueUrl": url})
		w.restore(t, "q")
		record, ok := w.catalog.Queue(testAccount, "q")
		require.True(t, ok)
		if told {
			require.NoError(t, s.ReopenQueue(t.Context(), record))
		}
		later := w.nowMs() + 2*time.Hour.Milliseconds() + 1 // the world's deletions can be undone for an hour
		var codes []queue.Code
		for partition, slot := range record.Slots {
			id := queue.PartitionID{Queue: record.ID, Partition: uint16(partition)}
			result := w.slots[slot].Apply(later, [][]byte{(&queue.Command{Partition: id, Kind: queue.KindExpire}).Encode()})[0].(*queue.Result)
			codes = append(codes, result.Code)
		}
		if !told {
			require.Equal(t, []queue.Code{queue.QueueDropped, queue.QueueDropped, queue.QueueDropped}, codes, "or this test shows nothing")
			continue
		}
		require.Equal(t, []queue.Code{queue.OK, queue.OK, queue.OK}, codes)
		var got []string
		for range 10 {
			got = append(got, bodies(s.receive(url, "MaxNumberOfMessages", 10))...)
		}
		require.ElementsMatch(t, []string{"a", "b", "c", "d", "e", "f"}, got)
	}
}
