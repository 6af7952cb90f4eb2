package frontend

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// fifoQueue is a FIFO queue with verbs for the cases of message groups (SQS-API.md, section 6).
type fifoQueue struct {
	*testServer
	url     string
	handles map[string]string // by body, of the latest receive
	serial  int
}

// fifo runs a test, in virtual time, with a FIFO queue whose visibility timeout is 10 s.
func fifo(t *testing.T, test func(t *testing.T, w *world, q *fifoQueue)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.frontend(t)
		test(t, w, &fifoQueue{testServer: s, url: s.create("q.fifo", "FifoQueue", "true", "VisibilityTimeout", "10"), handles: map[string]string{}})
	})
}

// put sends messages to one group.
func (q *fifoQueue) put(group string, bodies ...string) {
	q.t.Helper()
	for _, body := range bodies {
		q.serial++
		q.ok("SendMessage", document{"QueueUrl": q.url, "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": fmt.Sprint(q.serial)})
	}
}

// take receives up to most messages and returns their bodies.
func (q *fifoQueue) take(most int, more ...any) []string {
	q.t.Helper()
	messages := q.receive(q.url, append([]any{"MaxNumberOfMessages", most}, more...)...)
	for _, message := range messages {
		q.handles[message["Body"].(string)] = message["ReceiptHandle"].(string)
	}
	return bodies(messages)
}

// hide sets the visibility timeout of a message that was taken.
func (q *fifoQueue) hide(body string, seconds int) {
	q.t.Helper()
	q.ok("ChangeMessageVisibility", document{"QueueUrl": q.url, "ReceiptHandle": q.handles[body], "VisibilityTimeout": seconds})
}

func (q *fifoQueue) drop(body string) {
	q.t.Helper()
	q.ok("DeleteMessage", document{"QueueUrl": q.url, "ReceiptHandle": q.handles[body]})
}

// Of three messages in flight one is extended and the others time out: delivered are those before it.
func TestFifoOneExtended(t *testing.T) {
	for extended, want := range map[string][]string{"m1": nil, "m2": {"m1"}, "m3": {"m1", "m2"}} {
		t.Run(extended, func(t *testing.T) {
			fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
				q.put("g", "m1", "m2", "m3", "m4")
				require.Equal(t, []string{"m1", "m2", "m3"}, q.take(3))
				time.Sleep(5 * time.Second)
				q.hide(extended, 60)
				time.Sleep(5 * time.Second)
				require.Equal(t, want, q.take(10))
			})
		})
	}
}

func TestFifoFirstGivenBack(t *testing.T) {
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		q.put("g", "m1", "m2", "m3")
		require.Equal(t, []string{"m1", "m2"}, q.take(2))
		q.hide("m1", 0)
		require.Equal(t, []string{"m1"}, q.take(10))
	})
}

func TestFifoFirstDeleted(t *testing.T) {
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		q.put("g", "m1", "m2", "m3")
		require.Equal(t, []string{"m1", "m2"}, q.take(2))
		q.drop("m1")
		require.Empty(t, q.take(10))
		q.drop("m2")
		require.Equal(t, []string{"m3"}, q.take(10))
	})
}

func TestFifoLockedGroup(t *testing.T) {
	fifo(t, func(t *testing.T, w *world, q *fifoQueue) {
		q.put("g", "m1")
		require.Equal(t, []string{"m1"}, q.take(1))
		q.put("g", "m2")
		require.Empty(t, q.take(10), "a send does not unlock a group")
		w.host.Tasks.Go("deleter", func(context.Context) {
			if pause(w, 3*time.Second) {
				q.drop("m1")
			}
		})
		began := time.Now()
		require.Equal(t, []string{"m2"}, q.take(10, "WaitTimeSeconds", 20))
		require.Equal(t, 3*time.Second, time.Since(began), "the deletion unlocks the group and wakes the waiter")
		q.drop("m2")
		q.put("g", "m3")
		require.Equal(t, []string{"m3"}, q.take(10), "an emptied group works again")
	})
}

func TestFifoOneGroupBeforeTheNext(t *testing.T) {
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		for i := range 3 {
			q.put("a", fmt.Sprint("a", i))
			q.put("b", fmt.Sprint("b", i))
		}
		require.Equal(t, []string{"a0", "a1", "a2", "b0"}, q.take(4))
		require.Empty(t, q.take(10), "b1 waits for b0")
		q.drop("b0")
		require.Equal(t, []string{"b1", "b2"}, q.take(10))
	})
}

func TestFifoSequenceNumbers(t *testing.T) {
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		last := ""
		for i := range 12 {
			sent := q.ok("SendMessage", document{"QueueUrl": q.url, "MessageBody": "a", "MessageGroupId": fmt.Sprint(i % 2), "MessageDeduplicationId": fmt.Sprint(i)})
			number := sent["SequenceNumber"].(string)
			require.Regexp(t, `^[0-9]{20}$`, number)
			require.Greater(t, number, last)
			last = number
		}
	})
}

// sendAs sends with a deduplication id and returns message id and sequence number.
func (q *fifoQueue) sendAs(group, deduplicationID string) [2]any {
	q.t.Helper()
	sent := q.ok("SendMessage", document{"QueueUrl": q.url, "MessageBody": "a", "MessageGroupId": group, "MessageDeduplicationId": deduplicationID})
	return [2]any{sent["MessageId"], sent["SequenceNumber"]}
}

