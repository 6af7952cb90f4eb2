package sim

import (
	"fmt"
	"strings"
)

// The roles of hosts.
const (
	roleBalancer = "balancer"
	roleFrontend = "frontend"
	roleMetadata = "metadata"
	roleBackend  = "backend"
	roleClient   = "client"
	roleConsole  = "console"
)

// vip is the floating address that clients connect to, and endpoint the name they know.
const (
	vip          = "10.0.9.9"
	vipAddress   = vip + ":9324"
	endpoint     = "sqs.chasqui.test"
	rpcPort      = 9350
	frontendPort = 9340
)

// hostPlan is one host of a topology.
type hostPlan struct {
	role, name, ip string
	zone           int
}

// serves tells whether the host is part of the cluster.
func (p hostPlan) serves() bool { return p.role != roleClient && p.role != roleConsole }

func (p hostPlan) rpc() string { return fmt.Sprintf("%s:%d", p.ip, rpcPort) }

func (p hostPlan) http() string { return fmt.Sprintf("%s:%d", p.ip, frontendPort) }

// hosts lays the hosts out over the zones, those of each role round robin.
func (t *Topology) hosts() []hostPlan {
	var all []hostPlan
	for kind, group := range []struct {
		role  string
		count int
	}{
		{roleMetadata, t.Metadata}, {roleBackend, t.Backends}, {roleFrontend, t.Frontends},
		{roleBalancer, t.Balancers}, {roleClient, t.Clients}, {roleConsole, t.Consoles},
	} {
		for i := range group.count {
			zone := i % t.Zones
			all = append(all, hostPlan{
				role: group.role, name: fmt.Sprintf("%s-%d", group.role, i+1), zone: zone,
				ip: fmt.Sprintf("10.%d.%d.%d", zone+1, kind+1, i+1),
			})
		}
	}
	return all
}

func (t *Topology) names() map[string]bool {
	names := map[string]bool{}
	for _, h := range t.hosts() {
		names[h.name] = true
	}
	return names
}

func (t *Topology) of(role string) []hostPlan {
	var all []hostPlan
	for _, h := range t.hosts() {
		if h.role == role {
			all = append(all, h)
		}
	}
	return all
}

// Balancers look less often than by default: their questions are a quarter of what wakes an idle cluster up, and each costs
// a simulated host a hundred times what it costs a real one.
const (
	checkInterval = "1s"
	pingInterval  = "500ms"
)

// digestInterval is how often replicas compare their states.
const digestInterval = "2s"

// args is the command line of a host's program.
func (t *Topology) args(p hostPlan, rejoin bool) []string {
	args := []string{"chasqui", p.role, "--id=" + p.name}
	switch p.role {
	case roleMetadata:
		var members []string
		for _, m := range t.of(roleMetadata) {
			members = append(members, m.name+"="+m.rpc())
		}
		args = append(args, "--listen="+p.rpc(), "--members="+strings.Join(members, ","),
			fmt.Sprintf("--expect-backends=%d", t.Backends), fmt.Sprintf("--slots=%d", t.Slots))
		if t.CooldownSeconds > 0 {
			args = append(args, fmt.Sprintf("--cooldown=%ds", t.CooldownSeconds))
		}
		args = append(args, t.replicaArgs()...)
	case roleBackend:
		args = append(args, "--listen="+p.rpc(), "--metadata="+t.rpcs(roleMetadata), fmt.Sprintf("--zone=zone-%d", p.zone+1), "--apply-log")
		args = append(args, t.replicaArgs()...)
	case roleFrontend:
		args = append(args, "--listen="+p.http(), "--control="+p.rpc(), "--metadata="+t.rpcs(roleMetadata), "--drain-wait="+drainWait)
	case roleBalancer:
		priority := "--primary"
		if p.name != t.of(roleBalancer)[0].name {
			priority = "--secondary"
		}
		var frontends []string
		for _, f := range t.of(roleFrontend) {
			frontends = append(frontends, f.http())
		}
		args = append(args, "--vip="+vipAddress, "--control="+p.rpc(), "--frontends="+strings.Join(frontends, ","), priority,
			"--check-interval="+checkInterval, "--ping-interval="+pingInterval)
		for _, other := range t.of(roleBalancer) {
			if other.name != p.name {
				args = append(args, "--peer="+other.rpc())
			}
		}
	}
	if rejoin {
		args = append(args, "--rejoin")
	}
	return args
}

// replicaArgs are the flags that metadata and backend hosts have in common.
func (t *Topology) replicaArgs() []string {
	args := []string{"--data=/data", fmt.Sprintf("--segment-bytes=%d", t.SegmentBytes), "--digest-interval=" + digestInterval}
	if t.SnapshotEntries > 0 {
		args = append(args, fmt.Sprintf("--snapshot-entries=%d", t.SnapshotEntries))
	}
	if t.TrailingBytes > 0 {
		args = append(args, fmt.Sprintf("--trailing-bytes=%d", t.TrailingBytes))
	}
	return args
}

func (t *Topology) rpcs(role string) string {
	var addresses []string
	for _, p := range t.of(role) {
		addresses = append(addresses, p.rpc())
	}
	return strings.Join(addresses, ",")
}
