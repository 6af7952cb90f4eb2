//go:build !wasip1

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"chasqui/frontend"
	"chasqui/metadata"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// listDeleted shows the queues that can be restored.
func (c *queueListCommand) listDeleted(ctx context.Context, g *global, form string) error {
	admin, err := c.open(g)
	if err != nil {
		return err
	}
	defer admin.close()
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	deleted, err := admin.client.RestorableQueues(ctx, c.Account, c.Prefix)
	if err != nil {
		return err
	}
	lines, rows := []deletedLine{}, [][]string(nil)
	for _, q := range deleted {
		at, until := q.Deleted.UTC(), q.Until.UTC()
		lines = append(lines, deletedLine{Name: q.Name, ID: q.ID, Deleted: &at, RestorableUntil: &until})
		rows = append(rows, []string{q.Name, strconv.FormatUint(q.ID, 10), at.Format(time.RFC3339), until.Format(time.RFC3339)})
	}
	return show(g.stdout, form, map[string]any{"deleted": lines}, []string{"QUEUE", "ID", "DELETED", "RESTORABLE UNTIL"}, rows)
}

type queueDeleteCommand struct {
	Name           string `arg:"" help:"Name of the queue; without --admin also its URL."`
	Admin          bool   `help:"Delete by way of the metadata hosts, also where DeleteQueue is off the public API."`
	Force          bool   `help:"With --admin: delete the queue even if it is protected against deletion."`
	Final          bool   `help:"With --admin: drop its messages at once. The queue cannot be restored."`
	administration `embed:""`
}

// Help is shown by chasqui queue delete --help.
func (*queueDeleteCommand) Help() string {
	return `Without --admin this is the DeleteQueue of the SQS API. With it the metadata hosts are asked, which takes access to the
cluster's internal addresses. Either way the queue can be restored until its time is over, a day unless the metadata
hosts say otherwise (--restore-window), but with --final. Its messages take room for that long and an hour more.

Examples:

    chasqui queue delete orders
    chasqui queue delete orders --admin --metadata 10.0.0.1:9351,10.0.0.2:9351,10.0.0.3:9351
    chasqui queue delete orders --admin --force
    chasqui queue delete orders --admin --final`
}

// Run deletes a queue.
func (c *queueDeleteCommand) Run(g *global, q *queueCommand) error {
	ctx, release := untilSignal()
	defer release()
	if c.Admin {
		return c.administrate(ctx, g, q.Output)
	}
	if c.Force || c.Final {
		return errors.New("--force and --final are for administrators: add --admin, and --metadata or --data")
	}
	connection := q.connect(0)
	url, err := connection.queueURL(ctx, c.Name)
	if err != nil {
		return err
	}
	if _, err := connection.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url}); err != nil {
		return connection.explain("delete queue "+c.Name, err)
	}
	line := deletedLine{Name: queueName(*url)}
	return show(g.stdout, q.Output, line, nil, [][]string{{"deleted " + line.Name}})
}

func (c *queueDeleteCommand) administrate(ctx context.Context, g *global, form string) error {
	admin, err := c.open(g)
	if err != nil {
		return err
	}
	defer admin.close()
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	record, err := admin.client.Delete(ctx, metadata.DeleteRequest{Account: c.Account, Name: c.Name, Force: c.Force, Final: c.Final})
	switch {
	case errors.Is(err, metadata.ErrNoSuchQueue):
		return fmt.Errorf("account %s has no queue %s: chasqui queue ls shows those it has", c.Account, c.Name)
	case errors.Is(err, metadata.ErrProtected):
		return fmt.Errorf("queue %s is protected against deletion (ChasquiDeletionProtection): add --force to delete it all the same", c.Name)
	case err != nil:
		return err
	}
	if err := admin.partitions(func(s *frontend.Server) error { return s.EndQueue(ctx, record) }); err != nil {
		return fmt.Errorf("queue %s is deleted, but not all its partitions could be told: producers and consumers that use it now "+
			"may go on for some seconds, and its messages stay until their retention ends: %w", c.Name, err)
	}
	line := deletedLine{Name: c.Name, ID: record.ID}
	text := fmt.Sprintf("deleted %s, id %d, for ever", c.Name, record.ID)
	if record.RestoreMs > 0 {
		until := admin.host.Clock.Now().Add(time.Duration(record.RestoreMs) * time.Millisecond).UTC().Truncate(time.Second)
		line.RestorableUntil = &until
		text = fmt.Sprintf("deleted %s, id %d; it can be restored until %s: chasqui queue restore %s",
			c.Name, record.ID, until.Format(time.RFC3339), c.Name)
	}
	return show(g.stdout, form, line, nil, [][]string{{text}})
}
