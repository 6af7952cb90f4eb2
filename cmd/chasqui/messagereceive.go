//go:build !wasip1

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

type messageReceiveCommand struct {
	Queue      string         `arg:"" help:"Name or URL of the queue."`
	Count      int            `help:"Messages to receive at most." short:"n" default:"1"`
	Wait       time.Duration  `help:"Time to wait for the first message, up to 20s."`
	Visibility *time.Duration `help:"Time for which the messages are hidden from others, instead of the queue's; whole seconds."`
	Delete     bool           `help:"Delete the messages once they are printed."`
}

// Help is shown by chasqui msg receive --help.
func (*messageReceiveCommand) Help() string {
	return `Received messages are in flight: hidden from other consumers until they are deleted or their visibility timeout ends. On a
queue with ChasquiDelivery=atMostOnce they are gone.

Examples:

    chasqui msg receive orders
    chasqui msg receive orders -n 100 --wait 20s --delete
    chasqui msg receive orders -o json | jq -r '.messages[].body'`
}

// receivedLine is a received message.
type receivedLine struct {
	ID                string            `json:"id"`
	ReceiptHandle     string            `json:"receipt_handle,omitempty"`
	Body              string            `json:"body"`
	Attributes        map[string]string `json:"attributes,omitempty"`
	MessageAttributes map[string]string `json:"message_attributes,omitempty"`
}

// Run receives messages.
func (c *messageReceiveCommand) Run(g *global, m *messageCommand) error {
	if c.Count < 1 || c.Wait < 0 || c.Wait > waitMax {
		return fmt.Errorf("-n %d, --wait %v: at least 1, and 0s to %v", c.Count, c.Wait, waitMax)
	}
	ctx, release := untilSignal()
	defer release()
	connection := m.connect(c.Wait)
	url, err := connection.queueURL(ctx, c.Queue)
	if err != nil {
		return err
	}
	var messages []types.Message
	wait := c.Wait
	for len(messages) < c.Count {
		more, err := connection.receive(ctx, url, min(batchMax, c.Count-len(messages)), wait, c.Visibility)
		if err != nil {
			return err
		}
		if len(more) == 0 {
			break
		}
		messages, wait = append(messages, more...), 0
	}
	if err := showMessages(g.stdout, m.Output, messages, true); err != nil || !c.Delete {
		return err
	}
	return connection.deleteMessages(ctx, url, messages)
}

// receive takes up to most messages with all that is known of them.
func (c *connection) receive(ctx context.Context, url *string, most int, wait time.Duration, visibility *time.Duration) ([]types.Message, error) {
	request := sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: int32(most), WaitTimeSeconds: int32(wait / time.Second),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	}
	var zeros []string
	if request.WaitTimeSeconds == 0 {
		zeros = append(zeros, "WaitTimeSeconds")
	}
	if visibility != nil {
		request.VisibilityTimeout = int32(*visibility / time.Second)
		if request.VisibilityTimeout == 0 {
			zeros = append(zeros, "VisibilityTimeout")
		}
	}
	answer, err := c.ReceiveMessage(ctx, &request, withZeros(zeros...))
	if err != nil {
		return nil, c.explain("receive from "+queueName(*url), err)
	}
	return answer.Messages, nil
}

// showMessages prints messages, with the handles that delete them or without.
func showMessages(w io.Writer, form string, messages []types.Message, handles bool) error {
	lines, rows := []receivedLine{}, [][]string(nil)
	for i := range messages {
		message := &messages[i]
		line := receivedLine{ID: aws.ToString(message.MessageId), Body: aws.ToString(message.Body), Attributes: message.Attributes}
		for _, name := range slices.Sorted(maps.Keys(message.MessageAttributes)) {
			value := message.MessageAttributes[name]
			if line.MessageAttributes == nil {
				line.MessageAttributes = map[string]string{}
			}
			line.MessageAttributes[name] = aws.ToString(value.StringValue) + string(value.BinaryValue)
		}
		row := []string{line.ID, line.Attributes["ApproximateReceiveCount"]}
		if handles {
			line.ReceiptHandle = aws.ToString(message.ReceiptHandle)
			row = append(row, line.ReceiptHandle)
		}
		lines, rows = append(lines, line), append(rows, append(row, cell(line.Body)))
	}
	header := []string{"MESSAGE ID", "RECEIVES", "BODY"}
	if handles {
		header = []string{"MESSAGE ID", "RECEIVES", "RECEIPT HANDLE", "BODY"}
	}
	return show(w, form, map[string]any{"messages": lines}, header, rows)
}

