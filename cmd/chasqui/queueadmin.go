//go:build !wasip1

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"chasqui/backend"
	"chasqui/cmd/chasqui/cluster"
	"chasqui/frontend"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
	"chasqui/node"
	"chasqui/node/rpc"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// administration says where the metadata hosts are: flags of the commands that ask them and not the public API.
type administration struct {
	Metadata []string `help:"RPC addresses of the metadata hosts, for administrators' commands." placeholder:"ADDR,..."`
	Data     string   `help:"Data folder of a cluster on this machine (chasqui dev, chasqui up), instead of --metadata." default:"./data" type:"path"`
	Account  string   `help:"Account whose queues are meant, for administrators' commands." default:"000000000000"`
}

// adminTimeout bounds an administrator's command: it may meet a cluster in the middle of an election.
const adminTimeout = 15 * time.Second

// administrator is a client of the metadata hosts and, by way of them, of the backends.
type administrator struct {
	host   node.Host
	rpc    *rpc.Client
	client *metadata.Client
}

func (a *administration) open(g *global) (*administrator, error) {
	addresses := a.Metadata
	if len(addresses) == 0 {
		disk, err := existingFolder(g, a.Data)
		if err != nil {
			return nil, fmt.Errorf("%w; give the metadata hosts with --metadata, or a cluster's folder with --data", err)
		}
		file, err := cluster.Load(disk)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s holds no cluster: give its folder with --data, or the metadata hosts with --metadata", a.Data)
		}
		if err != nil {
			return nil, err
		}
		for _, p := range file.Of(cluster.Metadata) {
			addresses = append(addresses, p.RPC)
		}
	}
	host, err := openHost(g, "console", "")
	if err != nil {
		return nil, err
	}
	client := rpc.NewClient(host, rpc.DefaultConfig())
	return &administrator{host: host, rpc: client, client: metadata.NewClient(host, client, addresses)}, nil
}

func (a *administrator) close() {
	a.rpc.Close()
	a.host.Tasks.Stop()
}

// endQueue tells the partitions of a deleted queue.
func (a *administrator) endQueue(ctx context.Context, record *catalog.Queue) error {
	cache, err := metadata.NewCache(a.host, a.client, metadata.DefaultCacheConfig())
	if err != nil {
		return err
	}
	defer cache.Close()
	server, err := frontend.NewServer(a.host, frontend.DefaultConfig(), a.client, cache, backend.NewClient(a.host, a.rpc, cache))
	if err != nil {
		return err
	}
	defer server.Close()
	return server.EndQueue(ctx, record)
}

// deletedLine is a deleted queue. RestorableUntil is nil if it cannot be restored.
type deletedLine struct {
	Name            string     `json:"name"`
	ID              uint64     `json:"id,omitempty"`
	Deleted         *time.Time `json:"deleted,omitempty"`
	RestorableUntil *time.Time `json:"restorable_until,omitempty"`
}

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
	if err := admin.endQueue(ctx, record); err != nil {
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

type queueRestoreCommand struct {
	Name           string `arg:"" help:"Name of the queue."`
	ID             uint64 `help:"Id of the queue, if several of the name were deleted; the one deleted last if left out. chasqui queue ls --deleted shows them." placeholder:"ID"`
	administration `embed:""`
}

// Help is shown by chasqui queue restore --help.
func (*queueRestoreCommand) Help() string {
	return `The queue is as it was, with its attributes, tags and messages; messages whose retention has ended meanwhile are gone. A
queue of the same name that was created meanwhile must be deleted first.

Examples:

    chasqui queue restore orders
    chasqui queue restore orders --id 17 --metadata 10.0.0.1:9351,10.0.0.2:9351,10.0.0.3:9351`
}

// Run restores a queue.
func (c *queueRestoreCommand) Run(g *global, q *queueCommand) error {
	ctx, release := untilSignal()
	defer release()
	admin, err := c.open(g)
	if err != nil {
		return err
	}
	defer admin.close()
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	record, err := admin.client.RestoreQueue(ctx, c.Account, c.Name, c.ID)
	switch {
	case errors.Is(err, metadata.ErrNameTaken):
		return fmt.Errorf("queue %s cannot be restored while another has its name: move away what that one holds (chasqui msg move) and delete it first: %w", c.Name, err)
	case errors.Is(err, metadata.ErrNotRestorable):
		return fmt.Errorf("%w; chasqui queue ls --deleted shows what can be restored", err)
	case err != nil:
		return err
	}
	line := deletedLine{Name: record.Name, ID: record.ID}
	return show(g.stdout, q.Output, line, nil, [][]string{{fmt.Sprintf("restored %s, id %d", record.Name, record.ID)}})
}
