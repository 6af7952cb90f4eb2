package suite

import (
	"fmt"
	"path/filepath"
	"strings"

	"chasqui/chaos/proxy"
	"chasqui/cmd/chasqui/cluster"
)

// The roles of hosts; those of processes are named as their commands are.
const (
	metadataRole = cluster.Metadata
	backendRole  = cluster.Backend
	frontendRole = cluster.Frontend
	balancerRole = cluster.Balancer
	clientRole   = "client"
)

// How faults name hosts by their part, as in package sim.
const (
	leaderPrefix = "leader:"
	vipHolder    = "holder"
)

// hostsOf returns the names of a role's hosts.
func hostsOf(role string) []string {
	t := topology()
	count := map[string]int{
		metadataRole: t.Metadata, backendRole: t.Backends, frontendRole: t.Frontends, balancerRole: t.Balancers, clientRole: t.Clients,
	}[role]
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("%s-%d", role, i+1))
	}
	return names
}

// servers are the hosts that run processes, in the order in which they are started; hosts are those and the clients.
func servers() []string {
	var names []string
	for _, role := range []string{metadataRole, backendRole, frontendRole, balancerRole} {
		names = append(names, hostsOf(role)...)
	}
	return names
}

func hosts() []string { return append(servers(), hostsOf(clientRole)...) }

// roleOf returns the role of a host.
func roleOf(name string) string { return name[:strings.LastIndexByte(name, '-')] }

// Ports, the same on every host's addresses.
const (
	rpcPort       = 9350
	httpPort      = 9340
	vipPort       = 9324
	failpointPort = 9390
)

// layout gives every host addresses of 127.NET.0.0/16: one on which its process listens and from which it dials, and one under
// which the others know it, where the proxies listen. The balancers listen on a virtual IP each, and the proxies play the
// switch that decides whose it is.
type layout struct {
	net int
}

func (l layout) number(host string) int {
	for i, name := range hosts() {
		if name == host {
			return i + 1
		}
	}
	panic(fmt.Sprintf("no host is called %s", host))
}

// own is where a host's process listens, public where the others look for it.
func (l layout) own(host string, port int) string {
	return fmt.Sprintf("%s:%d", l.ip(host), port)
}

func (l layout) ip(host string) string { return fmt.Sprintf("127.%d.0.%d", l.net, l.number(host)) }

func (l layout) public(host string, port int) string {
	return fmt.Sprintf("127.%d.1.%d:%d", l.net, l.number(host), port)
}

// endpoint is the virtual IP as clients know it.
func (l layout) endpoint() string { return fmt.Sprintf("127.%d.2.1:%d", l.net, vipPort) }

func (l layout) publics(role string, port int) string {
	var all []string
	for _, name := range hostsOf(role) {
		all = append(all, l.public(name, port))
	}
	return strings.Join(all, ",")
}

// digestInterval is how often replicas compare their states.
const digestInterval = "2s"

// args is the command line of a host's process. dir is where its data folder is.
func (l layout) args(name, dir string, rejoin bool) []string {
	t := topology()
	args := []string{"--local-address=" + l.ip(name), roleOf(name), "--id=" + name}
	replica := []string{
		"--listen=" + l.own(name, rpcPort), "--data=" + filepath.Join(dir, name),
		fmt.Sprintf("--segment-bytes=%d", t.SegmentBytes), "--digest-interval=" + digestInterval,
	}
	if rejoin {
		replica = append(replica, "--rejoin")
	}
	switch roleOf(name) {
	case metadataRole:
		var members []string
		for _, m := range hostsOf(metadataRole) {
			members = append(members, m+"="+l.public(m, rpcPort))
		}
		args = append(append(args, replica...), "--members="+strings.Join(members, ","),
			fmt.Sprintf("--expect-backends=%d", t.Backends), fmt.Sprintf("--slots=%d", t.Slots))
	case backendRole:
		args = append(append(args, replica...), "--advertise="+l.public(name, rpcPort), "--metadata="+l.publics(metadataRole, rpcPort))
	case frontendRole:
		args = append(args, "--listen="+l.own(name, httpPort), "--control="+l.own(name, rpcPort), "--metadata="+l.publics(metadataRole, rpcPort))
	case balancerRole:
		priority := "--primary"
		if name != hostsOf(balancerRole)[0] {
			priority = "--secondary"
		}
		args = append(args, "--vip="+l.own(name, vipPort), "--control="+l.own(name, rpcPort), "--frontends="+l.publics(frontendRole, httpPort), priority)
		for _, other := range hostsOf(balancerRole) {
			if other != name {
				args = append(args, "--peer="+l.public(other, rpcPort))
			}
		}
	}
	return args
}

// serve starts the proxies. route says who has the virtual IP, as far as a client knows.
func (l layout) serve(network *proxy.Network, route proxy.Route) error {
	for _, name := range servers() {
		ports := []int{rpcPort}
		switch roleOf(name) {
		case frontendRole:
			ports = []int{rpcPort, httpPort}
		}
		for _, port := range ports {
			own := l.own(name, port)
			if _, err := network.Serve(l.public(name, port), func(string) (string, string, bool) { return name, own, true }); err != nil {
				return err
			}
		}
	}
	_, err := network.Serve(l.endpoint(), route)
	return err
}

// dialFrom are the addresses that hosts dial from.
func (l layout) dialFrom() map[string]string {
	from := map[string]string{}
	for _, name := range hosts() {
		from[name] = l.ip(name)
	}
	return from
}