// deleteMessages deletes received messages.
func (c *connection) deleteMessages(ctx context.Context, url *string, messages []types.Message) error {
	for chunk := range slices.Chunk(messages, batchMax) {
		var entries []types.DeleteMessageBatchRequestEntry
		for i := range chunk {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: chunk[i].ReceiptHandle})
		}
		answer, err := c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: entries})
		if err != nil {
			return c.explain("delete from "+queueName(*url), err)
		}
		if err := failed("deleted from "+queueName(*url), answer.Failed); err != nil {
			return err
		}
	}
	return nil
}

type messagePeekCommand struct {
	Queue string `arg:"" help:"Name or URL of the queue."`
	Count int    `help:"Messages to look at, up to 10." short:"n" default:"10"`
}

// Help is shown by chasqui msg peek --help.
func (*messagePeekCommand) Help() string {
	return `SQS has no way to look at a message without receiving it. Peeking receives with a visibility timeout of 0, so the messages
stay visible to consumers, but the receive is one all the same:

    - it counts. With a dead-letter queue, a message that is peeked at more than maxReceiveCount times is moved there;
    - on a standard queue, what was peeked at goes behind what was not;
    - only visible messages are seen, up to 10 that happen to be first; another peek may show the same ones;
    - of a queue with ChasquiDelivery=atMostOnce every receive removes, so peeking is refused.

Example:

    chasqui msg peek orders -n 3 -o json`
}

// Run looks at messages.
func (c *messagePeekCommand) Run(g *global, m *messageCommand) error {
	if c.Count < 1 || c.Count > batchMax {
		return fmt.Errorf("-n %d: a peek shows 1 to %d messages", c.Count, batchMax)
	}
	ctx, release := untilSignal()
	defer release()
	connection := m.connect(0)
	url, err := connection.queueURL(ctx, c.Queue)
	if err != nil {
		return err
	}
	attributes, err := connection.attributes(ctx, url)
	if err != nil {
		return err
	}
	if attributes[deliveryAttribute] == deliverAtMostOnce {
		return fmt.Errorf("queue %s delivers at most once: what is peeked at would be gone; chasqui msg receive takes messages from it", c.Queue)
	}
	messages, err := connection.receive(ctx, url, c.Count, 0, new(time.Duration))
	if err != nil {
		return err
	}
	return showMessages(g.stdout, m.Output, messages, false)
}

// Attributes of our own that a service may have, and values of them.
const (
	deliveryAttribute  = "ChasquiDelivery"
	deliverAtMostOnce  = "atMostOnce"
	deliverExactlyOnce = "exactlyOnce"
)

type messageDeleteCommand struct {
	Queue         string   `arg:"" help:"Name or URL of the queue."`
	ReceiptHandle []string `arg:"" help:"Receipt handles, as receive prints them."`
}

// Help is shown by chasqui msg delete --help.
func (*messageDeleteCommand) Help() string {
	return `A message that is gone already is no error.

Examples:

    chasqui msg delete orders RECEIPT-HANDLE
    chasqui msg receive orders -o json | jq -r '.messages[].receipt_handle' | xargs chasqui msg delete orders`
}

// Run deletes messages.
func (c *messageDeleteCommand) Run(g *global, m *messageCommand) error {
	ctx, release := untilSignal()
	defer release()
	connection := m.connect(0)
	url, err := connection.queueURL(ctx, c.Queue)
	if err != nil {
		return err
	}
	var messages []types.Message
	for _, handle := range c.ReceiptHandle {
		messages = append(messages, types.Message{ReceiptHandle: &handle})
	}
	if err := connection.deleteMessages(ctx, url, messages); err != nil {
		return err
	}
	return show(g.stdout, m.Output, map[string]int{"deleted": len(messages)}, nil, [][]string{{fmt.Sprintf("deleted %d", len(messages))}})
}
