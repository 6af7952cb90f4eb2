package chaos

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"chasqui/chaos/procs"
)

// TestDeadLettersSurviveKills lets messages move to a dead-letter queue, and back by a move task, while the backends that
// lead the most are killed: each message is in one of the queues, once.
func TestDeadLettersSurviveKills(t *testing.T) {
	c := startCluster(t)
	client, ctx := newClient(c.Endpoint), t.Context()
	dead := createQueue(t, client, "dead", map[string]string{"ChasquiPartitions": "4"})
	deadARN := attributeOf(t, client, dead, types.QueueAttributeNameQueueArn)
	source := createQueue(t, client, "source", map[string]string{"ChasquiPartitions": "4", "VisibilityTimeout": "0",
		"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"%s","maxReceiveCount":1}`, deadARN)})
	const batches = 20
	bodies := map[string]bool{}
	for b := range batches {
		var entries []types.SendMessageBatchRequestEntry
		for i := range 10 {
			body := fmt.Sprintf("%d-%d", b, i)
			bodies[body] = true
			entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body})
		}
		sent, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: source, Entries: entries})
		require.NoError(t, err)
		require.Empty(t, sent.Failed)
	}
	count := func(url *string) int {
		out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url,
			AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages}})
		if err != nil {
			return -1 // a host has just been killed
		}
		n, err := strconv.Atoi(out.Attributes["ApproximateNumberOfMessages"])
		require.NoError(t, err)
		return n
	}
	kill := func() {
		t.Helper()
		var status *procs.Status
		eventually(t, time.Minute, "the cluster is whole before a kill", func() bool {
			var err error
			status, err = c.Status(ctx)
			return err == nil && status.Healthy
		})
		require.NoError(t, c.Kill(leadingBackend(status)))
	}

	for killed := 0; count(dead) < len(bodies); {
		// Whether the receive is answered does not matter: what it sets aside moves.
		_, _ = client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: source, MaxNumberOfMessages: 10})
		if n := count(dead); killed < 2 && n > (killed+1)*len(bodies)/4 {
			killed++
			kill()
		}
	}
	require.Zero(t, count(source))

	started, err := client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &deadARN, MaxNumberOfMessagesPerSecond: aws.Int32(100)})
	require.NoError(t, err)
	require.NotEmpty(t, *started.TaskHandle)
	eventually(t, time.Minute, "the task has begun", func() bool { return count(source) > 20 })
	kill()
	var task types.ListMessageMoveTasksResultEntry
	eventually(t, time.Minute, "the task is complete", func() bool {
		listed, err := client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &deadARN})
		if err != nil {
			return false
		}
		task = listed.Results[0]
		return *task.Status == "COMPLETED"
	})
	require.Equal(t, int64(len(bodies)), task.ApproximateNumberOfMessagesMoved)
	require.Equal(t, len(bodies), count(source))
	require.Zero(t, count(dead))

	seen := map[string]int{}
	for len(seen) < len(bodies) {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: source, MaxNumberOfMessages: 10, VisibilityTimeout: 600})
		require.NoError(t, err)
		for _, m := range out.Messages {
			seen[*m.Body]++
		}
	}
	for body := range bodies {
		require.Equal(t, 1, seen[body], body)
	}
}

func attributeOf(t *testing.T, client *sqs.Client, url *string, name types.QueueAttributeName) string {
	t.Helper()
	out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{name}})
	require.NoError(t, err)
	return out.Attributes[string(name)]
}
