//go:build !wasip1

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

type messageMoveCommand struct {
	From  string `arg:"" help:"Name or URL of the queue to take messages from."`
	To    string `arg:"" help:"Name or URL of the queue to send them to."`
	Count int    `help:"Messages to move at most; as many as the queue shows at the start if left out." short:"n"`
	Group string `help:"Message group of messages that have none, for a FIFO queue." placeholder:"ID"`
}

// Help is shown by chasqui msg move --help.
func (*messageMoveCommand) Help() string {
	return `A message is received, sent to the other queue, and only then deleted: none is lost, and one that was sent and could not be
deleted is in both. Body, message attributes and group go along. It is a new message in the other queue: id, time of the
send, receive count and deduplication id are new. To move the messages of a dead-letter queue back to where they came
from, chasqui dlq redrive lets the service do it.

Examples:

    chasqui msg move orders orders-2
    chasqui msg move orders payments.fifo -n 100 --group moved`
}

const (
	// moveVisibility is how long a message that is being moved is hidden from others.
	moveVisibility = time.Minute
	// moveWait is how long the move waits for messages before it takes the queue for empty: a short poll of a service with
	// many hosts may see none of the few there are.
	moveWait = 2 * time.Second
)

// move is a move of messages under way.
type move struct {
	*connection
	from, to *string
	// dedup says that the other queue wants deduplication ids, and fifo that it wants groups.
	dedup, fifo bool
	group       string
	progress    io.Writer
}

// Run moves messages.
func (c *messageMoveCommand) Run(g *global, m *messageCommand) error {
	if c.Count < 0 {
		return fmt.Errorf("-n %d: at least 1", c.Count)
	}
	ctx, release := untilSignal()
	defer release()
	connection := m.connect(moveWait)
	move, most, err := c.prepare(ctx, connection)
	if err != nil {
		return err
	}
	move.progress = g.stderr
	moved, err := move.run(ctx, most)
	name := queueName(*move.to)
	return errors.Join(err, show(g.stdout, m.Output, map[string]int{"moved": moved}, nil, [][]string{{fmt.Sprintf("moved %d to %s", moved, name)}}))
}

// prepare looks both queues up.
func (c *messageMoveCommand) prepare(ctx context.Context, connection *connection) (m *move, most int, err error) {
	m = &move{connection: connection, group: c.Group}
	if m.from, err = connection.queueURL(ctx, c.From); err != nil {
		return nil, 0, err
	}
	if m.to, err = connection.queueURL(ctx, c.To); err != nil {
		return nil, 0, err
	}
	if *m.from == *m.to {
		return nil, 0, fmt.Errorf("%s is both the queue to take messages from and the one to send them to", c.From)
	}
	target, err := connection.attributes(ctx, m.to)
	if err != nil {
		return nil, 0, err
	}
	m.fifo = strings.HasSuffix(*m.to, ".fifo")
	m.dedup = m.fifo || target[deliveryAttribute] == deliverExactlyOnce
	source, err := connection.attributes(ctx, m.from)
	if err != nil {
		return nil, 0, err
	}
	if source[deliveryAttribute] == deliverAtMostOnce {
		return nil, 0, fmt.Errorf("queue %s delivers at most once: a message that cannot be sent on would be lost; receive and send them yourself", c.From)
	}
	if most = c.Count; most == 0 {
		most, err = strconv.Atoi(source["ApproximateNumberOfMessages"])
	}
	return m, most, err
}

