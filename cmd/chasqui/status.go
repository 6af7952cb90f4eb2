package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"chasqui/cmd/chasqui/cluster"
	"chasqui/metadata"
	"chasqui/node"
	"chasqui/node/hoststatus"
	"chasqui/node/replication"
	"chasqui/node/rpc"
)

// exitUnhealthy is the exit code of status when a part of the cluster is not well.
const exitUnhealthy exitCode = 1

type statusCommand struct {
	Data     string        `help:"Data folder of a cluster on this machine (chasqui dev, chasqui up)." default:"./data" type:"path"`
	Metadata []string      `help:"RPC addresses of the metadata hosts of any cluster; --data is not looked at then. Frontends and balancers are not shown." placeholder:"ADDR,..."`
	Output   string        `help:"Form of the output: table or json." short:"o" enum:"table,json" default:"table"`
	Timeout  time.Duration `help:"Time a host has to answer." default:"2s"`
}

// Help is shown by chasqui status --help.
func (*statusCommand) Help() string {
	return `The exit code is 0 if every host answers and is well and every slot has a leader and all its replicas, in equal states,
1 otherwise. Replicas that differ have a broken host or a bug of chasqui between them: keep their data folders.

Examples:

    chasqui status
    chasqui status --data /tmp/cluster -o json
    chasqui status --metadata 127.0.0.1:9351,127.0.0.1:9352,127.0.0.1:9353`
}

// report is what status shows.
type report struct {
	Healthy bool         `json:"healthy"`
	Hosts   []hostReport `json:"hosts"`
	// Metadata and Slots are missing, and Error says why, if no metadata host answers.
	Metadata []metadataReport `json:"metadata,omitempty"`
	// Differ says how the metadata hosts' catalogs differ, which they must not.
	Differ string       `json:"differ,omitempty"`
	Slots  []slotReport `json:"slots,omitempty"`
	Queues int          `json:"queues"`
	Error  string       `json:"error,omitempty"`
}

type hostReport struct {
	Role     string `json:"role"`
	ID       string `json:"id"`
	Address  string `json:"address"`
	RPC      string `json:"rpc"`
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	Healthy  bool   `json:"healthy"`
	Detail   string `json:"detail"`
}

type metadataReport struct {
	ID           string `json:"id"`
	Role         string `json:"role"`
	Leader       string `json:"leader"`
	Term         uint64 `json:"term"`
	LastIndex    uint64 `json:"last_index"`
	CommitIndex  uint64 `json:"commit_index"`
	AppliedIndex uint64 `json:"applied_index"`
	Error        string `json:"error,omitempty"`
}

type slotReport struct {
	Slot       uint16          `json:"slot"`
	Leader     string          `json:"leader"`
	Term       uint64          `json:"term"`
	Partitions int             `json:"partitions"`
	Replicas   []replicaReport `json:"replicas"`
	// Differ says how the replicas' states differ, which they must not.
	Differ string `json:"differ,omitempty"`
}

type replicaReport struct {
	ID    string `json:"id"`
	Heard bool   `json:"heard"`
	Role  string `json:"role"`
	Lag   uint64 `json:"lag"`
}

// Run asks every host of a cluster and shows the answers.
func (c *statusCommand) Run(g *global) error {
	host, err := openHost(g, "status", "")
	if err != nil {
		return err
	}
	defer host.Tasks.Stop()
	client := rpc.NewClient(host, rpc.DefaultConfig())
	defer client.Close()
	hosts, addresses, err := c.hosts(g)
	if err != nil {
		return err
	}
	r := report{Healthy: true, Hosts: hosts}
	c.askMetadata(host, client, addresses, &r)
	c.askHosts(host, client, &r)
	if err := r.print(g.stdout, c.Output); err != nil {
		return err
	}
	if !r.Healthy {
		return exitUnhealthy
	}
	return nil
}