func TestFifoDeduplicationInterval(t *testing.T) {
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		first := q.sendAs("g", "d")
		time.Sleep(2 * time.Minute)
		require.Equal(t, first, q.sendAs("g", "d"))
		require.Equal(t, first, q.sendAs("h", "d"), "across groups")
		require.Equal(t, []string{"a"}, q.take(10))
		require.Equal(t, first, q.sendAs("g", "d"), "after the receive")
		q.drop("a")
		time.Sleep(3*time.Minute - time.Millisecond)
		require.Equal(t, first, q.sendAs("g", "d"), "after the deletion")
		time.Sleep(time.Millisecond)
		second := q.sendAs("g", "d")
		require.NotEqual(t, first, second, "five minutes count from the first send")
		q.ok("PurgeQueue", document{"QueueUrl": q.url})
		require.NotEqual(t, second, q.sendAs("g", "d"), "a purge forgets")
		require.Len(t, q.take(10), 1)
	})
}

func TestFifoDeduplicationPerGroup(t *testing.T) {
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		q.url = q.create("g.fifo", "FifoQueue", "true", "DeduplicationScope", "messageGroup")
		first := q.sendAs("g", "d")
		require.Equal(t, first, q.sendAs("g", "d"))
		require.NotEqual(t, first, q.sendAs("h", "d"))
		// What the attribute later says does not change how a queue deduplicates.
		q.ok("SetQueueAttributes", document{"QueueUrl": q.url, "Attributes": document{"DeduplicationScope": "queue"}})
		require.NotEqual(t, first, q.sendAs("i", "d"))
	})
}

func TestFifoRetentionUnblocks(t *testing.T) {
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		q.url = q.create("short.fifo", "FifoQueue", "true", "MessageRetentionPeriod", "60")
		q.put("g", "m1")
		require.Equal(t, []string{"m1"}, q.take(10, "VisibilityTimeout", 3600))
		time.Sleep(30 * time.Second)
		q.put("g", "m2")
		began := time.Now()
		require.Empty(t, q.take(10))
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"m2"}, q.take(10, "WaitTimeSeconds", 20))
		require.Equal(t, 30*time.Second, time.Since(began))
	})
}

// A delayed message holds up its group like one in flight.
func TestFifoDelayedGroup(t *testing.T) {
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		q.url = q.create("slow.fifo", "FifoQueue", "true", "DelaySeconds", "5")
		q.put("g", "m1")
		time.Sleep(3 * time.Second)
		q.put("g", "m2")
		require.Empty(t, q.take(10))
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"m1"}, q.take(10))
		q.drop("m1")
		require.Empty(t, q.take(10))
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"m2"}, q.take(10))
	})
}

// A change of the queue's delay reaches the messages that are delayed, of a FIFO queue; a standard queue's keep theirs.
func TestFifoDelayIsRetroactive(t *testing.T) {
	fifo(t, func(t *testing.T, w *world, q *fifoQueue) {
		set := func(seconds string) {
			q.ok("SetQueueAttributes", document{"QueueUrl": q.url, "Attributes": document{"DelaySeconds": seconds}})
		}
		set("60")
		q.put("g", "m1")
		time.Sleep(10 * time.Second)
		q.put("h", "m2")
		set("15")
		require.Empty(t, q.take(10))
		w.host.Tasks.Go("changer", func(context.Context) {
			if pause(w, 10*time.Second) {
				set("0")
			}
		})
		began := time.Now()
		require.Equal(t, []string{"m1"}, q.take(10, "WaitTimeSeconds", 20))
		require.Equal(t, 5*time.Second, time.Since(began))
		require.Equal(t, []string{"m2"}, q.take(10, "WaitTimeSeconds", 20), "the change wakes the waiter")
		require.Equal(t, 10*time.Second, time.Since(began))

		q.url = q.create("standard", "DelaySeconds", "60")
		q.ok("SendMessage", document{"QueueUrl": q.url, "MessageBody": "late"})
		set("0")
		require.Empty(t, q.take(10, "WaitTimeSeconds", 20))
	})
}

// A receive repeated with its attempt id gets the same messages and handles, with a new timeout, until one of them is
// deleted or changed, or five minutes are over (SQS-API.md, section 4.4).
func TestFifoReceiveAttempts(t *testing.T) {
	attempt := []any{"ReceiveRequestAttemptId", "r"}
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		q.put("g", "m1", "m2", "m3")
		require.Equal(t, []string{"m1", "m2"}, q.take(2, attempt...))
		first := q.handles["m1"]
		time.Sleep(8 * time.Second)
		require.Equal(t, []string{"m1", "m2"}, q.take(2, attempt...))
		require.Equal(t, first, q.handles["m1"])
		time.Sleep(8 * time.Second)
		require.Empty(t, q.take(10), "the timeout has begun anew")
		q.hide("m2", 60)
		require.Empty(t, q.take(10, attempt...), "a message was changed")
		q.drop("m1")
		require.Empty(t, q.take(10, attempt...))
	})
	fifo(t, func(t *testing.T, _ *world, q *fifoQueue) {
		q.put("g", "m1")
		require.Equal(t, []string{"m1"}, q.take(1, append(attempt, "VisibilityTimeout", 3600)...))
		time.Sleep(5 * time.Minute)
		require.Empty(t, q.take(1, attempt...))
	})
}
