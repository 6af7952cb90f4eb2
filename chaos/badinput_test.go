package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"chasqui/chaos/procs"
	"chasqui/cmd/chasqui/cluster"
)

// badInput is one way of sending nonsense to a cluster. run checks the answers it gets; that nothing else is harmed is
// checked by the bystander.
type badInput struct {
	name string
	run  func(t *testing.T, b *bystander)
}

// TestBadInputHarmsNothing sends to every port of a running cluster what no client of ours would send. It may be
// refused or ignored. It must not end a process, lose a message, or keep others from their work.
func TestBadInputHarmsNothing(t *testing.T) {
	b := newBystander(t, startCluster(t))
	b.check(t)
	for _, test := range slices.Concat(badRequests(), badConnections(), badRPCs()) {
		t.Run(test.name, func(t *testing.T) {
			started := time.Now()
			test.run(t, b)
			b.check(t)
			t.Logf("took %s", time.Since(started).Round(time.Millisecond))
		})
	}
	b.finish(t)
}

// bystanderPatience bounds the bystander's work on a busy machine: others' bad input may not slow it down for longer.
const bystanderPatience = 5 * time.Second

// bystander is a decent user of a cluster: it sends and receives in order, keeps account, and looks after the processes.
type bystander struct {
	cluster *procs.Cluster
	file    *cluster.File // as it was in the beginning
	client  *sqs.Client
	fifo    *string // holds the numbers received..sent-1
	scrap   *string // a queue for those who send nonsense
	sent    int
	got     int
}

// restingMessages is how many messages lie in the bystander's queue all the time.
const restingMessages = 20

func newBystander(t *testing.T, c *procs.Cluster) *bystander {
	t.Helper()
	b := &bystander{cluster: c, client: newClient(c.Endpoint)}
	var err error
	b.file, err = c.File()
	require.NoError(t, err)
	b.fifo = createQueue(t, b.client, "bystander.fifo", map[string]string{"FifoQueue": "true", "VisibilityTimeout": "60"})
	b.scrap = createQueue(t, b.client, "scrap", nil)
	for range restingMessages {
		b.send(t)
	}
	return b
}

func (b *bystander) send(t *testing.T) {
	t.Helper()
	body := fmt.Sprint(b.sent)
	_, err := b.client.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: b.fifo, MessageBody: &body, MessageGroupId: aws.String("g"), MessageDeduplicationId: &body,
	})
	require.NoError(t, err)
	b.sent++
}

// receive takes the next message, which must be the oldest, and deletes it.
func (b *bystander) receive(t *testing.T) {
	t.Helper()
	out, err := b.client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: b.fifo, WaitTimeSeconds: 1})
	require.NoError(t, err)
	require.Len(t, out.Messages, 1, "message %d of %d is not there", b.got, b.sent)
	require.Equal(t, fmt.Sprint(b.got), *out.Messages[0].Body)
	_, err = b.client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: b.fifo, ReceiptHandle: out.Messages[0].ReceiptHandle})
	require.NoError(t, err)
	b.got++
}

// check sends and receives, and looks whether all processes are those that were started.
func (b *bystander) check(t *testing.T) {
	t.Helper()
	started := time.Now()
	for range 4 { // more than there are frontends
		b.send(t)
		b.receive(t)
	}
	require.Less(t, time.Since(started), bystanderPatience)
	f, err := b.cluster.File()
	require.NoError(t, err)
	for _, p := range b.file.Processes {
		now := f.Find(p.ID)
		require.Zero(t, now.Restarts, "%s was started again: %s", p.ID, now.LastExit)
		require.Equal(t, p.PID, now.PID, "%s: %s", p.ID, now.LastExit)
	}
}

// finish looks at everything once more: the messages that were there all the time, the cluster, and its logs.
func (b *bystander) finish(t *testing.T) {
	t.Helper()
	for b.got < b.sent {
		b.receive(t)
	}
	eventually(t, time.Minute, "the cluster is well", func() bool {
		status, err := b.cluster.Status(t.Context())
		return err == nil && status.Healthy && len(status.Hosts) == len(b.file.Processes)
	})
	listed, err := b.client.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{*b.fifo, *b.scrap}, listed.QueueUrls, "nonsense has made a queue")
	b.check(t)
	for _, p := range b.file.Processes {
		log, err := b.cluster.Log(p.ID)
		require.NoError(t, err)
		for line := range strings.Lines(log) {
			require.NotContains(t, line, "panic", p.ID)
			require.NotContains(t, line, "level=ERROR", p.ID)
		}
	}
}

// rpcPorts returns the address for internal RPC of every process by its id.
func (b *bystander) rpcPorts() map[string]string {
	ports := map[string]string{}
	for _, p := range b.file.Processes {
		ports[p.ID] = p.RPC
	}
	return ports
}

// eachRPCPort runs f for every process, in order of their ids.
func (b *bystander) eachRPCPort(f func(id, address string)) {
	ports := b.rpcPorts()
	for _, id := range slices.Sorted(maps.Keys(ports)) {
		f(id, ports[id])
	}
}
