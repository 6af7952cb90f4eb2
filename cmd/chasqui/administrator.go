package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"chasqui/backend"
	"chasqui/cmd/chasqui/cluster"
	"chasqui/frontend"
	"chasqui/metadata"
	"chasqui/node"
	"chasqui/node/rpc"
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

// partitions has tell tell the partitions of a queue, by way of a frontend's code.
func (a *administrator) partitions(tell func(s *frontend.Server) error) error {
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
	return tell(server)
}

// deletedLine is a deleted queue. RestorableUntil is nil if it cannot be restored.
type deletedLine struct {
	Name            string     `json:"name"`
	ID              uint64     `json:"id,omitempty"`
	Deleted         *time.Time `json:"deleted,omitempty"`
	RestorableUntil *time.Time `json:"restorable_until,omitempty"`
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
	if err := admin.partitions(func(s *frontend.Server) error { return s.ReopenQueue(ctx, record) }); err != nil {
		return fmt.Errorf("queue %s is restored, but not all its partitions could be told: until they are, they drop their messages when the time to restore "+
			"is over; a change of its attributes (chasqui queue set %s) tells them too: %w", c.Name, c.Name, err)
	}
	line := deletedLine{Name: record.Name, ID: record.ID}
	return show(g.stdout, q.Output, line, nil, [][]string{{fmt.Sprintf("restored %s, id %d", record.Name, record.ID)}})
}
