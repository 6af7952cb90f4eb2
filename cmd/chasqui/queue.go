//go:build !wasip1

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queueCommand are the commands about queues. All but restore, and what is asked with --admin or --deleted, go through the SQS API.
type queueCommand struct {
	service `embed:""`

	Ls      queueListCommand    `cmd:"" help:"List queues."`
	Create  queueCreateCommand  `cmd:"" help:"Create a queue."`
	Show    queueShowCommand    `cmd:"" help:"Show a queue's attributes and tags."`
	Set     queueSetCommand     `cmd:"" help:"Change a queue's attributes and tags."`
	Purge   queuePurgeCommand   `cmd:"" help:"Delete all messages of a queue, for ever."`
	Delete  queueDeleteCommand  `cmd:"" help:"Delete a queue."`
	Restore queueRestoreCommand `cmd:"" help:"Bring a deleted queue back, with its messages."`
}

// Help is shown by chasqui queue --help.
func (*queueCommand) Help() string {
	return `A queue is given by its name, or by its URL. The commands work with any service that speaks SQS; without --endpoint they
ask the one of "chasqui dev" on this machine. Commands for administrators (restore, delete --admin, ls --deleted) ask
the metadata hosts instead, which are given by --metadata, or by --data for a cluster on this machine.

Examples:

    chasqui queue create orders -a VisibilityTimeout=60 -a ChasquiDeletionProtection=true --tag team=blue
    chasqui queue create payments.fifo
    chasqui queue ls --counts
    chasqui queue show orders -o json
    chasqui queue set orders -a ChasquiDeletionProtection=false
    chasqui queue delete orders
    chasqui queue ls --deleted
    chasqui queue restore orders --metadata 10.0.0.1:9351,10.0.0.2:9351,10.0.0.3:9351
    chasqui queue ls --endpoint https://sqs.eu-west-1.amazonaws.com --region eu-west-1`
}

// queueLine is a queue in a list.
type queueLine struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	// The counts are there if they were asked for.
	Visible  string `json:"visible,omitempty"`
	InFlight string `json:"in_flight,omitempty"`
	Delayed  string `json:"delayed,omitempty"`
}

type queueListCommand struct {
	Prefix         string `arg:"" optional:"" help:"Beginning of the names."`
	Counts         bool   `help:"Count each queue's messages."`
	Deleted        bool   `help:"List the deleted queues that can be restored, for administrators."`
	administration `embed:""`
}

// Help is shown by chasqui queue ls --help.
func (*queueListCommand) Help() string {
	return `Examples:

    chasqui queue ls
    chasqui queue ls team-a- --counts
    chasqui queue ls --deleted --data ./data`
}

// Run lists queues.
func (c *queueListCommand) Run(g *global, q *queueCommand) error {
	ctx, release := untilSignal()
	defer release()
	if c.Deleted {
		return c.listDeleted(ctx, g, q.Output)
	}
	connection := q.connect(0)
	urls, err := connection.queues(ctx, c.Prefix)
	if err != nil {
		return err
	}
	lines := []queueLine{}
	header, rows := []string{"QUEUE"}, [][]string(nil)
	if c.Counts {
		header = []string{"QUEUE", "VISIBLE", "IN FLIGHT", "DELAYED"}
	}
	for _, url := range urls {
		line := queueLine{Name: queueName(url), URL: url}
		row := []string{line.Name}
		if c.Counts {
			counts, err := connection.attributes(ctx, &url, types.QueueAttributeNameApproximateNumberOfMessages,
				types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, types.QueueAttributeNameApproximateNumberOfMessagesDelayed)
			if err != nil {
				return err
			}
			line.Visible, line.InFlight, line.Delayed = counts["ApproximateNumberOfMessages"],
				counts["ApproximateNumberOfMessagesNotVisible"], counts["ApproximateNumberOfMessagesDelayed"]
			row = append(row, line.Visible, line.InFlight, line.Delayed)
		}
		lines, rows = append(lines, line), append(rows, row)
	}
	return show(g.stdout, q.Output, map[string]any{"queues": lines}, header, rows)
}

// listedMax is the most queues of one answer (SQS).
const listedMax = 1000

// queues returns the URLs of all queues whose names begin with prefix.
func (c *connection) queues(ctx context.Context, prefix string) (urls []string, err error) {
	request := sqs.ListQueuesInput{MaxResults: aws.Int32(listedMax)}
	if prefix != "" {
		request.QueueNamePrefix = &prefix
	}
	for {
		page, err := c.ListQueues(ctx, &request)
		if err != nil {
			return nil, c.explain("list queues", err)
		}
		urls = append(urls, page.QueueUrls...)
		if aws.ToString(page.NextToken) == "" {
			return urls, nil
		}
		request.NextToken = page.NextToken
	}
}

type queueCreateCommand struct {
	Name      string            `arg:"" help:"Name of the queue."`
	Attribute map[string]string `help:"Attribute of the queue, as in the SQS API; may be given several times." short:"a" mapsep:"none" placeholder:"NAME=VALUE"`
	Tag       map[string]string `help:"Tag of the queue; may be given several times." mapsep:"none" placeholder:"KEY=VALUE"`
}

// Help is shown by chasqui queue create --help.
func (*queueCreateCommand) Help() string {
	return `A name that ends in .fifo makes a FIFO queue. Attributes of our own, besides those of SQS:

    ChasquiDelivery            atLeastOnce, atMostOnce or exactlyOnce; fixed at creation
    ChasquiDeletionProtection  true: DeleteQueue is refused
    ChasquiPartitions          1 to 64 parts, for more throughput and less order; fixed at creation

Examples:

    chasqui queue create orders
    chasqui queue create orders -a VisibilityTimeout=60 -a MessageRetentionPeriod=1209600 --tag team=blue
    chasqui queue create clicks -a ChasquiDelivery=atMostOnce
    chasqui queue create payments.fifo -a ContentBasedDeduplication=true`
}

