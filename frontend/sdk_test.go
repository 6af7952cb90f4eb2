package frontend

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"
)

// newSDK serves a world on a port of this machine and returns an AWS client for it, and its URL.
func newSDK(t *testing.T) (client *sqs.Client, endpoint string) {
	t.Helper()
	w := newWorld(t)
	s := w.frontend(t)
	listener, err := w.host.Network.Listen("127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	w.host.Tasks.Go("serve", func(context.Context) { served <- s.Serve(listener) })
	t.Cleanup(func() {
		s.Close()
		require.NoError(t, <-served)
	})
	endpoint = "http://" + listener.Addr().String()
	return sqs.New(sqs.Options{
		Region:       "eu-west-1",
		BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: testAccount, SecretAccessKey: "secret"}, nil
		}),
		HTTPClient:       &http.Client{Timeout: 10 * time.Second},
		RetryMaxAttempts: 1,
	}), endpoint
}

// actionsSeen notes which actions requests ask for.
type actionsSeen struct {
	mu   sync.Mutex // guards seen
	seen map[string]bool
}

func (a *actionsSeen) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.seen[r.Header.Get("X-Amz-Target")] = true
	a.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// The SDK checks the digests of what it sends and receives by itself.
func TestSDK(t *testing.T) {
	client, _ := newSDK(t)
	ctx := t.Context()
	used := &actionsSeen{seen: map[string]bool{}}
	client = sqs.New(client.Options(), func(o *sqs.Options) { o.HTTPClient = &http.Client{Timeout: 10 * time.Second, Transport: used} })
	created, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("q"),
		Attributes: map[string]string{"VisibilityTimeout": "60"}, Tags: map[string]string{"team": "red"}})
	require.NoError(t, err)
	url := created.QueueUrl
	require.True(t, strings.HasSuffix(*url, "/"+testAccount+"/q"))

	found, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("q")})
	require.NoError(t, err)
	require.Equal(t, *url, *found.QueueUrl)
	listed, err := client.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("q")})
	require.NoError(t, err)
	require.Equal(t, []string{*url}, listed.QueueUrls)
	tags, err := client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: url})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"team": "red"}, tags.Tags)
	_, err = client.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"a": "b"}})
	require.NoError(t, err)
	_, err = client.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: url, TagKeys: []string{"a"}})
	require.NoError(t, err)
	_, err = client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"DelaySeconds": "0"}})
	require.NoError(t, err)

	attributes := map[string]types.MessageAttributeValue{
		"text":   {DataType: aws.String("String"), StringValue: aws.String("é \"quoted\"")},
		"number": {DataType: aws.String("Number"), StringValue: aws.String("1.5")},
		"binary": {DataType: aws.String("Binary.raw"), BinaryValue: []byte{0, 1, 255}},
	}
	body := "a \"body\" with\r\n\ttabs, é, \U0001F600 and </html>"
	sent, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body, MessageAttributes: attributes})
	require.NoError(t, err)
	received, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 5,
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
	require.NoError(t, err)
	require.Len(t, received.Messages, 1)
	message := received.Messages[0]
	require.Equal(t, body, *message.Body)
	require.Equal(t, attributes, message.MessageAttributes)
	require.Equal(t, *sent.MessageId, *message.MessageId)
	require.Equal(t, *sent.MD5OfMessageAttributes, *message.MD5OfMessageAttributes)

	counts, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"}})
	require.NoError(t, err)
	require.Equal(t, "1", counts.Attributes["ApproximateNumberOfMessagesNotVisible"])
	require.Equal(t, "arn:aws:sqs:eu-west-1:"+testAccount+":q", counts.Attributes["QueueArn"])

	_, err = client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 10})
	require.NoError(t, err)
	_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: message.ReceiptHandle})
	require.NoError(t, err)

	batch, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("1"), MessageBody: aws.String("one")}, {Id: aws.String("2"), MessageBody: aws.String("two"), MessageAttributes: attributes}}})
	require.NoError(t, err)
	require.Len(t, batch.Successful, 2)
	require.Empty(t, batch.Failed)
	received, err = client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10})
	require.NoError(t, err)
	require.Len(t, received.Messages, 2)
	changed, err := client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: url,
		Entries: []types.ChangeMessageVisibilityBatchRequestEntry{{Id: aws.String("1"), ReceiptHandle: received.Messages[0].ReceiptHandle, VisibilityTimeout: 0}}})
	require.NoError(t, err)
	require.Len(t, changed.Successful, 1)
	deleted, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("1"), ReceiptHandle: received.Messages[0].ReceiptHandle}, {Id: aws.String("2"), ReceiptHandle: aws.String("x")}}})
	require.NoError(t, err)
	require.Len(t, deleted.Successful, 1)
	require.Equal(t, "ReceiptHandleIsInvalid", *deleted.Failed[0].Code)

	_, err = client.AddPermission(ctx, &sqs.AddPermissionInput{QueueUrl: url, Label: aws.String("l"), AWSAccountIds: []string{"111111111111"}, Actions: []string{"SendMessage"}})
	require.NoError(t, err)
	_, err = client.RemovePermission(ctx, &sqs.RemovePermissionInput{QueueUrl: url, Label: aws.String("l")})
	require.NoError(t, err)
	source, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("source"), Attributes: map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:` + testAccount + `:q","maxReceiveCount":3}`}})
	require.NoError(t, err)
	sources, err := client.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: url})
	require.NoError(t, err)
	require.Equal(t, []string{*source.QueueUrl}, sources.QueueUrls)

	arn := "arn:aws:sqs:eu-west-1:" + testAccount + ":q"
	started, err := client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &arn, MaxNumberOfMessagesPerSecond: aws.Int32(5)})
	require.NoError(t, err)
	tasks, err := client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &arn})
	require.NoError(t, err)
	require.Len(t, tasks.Results, 1)
	require.Equal(t, *started.TaskHandle, *tasks.Results[0].TaskHandle)
	require.Equal(t, int32(5), *tasks.Results[0].MaxNumberOfMessagesPerSecond)
	cancelled, err := client.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: started.TaskHandle})
	require.NoError(t, err)
	require.Zero(t, cancelled.ApproximateNumberOfMessagesMoved)

	_, err = client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: url})
	require.NoError(t, err)
	_, err = client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: url})
	var purging *types.PurgeQueueInProgress
	require.ErrorAs(t, err, &purging)
	_, err = client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url})
	require.NoError(t, err)
	_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body})
	var missing *types.QueueDoesNotExist
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "AWS.SimpleQueueService.NonExistentQueue", missing.ErrorCode())
	require.Len(t, used.seen, 23, "every action of the API")
}
