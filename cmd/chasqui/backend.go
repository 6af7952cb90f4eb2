package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"chasqui/backend"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
	"chasqui/node/replication"
)

type backendCommand struct {
	ID           string   `help:"Name of this backend host, unique in the cluster and for ever that of its data folder." required:"" placeholder:"backend-1"`
	Listen       string   `help:"Address for RPC." default:"127.0.0.1:9360"`
	Advertise    string   `help:"Address under which other hosts reach --listen, if it is another." placeholder:"ADDR"`
	Metadata     []string `help:"RPC addresses of the metadata hosts." required:"" placeholder:"ADDR,..."`
	Data         string   `help:"Data folder of this host alone." required:"" type:"path" placeholder:"DIR"`
	Zone         string   `help:"Data center of this host." default:"local"`
	MaxMemory    int64    `help:"MiB of memory for messages beyond which sends are refused; 0 for no bound." default:"8192"`
	ApplyLog     bool     `help:"Log every command that this host applies, without bodies, so that answers can be checked against them. For audits: some hundred bytes a command."`
	replicaFlags `embed:""`
}

// Help is shown by chasqui backend --help.
func (*backendCommand) Help() string {
	return `A backend host registers with the metadata hosts and is given replicas of slots. One that comes back under its old name
on an emptied data folder is refused, for it has forgotten what it promised. If its data is lost or damaged, end its
process, move what is left of the folder away, and start it with --rejoin: it then learns from the other hosts before it
counts again. While it does, "chasqui status" shows it as rejoining, and the loss of another host stops the slots that
they share. Its clock must not be behind the moment at which the lost folder was made. Never start a host on a copy.

Example:

    chasqui backend --id backend-1 --listen 10.0.0.11:9360 --data /var/lib/chasqui/backend-1 --metadata 10.0.0.1:9351,10.0.0.2:9351,10.0.0.3:9351`
}

// Run runs a backend host until it is told to stop.
func (c *backendCommand) Run(g *global) error {
	p, err := openProcess(g, processOptions{
		role: "backend", id: c.ID, data: c.Data, spaceBytes: c.spaceBytes(), listen: c.Listen, listenFlag: "--listen",
	})
	if err != nil {
		return err
	}
	defer p.stop()
	if _, err := c.start(p); err != nil {
		return err
	}
	return p.await()
}

// memoryReserve is for what is not messages: the journal's cache, batches on their way, buffers.
const memoryReserve = 512 << 20

// start puts a backend host together and returns its server.
func (c *backendCommand) start(p *process) (*backend.Server, error) {
	self := catalog.Host{ID: c.ID, Address: c.Advertise, Zone: c.Zone}
	if self.Address == "" {
		self.Address = p.rpcAddress()
	}
	var err error
	if self.Incarnation, err = p.folder.Number(); err != nil {
		return nil, err
	}
	var book addressBook
	if self.RejoinMs, err = c.rejoins(p); err != nil {
		return nil, err
	}
	replicas, err := openReplicas(p, c.journalConfig(), book.address)
	if err != nil {
		return nil, err
	}
	limits := backend.DefaultConfig()
	limits.MaxStateBytes = c.MaxMemory << 20
	if c.MaxMemory > 0 {
		// Messages may fill MaxMemory; the garbage beside them may take half as much again.
		debug.SetMemoryLimit(limits.MaxStateBytes/2*3 + memoryReserve)
	}
	limits.ApplyLog = c.ApplyLog
	limits.Replication = c.group()
	limits.Replication.HostID = c.ID
	limits.Replication.Rejoin = self.RejoinMs != 0
	server := backend.NewServer(p.host, p.server, replicas, limits, book.address)
	p.atStop(server.Close)
	// Messages that move to another queue are brought there as by a frontend.
	catalogClient := metadata.NewClient(p.host, p.client, c.Metadata)
	cache, err := metadata.NewCache(p.host, catalogClient, metadata.DefaultCacheConfig())
	if err != nil {
		return nil, fmt.Errorf("metadata cache: %w", err)
	}
	p.atStop(cache.Close)
	server.MoveWith(backend.NewRedriver(cache, backend.NewClient(p.host, p.client, cache)))

	describe := func() metadata.HeartbeatInfo {
		return metadata.HeartbeatInfo{Host: self, PID: os.Getpid(), StartedMs: p.started.UnixMilli(), Groups: server.Status()}
	}
	registrar := metadata.NewRegistrar(p.host, p.client, c.Metadata, describe, func(topology metadata.Topology) {
		book.learn(topology)
		for _, slot := range topology.Slots {
			if err := server.Ensure(slot.Slot, slot.Members); err != nil {
				p.fail(fmt.Errorf("start slot %d: %w", slot.Slot, err))
			}
		}
	})
	p.serve(self.Address, func(context.Context) (bool, string) { return backendHealth(registrar.Accepted(), server.Status()) })
	heartbeats := p.host.Tasks.Group()
	p.atStop(heartbeats.Stop)
	heartbeats.Go("heartbeats", func(ctx context.Context) {
		if err := registrar.Run(ctx); err != nil {
			p.fail(err)
		}
	})
	p.host.Log.Info("backend host serves", "address", self.Address)
	return server, nil
}

// backendHealth judges a backend host: it must be registered, and every replica must know its leader.
func backendHealth(accepted bool, groups []replication.Status) (bool, string) {
	if !accepted {
		return false, "waits to be accepted by the metadata service"
	}
	if len(groups) == 0 {
		return true, "registered; holds no slot"
	}
	leads, leaderless, rejoining := 0, 0, 0
	for _, group := range groups {
		switch {
		case group.Role == replication.RoleRejoining:
			rejoining++
		case group.Leader == "":
			leaderless++
		case group.Leader == group.HostID:
			leads++
		}
	}
	if rejoining > 0 {
		return false, fmt.Sprintf("rejoins %d of %d slots, %d without a leader", rejoining, len(groups), leaderless)
	}
	return leaderless == 0, fmt.Sprintf("leads %d of %d slots, %d without a leader", leads, len(groups), leaderless)
}

// addressBook knows where hosts answer RPCs. It is safe for concurrent use.
type addressBook struct {
	mu        sync.Mutex // guards addresses
	addresses map[string]string
}

// learn replaces what is known by what a topology says.
func (b *addressBook) learn(topology metadata.Topology) {
	addresses := make(map[string]string, len(topology.Hosts))
	for _, host := range topology.Hosts {
		addresses[host.ID] = host.Address
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addresses = addresses
}

func (b *addressBook) address(hostID string) (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	address, ok := b.addresses[hostID]
	return address, ok
}