// hosts returns the hosts that are known beforehand and the addresses of the metadata hosts.
func (c *statusCommand) hosts(g *global) (hosts []hostReport, metadataAddresses []string, err error) {
	if len(c.Metadata) > 0 {
		return nil, c.Metadata, nil
	}
	disk, err := existingFolder(g, c.Data)
	if err != nil {
		return nil, nil, err
	}
	file, err := cluster.Load(disk)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s holds no cluster: give its folder with --data, or the metadata hosts with --metadata", c.Data)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, p := range file.Processes {
		hosts = append(hosts, hostReport{Role: p.Role, ID: p.ID, Address: p.Address, RPC: p.RPC, PID: p.PID, Restarts: p.Restarts})
	}
	for _, p := range file.Of(cluster.Metadata) {
		metadataAddresses = append(metadataAddresses, p.RPC)
	}
	return hosts, metadataAddresses, nil
}

// existingFolder opens a data folder that must be there already, as a disk. It goes through the folder above it, so
// that a wrong --data makes no folder.
func existingFolder(g *global, data string) (node.Disk, error) {
	above, err := openHost(g, "status", filepath.Dir(data))
	if err != nil {
		return nil, err
	}
	if _, err := above.Disk.List(filepath.Base(data)); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", data, err)
	}
	host, err := openHost(g, "status", data)
	return host.Disk, err
}

// askMetadata fills in what the metadata hosts know. With --metadata the hosts come from there too.
func (c *statusCommand) askMetadata(host node.Host, client *rpc.Client, addresses []string, r *report) {
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	status, err := metadata.NewClient(host, client, addresses).Status(ctx)
	if err != nil {
		r.Healthy, r.Error = false, err.Error()
		if r.Hosts == nil {
			for _, address := range addresses {
				r.Hosts = append(r.Hosts, hostReport{Role: cluster.Metadata, Address: address, RPC: address})
			}
		}
		return
	}
	r.Queues = status.Queues
	r.addMembers(status.Members)
	r.Differ = status.Disagreement()
	r.Healthy = r.Healthy && r.Differ == ""
	r.addSlots(status.Slots)
	if len(r.Slots) == 0 {
		r.Healthy = false
		r.Error = fmt.Sprintf("slots are not assigned yet: %d of %d backend hosts have registered", len(status.Backends), status.ExpectBackends)
	}
	if r.Hosts != nil {
		return
	}
	for _, m := range status.Members {
		r.Hosts = append(r.Hosts, hostReport{Role: cluster.Metadata, ID: m.ID, Address: m.Address, RPC: m.Address})
	}
	for _, b := range status.Backends {
		r.Hosts = append(r.Hosts, hostReport{Role: cluster.Backend, ID: b.Host.ID, Address: b.Host.Address, RPC: b.Host.Address, PID: b.PID})
	}
}

func (r *report) addMembers(members []metadata.MemberStatus) {
	leader := ""
	for _, m := range members {
		line := metadataReport{
			ID: m.ID, Role: m.Group.Role, Leader: m.Group.Leader, Term: m.Group.Term, LastIndex: m.Group.LastIndex,
			CommitIndex: m.Group.CommitIndex, AppliedIndex: m.Group.AppliedIndex, Error: m.Error,
		}
		if m.Reachable && m.Group.Leader != "" {
			leader = m.Group.Leader
		}
		r.Metadata = append(r.Metadata, line)
	}
	r.Healthy = r.Healthy && leader != ""
}

func (r *report) addSlots(slots []metadata.SlotStatus) {
	for _, s := range slots {
		line := slotReport{Slot: s.Slot, Leader: s.Leader, Term: s.Term, Partitions: s.Partitions, Differ: s.Disagreement()}
		for _, replica := range s.Replicas {
			line.Replicas = append(line.Replicas, replicaReport{ID: replica.HostID, Heard: replica.Heard, Role: replica.Group.Role, Lag: replica.Lag})
			r.Healthy = r.Healthy && replica.Heard && replica.Group.Role != replication.RoleRejoining
		}
		r.Healthy = r.Healthy && s.Leader != "" && line.Differ == ""
		r.Slots = append(r.Slots, line)
	}
}

