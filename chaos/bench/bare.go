package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"chasqui/chaos/load"
	"chasqui/chaos/procs"
	"chasqui/node/real"
	"chasqui/node/replication"
	"chasqui/node/rpc"
	"chasqui/node/wal"
)

// The bare path is the yardstick for the backend's: the same RPC, batches, hashicorp/raft, journal and disks, and three
// processes as well, but a state machine that only keeps what it is given, without queues, sessions, indexes or
// snapshots. What the queue costs is the ratio of the two, which says more than either figure on a machine that is twice
// as fast one day as the next.

// bareHosts is the number of hosts of the bare group, that of a slot's replicas.
const bareHosts = 3

// bareStart bounds the time from the start of the bare hosts to their first leader.
const bareStart = 10 * time.Second

// bareGCPercent is how a chasqui process collects its garbage.
const bareGCPercent = 200

// BareHost is one process of the bare path. It ends with its standard input, and so with whoever started it.
type BareHost struct {
	Number  int      `help:"Which of the members this host is, from 0."`
	Members []string `help:"RPC addresses of all members, in order."`
	Data    string   `help:"Data folder of this host alone."`
}

// Run runs the host.
func (b *BareHost) Run() error {
	debug.SetGCPercent(bareGCPercent)
	host, err := real.New(real.Options{Name: bareID(b.Number), DataDir: b.Data, LogLevel: slog.LevelError})
	if err != nil {
		return err
	}
	listener, err := host.Network.Listen(b.Members[b.Number])
	if err != nil {
		return err
	}
	journal, err := wal.Open(host, "journal", wal.DefaultConfig())
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	server, client := rpc.NewServer(host, rpc.DefaultConfig()), rpc.NewClient(host, rpc.DefaultConfig())
	cfg := replication.DefaultConfig()
	cfg.GroupID, cfg.Name, cfg.HostID, cfg.Preferred = 1, "bare", host.Name, b.Number == 0
	cfg.SnapshotBytes, cfg.SnapshotEntries, cfg.DigestInterval = math.MaxInt64, math.MaxUint64, 0
	for i, address := range b.Members {
		cfg.Members = append(cfg.Members, replication.Member{ID: bareID(i), Address: address})
	}
	replica, err := replication.NewNode(host, server, client, journal, "snapshots", nil).Start(cfg, &bareMachine{})
	if err != nil {
		return err
	}
	server.HandleInline(load.MethodBare, func(call *rpc.Call) {
		replica.Submit(replication.Operation{Data: call.Body(), Deadline: call.Deadline(), Done: func(_ any, err error) {
			if err != nil {
				call.Fail(err)
				return
			}
			call.Reply(nil)
		}})
	})
	host.Tasks.Go("rpc-server", func(context.Context) { ended <- server.Serve(listener) })
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	return <-ended
}

func bareID(number int) string { return "bare-" + strconv.Itoa(number+1) }

// bareMachine keeps every operation.
type bareMachine struct{ kept [][]byte }

// Apply implements replication.StateMachine.
func (m *bareMachine) Apply(_ int64, operations [][]byte) []any {
	m.kept = append(m.kept, operations...)
	return make([]any, len(operations))
}

var errNoSnapshots = errors.New("the bare path has no snapshots")

// Snapshot implements replication.StateMachine.
func (*bareMachine) Snapshot() (replication.Snapshot, error) { return nil, errNoSnapshots }

// Restore implements replication.StateMachine.
func (*bareMachine) Restore(io.Reader) error { return errNoSnapshots }

// bare starts a bare group, runs a phase against it, and ends it.
func (o *runner) bare(ctx context.Context, name string, window, batch int) (result load.Result, err error) {
	program, err := os.Executable()
	if err != nil {
		return load.Result{}, err
	}
	var addresses []string
	for range bareHosts {
		address, err := procs.FreeAddress()
		if err != nil {
			return load.Result{}, err
		}
		addresses = append(addresses, address)
	}
	dir, err := os.MkdirTemp(o.Data, "bare-")
	if err != nil {
		return load.Result{}, err
	}
	var stops []func() error
	defer func() {
		for _, stop := range stops {
			err = errors.Join(err, stop())
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	for i := range addresses {
		c := exec.CommandContext(ctx, program, "bare-host", "--number", strconv.Itoa(i), "--members", strings.Join(addresses, ","),
			"--data", filepath.Join(dir, bareID(i)))
		c.Stderr = o.progress
		stop, err := c.StdinPipe()
		if err != nil {
			return load.Result{}, err
		}
		if err := c.Start(); err != nil {
			return load.Result{}, fmt.Errorf("start a host of the bare path: %w", err)
		}
		stops = append(stops, func() error { return errors.Join(stop.Close(), c.Wait()) })
	}
	host, err := real.New(real.Options{Name: "bench", LogLevel: slog.LevelError})
	if err != nil {
		return load.Result{}, err
	}
	defer host.Tasks.Stop()
	opening, cancel := context.WithTimeout(ctx, bareStart)
	defer cancel()
	b, err := load.OpenBare(opening, host, addresses)
	if err != nil {
		return load.Result{}, err
	}
	defer b.Close()
	return b.Pipeline(ctx, name, window, batch, o.Body, o.Duration), nil
}
