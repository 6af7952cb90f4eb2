package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"chasqui/chaos/procs"
)

// recovery is how long the endpoint may stay without an answer after a kill.
const recovery = 5 * time.Second

// TestKillsLoseNothing kills one host of each kind, and at last all backends at once, under producers and consumers.
// Every acknowledged message must come out, and FIFO groups in order and once.
func TestKillsLoseNothing(t *testing.T) {
	c := startCluster(t)
	w := startWorkload(t, c)
	kill := func(what string, pick func(*procs.Status) string) {
		t.Helper()
		var status *procs.Status
		eventually(t, time.Minute, "the cluster is whole before the next kill", func() bool {
			var err error
			status, err = c.Status(t.Context())
			return err == nil && status.Healthy
		})
		before := w.acknowledged.Load()
		victim := pick(status)
		require.NotEmpty(t, victim, what)
		require.NoError(t, c.Kill(victim))
		gap := w.untilAnswered(t)
		t.Logf("killed %s (%s): the endpoint answered after %s", what, victim, gap.Round(time.Millisecond))
		require.Less(t, gap, recovery, what)
		eventually(t, time.Minute, "work goes on", func() bool { return w.acknowledged.Load() > before+50 })
	}
	kill("the backend that leads the most", leadingBackend)
	kill("the metadata leader", (*procs.Status).MetadataLeader)
	kill("a frontend", func(*procs.Status) string { return "frontend-1" })
	kill("the balancer that holds the VIP", (*procs.Status).VIPHolder)
	kill("another leading backend", leadingBackend)

	eventually(t, time.Minute, "the cluster is whole before the last kill", func() bool {
		status, err := c.Status(t.Context())
		return err == nil && status.Healthy
	})
	f, err := c.File()
	require.NoError(t, err)
	backends := []string{"backend-1", "backend-2", "backend-3"}
	require.NoError(t, c.Kill(backends...))
	eventually(t, time.Minute, "all backends are started again", func() bool {
		now, err := c.File()
		if err != nil {
			return false
		}
		for _, id := range backends {
			if p := now.Find(id); p.PID == 0 || p.PID == f.Find(id).PID {
				return false
			}
		}
		return true
	})
	gap := w.untilAnswered(t)
	t.Logf("killed all backends: the endpoint answered %s after their return", gap.Round(time.Millisecond))
	require.Less(t, gap, recovery, "all backends")

	w.finish(t)
}

func leadingBackend(s *procs.Status) string {
	leads := map[string]int{}
	best := ""
	for _, slot := range s.Slots {
		leads[slot.Leader]++
		if best == "" || leads[slot.Leader] > leads[best] {
			best = slot.Leader
		}
	}
	return best
}

// workload is producers and consumers on standard and FIFO queues that keep account of what they did.
type workload struct {
	endpoint     string
	standard     []*string // URLs
	fifo         *string
	probe        *string
	acknowledged atomic.Int64

	produce, consume context.CancelFunc
	producers        sync.WaitGroup
	consumers        sync.WaitGroup

	mu       sync.Mutex // guards the fields below
	sent     map[string]bool
	offered  map[string]bool // acknowledged or of unknown outcome
	received map[string]int
	groups   map[string][]int // FIFO: the numbers received, in order
	groupEnd map[string]int   // FIFO: how many were acknowledged
	broken   []string
}

const (
	standardQueues = 4 // on different slots, so that every backend leads some of the work
	fifoGroups     = 6
)

func startWorkload(t *testing.T, c *procs.Cluster) *workload {
	w := &workload{
		endpoint: c.Endpoint, sent: map[string]bool{}, offered: map[string]bool{}, received: map[string]int{},
		groups: map[string][]int{}, groupEnd: map[string]int{},
	}
	client := newClient(c.Endpoint)
	for i := range standardQueues {
		w.standard = append(w.standard, createQueue(t, client, fmt.Sprintf("standard-%d", i), map[string]string{"VisibilityTimeout": "10"}))
	}
	w.fifo = createQueue(t, client, "groups.fifo", map[string]string{"FifoQueue": "true", "VisibilityTimeout": "10"})
	w.probe = createQueue(t, client, "probe", nil)
	produce, cancelProduce := context.WithCancel(t.Context())
	consume, cancelConsume := context.WithCancel(t.Context())
	w.produce, w.consume = cancelProduce, cancelConsume
	for i, url := range w.standard {
		w.producers.Go(func() { w.sendStandard(produce, url, i) })
		w.consumers.Go(func() { w.receiveStandard(consume, url) })
	}
	for g := range fifoGroups {
		w.producers.Go(func() { w.sendGroup(produce, fmt.Sprintf("group-%d", g)) })
	}
	for range 3 {
		w.consumers.Go(func() { w.receiveFIFO(consume) })
	}
	return w
}