// Run creates a queue.
func (c *queueCreateCommand) Run(g *global, q *queueCommand) error {
	ctx, release := untilSignal()
	defer release()
	attributes := maps.Clone(c.Attribute)
	if strings.HasSuffix(c.Name, ".fifo") && attributes["FifoQueue"] == "" {
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes["FifoQueue"] = "true"
	}
	connection := q.connect(0)
	created, err := connection.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &c.Name, Attributes: attributes, Tags: c.Tag})
	if err != nil {
		return connection.explain("create queue "+c.Name, err)
	}
	return show(g.stdout, q.Output, queueLine{Name: c.Name, URL: *created.QueueUrl}, nil, [][]string{{*created.QueueUrl}})
}

type queueShowCommand struct {
	Name string `arg:"" help:"Name or URL of the queue."`
}

// Help is shown by chasqui queue show --help.
func (*queueShowCommand) Help() string {
	return `Attributes of our own are shown if they are not as a queue has them that was created without.

Examples:

    chasqui queue show orders
    chasqui queue show orders -o json | jq -r .attributes.ApproximateNumberOfMessages`
}

// queueDescription is everything about a queue.
type queueDescription struct {
	Name       string            `json:"name"`
	URL        string            `json:"url"`
	Attributes map[string]string `json:"attributes"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// Run shows a queue.
func (c *queueShowCommand) Run(g *global, q *queueCommand) error {
	ctx, release := untilSignal()
	defer release()
	connection := q.connect(0)
	url, err := connection.queueURL(ctx, c.Name)
	if err != nil {
		return err
	}
	attributes, err := connection.attributes(ctx, url)
	if err != nil {
		return err
	}
	tags, err := connection.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: url})
	if err != nil {
		return connection.explain(c.Name, err)
	}
	rows := [][]string{{"URL", *url}}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		rows = append(rows, []string{name, cell(attributes[name])})
	}
	for _, key := range slices.Sorted(maps.Keys(tags.Tags)) {
		rows = append(rows, []string{"tag " + cell(key), cell(tags.Tags[key])})
	}
	description := queueDescription{Name: queueName(*url), URL: *url, Attributes: attributes, Tags: tags.Tags}
	return show(g.stdout, q.Output, description, []string{"ATTRIBUTE", "VALUE"}, rows)
}

type queueSetCommand struct {
	Name      string            `arg:"" help:"Name or URL of the queue."`
	Attribute map[string]string `help:"Attribute to change, as in the SQS API; may be given several times." short:"a" mapsep:"none" placeholder:"NAME=VALUE"`
	Tag       map[string]string `help:"Tag to set; may be given several times." mapsep:"none" placeholder:"KEY=VALUE"`
	Untag     []string          `help:"Keys of tags to remove." placeholder:"KEY,..."`
}

// Help is shown by chasqui queue set --help.
func (*queueSetCommand) Help() string {
	return `What is not given stays as it is.

Examples:

    chasqui queue set orders -a VisibilityTimeout=120
    chasqui queue set orders -a 'RedrivePolicy={"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":5}'
    chasqui queue set orders --tag team=red --untag stage`
}

// Run changes a queue.
func (c *queueSetCommand) Run(g *global, q *queueCommand) error {
	if len(c.Attribute)+len(c.Tag)+len(c.Untag) == 0 {
		return errors.New("nothing to change: give -a NAME=VALUE, --tag KEY=VALUE or --untag KEY")
	}
	ctx, release := untilSignal()
	defer release()
	connection := q.connect(0)
	url, err := connection.queueURL(ctx, c.Name)
	if err != nil {
		return err
	}
	if len(c.Attribute) > 0 {
		_, err = connection.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: c.Attribute})
	}
	if err == nil && len(c.Untag) > 0 {
		_, err = connection.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: url, TagKeys: c.Untag})
	}
	if err == nil && len(c.Tag) > 0 {
		_, err = connection.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: url, Tags: c.Tag})
	}
	if err != nil {
		return connection.explain("change queue "+c.Name, err)
	}
	line := queueLine{Name: queueName(*url), URL: *url}
	return show(g.stdout, q.Output, line, nil, [][]string{{"changed " + line.Name}})
}

type queuePurgeCommand struct {
	Name string `arg:"" help:"Name or URL of the queue."`
	Yes  bool   `help:"Do it: no message can be brought back."`
}

// Help is shown by chasqui queue purge --help.
func (*queuePurgeCommand) Help() string {
	return `A deleted queue can be restored, purged messages cannot. Messages in flight and delayed ones go too.

Example:

    chasqui queue purge orders --yes`
}

// Run purges a queue.
func (c *queuePurgeCommand) Run(g *global, q *queueCommand) error {
	ctx, release := untilSignal()
	defer release()
	connection := q.connect(0)
	url, err := connection.queueURL(ctx, c.Name)
	if err != nil {
		return err
	}
	line := queueLine{Name: queueName(*url), URL: *url}
	if !c.Yes {
		counts, err := connection.attributes(ctx, url)
		if err != nil {
			return err
		}
		return fmt.Errorf("this would delete about %s visible, %s in flight and %s delayed messages of %s for ever; if that is meant, add --yes",
			counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"],
			counts["ApproximateNumberOfMessagesDelayed"], line.Name)
	}
	if _, err := connection.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: url}); err != nil {
		return connection.explain("purge queue "+c.Name, err)
	}
	return show(g.stdout, q.Output, line, nil, [][]string{{"purged " + line.Name}})
}
