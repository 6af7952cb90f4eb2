package chaos

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"chasqui/chaos/procs"
)

// TestOrdinaryUse walks through the API with the AWS SDK as an application would.
func TestOrdinaryUse(t *testing.T) {
	c := startCluster(t)
	client, ctx := newClient(c.Endpoint), t.Context()

	url := createQueue(t, client, "orders", map[string]string{"VisibilityTimeout": "2"})
	got, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("orders")})
	require.NoError(t, err)
	require.Equal(t, *url, *got.QueueUrl)
	listed, err := client.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("ord")})
	require.NoError(t, err)
	require.Equal(t, []string{*url}, listed.QueueUrls)

	sent, err := client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: url, MessageBody: aws.String("first"),
		MessageAttributes: map[string]types.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: aws.String("book")}},
	})
	require.NoError(t, err)
	batch, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("a"), MessageBody: aws.String("second")},
		{Id: aws.String("b"), MessageBody: aws.String("later"), DelaySeconds: 1},
	}})
	require.NoError(t, err)
	require.Len(t, batch.Successful, 2)

	counts := func(name types.QueueAttributeName) string {
		a, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
		require.NoError(t, err)
		return a.Attributes[string(name)]
	}
	require.Equal(t, "2", counts(types.QueueAttributeNameApproximateNumberOfMessages))

	received, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	require.NoError(t, err)
	require.Len(t, received.Messages, 2)
	require.Equal(t, *sent.MessageId, *received.Messages[0].MessageId)
	require.Equal(t, "book", *received.Messages[0].MessageAttributes["kind"].StringValue)
	require.Equal(t, "1", received.Messages[0].Attributes["ApproximateReceiveCount"])
	require.Equal(t, "2", counts(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible))
	_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: received.Messages[0].ReceiptHandle})
	require.NoError(t, err)

	// The delayed message ends a long poll, and then the one that was not deleted comes back.
	long, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 10, VisibilityTimeout: 60})
	require.NoError(t, err)
	require.Len(t, long.Messages, 1)
	require.Equal(t, "later", *long.Messages[0].Body)
	again, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 10})
	require.NoError(t, err)
	require.Len(t, again.Messages, 1)
	require.Equal(t, "second", *again.Messages[0].Body)

	// A visibility timeout of 0 gives a message back at once.
	_, err = client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: again.Messages[0].ReceiptHandle})
	require.NoError(t, err)
	back, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url})
	require.NoError(t, err)
	require.Len(t, back.Messages, 1)
	deleted, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("x"), ReceiptHandle: back.Messages[0].ReceiptHandle},
		{Id: aws.String("y"), ReceiptHandle: aws.String("forged")},
	}})
	require.NoError(t, err)
	require.Len(t, deleted.Successful, 1)
	require.Equal(t, "ReceiptHandleIsInvalid", *deleted.Failed[0].Code)

	_, err = client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"VisibilityTimeout": "45"}})
	require.NoError(t, err)
	require.Equal(t, "45", counts(types.QueueAttributeNameVisibilityTimeout))
	_, err = client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: url})
	require.NoError(t, err)
	require.Equal(t, "0", counts(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible))
	_, err = client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: url})
	var purging *types.PurgeQueueInProgress
	require.ErrorAs(t, err, &purging)

	_, err = client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url})
	require.NoError(t, err)
	_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("too late")})
	var missing *types.QueueDoesNotExist
	require.ErrorAs(t, err, &missing)
}

// TestLongPollWakesAtOnce measures in the cluster's own terms: the answer must come long before the wait is over.
func TestLongPollWakesAtOnce(t *testing.T) {
	c := startCluster(t)
	client := newClient(c.Endpoint)
	url := createQueue(t, client, "wake", nil)
	type answer struct {
		messages []types.Message
		err      error
	}
	answers := make(chan answer, 1)
	ctx := t.Context()
	go func() {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
		if err != nil {
			answers <- answer{err: err}
			return
		}
		answers <- answer{messages: out.Messages}
	}()
	// Another client, through whichever frontend; the poll may or may not have begun to wait.
	_, err := newClient(c.Endpoint).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("wake up")})
	require.NoError(t, err)
	select {
	case a := <-answers:
		require.NoError(t, a.err)
		require.Len(t, a.messages, 1)
	case <-time.After(5 * time.Second):
		t.Fatal("the long poll slept on")
	}
}

// TestEverythingIsThereAfterARestart stops a cluster in order and starts it again on its data.
func TestEverythingIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	c, err := procs.Start(procs.Options{Binary: binary, Dir: dir})
	require.NoError(t, err)
	client := newClient(c.Endpoint)
	url := createQueue(t, client, "kept.fifo", map[string]string{"FifoQueue": "true"})
	for i := range 5 {
		_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: url, MessageBody: aws.String(fmt.Sprint(i)), MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String(fmt.Sprint(i)),
		})
		require.NoError(t, err)
	}
	require.NoError(t, c.Stop())

	again, err := procs.Start(procs.Options{Binary: binary, Dir: dir, Listen: c.Endpoint})
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Stop()) }()
	// A duplicate of before the restart is still one.
	_, err = client.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: url, MessageBody: aws.String("4"), MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("4"),
	})
	require.NoError(t, err)
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
	require.NoError(t, err)
	require.Len(t, out.Messages, 5)
	for i, m := range out.Messages {
		require.Equal(t, fmt.Sprint(i), *m.Body)
	}
}

// TestTwoCreatesDoNotBothWin lets different clients create one queue with different attributes at the same time.
func TestTwoCreatesDoNotBothWin(t *testing.T) {
	c := startCluster(t)
	for round := range 5 {
		name := fmt.Sprintf("race-%d", round)
		results := make(chan error, 8)
		for i := range cap(results) {
			client := newClient(c.Endpoint)
			go func() {
				_, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{
					QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": fmt.Sprint(10 + i)},
				})
				results <- err
			}()
		}
		won := 0
		for range cap(results) {
			err := <-results
			var exists *types.QueueNameExists
			switch {
			case err == nil:
				won++
			case !errors.As(err, &exists):
				require.NoError(t, err)
			}
		}
		require.Equal(t, 1, won, "exactly one of the different definitions of %s is the queue's", name)
	}
}