// untilAnswered returns how long it takes until the endpoint has done a send to every queue in use.
func (w *workload) untilAnswered(t *testing.T) time.Duration {
	t.Helper()
	start := time.Now()
	for _, url := range append([]*string{w.probe}, w.standard...) {
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := newClient(w.endpoint).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("probe")})
			cancel()
			if err == nil {
				break
			}
			require.Less(t, time.Since(start), time.Minute, "no answer: %v", err)
		}
	}
	return time.Since(start)
}

// sendStandard sends batches. A batch whose answer is lost may or may not arrive.
func (w *workload) sendStandard(ctx context.Context, url *string, producer int) {
	client := newClient(w.endpoint)
	for n := 0; ctx.Err() == nil; n++ {
		entries := make([]types.SendMessageBatchRequestEntry, 5)
		bodies := make([]string, len(entries))
		w.mu.Lock()
		for i := range entries {
			bodies[i] = fmt.Sprintf("standard %d %d %d", producer, n, i)
			entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: &bodies[i]}
			w.offered[bodies[i]] = true
		}
		w.mu.Unlock()
		out, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
		if err != nil {
			continue
		}
		w.mu.Lock()
		for _, s := range out.Successful {
			var i int
			fmt.Sscan(*s.Id, &i)
			w.sent[bodies[i]] = true
		}
		w.mu.Unlock()
		w.acknowledged.Add(int64(len(out.Successful)))
	}
}

func (w *workload) receiveStandard(ctx context.Context, url *string) {
	client := newClient(w.endpoint)
	for ctx.Err() == nil {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 2})
		if err != nil {
			continue
		}
		for _, m := range out.Messages {
			if *m.Body != "probe" {
				w.note(func() {
					w.received[*m.Body]++
					if !w.offered[*m.Body] {
						w.broken = append(w.broken, "received what nobody sent: "+*m.Body)
					}
				})
			}
			w.delete(ctx, client, url, m.ReceiptHandle)
		}
	}
}

// sendGroup sends one message after the other, each until it is acknowledged; the deduplication id makes repeats one.
func (w *workload) sendGroup(ctx context.Context, group string) {
	client := newClient(w.endpoint)
	for n := 0; ctx.Err() == nil; {
		body := fmt.Sprintf("%s %d", group, n)
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: w.fifo, MessageBody: &body, MessageGroupId: &group,
			MessageDeduplicationId: aws.String(fmt.Sprintf("%s-%d", group, n)),
		})
		if err != nil {
			continue
		}
		n++
		w.note(func() { w.groupEnd[group] = n })
		w.acknowledged.Add(1)
	}
}

func (w *workload) receiveFIFO(ctx context.Context) {
	client := newClient(w.endpoint)
	for ctx.Err() == nil {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: w.fifo, MaxNumberOfMessages: 10, WaitTimeSeconds: 2})
		if err != nil {
			continue
		}
		for _, m := range out.Messages {
			var group string
			var n int
			if _, err := fmt.Sscan(*m.Body, &group, &n); err != nil {
				w.note(func() { w.broken = append(w.broken, "received what nobody sent: "+*m.Body) })
			}
			w.note(func() { w.groups[group] = append(w.groups[group], n) })
			w.delete(ctx, client, w.fifo, m.ReceiptHandle)
		}
	}
}

// delete tries until the message is gone: an unknown outcome is asked about by asking again.
func (w *workload) delete(ctx context.Context, client *sqs.Client, url, handle *string) {
	for ctx.Err() == nil {
		if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: handle}); err == nil {
			return
		}
	}
}

func (w *workload) note(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// finish ends the producers, lets the consumers drain the queues, and judges.
func (w *workload) finish(t *testing.T) {
	t.Helper()
	w.produce()
	w.producers.Wait()
	eventually(t, time.Minute, "everything acknowledged drains", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for body := range w.sent {
			if w.received[body] == 0 {
				return false
			}
		}
		for group, n := range w.groupEnd {
			if len(w.groups[group]) < n {
				return false
			}
		}
		return true
	})
	w.consume()
	w.consumers.Wait()
	require.Empty(t, w.broken)
	twice := 0
	for _, n := range w.received {
		twice += n - 1
	}
	total := 0
	for group, numbers := range w.groups {
		total += len(numbers)
		for i, n := range numbers {
			require.Equal(t, i, n, "%s: message %d came at place %d", group, n, i)
		}
	}
	require.Greater(t, len(w.sent), 100, "the test has tested something")
	require.Greater(t, total, 100, "the test has tested something")
	t.Logf("%d standard messages acknowledged, all received, %d more than once; %d FIFO messages, all in order and once",
		len(w.sent), twice, total)
}
