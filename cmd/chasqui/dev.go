package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"chasqui/cmd/chasqui/cluster"
	"chasqui/node"
	"chasqui/node/replication"
)

// A system of one host per role has nobody to wait for and little to store.
const (
	devHeartbeat    = 50 * time.Millisecond
	devSegmentBytes = 16 << 20
	anyLocalPort    = "127.0.0.1:0"
)

type devCommand struct {
	Data     string        `help:"Folder for the data; the same folder brings the same queues back." default:"./data" type:"path"`
	Listen   string        `help:"Address that clients use." default:"127.0.0.1:9324"`
	Slots    int           `help:"Slots, fixed when the folder is made." default:"2"`
	Cooldown time.Duration `help:"Time a deleted queue's name cannot be used, and a purged queue cannot be purged." default:"60s"`

	RestoreWindow time.Duration `help:"Time a deleted queue can be restored. 0s: deletions are final." default:"24h"`
	NoDeleteQueue bool          `help:"Take DeleteQueue off the API: only administrators delete (chasqui queue delete --admin)."`
	CreateQueues  bool          `help:"Create a queue that does not exist when a message is sent to it, with default settings."`
}

// Help is shown by chasqui dev --help.
func (*devCommand) Help() string {
	return `One metadata host, one backend host and one frontend, with everything a cluster does but the copies: messages are on
disk before they are acknowledged, on one disk.

Examples:

    chasqui dev
    chasqui dev --data /tmp/queues --listen 127.0.0.1:4566`
}

// Run runs the system until it is told to stop.
func (c *devCommand) Run(g *global) error {
	signalled, release := untilSignal()
	defer release()
	return c.run(signalled, g)
}

// run runs the system until ctx ends.
func (c *devCommand) run(ctx context.Context, g *global) (err error) {
	host, err := openHost(g, "dev", c.Data)
	if err != nil {
		return err
	}
	defer host.Tasks.Stop()
	folder, err := claimFolder(host, "dev", "dev", c.Data, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()

	if err := tryListen(host, c.Listen); err != nil { // before anything is started that takes time to stop
		return err
	}
	d := devSystem{global: g, failed: make(chan error, 1)}
	defer d.stop()
	if err := d.start(ctx, c); err != nil {
		return err
	}
	if err := cluster.New(c.Listen, c.Slots, os.Getpid(), d.processes()).Save(host.Disk); err != nil {
		return err
	}
	ready := make(chan struct{})
	host.Tasks.Go("await-ready", func(ctx context.Context) {
		if d.await(ctx, host) && awaitEndpoint(ctx, host, d.frontendAt, "above") {
			close(ready)
		}
	})
	for {
		select {
		case <-ready:
			ready = nil
			if err := printEndpoint(g.stdout, d.frontendAt); err != nil {
				return err
			}
		case err := <-d.failed:
			return err
		case <-ctx.Done():
			host.Log.Info("stopping")
			return nil
		}
	}
}

// devSystem is a system in one operating system process. Each role has a process value of its own, with its own host,
// RPC server and data folder, and they talk over loopback connections: the same wiring as in a cluster.
type devSystem struct {
	global *global
	failed chan error // receives why a role cannot go on
	roles  []*process
	slots  func() int // slots that the backend runs; nil before it is started
	// wantSlots is how many there will be; frontendAt is where clients reach the frontend.
	wantSlots  int
	frontendAt string
}

// start starts the roles in the order in which they need each other.
func (d *devSystem) start(ctx context.Context, c *devCommand) error {
	d.wantSlots = c.Slots
	defaults := replication.DefaultConfig()
	replicas := replicaFlags{
		Heartbeat: devHeartbeat, SegmentBytes: devSegmentBytes,
		SnapshotEntries: defaults.SnapshotEntries, TrailingBytes: defaults.TrailingBytes,
	}
	catalog, err := d.open(processOptions{
		role: cluster.Metadata, id: "metadata-1", data: filepath.Join(c.Data, "metadata-1"), spaceBytes: replicas.spaceBytes(),
	})
	if err != nil {
		return err
	}
	metadata := metadataCommand{
		ID: "metadata-1", Members: map[string]string{"metadata-1": catalog.rpcAddress()},
		ExpectBackends: 1, Slots: c.Slots, Replicas: 1, Cooldown: c.Cooldown, RestoreWindow: c.RestoreWindow, replicaFlags: replicas,
	}
	if err := metadata.start(catalog); err != nil {
		return err
	}
	// With its leader elected the catalog registers the backend at the first heartbeat, not at the second.
	if !d.await(ctx, catalog.host) {
		return ctx.Err()
	}
	store, err := d.open(processOptions{
		role: cluster.Backend, id: "backend-1", data: filepath.Join(c.Data, "backend-1"), spaceBytes: replicas.spaceBytes(),
	})
	if err != nil {
		return err
	}
	addresses := []string{catalog.rpcAddress()}
	backend := backendCommand{ID: "backend-1", Metadata: addresses, Zone: "local", replicaFlags: replicas}
	server, err := backend.start(store)
	if err != nil {
		return err
	}
	d.slots = func() int { return len(server.Status()) }
	edge, err := d.open(processOptions{role: cluster.Frontend, id: "frontend-1"})
	if err != nil {
		return err
	}
	frontend := frontendCommand{
		ID: "frontend-1", Listen: c.Listen, Metadata: addresses,
		Account: "000000000000", Region: "us-east-1", RequestTimeout: 5 * time.Second,
		NoDeleteQueue: c.NoDeleteQueue, CreateQueues: c.CreateQueues,
	}
	d.frontendAt, err = frontend.start(edge)
	return err
}

// open opens a process for one role, listening for RPC on a free port.
func (d *devSystem) open(o processOptions) (*process, error) {
	o.listen, o.listenFlag = anyLocalPort, "--listen"
	flags := *d.global
	if len(d.roles) > 0 {
		flags.Pprof = "" // one profiler shows all roles: they share the operating system process
	}
	p, err := openProcess(&flags, o)
	if err != nil {
		return nil, err
	}
	p.failed = d.failed
	d.roles = append(d.roles, p)
	return p, nil
}

// await returns true once every role started so far is well and, with a backend, every slot has a leader; false if ctx
// ends first.
func (d *devSystem) await(ctx context.Context, host node.Host) bool {
	well := func() bool {
		for _, p := range d.roles {
			if healthy, _ := p.health(ctx); !healthy {
				return false
			}
		}
		return d.slots == nil || d.slots() == d.wantSlots
	}
	for !well() {
		if node.Wait(ctx, host.Clock, probePause) != nil {
			return false
		}
	}
	return true
}

// processes describes the roles for cluster.json.
func (d *devSystem) processes() []cluster.Process {
	var processes []cluster.Process
	for _, p := range d.roles {
		address := p.rpcAddress()
		if p.role == cluster.Frontend {
			address = d.frontendAt
		}
		processes = append(processes, cluster.Process{Role: p.role, ID: p.host.Name, Address: address, RPC: p.rpcAddress(), PID: os.Getpid()})
	}
	return processes
}

// stop stops the roles, the last started first.
func (d *devSystem) stop() {
	for i := len(d.roles) - 1; i >= 0; i-- {
		d.roles[i].stop()
	}
}