// askHosts asks every host for its own judgement, all at the same time.
func (c *statusCommand) askHosts(host node.Host, client *rpc.Client, r *report) {
	tasks := host.Tasks.Group()
	done := make(chan struct{}, len(r.Hosts))
	for i := range r.Hosts {
		line := &r.Hosts[i]
		tasks.Go("ask-host", func(ctx context.Context) {
			defer func() { done <- struct{}{} }()
			ctx, cancel := context.WithTimeout(ctx, c.Timeout)
			defer cancel()
			line.take(hoststatus.Ask(ctx, client, line.RPC))
		})
	}
	for range r.Hosts {
		<-done
	}
	tasks.Stop()
	for _, line := range r.Hosts {
		r.Healthy = r.Healthy && line.Healthy
	}
}

// take notes a host's answer. A host that answers under another name is not the one that was meant.
func (h *hostReport) take(status hoststatus.Status, err error) {
	switch {
	case err != nil:
		h.Healthy, h.Detail = false, "does not answer: "+err.Error()
	case h.ID != "" && status.ID != h.ID:
		h.Healthy, h.Detail = false, fmt.Sprintf("another host answers: %s %q", status.Role, status.ID)
	default:
		h.ID, h.PID, h.Healthy, h.Detail = status.ID, status.PID, status.Healthy, status.Detail
	}
}

func (r *report) print(w io.Writer, form string) error {
	if form == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ROLE\tID\tADDRESS\tPID\tHEALTH\tDETAIL")
	for _, h := range r.Hosts {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", h.Role, h.ID, h.Address, h.PID, health(h.Healthy), h.Detail)
	}
	if len(r.Metadata) > 0 {
		fmt.Fprintln(table, "\nMETADATA\tROLE\tTERM\tLAST\tCOMMIT\tAPPLIED")
		for _, m := range r.Metadata {
			if m.Error != "" {
				fmt.Fprintf(table, "%s\t%s\n", m.ID, m.Error)
				continue
			}
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\n", m.ID, m.Role, m.Term, m.LastIndex, m.CommitIndex, m.AppliedIndex)
		}
	}
	if len(r.Slots) > 0 {
		fmt.Fprintln(table, "\nSLOT\tLEADER\tTERM\tPARTITIONS\tFOLLOWERS (LAG IN ENTRIES)")
		for _, s := range r.Slots {
			fmt.Fprintf(table, "%d\t%s\t%d\t%d\t%s\n", s.Slot, orNone(s.Leader), s.Term, s.Partitions, s.followers())
		}
	}
	if err := table.Flush(); err != nil { // which has the errors of all writes
		return err
	}
	for _, text := range r.differences() {
		if _, err := fmt.Fprintf(w, "\n%s: %s\n", health(false), text); err != nil {
			return err
		}
	}
	if r.Error != "" {
		if _, err := fmt.Fprintf(w, "\n%s\n", r.Error); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%d queues; the cluster is %s\n", r.Queues, health(r.Healthy))
	return err
}

// differences says where replicas differ.
func (r *report) differences() []string {
	var texts []string
	if r.Differ != "" {
		texts = append(texts, "metadata: "+r.Differ)
	}
	for _, s := range r.Slots {
		if s.Differ != "" {
			texts = append(texts, fmt.Sprintf("slot %d: %s", s.Slot, s.Differ))
		}
	}
	return texts
}

func (s *slotReport) followers() string {
	var texts []string
	for _, replica := range s.Replicas {
		switch {
		case replica.Role == "leader" && replica.ID == s.Leader:
		case !replica.Heard:
			texts = append(texts, replica.ID+" (silent)")
		case replica.Role == replication.RoleRejoining:
			texts = append(texts, replica.ID+" (rejoining)")
		default:
			texts = append(texts, fmt.Sprintf("%s (%d)", replica.ID, replica.Lag))
		}
	}
	return strings.Join(texts, ", ")
}

func health(healthy bool) string {
	if healthy {
		return "healthy"
	}
	return "UNHEALTHY"
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
