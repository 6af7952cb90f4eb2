package suite

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"chasqui/chaos/proxy"
	"chasqui/sim"
	"chasqui/sim/witness"
)

// active is a fault under way, with the hosts it turned out to happen to.
type active struct {
	sim.Fault
	on, and []*member
	// silent: it is a part of another fault and not counted. happened: it has had an effect.
	silent, happened bool
	// links are those that it cut or slowed, and before what had been counted of its effect.
	links  []*proxy.Link
	before int64
	// undo is what its lift has to do.
	undo []func()
}

// step is a begin or an end in the order of time.
type step struct {
	at time.Duration
	do func()
}

// carryOut lets the plan's faults happen, each at its time, until the faulty phase ends. Faults that are under way then are
// lifted by heal.
func (r *run) carryOut() {
	var steps []step
	for i := range r.plan.Faults {
		f := &r.plan.Faults[i]
		var a *active
		steps = append(steps, step{f.At, func() { a = r.begin(f) }})
		if f.For > 0 {
			steps = append(steps, step{f.At + f.For, func() { r.lift(a) }})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	for _, s := range steps {
		if s.at >= r.plan.FaultyPhase {
			return
		}
		if !r.sleepUntil(s.at) {
			return
		}
		s.do()
	}
}

// begin lets a fault happen; nil if nobody has the part that it is to happen to.
func (r *run) begin(f *sim.Fault) *active {
	a := &active{Fault: *f, on: r.resolve(f.On), and: r.resolve(f.And)}
	switch f.Kind {
	case sim.NoPeer:
		a.on = r.resolve(hostsOf(balancerRole))
		a.and = a.on
	case KillAll:
		a.on = r.resolve(servers())
	}
	if len(a.on) == 0 {
		return nil
	}
	if len(a.and) == 0 {
		a.and = r.others(a.on)
	}
	r.mu.Lock()
	r.momentLocked("fault", a.String()+note(a), memberNames(a.on)...)
	r.injected[f.Kind]++
	r.actives = append(r.actives, a)
	r.mu.Unlock()
	kindOf(f.Kind).begin(r, a)
	return a
}

// note tells who played the parts in a fault's description, and which place a failpoint's number stands for.
func note(a *active) string {
	text := ""
	if slices.ContainsFunc(a.On, func(name string) bool { return name == vipHolder || strings.HasPrefix(name, leaderPrefix) }) {
		text = strings.Join(memberNames(a.on), ",")
	}
	if k := kindOf(a.Kind); k.failpoints {
		name, what := terms(&a.Fault)
		text = strings.TrimSpace(text + " " + name + "=" + what)
	}
	if text != "" {
		return " = " + text
	}
	return ""
}

func memberNames(members []*member) []string {
	var names []string
	for _, m := range members {
		names = append(names, m.name)
	}
	return names
}

// lift ends a fault that has a duration. Lifting twice is harmless.
func (r *run) lift(a *active) {
	if a == nil {
		return
	}
	r.mu.Lock()
	i := slices.Index(r.actives, a)
	if i < 0 {
		r.mu.Unlock()
		return
	}
	r.actives = slices.Delete(r.actives, i, i+1)
	k := kindOf(a.Kind)
	if k.lift != nil {
		r.momentLocked("lift", "end of "+a.String(), memberNames(a.on)...)
	}
	r.mu.Unlock()
	if k.lift != nil {
		k.lift(r, a)
	}
}

// heal ends all faults, waits for those that take several steps, and has every process running.
func (r *run) heal() {
	r.mu.Lock()
	r.momentLocked("phase", "the faults end")
	all := slices.Clone(r.actives)
	r.mu.Unlock()
	for _, a := range all {
		r.lift(a)
	}
	r.steps.Wait()
	r.noFailpoints()
	for _, m := range r.members {
		if m.tail != nil {
			r.startSoon(m, 0) // if it does not run, whatever the reason
		}
	}
}

// resolve finds the hosts meant by names and parts.
func (r *run) resolve(names []string) []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*member
	for _, name := range names {
		var m *member
		switch group, leads := strings.CutPrefix(name, leaderPrefix); {
		case leads:
			m = r.member(r.witness.Leader(group))
		case name == vipHolder:
			if n := len(r.holders); n > 0 {
				m = r.member(r.holders[n-1])
			}
		default:
			m = r.member(name)
		}
		if m != nil && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

func (r *run) others(than []*member) []*member {
	var all []*member
	for _, m := range r.members {
		if !slices.Contains(than, m) {
			all = append(all, m)
		}
	}
	return all
}

// eachPair calls f for every pair of hosts of the two sides.
func (a *active) eachPair(f func(one, other string)) {
	for _, one := range a.on {
		for _, other := range a.and {
			if one != other {
				f(one.name, other.name)
			}
		}
	}
}

func beginCut(r *run, a *active) {
	a.eachPair(func(one, other string) {
		a.links = append(a.links, r.network.Link(one, other))
		if a.Kind == sim.Cut {
			a.links = append(a.links, r.network.Link(other, one))
		}
	})
	for _, l := range a.links {
		a.before += int64(l.Counts().Held)
		l.Cut()
	}
}

// liftCut heals a cut. That it had an effect is known from what it held back; of balancers that lost sight of each other,
// from both having held the virtual IP.
func liftCut(r *run, a *active) {
	held := -a.before
	for _, l := range a.links {
		held += int64(l.Counts().Held)
		l.Heal()
	}
	if held > 0 && a.Kind != sim.NoPeer {
		r.happen(a)
	}
}

func beginNoPeer(r *run, a *active) { beginCut(r, a) } // each direction is a pair of its own

func beginLag(r *run, a *active) {
	a.eachPair(func(one, other string) {
		a.links = append(a.links, r.network.Link(one, other), r.network.Link(other, one))
	})
	for _, l := range a.links {
		a.before += l.Counts().Delayed
		l.AddDelay(time.Duration(a.Arg) * time.Millisecond)
	}
}

func liftLag(r *run, a *active) {
	delayed := -a.before
	for _, l := range a.links {
		delayed += l.Counts().Delayed
		l.AddDelay(-time.Duration(a.Arg) * time.Millisecond)
	}
	if delayed > 0 {
		r.happen(a)
	}
}

func beginReset(r *run, a *active) {
	number := 0
	a.eachPair(func(one, other string) { number += r.network.Reset(one, other) })
	if number > 0 {
		r.happen(a)
	}
}

func beginForget(r *run, a *active) {
	a.before = r.network.Swallowed()
	a.eachPair(func(one, other string) { r.network.Forget(one, other) })
}

func liftForget(r *run, a *active) {
	if r.network.Swallowed() > a.before {
		r.happen(a)
	}
	a.eachPair(r.network.Remember)
}

// beginKill ends processes; that they died of it is known from their exits.
func beginKill(r *run, a *active) {
	for _, m := range a.on {
		r.kill(m, a)
	}
}

func beginKillAll(r *run, a *active) { beginKill(r, a) }

// beginStop asks processes to end in order, and keeps them from being started until the fault is lifted.
func beginStop(r *run, a *active) {
	for _, m := range a.on {
		r.hold(m)
		a.undo = append(a.undo, func() { r.release(m) })
		r.mu.Lock()
		if r.signalLocked(m, syscall.SIGTERM) {
			m.asked = a
		}
		r.mu.Unlock()
	}
}

func liftStop(r *run, a *active) {
	for i, m := range a.on {
		r.steps.Go(func() {
			r.mu.Lock()
			asked := m.asked == a
			r.mu.Unlock()
			if asked && !r.awaitEnd(m, stopTimeout) {
				r.violate(RuleStops, fmt.Sprintf("%s was asked to stop and has not ended within %v", m.name, stopTimeout))
				r.kill(m, &active{silent: true})
				r.awaitEnd(m, stopTimeout)
			}
			a.undo[i]()
		})
	}
}

// pauseSeen is how soon the kernel shows that a process is stopped.
const pauseSeen = time.Second

func beginPause(r *run, a *active) {
	for _, m := range a.on {
		r.mu.Lock()
		pid := m.pid
		stopped := r.signalLocked(m, syscall.SIGSTOP)
		m.paused = m.paused || stopped
		r.mu.Unlock()
		if !stopped {
			continue
		}
		a.undo = append(a.undo, func() { r.signal(m, syscall.SIGCONT) }) // another process of the host takes no harm
		for end := time.Now().Add(pauseSeen); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if stands(pid) {
				r.happen(a)
				break
			}
		}
	}
}

func liftPause(_ *run, a *active) {
	for _, undo := range a.undo {
		undo()
	}
}

// holdsVIPLocked notes that a balancer has announced the virtual IP. The clients that it reaches follow it.
func (r *run) holdsVIPLocked(name string) {
	r.losesVIPLocked(name)
	r.holders = append(r.holders, name)
	for _, c := range hostsOf(clientRole) {
		if !r.network.Link(name, c).IsCut() {
			r.routes[c] = name
		}
	}
	if len(r.holders) > 1 {
		for _, a := range r.actives {
			if a.Kind == sim.NoPeer {
				r.happenLocked(a)
			}
		}
	}
}

func (r *run) losesVIPLocked(name string) {
	r.holders = slices.DeleteFunc(r.holders, func(holder string) bool { return holder == name })
}

// routeVIP says which balancer a client's connection to the virtual IP leads to: the one whose announcement it heard last, or,
// if that one is not there any more, whoever it finds by asking.
func (r *run) routeVIP(from string) (to, address string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := r.routes[from]
	if n := len(r.holders); n > 0 && !slices.Contains(r.holders, name) {
		name = r.holders[n-1]
		r.routes[from] = name
	}
	if name == "" {
		return "", "", false
	}
	return name, r.layout.own(name, vipPort), true
}

// reports is how the witness tells the run what it has read. The run's mu is held.
type reports struct{ run *run }

var _ witness.Reporter = reports{}

// Moment adds a line to the story.
func (w reports) Moment(host, kind, text string) {
	w.run.momentLocked(kind, text, host)
	switch {
	case kind != "vip":
	case strings.HasSuffix(text, " holds the virtual IP"):
		w.run.holdsVIPLocked(host)
	default:
		w.run.losesVIPLocked(host)
	}
}

// Violate notes a broken rule.
func (w reports) Violate(rule, text string) { w.run.violateLocked(rule, text) }
