// Package cluster describes a local cluster of real processes: which there are, where they listen, how each is
// started. The description is the file cluster.json in the cluster's data folder.
//
// "chasqui up" makes a [File] with [Plan] and keeps it up to date while the processes run; "chasqui status", tests and
// the chaos suite read it with [Load]. Ports are chosen once and then kept, because the members of a raft group know
// each other by address and a client should find its endpoint where it was.
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"chasqui/node"
	"chasqui/node/identity"
)

// FileName is the file's name in the cluster's data folder.
const FileName = "cluster.json"

const (
	format = 1
	// fileBytesMax bounds what Load reads.
	fileBytesMax = 1 << 20
)

// The roles of a cluster's processes.
const (
	Metadata = "metadata"
	Backend  = "backend"
	Frontend = "frontend"
	Balancer = "balancer"
)

// File is a local cluster.
type File struct {
	Format int `json:"format"`
	// Listen is the address that clients use: the VIP of the balancers.
	Listen string `json:"listen"`
	// Slots is the number of slots that the backends share.
	Slots int `json:"slots"`
	// SupervisorPID is the process that runs the others, 0 after it has stopped in order.
	SupervisorPID int `json:"supervisor_pid"`
	// Processes are in the order in which they are started.
	Processes []Process `json:"processes"`
}

// Process is one process of a cluster.
type Process struct {
	Role string `json:"role"`
	ID   string `json:"id"`
	// Address is where the role's clients reach it; of a balancer the VIP, which it may not hold.
	Address string `json:"address"`
	// RPC is where it answers internal calls, host status among them.
	RPC string `json:"rpc"`
	// Log is the path of its log, as seen from where the cluster was started.
	Log string `json:"log"`
	// PID is its process id, 0 while it is not running.
	PID int `json:"pid"`
	// Restarts counts how often it was started again since the cluster was started.
	Restarts int `json:"restarts"`
	// LastExit says how its last process ended, if one has.
	LastExit string `json:"last_exit,omitempty"`
}

// New returns a cluster that a process has laid out by itself.
func New(listen string, slots, pid int, processes []Process) *File {
	return &File{Format: format, Listen: listen, Slots: slots, SupervisorPID: pid, Processes: processes}
}

// Of returns the processes of one role in order.
func (f *File) Of(role string) []Process {
	var of []Process
	for _, p := range f.Processes {
		if p.Role == role {
			of = append(of, p)
		}
	}
	return of
}

// Find returns the process called id, or nil.
func (f *File) Find(id string) *Process {
	for i := range f.Processes {
		if f.Processes[i].ID == id {
			return &f.Processes[i]
		}
	}
	return nil
}

// Load reads the file from a cluster's data folder; fs.ErrNotExist if there is none.
func Load(disk node.Disk) (_ *File, err error) {
	opened, err := disk.Open(FileName)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", FileName, err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	size, err := opened.Size()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", FileName, err)
	}
	if size > fileBytesMax {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are possible", FileName, size, fileBytesMax)
	}
	content := make([]byte, size)
	if _, err := opened.ReadAt(content, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", FileName, err)
	}
	var f File
	if err := json.Unmarshal(content, &f); err != nil {
		return nil, fmt.Errorf("parse %s: %w", FileName, err)
	}
	if f.Format != format {
		return nil, fmt.Errorf("%s has format %d: this version of chasqui knows format %d", FileName, f.Format, format)
	}
	return &f, nil
}

// Save replaces the file in a cluster's data folder, atomically and durably. Calls must not overlap.
func (f *File) Save(disk node.Disk) error {
	content, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", FileName, err)
	}
	if err := identity.WriteFile(disk, FileName, append(content, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", FileName, err)
	}
	return nil
}
