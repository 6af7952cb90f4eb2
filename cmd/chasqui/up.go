package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"text/tabwriter"
	"time"

	"chasqui/cmd/chasqui/cluster"
	"chasqui/frontend/balancer"
	"chasqui/metadata"
	"chasqui/node"
	"chasqui/node/real/supervisor"
	"chasqui/node/rpc"
)

const (
	// logsDir is the folder of the processes' logs in the cluster's data folder.
	logsDir = "logs"
	// probePause and probeTimeout are for the health checks while a system starts.
	probePause   = 20 * time.Millisecond
	probeTimeout = time.Second
	// hintAfter is how long a system may take to start before the user is told where to look.
	hintAfter = 15 * time.Second
)

type upCommand struct {
	Data      string `help:"Folder for the data, logs and cluster.json of the cluster." default:"./data" type:"path"`
	Listen    string `help:"Address that clients use." default:"127.0.0.1:9324"`
	Balancers int    `help:"Balancers, 1 or 2." default:"2"`
	Frontends int    `help:"Frontends." default:"2"`
	Metadata  int    `help:"Metadata hosts; 3 survive the loss of 1. Fixed when the cluster is made." default:"3"`
	Backends  int    `help:"Backend hosts; each slot is on 3 of them." default:"3"`
	Slots     int    `help:"Slots: raft groups that share the queues. Fixed when the cluster is made." default:"8"`
	NoRestart bool   `help:"Leave a process dead when it ends, for experiments."`
}

// Help is shown by chasqui up --help.
func (*upCommand) Help() string {
	return `The processes run until Ctrl-C; a dead one is started again after a second. Ports and process ids are in
DATA/cluster.json, logs in DATA/logs. The same --data brings the same cluster back.

Examples:

    chasqui up
    chasqui up --data /tmp/cluster --frontends 3 --backends 5
    chasqui status --data /tmp/cluster`
}

// Run runs a local cluster until it is told to stop.
func (c *upCommand) Run(g *global) error {
	signalled, release := untilSignal()
	defer release()
	return c.run(signalled, g)
}

// run runs a local cluster until ctx ends.
func (c *upCommand) run(ctx context.Context, g *global) (err error) {
	host, err := openHost(g, "up", c.Data)
	if err != nil {
		return err
	}
	defer host.Tasks.Stop()
	folder, err := claimFolder(host, "cluster", "up", c.Data, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	file, err := c.plan(host)
	if err != nil {
		return err
	}
	keeper := &fileKeeper{host: host, file: file}
	children, err := supervisor.New(host, keeper.config())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, children.Stop(), keeper.finish()) }()
	if err := c.startAll(g, file, children); err != nil {
		return err
	}
	if err := keeper.print(g.stdout); err != nil {
		return err
	}
	if awaitSlots(ctx, host, file) && awaitEndpoint(ctx, host, c.Listen, filepath.Join(c.Data, logsDir)) {
		if err := printEndpoint(g.stdout, c.Listen); err != nil {
			return err
		}
	}
	<-ctx.Done()
	host.Log.Info("stopping the cluster")
	return nil
}

// plan lays the cluster out and makes sure that the client's address is free.
func (c *upCommand) plan(host node.Host) (*cluster.File, error) {
	previous, err := cluster.Load(host.Disk)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	shape := cluster.Shape{
		Listen: c.Listen, Balancers: c.Balancers, Frontends: c.Frontends, Metadata: c.Metadata, Backends: c.Backends, Slots: c.Slots,
	}
	file, err := cluster.Plan(host, shape, previous, filepath.Join(c.Data, logsDir))
	if err != nil {
		return nil, err
	}
	if err := tryListen(host, c.Listen); err != nil {
		return nil, err
	}
	if err := host.Disk.MakeDir(logsDir); err != nil {
		return nil, fmt.Errorf("make folder for logs: %w", err)
	}
	file.SupervisorPID = os.Getpid()
	return file, file.Save(host.Disk)
}

// shareOfCores tells a child to use half of the machine's cores. Ten processes that each take all of them for their own
// wake one another's idle threads all the time, which on two cores costs a quarter of the throughput. GOMAXPROCS, if it
// is set, wins.
func shareOfCores() []string {
	if os.Getenv("GOMAXPROCS") != "" {
		return nil
	}
	return []string{fmt.Sprintf("GOMAXPROCS=%d", max(1, runtime.NumCPU()/2))}
}

