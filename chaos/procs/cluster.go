// Package procs runs a cluster of real processes for tests and benchmarks: it starts "chasqui up" from the built
// binary, finds the processes in cluster.json, kills them without warning, and asks "chasqui status" who leads.
package procs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"chasqui/cmd/chasqui/cluster"
	"chasqui/node"
	"chasqui/node/real"
)

// Options describe a cluster to start.
type Options struct {
	Binary string    // the built chasqui
	Dir    string    // data folder; an existing one is started again
	Listen string    // the endpoint; "" picks a free port of 127.0.0.1
	Flags  []string  // further flags of "chasqui up"
	Output io.Writer // of the supervisor; nil for none
}

// Cluster is a running cluster. Its methods may be called concurrently.
type Cluster struct {
	Endpoint string // "host:port"
	Dir      string

	binary string
	host   node.Host
	up     *exec.Cmd
	ended  chan struct{}

	mu  sync.Mutex // guards err
	err error
}

// readyLine is what "chasqui up" prints once its endpoint answers.
const readyLine = "chasqui is ready at"

// startTimeout bounds the start of a cluster on a busy machine.
const startTimeout = 60 * time.Second

// FreeAddress returns an address of 127.0.0.1 that nobody listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Start starts a cluster and returns when its endpoint answers.
func Start(o Options) (*Cluster, error) {
	if o.Listen == "" {
		var err error
		if o.Listen, err = FreeAddress(); err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
	}
	host, err := real.New(real.Options{Name: "procs", DataDir: o.Dir, LogLevel: slog.LevelError})
	if err != nil {
		return nil, err
	}
	c := &Cluster{Endpoint: o.Listen, Dir: o.Dir, binary: o.Binary, host: host, ended: make(chan struct{})}
	c.up = exec.Command(o.Binary, append([]string{"up", "--data", o.Dir, "--listen", o.Listen}, o.Flags...)...)
	output, err := c.up.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.up.Stderr = c.up.Stdout
	if err := c.up.Start(); err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	ready := make(chan struct{})
	go c.follow(output, o.Output, ready)
	select {
	case <-ready:
		return c, nil
	case <-c.ended:
		return nil, fmt.Errorf("the cluster ended before it was ready: %w", c.exit())
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("no cluster within %s", startTimeout), c.Stop())
	}
}

// follow reads the supervisor's output until it ends.
func (c *Cluster) follow(output io.Reader, copyTo io.Writer, ready chan<- struct{}) {
	var tail []string
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if copyTo != nil {
			fmt.Fprintln(copyTo, lines.Text())
		}
		if tail = append(tail, lines.Text()); len(tail) > 20 {
			tail = tail[1:]
		}
		if ready != nil && strings.Contains(lines.Text(), readyLine) {
			close(ready)
			ready = nil
		}
	}
	err := c.up.Wait()
	c.mu.Lock()
	if err != nil {
		c.err = fmt.Errorf("%w; its last words:\n%s", err, strings.Join(tail, "\n"))
	}
	c.mu.Unlock()
	close(c.ended)
}

func (c *Cluster) exit() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Stop ends the cluster in order, as Ctrl-C does, and waits for it.
func (c *Cluster) Stop() error {
	select {
	case <-c.ended:
		return c.exit()
	default:
	}
	if err := c.up.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case <-c.ended:
	case <-time.After(startTimeout):
		return errors.Join(fmt.Errorf("the cluster did not stop within %s", startTimeout), c.up.Process.Kill())
	}
	c.host.Tasks.Stop()
	return c.exit()
}

// File returns the cluster as its supervisor sees it.
func (c *Cluster) File() (*cluster.File, error) { return cluster.Load(c.host.Disk) }

// MetadataAddresses returns where the metadata hosts answer RPCs.
func (c *Cluster) MetadataAddresses() ([]string, error) {
	f, err := c.File()
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, p := range f.Of(cluster.Metadata) {
		addresses = append(addresses, p.RPC)
	}
	return addresses, nil
}

// Kill ends processes with SIGKILL, all at once. The supervisor starts them again.
func (c *Cluster) Kill(ids ...string) error {
	f, err := c.File()
	if err != nil {
		return err
	}
	var pids []int
	for _, id := range ids {
		p := f.Find(id)
		if p == nil || p.PID == 0 {
			return fmt.Errorf("%s is not running", id)
		}
		pids = append(pids, p.PID)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
	}
	return nil
}

// Log returns the log of one process.
func (c *Cluster) Log(id string) (string, error) {
	b, err := os.ReadFile(filepath.Join(c.Dir, "logs", id+".log"))
	return string(b), err
}

// Status is what "chasqui status -o json" prints, as far as tests need it.
type Status struct {
	Healthy bool `json:"healthy"`
	Hosts   []struct {
		Role    string `json:"role"`
		ID      string `json:"id"`
		PID     int    `json:"pid"`
		Healthy bool   `json:"healthy"`
		Detail  string `json:"detail"`
	} `json:"hosts"`
	Metadata []struct {
		ID   string `json:"id"`
		Role string `json:"role"`
	} `json:"metadata"`
	Slots []struct {
		Slot   uint16 `json:"slot"`
		Leader string `json:"leader"`
		Term   uint64 `json:"term"`
	} `json:"slots"`
}

// Status asks the cluster. A cluster that is not healthy is no error.
func (c *Cluster) Status(ctx context.Context) (*Status, error) {
	command := exec.CommandContext(ctx, c.binary, "status", "--data", c.Dir, "-o", "json")
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	var s Status
	if decodeErr := json.Unmarshal(out.Bytes(), &s); decodeErr != nil {
		return nil, fmt.Errorf("chasqui status: %w (%w): %s", decodeErr, err, errs.String())
	}
	return &s, nil
}

// MetadataLeader returns the host that leads the catalog, "" if there is none.
func (s *Status) MetadataLeader() string {
	for _, m := range s.Metadata {
		if m.Role == "leader" {
			return m.ID
		}
	}
	return ""
}

// SlotLeader returns the host that leads a slot, "" if there is none.
func (s *Status) SlotLeader(slot uint16) string {
	for _, l := range s.Slots {
		if l.Slot == slot {
			return l.Leader
		}
	}
	return ""
}

// VIPHolder returns the balancer that holds the virtual IP, "" if there is none.
func (s *Status) VIPHolder() string {
	for _, h := range s.Hosts {
		if h.Role == cluster.Balancer && strings.HasPrefix(h.Detail, "holds the VIP") {
			return h.ID
		}
	}
	return ""
}
