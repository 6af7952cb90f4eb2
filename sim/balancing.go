package sim

import (
	"fmt"
	"time"

	"chasqui/sim/world"
)

// Promises about balancers that clients do not notice the breach of: they only wait longer, or have requests cut off.
const (
	// ruleOneHolder: two balancers that can see each other do not both hold the virtual IP.
	ruleOneHolder = "one-vip-holder"
	// ruleDrained: a frontend that has said that it is about to stop gets no more new connections.
	ruleDrained = "drained-gets-nothing"
)

const (
	// drainWait is how long a frontend that is told to stop goes on, so that balancers notice.
	drainWait = "4s"
	// drainNotice is how long that may take them: an interval of checks, and the time that a check may take.
	drainNotice = 2500 * time.Millisecond
	// holdersNotice is how long two holders may take to find that out: some questions to the peer.
	holdersNotice = 3 * time.Second
)

// disturbs notes for how long a fault that has begun may keep balancers from what they are to do.
func (r *run) disturbs(a *activeFault, explicit []*member) {
	touched := faultKinds[a.Kind].everywhere
	for _, m := range append(explicit, a.on...) {
		touched = touched || m.plan.role == roleBalancer || m.plan.role == roleFrontend && a.Kind != Stop
	}
	if !touched {
		return
	}
	until := r.world.Now() + a.For
	r.edgeLast = max(r.edgeLast, until)
	if a.Stays || a.Kind == KillAtCall || a.Kind == PowerAtCall {
		until = 2 * phaseMax
	}
	r.edgeQuietFrom = max(r.edgeQuietFrom, until)
}

// judgeHolders looks, at the end of a run, who holds the virtual IP.
func (r *run) judgeHolders() {
	pair := r.ofRole(roleBalancer)
	for _, m := range pair {
		for _, other := range pair {
			if !m.host.Running() || r.cuts[[2]int{m.index, other.index}] > 0 {
				return
			}
		}
	}
	if len(pair) < 2 || r.world.Now()-max(r.scenario.FaultyPhase, r.edgeLast) < holdersNotice {
		return
	}
	r.checked[ruleOneHolder]++
	if holders := r.world.Holders(vip); len(holders) > 1 {
		r.violate(ruleOneHolder, fmt.Sprintf("%s and %s both hold the virtual IP, and nothing keeps them from seeing each other",
			holders[0].Name(), holders[1].Name()))
	}
}

// greeted is told of the first bytes on a connection that a frontend has accepted.
func (r *run) greeted(m *member, from *world.Host, bytes []byte) {
	now := r.world.Now()
	if !m.asked || r.member(from.Name()).plan.role != roleBalancer || now-max(m.askedAt, r.edgeQuietFrom) < drainNotice {
		return
	}
	r.checked[ruleDrained]++
	if bytes[0] == 'P' { // a POST; health checks are GETs
		r.violate(ruleDrained, fmt.Sprintf("%s gave %s a new connection %v after that had been told to stop",
			from.Name(), m.plan.name, now-m.askedAt))
	}
}
