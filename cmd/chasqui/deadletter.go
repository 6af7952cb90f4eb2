//go:build !wasip1

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"chasqui/node"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// deadLetterCommand are the commands about dead-letter queues. All go through the SQS API.
type deadLetterCommand struct {
	service `embed:""`

	Ls      deadLetterListCommand    `cmd:"" help:"List queues with their dead-letter queues."`
	Redrive deadLetterRedriveCommand `cmd:"" help:"Move the messages of a dead-letter queue back, or elsewhere."`
	Cancel  deadLetterCancelCommand  `cmd:"" help:"Stop a redrive."`
}

// Help is shown by chasqui dlq --help.
func (*deadLetterCommand) Help() string {
	return `A queue is given by its name, or by its URL. The commands work with any service that speaks SQS; without --endpoint they
ask the one of "chasqui dev" on this machine.

Examples:

    chasqui dlq ls
    chasqui dlq redrive orders-dead
    chasqui dlq redrive orders-dead --to orders-retry --rate 50
    chasqui dlq cancel orders-dead`
}

type deadLetterListCommand struct {
	Prefix string `arg:"" optional:"" help:"Beginning of the names of the queues, not of their dead-letter queues."`
}

// Help is shown by chasqui dlq ls --help.
func (*deadLetterListCommand) Help() string {
	return `Each queue is asked for its redrive policy: with thousands of queues this takes a while.

Examples:

    chasqui dlq ls
    chasqui dlq ls -o json | jq '.dead_letter[] | select(.messages != "0")'`
}

// deadLetterLine is a queue that has a dead-letter queue.
type deadLetterLine struct {
	Source      string `json:"source"`
	Queue       string `json:"queue"`
	MaxReceives int    `json:"max_receives"`
	// Messages is how many are visible in the dead-letter queue, "missing" if there is no such queue.
	Messages string `json:"messages"`
}

// missingQueue stands for the count of a dead-letter queue that does not exist.
const missingQueue = "missing"

// Run lists dead-letter queues.
func (c *deadLetterListCommand) Run(g *global, d *deadLetterCommand) error {
	ctx, release := untilSignal()
	defer release()
	connection := d.connect(0)
	urls, err := connection.queues(ctx, c.Prefix)
	if err != nil {
		return err
	}
	lines, rows := []deadLetterLine{}, [][]string(nil)
	for _, url := range urls {
		line, err := connection.deadLetterOf(ctx, &url)
		if err != nil {
			return err
		}
		if line != nil {
			lines, rows = append(lines, *line), append(rows, []string{line.Source, line.Queue, strconv.Itoa(line.MaxReceives), line.Messages})
		}
	}
	return show(g.stdout, d.Output, map[string]any{"dead_letter": lines}, []string{"QUEUE", "DEAD-LETTER QUEUE", "MAX RECEIVES", "MESSAGES"}, rows)
}

// deadLetterOf describes a queue's dead-letter queue, nil if it has none.
func (c *connection) deadLetterOf(ctx context.Context, url *string) (*deadLetterLine, error) {
	attributes, err := c.attributes(ctx, url)
	if err != nil {
		return nil, err
	}
	text := attributes[string(types.QueueAttributeNameRedrivePolicy)]
	if text == "" {
		return nil, nil
	}
	var policy struct {
		Target string      `json:"deadLetterTargetArn"`
		Count  json.Number `json:"maxReceiveCount"`
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return nil, fmt.Errorf("redrive policy of %s: %w", queueName(*url), err)
	}
	count, err := policy.Count.Int64()
	if err != nil {
		return nil, fmt.Errorf("redrive policy of %s: %w", queueName(*url), err)
	}
	line := &deadLetterLine{Source: queueName(*url), Queue: queueName(policy.Target), MaxReceives: int(count), Messages: missingQueue}
	target, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &line.Queue})
	var missing *types.QueueDoesNotExist
	if errors.As(err, &missing) {
		return line, nil
	}
	if err != nil {
		return nil, c.explain(line.Queue, err)
	}
	counts, err := c.attributes(ctx, target.QueueUrl, types.QueueAttributeNameApproximateNumberOfMessages)
	if err != nil {
		return nil, err
	}
	line.Messages = counts["ApproximateNumberOfMessages"]
	return line, nil
}

