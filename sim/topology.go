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

func (p hostPlan) rpc() string { return fmt.Sprintf("%s:%d", p.ip, rpcPort) }

// hosts lays the hosts out over the zones, those of each role round robin.
func (t *Topology) hosts() []hostPlan {
	var all []hostPlan
	for kind, group := range []struct {
		role  string
		count int
	}{
		{roleMetadata, t.Metadata}, {roleBackend, t.Backends}, {roleFrontend, t.Frontends},
		{roleBalancer, t.Balancers}, {roleClient, t.Clients},
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
		args = append(args, "--listen="+p.rpc(), "--members="+strings.Join(members, ","), "--data=/data",
			fmt.Sprintf("--expect-backends=%d", t.Backends), fmt.Sprintf("--slots=%d", t.Slots),
			fmt.Sprintf("--segment-bytes=%d", t.SegmentBytes), "--digest-interval="+digestInterval)
		if t.CooldownSeconds > 0 {
			args = append(args, fmt.Sprintf("--cooldown=%ds", t.CooldownSeconds))
		}
	case roleBackend:
		args = append(args, "--listen="+p.rpc(), "--metadata="+t.rpcs(roleMetadata), "--data=/data",
			fmt.Sprintf("--zone=zone-%d", p.zone+1), fmt.Sprintf("--segment-bytes=%d", t.SegmentBytes),
			"--digest-interval="+digestInterval, "--apply-log")
	case roleFrontend:
		args = append(args, fmt.Sprintf("--listen=%s:%d", p.ip, frontendPort), "--control="+p.rpc(),
			"--metadata="+t.rpcs(roleMetadata))
	case roleBalancer:
		priority := "--primary"
		if p.name != t.of(roleBalancer)[0].name {
			priority = "--secondary"
		}
		var frontends []string
		for _, f := range t.of(roleFrontend) {
			frontends = append(frontends, fmt.Sprintf("%s:%d", f.ip, frontendPort))
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

func (t *Topology) rpcs(role string) string {
	var addresses []string
	for _, p := range t.of(role) {
		addresses = append(addresses, p.rpc())
	}
	return strings.Join(addresses, ",")
}