func (c *upCommand) startAll(g *global, file *cluster.File, children *supervisor.Supervisor) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's own file: %w", err)
	}
	level := "--log-level=" + g.LogLevel.String()
	for _, p := range append([]cluster.Process(nil), file.Processes...) {
		args := append([]string{level}, file.Args(p, c.Data)...)
		if g.Config != "" {
			args = append([]string{"--config=" + g.Config}, args...)
		}
		child := supervisor.Child{Name: p.ID, Path: executable, Args: args, LogFile: p.Log, Env: shareOfCores(), NoRestart: c.NoRestart}
		if err := children.Start(child); err != nil {
			return err
		}
	}
	return nil
}

// fileKeeper keeps cluster.json true while the processes run.
type fileKeeper struct {
	host node.Host
	mu   sync.Mutex // guards file, and is held while it is written
	file *cluster.File
}

// config returns a supervisor's configuration that reports to the keeper.
func (k *fileKeeper) config() supervisor.Config {
	cfg := supervisor.DefaultConfig()
	cfg.Changed = k.changed
	return cfg
}

// changed notes what became of a child.
func (k *fileKeeper) changed(status supervisor.Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.file.Find(status.Name)
	p.PID, p.Restarts, p.LastExit = status.PID, status.Restarts, status.LastExit
	if err := k.file.Save(k.host.Disk); err != nil {
		k.host.Log.Error("cluster.json is out of date", "error", err)
	}
}

// finish notes that nothing runs any more.
func (k *fileKeeper) finish() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.file.SupervisorPID = 0
	return k.file.Save(k.host.Disk)
}

// print shows the processes as a table.
func (k *fileKeeper) print(w io.Writer) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ROLE\tID\tADDRESS\tPID\tLOG")
	for _, p := range k.file.Processes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", p.Role, p.ID, p.Address, p.PID, p.Log)
	}
	return table.Flush() // which has the errors of all writes
}

// awaitSlots returns true once the metadata hosts know a leader for every slot, false if ctx ends first.
func awaitSlots(ctx context.Context, host node.Host, file *cluster.File) bool {
	client := rpc.NewClient(host, rpc.DefaultConfig())
	defer client.Close()
	var addresses []string
	for _, p := range file.Of(cluster.Metadata) {
		addresses = append(addresses, p.RPC)
	}
	service := metadata.NewClient(host, client, addresses)
	for {
		probeCtx, cancel := context.WithTimeout(ctx, probeTimeout)
		topology, err := service.Topology(probeCtx)
		cancel()
		if err == nil && allLed(topology.Slots) {
			return true
		}
		if node.Wait(ctx, host.Clock, probePause) != nil {
			return false
		}
	}
}

func allLed(slots []metadata.SlotAssignment) bool {
	for _, slot := range slots {
		if slot.Leader == "" {
			return false
		}
	}
	return len(slots) > 0
}

// awaitEndpoint returns true once a health check of address succeeds, false if ctx ends first. logs is where a user
// should look if it takes long.
func awaitEndpoint(ctx context.Context, host node.Host, address, logs string) bool {
	started, hinted := host.Clock.Now(), false
	for {
		probeCtx, cancel := context.WithTimeout(ctx, probeTimeout)
		err := balancer.Probe(probeCtx, host.Network, address)
		cancel()
		if err == nil {
			return true
		}
		if !hinted && node.Since(host.Clock, started) > hintAfter {
			hinted = true
			host.Log.Warn("the endpoint does not answer yet; the logs may say why", "logs", logs, "error", err)
		}
		if node.Wait(ctx, host.Clock, probePause) != nil {
			return false
		}
	}
}

// printEndpoint shows how to talk to the system.
func printEndpoint(w io.Writer, address string) error {
	_, err := fmt.Fprintf(w, `
chasqui is ready at http://%[1]s

For the AWS command line and every AWS SDK:

  export AWS_ENDPOINT_URL_SQS=http://%[1]s
  export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=chasqui AWS_SECRET_ACCESS_KEY=chasqui

  aws --endpoint-url $AWS_ENDPOINT_URL_SQS sqs create-queue --queue-name hello
  aws --endpoint-url $AWS_ENDPOINT_URL_SQS sqs send-message --queue-url http://%[1]s/000000000000/hello --message-body "hello, world"
  aws --endpoint-url $AWS_ENDPOINT_URL_SQS sqs receive-message --queue-url http://%[1]s/000000000000/hello

Ctrl-C stops it.
`, address)
	return err
}
