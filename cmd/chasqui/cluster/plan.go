package cluster

import (
	"errors"
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"

	"chasqui/node"
)

// Limits of a local cluster's shape.
const (
	metadataMax  = 7
	backendsMax  = 32
	frontendsMax = 32
	balancersMax = 2 // a pair per VIP
	slotsMax     = 64
)

// Ports are taken from below the range that systems use for outgoing connections (from 32768 on Linux), so that a port
// is still free after the cluster has been stopped for a while.
const (
	portFirst = 20000
	portLast  = 32000
)

// Shape is what a user asks for.
type Shape struct {
	Listen                                   string
	Balancers, Frontends, Metadata, Backends int
	Slots                                    int
}

// Validate returns an error that names the flag out of range.
func (s Shape) Validate() error {
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return fmt.Errorf("--listen %q: %w", s.Listen, err)
	}
	for _, field := range []struct {
		flag       string
		value, max int
	}{
		{"balancers", s.Balancers, balancersMax}, {"frontends", s.Frontends, frontendsMax},
		{"metadata", s.Metadata, metadataMax}, {"backends", s.Backends, backendsMax}, {"slots", s.Slots, slotsMax},
	} {
		if field.value < 1 || field.value > field.max {
			return fmt.Errorf("--%s %d: 1 to %d are possible", field.flag, field.value, field.max)
		}
	}
	return nil
}

// Plan lays a cluster out. What previous has (nil: nothing) keeps its addresses; the rest gets free ports. The metadata
// hosts and the slots of a cluster cannot change once it exists, and backends can only be added; frontends and balancers
// come and go. logDir is where logs go, as a path for Process.Log.
func Plan(host node.Host, shape Shape, previous *File, logDir string) (*File, error) {
	if err := shape.Validate(); err != nil {
		return nil, err
	}
	if err := compatible(shape, previous); err != nil {
		return nil, err
	}
	ports := portFinder{network: host.Network, start: int(host.Random.Uint64() % (portLast - portFirst))}
	defer ports.close()
	f := &File{Format: format, Listen: shape.Listen, Slots: shape.Slots}
	for _, group := range []struct {
		role  string
		count int
	}{
		{Metadata, shape.Metadata}, {Backend, shape.Backends}, {Frontend, shape.Frontends}, {Balancer, shape.Balancers},
	} {
		for number := 1; number <= group.count; number++ {
			p := Process{Role: group.role, ID: fmt.Sprintf("%s-%d", group.role, number)}
			var known *Process
			if previous != nil {
				known = previous.Find(p.ID)
			}
			if known != nil {
				p.Address, p.RPC = known.Address, known.RPC
			} else if err := ports.assign(&p); err != nil {
				return nil, err
			}
			if p.Role == Balancer {
				p.Address = shape.Listen
			}
			p.Log = path.Join(logDir, p.ID+".log")
			f.Processes = append(f.Processes, p)
		}
	}
	return f, nil
}

// compatible refuses a shape that a cluster cannot take on.
func compatible(shape Shape, previous *File) error {
	if previous == nil {
		return nil
	}
	const advice = "give the same number, or another --data for a new cluster"
	if had := len(previous.Of(Metadata)); had != shape.Metadata {
		return fmt.Errorf("--metadata %d: this cluster was made with %d metadata hosts; %s", shape.Metadata, had, advice)
	}
	if had := len(previous.Of(Backend)); had > shape.Backends {
		return fmt.Errorf("--backends %d: this cluster has %d backend hosts and none can be taken away; %s", shape.Backends, had, advice)
	}
	if previous.Slots != shape.Slots {
		return fmt.Errorf("--slots %d: this cluster was made with %d slots; %s", shape.Slots, previous.Slots, advice)
	}
	return nil
}

// portFinder finds free ports on the loopback address. It keeps them listened to until close, so that none is given
// twice.
type portFinder struct {
	network node.Network
	start   int // offset from portFirst at which the search goes on
	open    []net.Listener
}

func (f *portFinder) assign(p *Process) error {
	var err error
	if p.RPC, err = f.next(); err != nil {
		return err
	}
	switch p.Role {
	case Frontend:
		p.Address, err = f.next()
	case Metadata, Backend:
		p.Address = p.RPC
	}
	return err
}

func (f *portFinder) next() (string, error) {
	for range portLast - portFirst {
		f.start = (f.start + 1) % (portLast - portFirst)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(portFirst+f.start))
		listener, err := f.network.Listen(address)
		if errors.Is(err, node.ErrAddressInUse) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		f.open = append(f.open, listener)
		return address, nil
	}
	return "", fmt.Errorf("no port from %d to %d is free", portFirst, portLast)
}

func (f *portFinder) close() {
	for _, listener := range f.open {
		_ = listener.Close() // it served nothing; a port that stays taken shows when the process starts
	}
}

// Args returns the command line, without the program's name, that starts a process of f. dataDir is the cluster's data
// folder as a path.
func (f *File) Args(p Process, dataDir string) []string {
	args := []string{p.Role, "--id=" + p.ID}
	switch p.Role {
	case Metadata:
		args = append(args, "--listen="+p.RPC, "--data="+path.Join(dataDir, p.ID), "--members="+f.members(),
			fmt.Sprintf("--expect-backends=%d", len(f.Of(Backend))), fmt.Sprintf("--slots=%d", f.Slots))
	case Backend:
		args = append(args, "--listen="+p.RPC, "--data="+path.Join(dataDir, p.ID), "--metadata="+f.addresses(Metadata),
			"--zone=local")
	case Frontend:
		args = append(args, "--listen="+p.Address, "--control="+p.RPC, "--metadata="+f.addresses(Metadata))
	case Balancer:
		priority := "--primary"
		if p.ID != f.Of(Balancer)[0].ID {
			priority = "--secondary"
		}
		args = append(args, "--vip="+f.Listen, "--control="+p.RPC, "--frontends="+f.addresses(Frontend), priority)
		for _, other := range f.Of(Balancer) {
			if other.ID != p.ID {
				args = append(args, "--peer="+other.RPC)
			}
		}
	}
	return args
}

func (f *File) addresses(role string) string {
	var addresses []string
	for _, p := range f.Of(role) {
		addresses = append(addresses, p.Address)
	}
	return strings.Join(addresses, ",")
}

func (f *File) members() string {
	var members []string
	for _, p := range f.Of(Metadata) {
		members = append(members, p.ID+"="+p.Address)
	}
	return strings.Join(members, ",")
}