// queueARN returns the ARN of a queue given by name or URL.
func (c *connection) queueARN(ctx context.Context, name string) (*string, error) {
	url, err := c.queueURL(ctx, name)
	if err != nil {
		return nil, err
	}
	attributes, err := c.attributes(ctx, url, types.QueueAttributeNameQueueArn)
	if err != nil {
		return nil, err
	}
	return aws.String(attributes["QueueArn"]), nil
}

type deadLetterRedriveCommand struct {
	Queue  string `arg:"" help:"Name or URL of the dead-letter queue."`
	To     string `help:"Name or URL of the queue to move the messages to; each goes back where it came from if left out." placeholder:"QUEUE"`
	Rate   int32  `help:"Messages per second at most, 1 to 500; as the service likes if left out." placeholder:"N"`
	Detach bool   `help:"Start the move and do not wait for its end."`
}

// Help is shown by chasqui dlq redrive --help.
func (*deadLetterRedriveCommand) Help() string {
	return `The service moves the messages; this command starts it and shows how far it is. Ctrl-C ends the showing, not the move.

Examples:

    chasqui dlq redrive orders-dead
    chasqui dlq redrive orders-dead --to orders-retry --rate 50
    chasqui dlq redrive orders-dead --detach -o json`
}

// moveTasks are the SQS actions about redrives; *sqs.Client has them.
type moveTasks interface {
	StartMessageMoveTask(context.Context, *sqs.StartMessageMoveTaskInput, ...func(*sqs.Options)) (*sqs.StartMessageMoveTaskOutput, error)
	ListMessageMoveTasks(context.Context, *sqs.ListMessageMoveTasksInput, ...func(*sqs.Options)) (*sqs.ListMessageMoveTasksOutput, error)
	CancelMessageMoveTask(context.Context, *sqs.CancelMessageMoveTaskInput, ...func(*sqs.Options)) (*sqs.CancelMessageMoveTaskOutput, error)
}

var _ moveTasks = (*sqs.Client)(nil)

// redriveLine is how far a redrive is.
type redriveLine struct {
	Status string `json:"status"`
	Moved  int64  `json:"moved"`
	// ToMove is how many there were at the start, if the service says so.
	ToMove     *int64 `json:"to_move,omitempty"`
	TaskHandle string `json:"task_handle,omitempty"`
	Failure    string `json:"failure,omitempty"`
}

// The states of a move task (SQS) that end it well, and those in which it goes on.
const (
	taskRunning    = "RUNNING"
	taskCancelling = "CANCELLING"
	taskCompleted  = "COMPLETED"
)

// progressInterval is how often a redrive is asked how far it is.
const progressInterval = time.Second

// Run starts a redrive.
func (c *deadLetterRedriveCommand) Run(g *global, d *deadLetterCommand) error {
	ctx, release := untilSignal()
	defer release()
	host, err := openHost(g, "console", "")
	if err != nil {
		return err
	}
	defer host.Tasks.Stop()
	connection := d.connect(0)
	input := &sqs.StartMessageMoveTaskInput{}
	if input.SourceArn, err = connection.queueARN(ctx, c.Queue); err != nil {
		return err
	}
	if c.To != "" {
		if input.DestinationArn, err = connection.queueARN(ctx, c.To); err != nil {
			return err
		}
	}
	if c.Rate != 0 {
		input.MaxNumberOfMessagesPerSecond = &c.Rate
	}
	r := redrive{tasks: connection, clock: host.Clock, progress: g.stderr, queue: c.Queue}
	line, err := r.run(ctx, input, c.Detach)
	if err != nil {
		return connection.explainTask(c.Queue, err)
	}
	text := line.text()
	if c.Detach {
		text = fmt.Sprintf("started the redrive of %s; chasqui dlq cancel %s stops it", c.Queue, c.Queue)
	}
	if err := show(g.stdout, d.Output, line, nil, [][]string{{text}}); err != nil {
		return err
	}
	if line.Status != taskCompleted && !c.Detach {
		return fmt.Errorf("the redrive of %s ended as %s after %d messages; what is left can be redriven again: %s",
			c.Queue, line.Status, line.Moved, cell(line.Failure))
	}
	return nil
}

