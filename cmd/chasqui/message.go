//go:build !wasip1

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// messageCommand are the commands about messages. All go through the SQS API.
type messageCommand struct {
	service `embed:""`

	Send    messageSendCommand    `cmd:"" help:"Send messages."`
	Receive messageReceiveCommand `cmd:"" help:"Receive messages."`
	Peek    messagePeekCommand    `cmd:"" help:"Look at messages without keeping them from others."`
	Delete  messageDeleteCommand  `cmd:"" help:"Delete received messages."`
	Move    messageMoveCommand    `cmd:"" help:"Move messages to another queue."`
}

// Help is shown by chasqui msg --help.
func (*messageCommand) Help() string {
	return `A queue is given by its name, or by its URL. The commands work with any service that speaks SQS; without --endpoint they
ask the one of "chasqui dev" on this machine.

Examples:

    chasqui msg send orders "hello, world"
    chasqui msg send orders --lines < orders.txt
    chasqui msg receive orders -n 10 --wait 20s --delete
    chasqui msg peek orders -n 10
    chasqui msg delete orders RECEIPT-HANDLE
    chasqui msg move dead orders`
}

// Limits of one request (SQS).
const (
	batchMax = 10
	waitMax  = 20 * time.Second
	// batchBytesMax keeps a batch of small messages well below SQS's 1 MiB, attributes included. A larger message goes
	// alone, and the service says whether it is too large.
	batchBytesMax = 256 << 10
	// lineBytesMax bounds a line of the standard input, and stdinBytesMax a message that is all of it: SQS's 1 MiB.
	lineBytesMax  = 1 << 20
	stdinBytesMax = 1 << 20
)

type messageSendCommand struct {
	Queue     string            `arg:"" help:"Name or URL of the queue."`
	Body      []string          `arg:"" optional:"" help:"Bodies, each a message; one message with all of the standard input, as it is, if there are none."`
	Lines     bool              `help:"Send each line of the standard input as a message."`
	Attribute map[string]string `help:"Message attribute of type String; may be given several times." mapsep:"none" placeholder:"NAME=VALUE"`
	Group     string            `help:"Message group. A FIFO queue needs one; on another it is a tenant, see SQS about fair queues." placeholder:"ID"`
	DedupID   string            `help:"Deduplication id, of a single message." placeholder:"ID"`
	Delay     time.Duration     `help:"Time before the messages can be received, instead of the queue's; whole seconds, at least 1s."`
}

// Help is shown by chasqui msg send --help.
func (*messageSendCommand) Help() string {
	return `The ids of the messages that were stored are printed as soon as they are. If the command fails in the middle, send the rest;
a message whose answer was lost may be there already, unless the queue deduplicates.

Examples:

    chasqui msg send orders "hello, world"
    chasqui msg send orders one two three --attribute origin=shell
    jq -c '.[]' orders.json | chasqui msg send orders --lines
    chasqui msg send payments.fifo "10 EUR" --group customer-7 --dedup-id payment-4711`
}

// sentLine is a message that was stored.
type sentLine struct {
	ID             string `json:"id"`
	SequenceNumber string `json:"sequence_number,omitempty"`
}

// Run sends messages.
func (c *messageSendCommand) Run(g *global, m *messageCommand) error {
	if c.DedupID != "" && (len(c.Body) > 1 || c.Lines) {
		return errors.New("--dedup-id is for a single message: of several with one id all but the first would be dropped")
	}
	if c.Lines && len(c.Body) > 0 {
		return errors.New("give either bodies or --lines")
	}
	ctx, release := untilSignal()
	defer release()
	connection := m.connect(0)
	url, err := connection.queueURL(ctx, c.Queue)
	if err != nil {
		return err
	}
	sender := batchSender{connection: connection, url: url, prepare: c.prepare, sent: []sentLine{}}
	err = c.each(g.stdin, func(body string) error { return sender.add(ctx, body) })
	if err == nil {
		err = sender.flush(ctx)
	}
	// What was stored is told, also when the rest was not.
	return errors.Join(showSent(g.stdout, m.Output, sender.sent), err)
}

