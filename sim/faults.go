package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is one thing that breaks. Hosts are named, or described by their part at the moment of the fault: "leader:NAME"
// is the host that leads that raft group ("slot 0", "metadata"), "holder" the balancer that has the virtual IP.
type Fault struct {
	At   time.Duration `json:"at"`
	Kind FaultKind     `json:"kind"`
	// For is how long it lasts; 0 for what has no duration.
	For time.Duration `json:"for,omitempty"`
	// On are the hosts it happens to; And the other side of a fault between hosts: everybody else if empty.
	On  []string `json:"on,omitempty"`
	And []string `json:"and,omitempty"`
	// Stays means that it is never lifted: it goes on while the rest of the cluster recovers.
	Stays bool `json:"stays,omitempty"`
	// Arg is a number whose meaning depends on the kind: see the kind.
	Arg int64 `json:"arg,omitempty"`
}

// FaultKind is a sort of fault; faultKinds says what each does.
type FaultKind string

const (
	leaderPrefix = "leader:"
	vipHolder    = "holder"
)

func (f *Fault) validate(names map[string]bool) error {
	kind, ok := faultKinds[f.Kind]
	if !ok {
		return fmt.Errorf("there is no fault called %q; there are: %s", f.Kind, strings.Join(faultNames(), ", "))
	}
	if f.At < 0 || f.For < 0 || f.At > phaseMax || f.For > phaseMax {
		return fmt.Errorf("%s at %v for %v: times are from 0 to %v", f.Kind, f.At, f.For, phaseMax)
	}
	if f.Stays && kind.lift == nil {
		return fmt.Errorf("%s has no duration and cannot stay", f.Kind)
	}
	if len(f.On) == 0 && !kind.everywhere {
		return fmt.Errorf("%s needs hosts to happen to", f.Kind)
	}
	for _, name := range append(slices.Clone(f.On), f.And...) {
		if !names[name] && name != vipHolder && !strings.HasPrefix(name, leaderPrefix) {
			return fmt.Errorf("%s: there is no host %q", f.Kind, name)
		}
	}
	return nil
}

// String tells the fault in a few words.
func (f *Fault) String() string {
	text := string(f.Kind)
	if len(f.On) > 0 {
		text += " " + strings.Join(f.On, ",")
	}
	if len(f.And) > 0 {
		text += " / " + strings.Join(f.And, ",")
	}
	if f.Arg != 0 {
		text += fmt.Sprintf(" (%d)", f.Arg)
	}
	if f.Stays {
		text += " for ever"
	}
	return text
}

// activeFault is a fault under way, with the hosts it turned out to happen to.
type activeFault struct {
	Fault
	on, and []*member
	held    uint64 // what the world had counted of its effect before it began
	done    bool
}

// schedule lets all faults of the scenario happen at their times.
func (r *run) scheduleFaults() {
	for i := range r.scenario.Faults {
		f := &r.scenario.Faults[i]
		r.world.At(f.At, func() { r.begin(f) })
	}
}

func (r *run) begin(f *Fault) {
	if r.healed {
		return
	}
	kind := faultKinds[f.Kind]
	a := &activeFault{Fault: *f, on: r.resolve(f.On), and: r.resolve(f.And)}
	if len(a.on) == 0 && !kind.everywhere {
		return // nobody has that part now
	}
	r.disturbs(a, slices.Clone(a.and))
	if len(a.and) == 0 {
		a.and = r.others(a.on)
	}
	text := a.String() + namesNote(a)
	r.world.Fault(text)
	r.moment(a.on, "fault", text)
	r.injected[f.Kind]++
	if kind.begin(r, a) {
		r.happened[f.Kind]++
	}
	if kind.lift == nil {
		return
	}
	r.active = append(r.active, a)
	if !f.Stays {
		r.world.After(f.For, func() { r.lift(a) })
	}
}

// namesNote tells who the parts in a fault's description were played by.
func namesNote(a *activeFault) string {
	if !slices.ContainsFunc(a.On, func(name string) bool { return name == vipHolder || strings.HasPrefix(name, leaderPrefix) }) {
		return ""
	}
	var names []string
	for _, m := range a.on {
		names = append(names, m.plan.name)
	}
	return " = " + strings.Join(names, ",")
}

func (r *run) lift(a *activeFault) {
	if a.done {
		return
	}
	a.done = true
	r.active = slices.DeleteFunc(r.active, func(other *activeFault) bool { return other == a })
	r.world.Fault("end of " + a.String())
	r.moment(a.on, "lift", "end of "+a.String())
	faultKinds[a.Kind].lift(r, a)
}

// liftAll ends every fault under way but for those that stay.
func (r *run) liftAll() {
	for _, a := range slices.Clone(r.active) {
		if !a.Stays {
			r.lift(a)
		}
	}
}

// resolve finds the hosts meant by names and parts.
func (r *run) resolve(names []string) []*member {
	var all []*member
	for _, name := range names {
		var m *member
		switch group, isLeader := strings.CutPrefix(name, leaderPrefix); {
		case isLeader:
			m = r.member(r.witness.Leader(group))
		case name == vipHolder:
			if holders := r.world.Holders(vip); len(holders) > 0 {
				m = r.member(holders[len(holders)-1].Name())
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
func (a *activeFault) eachPair(f func(one, other *member)) {
	for _, one := range a.on {
		for _, other := range a.and {
			if one != other {
				f(one, other)
			}
		}
	}
}

func faultNames() []string {
	var names []string
	for kind := range faultKinds {
		names = append(names, string(kind))
	}
	slices.Sort(names)
	return names
}

// FaultSort is a kind of fault and what it means.
type FaultSort struct {
	Kind FaultKind
	Says string
}

// FaultKinds returns all kinds of faults, in order of their names.
func FaultKinds() []FaultSort {
	var all []FaultSort
	for _, name := range faultNames() {
		all = append(all, FaultSort{FaultKind(name), faultKinds[FaultKind(name)].says})
	}
	return all
}
