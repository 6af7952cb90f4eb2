package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"chasqui/metadata"
	"chasqui/node/replication"
)

type metadataCommand struct {
	ID             string            `help:"Name of this metadata host, one of the members." required:"" placeholder:"metadata-1"`
	Listen         string            `help:"Address for RPC; the one among the members if left out." placeholder:"ADDR"`
	Members        map[string]string `help:"All metadata hosts, this one included, with their RPC addresses." required:"" mapsep:"," placeholder:"ID=ADDR,..."`
	Data           string            `help:"Data folder of this host alone." required:"" type:"path" placeholder:"DIR"`
	ExpectBackends int               `help:"Backend hosts that must have registered before slots are assigned to them." default:"3"`
	Slots          int               `help:"Slots of the cluster, fixed at its first start." default:"8"`
	Replicas       int               `help:"Hosts that hold each slot." default:"3"`
	Cooldown       time.Duration     `help:"Time a deleted queue's name cannot be used, and a purged queue cannot be purged." default:"60s"`
	RestoreWindow  time.Duration     `help:"Time a deleted queue can be restored; its messages take room for an hour longer. 0s: deletions are final." default:"24h"`
	replicaFlags   `embed:""`
}

// Help is shown by chasqui metadata --help.
func (*metadataCommand) Help() string {
	return `Metadata hosts keep the catalog of queues, three or five of them identical by raft. The numbers about the cluster
are the same on all of them. A host whose data folder is lost or damaged must come back on an empty one with --rejoin,
and never without: it would take part as if it had promised nothing, which can lose queues.

Example, the first of three:

    chasqui metadata --id metadata-1 --data /var/lib/chasqui/metadata-1 --members metadata-1=10.0.0.1:9351,metadata-2=10.0.0.2:9351,metadata-3=10.0.0.3:9351`
}

// Run runs a metadata host until it is told to stop.
func (c *metadataCommand) Run(g *global) error {
	listen, flag := c.Listen, "--listen"
	if listen == "" {
		listen, flag = c.Members[c.ID], "--members"
	}
	if listen == "" {
		return fmt.Errorf("--id %s is not among the --members %s", c.ID, strings.Join(slices.Sorted(maps.Keys(c.Members)), ", "))
	}
	p, err := openProcess(g, processOptions{
		role: "metadata", id: c.ID, data: c.Data, spaceBytes: c.spaceBytes(), listen: listen, listenFlag: flag,
	})
	if err != nil {
		return err
	}
	defer p.stop()
	if err := c.start(p); err != nil {
		return err
	}
	return p.await()
}

func (c *metadataCommand) start(p *process) error {
	cfg := metadata.DefaultConfig()
	cfg.HostID = c.ID
	for _, id := range slices.Sorted(maps.Keys(c.Members)) {
		cfg.Members = append(cfg.Members, replication.Member{ID: id, Address: c.Members[id]})
	}
	cfg.Replication = c.group()
	cfg.ExpectBackends, cfg.Slots, cfg.Replicas = c.ExpectBackends, c.Slots, c.Replicas
	cfg.DeleteCooldown, cfg.PurgeCooldown, cfg.RestoreWindow = c.Cooldown, c.Cooldown, c.RestoreWindow
	rejoinMs, err := c.rejoins(p)
	if err != nil {
		return err
	}
	cfg.Replication.Rejoin = rejoinMs != 0
	replicas, err := openReplicas(p, c.journalConfig(), func(id string) (string, bool) {
		address, ok := c.Members[id]
		return address, ok
	})
	if err != nil {
		return err
	}
	server, err := metadata.NewServer(p.host, p.server, replicas, cfg)
	if err != nil {
		return err
	}
	p.atStop(server.Close)
	p.serve(p.rpcAddress(), func(context.Context) (bool, string) {
		groups := replicas.Replicas()
		if len(groups) != 1 || groups[0].Leader == "" {
			return false, "knows no leader"
		}
		if groups[0].Role == replication.RoleRejoining {
			return false, "rejoins, led by " + groups[0].Leader
		}
		return true, fmt.Sprintf("%s in term %d, led by %s", groups[0].Role, groups[0].Term, groups[0].Leader)
	})
	p.host.Log.Info("metadata host serves", "address", p.rpcAddress())
	return nil
}