// showSent prints the messages that were stored, with the sequence numbers that FIFO queues give.
func showSent(w io.Writer, form string, sent []sentLine) error {
	header, rows := []string{"MESSAGE ID"}, [][]string(nil)
	for _, line := range sent {
		if line.SequenceNumber != "" {
			header = []string{"MESSAGE ID", "SEQUENCE NUMBER"}
			rows = append(rows, []string{line.ID, line.SequenceNumber})
		} else {
			rows = append(rows, []string{line.ID})
		}
	}
	if len(sent) == 0 {
		header = nil
	}
	return show(w, form, map[string]any{"messages": sent}, header, rows)
}

// each calls send with every body.
func (c *messageSendCommand) each(stdin io.Reader, send func(string) error) error {
	switch {
	case c.Lines:
		lines := bufio.NewScanner(stdin)
		lines.Buffer(nil, lineBytesMax)
		for lines.Scan() {
			if err := send(lines.Text()); err != nil {
				return err
			}
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("read a line of the standard input: %w", err)
		}
		return nil
	case len(c.Body) == 0:
		body, err := io.ReadAll(io.LimitReader(stdin, stdinBytesMax+1))
		if err != nil {
			return fmt.Errorf("read the standard input: %w", err)
		}
		if len(body) > stdinBytesMax {
			return fmt.Errorf("the standard input has more than the %d bytes of a message; --lines sends each line", stdinBytesMax)
		}
		return send(string(body))
	}
	for _, body := range c.Body {
		if err := send(body); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the entry of a batch.
func (c *messageSendCommand) prepare(body string) types.SendMessageBatchRequestEntry {
	entry := types.SendMessageBatchRequestEntry{
		MessageBody: &body, MessageGroupId: optional(c.Group), MessageDeduplicationId: optional(c.DedupID),
		DelaySeconds: int32(c.Delay / time.Second),
	}
	for name, value := range c.Attribute {
		if entry.MessageAttributes == nil {
			entry.MessageAttributes = map[string]types.MessageAttributeValue{}
		}
		entry.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	return entry
}

// optional returns nil for an empty text: a parameter that is not given.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// batchSender sends bodies in as few requests as there can be, in their order.
type batchSender struct {
	connection *connection
	url        *string
	prepare    func(body string) types.SendMessageBatchRequestEntry
	entries    []types.SendMessageBatchRequestEntry
	bytes      int
	sent       []sentLine
}

func (b *batchSender) add(ctx context.Context, body string) error {
	if len(b.entries) == batchMax || len(b.entries) > 0 && b.bytes+len(body) > batchBytesMax {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	entry := b.prepare(body)
	entry.Id = aws.String(strconv.Itoa(len(b.entries)))
	b.entries, b.bytes = append(b.entries, entry), b.bytes+len(body)
	return nil
}

// flush sends what has been added.
func (b *batchSender) flush(ctx context.Context) error {
	if len(b.entries) == 0 {
		return nil
	}
	answer, err := b.connection.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: b.url, Entries: b.entries})
	b.entries, b.bytes = nil, 0
	if err != nil {
		return b.connection.explain("send to "+queueName(*b.url), err)
	}
	slices.SortFunc(answer.Successful, func(x, y types.SendMessageBatchResultEntry) int { return compareIDs(x.Id, y.Id) })
	for _, sent := range answer.Successful {
		b.sent = append(b.sent, sentLine{ID: aws.ToString(sent.MessageId), SequenceNumber: aws.ToString(sent.SequenceNumber)})
	}
	return failed("sent to "+queueName(*b.url), answer.Failed)
}

// compareIDs orders the ids of a batch's entries, which are one digit each.
func compareIDs(a, b *string) int {
	switch x, y := aws.ToString(a), aws.ToString(b); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// failed makes an error of the entries of a batch that failed, nil if there are none.
func failed(done string, entries []types.BatchResultErrorEntry) error {
	if len(entries) == 0 {
		return nil
	}
	return fmt.Errorf("%d messages were not %s; the first: %s (%s)", len(entries), done,
		aws.ToString(entries[0].Message), aws.ToString(entries[0].Code))
}