// explainTask is explain for errors of which some are the command's own words.
func (c *connection) explainTask(queue string, err error) error {
	if errors.Is(err, errShowingEnded) || errors.Is(err, errNoRedrive) {
		return err
	}
	return c.explain("redrive "+queue, err)
}

// errShowingEnded means that a redrive goes on and nobody watches.
var errShowingEnded = errors.New("interrupted")

// redrive watches a move task.
type redrive struct {
	tasks    moveTasks
	clock    node.Clock
	progress io.Writer
	queue    string
}

// run starts a move and, unless it is detached, shows how far it is until it ends.
func (r *redrive) run(ctx context.Context, input *sqs.StartMessageMoveTaskInput, detach bool) (*redriveLine, error) {
	started, err := r.tasks.StartMessageMoveTask(ctx, input)
	if err != nil {
		return nil, err
	}
	line := &redriveLine{Status: taskRunning, TaskHandle: aws.ToString(started.TaskHandle)}
	if detach {
		return line, nil
	}
	for line.Status == taskRunning || line.Status == taskCancelling {
		if node.Wait(ctx, r.clock, progressInterval) != nil {
			return nil, fmt.Errorf("%w: the redrive of %s goes on; chasqui dlq cancel %s stops it", errShowingEnded, r.queue, r.queue)
		}
		next, err := r.latest(ctx, input.SourceArn)
		if err != nil {
			return nil, err
		}
		line = next
		if _, err := fmt.Fprintln(r.progress, line.text()); err != nil {
			return nil, err
		}
	}
	return line, nil
}

// latest describes the newest move of a queue.
func (r *redrive) latest(ctx context.Context, sourceARN *string) (*redriveLine, error) {
	listed, err := r.tasks.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: sourceARN})
	if err != nil {
		return nil, err
	}
	if len(listed.Results) == 0 {
		return nil, fmt.Errorf("%w: the service knows of none of %s", errNoRedrive, r.queue)
	}
	task := &listed.Results[0] // the newest first
	return &redriveLine{
		Status: aws.ToString(task.Status), Moved: task.ApproximateNumberOfMessagesMoved, ToMove: task.ApproximateNumberOfMessagesToMove,
		TaskHandle: aws.ToString(task.TaskHandle), Failure: aws.ToString(task.FailureReason),
	}, nil
}

// text says how far a redrive is.
func (l *redriveLine) text() string {
	if l.ToMove == nil {
		return fmt.Sprintf("%s: moved %d", l.Status, l.Moved)
	}
	return fmt.Sprintf("%s: moved %d of about %d", l.Status, l.Moved, *l.ToMove)
}

type deadLetterCancelCommand struct {
	Queue string `arg:"" help:"Name or URL of the dead-letter queue."`
}

// Help is shown by chasqui dlq cancel --help.
func (*deadLetterCancelCommand) Help() string {
	return `What has been moved stays moved.

Example:

    chasqui dlq cancel orders-dead`
}

// Run cancels a redrive.
func (c *deadLetterCancelCommand) Run(g *global, d *deadLetterCommand) error {
	ctx, release := untilSignal()
	defer release()
	connection := d.connect(0)
	arn, err := connection.queueARN(ctx, c.Queue)
	if err != nil {
		return err
	}
	r := redrive{tasks: connection, queue: c.Queue}
	moved, err := r.cancel(ctx, arn)
	if err != nil {
		return connection.explainTask(c.Queue, err)
	}
	return show(g.stdout, d.Output, map[string]int64{"moved": moved}, nil, [][]string{{fmt.Sprintf("cancelled after about %d messages", moved)}})
}

// errNoRedrive means that there is none to watch or to stop.
var errNoRedrive = errors.New("no redrive is running")

// cancel stops the move that is running and returns how many messages it has moved.
func (r *redrive) cancel(ctx context.Context, sourceARN *string) (moved int64, err error) {
	line, err := r.latest(ctx, sourceARN)
	if err != nil {
		return 0, err
	}
	if line.Status != taskRunning {
		return 0, fmt.Errorf("%w: the last of %s is %s after %d messages", errNoRedrive, r.queue, line.Status, line.Moved)
	}
	cancelled, err := r.tasks.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: &line.TaskHandle})
	if err != nil {
		return 0, err
	}
	return cancelled.ApproximateNumberOfMessagesMoved, nil
}