// run moves up to most messages and returns how many have been moved.
func (m *move) run(ctx context.Context, most int) (moved int, err error) {
	visibility := moveVisibility
	for moved < most {
		messages, err := m.receive(ctx, m.from, min(batchMax, most-moved), moveWait, &visibility)
		if err != nil || len(messages) == 0 {
			return moved, err
		}
		n, err := m.all(ctx, messages)
		moved += n
		if err != nil {
			return moved, err
		}
		if _, err := fmt.Fprintf(m.progress, "moved %d of about %d\n", moved, most); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// all moves received messages. After an error those that were not sent become visible again.
func (m *move) all(ctx context.Context, messages []types.Message) (moved int, err error) {
	var left []types.Message
	for chunk := range byBytes(messages) {
		if err != nil {
			left = append(left, chunk...)
			continue
		}
		var sent []types.Message
		sent, err = m.some(ctx, chunk)
		for i := range chunk {
			if !slices.ContainsFunc(sent, func(x types.Message) bool { return x.ReceiptHandle == chunk[i].ReceiptHandle }) {
				left = append(left, chunk[i])
			}
		}
		if deleteErr := m.deleteMessages(ctx, m.from, sent); deleteErr != nil {
			err = errors.Join(err, fmt.Errorf("%d messages are in both queues: %w", len(sent), deleteErr))
			continue
		}
		moved += len(sent)
	}
	return moved, errors.Join(err, m.release(ctx, left))
}

// release makes messages visible again that are not moved.
func (m *move) release(ctx context.Context, messages []types.Message) error {
	for i := range messages {
		request := sqs.ChangeMessageVisibilityInput{QueueUrl: m.from, ReceiptHandle: messages[i].ReceiptHandle}
		if _, err := m.ChangeMessageVisibility(ctx, &request); err != nil {
			return m.explain(fmt.Sprintf("%d messages stay hidden in %s for %v", len(messages)-i, queueName(*m.from), moveVisibility), err)
		}
	}
	return nil
}

// byBytes cuts messages into runs that fit into one request.
func byBytes(messages []types.Message) func(func([]types.Message) bool) {
	return func(yield func([]types.Message) bool) {
		for len(messages) > 0 {
			n, bytes := 1, len(*messages[0].Body)
			for n < len(messages) && bytes+len(*messages[n].Body) <= batchBytesMax {
				bytes += len(*messages[n].Body)
				n++
			}
			if !yield(messages[:n]) {
				return
			}
			messages = messages[n:]
		}
	}
}

// some sends messages on and returns those that were sent.
func (m *move) some(ctx context.Context, messages []types.Message) (sent []types.Message, err error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(messages))
	for i := range messages {
		if entries[i], err = m.entry(&messages[i]); err != nil {
			return nil, err
		}
		entries[i].Id = aws.String(strconv.Itoa(i))
	}
	answer, err := m.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: m.to, Entries: entries})
	if err != nil {
		return nil, m.explain("send to "+queueName(*m.to), err)
	}
	for i := range messages {
		if slices.ContainsFunc(answer.Successful, func(e types.SendMessageBatchResultEntry) bool { return aws.ToString(e.Id) == *entries[i].Id }) {
			sent = append(sent, messages[i])
		}
	}
	return sent, failed("sent to "+queueName(*m.to), answer.Failed)
}

// entry is a message as it is sent on. Its deduplication id is the id that it had: the same if the move is done again, and
// not the one it was first sent with, by which the queue that it comes back to would take it for a duplicate.
func (m *move) entry(message *types.Message) (types.SendMessageBatchRequestEntry, error) {
	entry := types.SendMessageBatchRequestEntry{MessageBody: message.Body, MessageAttributes: message.MessageAttributes}
	entry.MessageGroupId = optional(message.Attributes["MessageGroupId"])
	if entry.MessageGroupId == nil && m.fifo {
		if entry.MessageGroupId = optional(m.group); entry.MessageGroupId == nil {
			return entry, fmt.Errorf("message %s has no message group, which FIFO queue %s needs: give one with --group",
				aws.ToString(message.MessageId), queueName(*m.to))
		}
	}
	if m.dedup {
		entry.MessageDeduplicationId = message.MessageId
	}
	if trace := message.Attributes["AWSTraceHeader"]; trace != "" {
		entry.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: &trace},
		}
	}
	return entry, nil
}
