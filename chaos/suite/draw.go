package suite

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"chasqui/sim"
	"chasqui/sim/witness"
	"chasqui/sim/workload"
	"chasqui/sim/world"
)

// Bounds of what is drawn.
const (
	firstFault             = 2 * time.Second
	gapMin, gapMax         = 2 * time.Second, 7 * time.Second
	lastingMin, lastingMax = 300 * time.Millisecond, 10 * time.Second
	// noPeerMin is longer than a balancer waits before it takes its silent peer for dead.
	noPeerMin    = 2500 * time.Millisecond
	recoveryTime = 60 * time.Second
	leaderChance = 0.5
	// DurationMin lets at least one fault begin and end, DurationMax bounds a history that must fit into memory.
	DurationMin, DurationMax = 5 * time.Second, 12 * time.Hour
)

// Plan is what a seed decides. It is the scenario of a run as the simulator has it, with the faults that can happen here.
type Plan struct {
	sim.Scenario
	// Proof is how long producers go on after the faults have ended, to show that sends work again.
	Proof time.Duration
	// Only are the kinds that were allowed; all if empty.
	Only []string
	// Failpoints says that the plan needs a binary that has them.
	Failpoints bool
}

// topology is that of "chasqui up" with two hosts of clients. The hosts are in one zone as far as reports are concerned.
func topology() sim.Topology {
	return sim.Topology{Balancers: 2, Frontends: 2, Metadata: 3, Backends: 3, Clients: 2, Zones: 1, Slots: 4, SegmentBytes: 1 << 20}
}

// NewSeed returns a seed that nobody has chosen. It is short, for people write it down.
func NewSeed() uint64 { return 1 + uint64(rand.Uint32()) }

// Draw makes the plan of a seed: faults for the given time, every kind that only allows (all if empty) at least once if the
// time is long enough. Within the promises: one backend and one metadata host may lose their folders, and always the same
// ones, so that never two hosts of a role have forgotten something at a time.
func Draw(seed uint64, duration time.Duration, only []string) (*Plan, error) {
	if duration < DurationMin || duration > DurationMax {
		return nil, fmt.Errorf("a duration of %v: %v to %v are possible", duration, DurationMin, DurationMax)
	}
	all, err := allowed(only)
	if err != nil {
		return nil, err
	}
	p := &Plan{Only: only, Proof: proofTime, Scenario: sim.Scenario{
		Name: "chaos", Seed: seed, Topology: topology(), FaultyPhase: duration, Recovery: recoveryTime,
		Workload: workload.Draw(world.Stream(seed, "chaos/workload"), workload.DefaultRate),
	}}
	d := &drawer{random: world.Stream(seed, "chaos/faults")}
	d.victims = []string{d.pick(hostsOf(backendRole)), d.pick(hostsOf(metadataRole))}
	var turn []*kind
	for at := firstFault; at < duration; at += gapMin + time.Duration(d.random.Int64N(int64(gapMax-gapMin))) {
		if len(turn) == 0 {
			turn = slices.Clone(all)
			d.random.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
		}
		k := turn[0]
		turn = turn[1:]
		f := sim.Fault{At: at.Round(time.Millisecond), Kind: k.kind}
		if k.lasts {
			f.For = d.lasting()
		}
		k.draw(d, &f)
		p.Faults = append(p.Faults, f)
		p.Failpoints = p.Failpoints || k.failpoints
	}
	return p, nil
}

// drawer draws faults.
type drawer struct {
	random *rand.Rand
	// victims are the backend and the metadata host whose data folders may be lost.
	victims []string
}

// between returns a whole number from the first to the last.
func (d *drawer) between(first, last int64) int64 { return first + d.random.Int64N(last-first+1) }

// lasting draws a duration: short ones are as likely as long ones on a logarithmic scale.
func (d *drawer) lasting() time.Duration {
	scale := math.Log(float64(lastingMax) / float64(lastingMin))
	return time.Duration(float64(lastingMin) * math.Exp(d.random.Float64()*scale)).Round(time.Millisecond)
}

func (d *drawer) pick(names []string) string { return names[d.random.IntN(len(names))] }

// target is one host: whoever plays a part then, or any.
func (d *drawer) target() []string {
	if d.random.Float64() < leaderChance {
		switch n := d.random.IntN(topology().Slots + 2); n {
		case 0:
			return []string{leaderPrefix + witness.CatalogGroup}
		case 1:
			return []string{vipHolder}
		default:
			return []string{leaderPrefix + witness.SlotGroup(n-2)}
		}
	}
	return []string{d.pick(servers())}
}

// victim is the backend host, or more seldom the metadata host, whose data may be lost.
func (d *drawer) victim() []string {
	if d.random.IntN(3) == 0 {
		return d.victims[1:]
	}
	return d.victims[:1]
}

// withFolder is a host that has a data folder.
func (d *drawer) withFolder(f *sim.Fault) {
	if d.random.Float64() < leaderChance {
		f.On = []string{leaderPrefix + witness.SlotGroup(d.random.IntN(topology().Slots))}
		return
	}
	f.On = []string{d.pick(slices.Concat(hostsOf(backendRole), hostsOf(backendRole), hostsOf(metadataRole)))}
}

// failpoint is a host with a data folder, and a place in its code: one of a range of failpoints.
func (d *drawer) failpoint(f *sim.Fault, first, last int64) {
	d.withFolder(f)
	f.Arg = d.between(first, last)
}

// sides draws the two sides of a fault between hosts: one host against all, a leader against the other backends (clients still
// reach it), or a group against a group.
func (d *drawer) sides(f *sim.Fault) {
	switch d.random.IntN(3) {
	case 0:
		f.On = d.target()
		return
	case 1:
		f.On, f.And = []string{leaderPrefix + witness.SlotGroup(d.random.IntN(topology().Slots))}, hostsOf(backendRole)
		return
	}
	for _, name := range hosts() {
		switch d.random.IntN(3) {
		case 0:
			f.On = append(f.On, name)
		case 1:
			f.And = append(f.And, name)
		}
	}
	if len(f.On) == 0 || len(f.And) == 0 {
		f.On, f.And = d.target(), nil
	}
}
