package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"chasqui/sim/workload"
	"chasqui/sim/world"
)

// Bounds of what is drawn.
const (
	faultyMin, faultyMax     = 15 * time.Second, 35 * time.Second
	firstFault               = 3 * time.Second
	recoveryTime             = 60 * time.Second
	segmentBytes             = 1 << 20
	faultsDrawnMax           = 14
	lastingMin, lastingMax   = 100 * time.Millisecond, 12 * time.Second
	quietChance, kindChance  = 0.1, 0.3
	roleTargetChance         = 0.4
	brokenChance             = 0.4
	shortTransferChance      = 0.2
	failpointChance          = 0.25
	requestsPerSecondDefault = 50
	slowPairMaxMs            = 30
	yieldsChance             = 0.3
	resetsMax                = 40
	rotsMax                  = 3
)

// Draw makes the scenario of a seed: a cluster, a workload, and faults of a few kinds that the seed picks (some seeds
// have none). What it draws stays within what the product promises to survive: the disks of at most one backend host and
// one metadata host are damaged, and then only those may stay broken.
func Draw(seed uint64) *Scenario {
	topology := world.Stream(seed, "draw/topology")
	s := &Scenario{
		Seed: seed,
		Topology: Topology{
			Balancers: 2, Frontends: 2, Metadata: 3, Backends: 3 + []int{0, 0, 0, 1, 2}[topology.IntN(5)], Clients: 2, Zones: 3,
			Slots: 2 + topology.IntN(3), SegmentBytes: segmentBytes,
		},
		Recovery: recoveryTime,
	}
	drawStorage(&s.Topology, world.Stream(seed, "draw/storage"))
	s.Network = drawNetwork(world.Stream(seed, "draw/network"))
	s.Workload = workload.Draw(world.Stream(seed, "draw/workload"), requestsPerSecondDefault)
	d := &drawer{Scenario: s, random: world.Stream(seed, "draw/faults")}
	s.Yields = d.random.Float64() < yieldsChance
	s.FaultyPhase = d.between(faultyMin, faultyMax).Round(time.Millisecond)
	d.faults()
	if workload.DrawAdministrators(&s.Workload, world.Stream(seed, "draw/administrators")) {
		s.Topology.Consoles, s.Topology.CooldownSeconds = len(s.Workload.Administrators), 0
	}
	return s
}

// drawStorage draws how soon logs become snapshots and segments of the journal are used again. With the defaults
// neither would happen within a seed, so a fifth of the seeds has them and the others have a small part of them.
func drawStorage(t *Topology, random *rand.Rand) {
	t.SnapshotEntries = []int{0, 15, 40, 100, 300}[random.IntN(5)]
	if t.SnapshotEntries > 0 {
		t.TrailingBytes = []int64{0, 4 << 10, 4 << 10, 64 << 10}[random.IntN(4)]
	}
	t.SegmentBytes = []int64{segmentBytes / 2, segmentBytes}[random.IntN(2)]
	t.CooldownSeconds = []int{0, 1, 3}[random.IntN(3)]
}

func drawNetwork(random *rand.Rand) Network {
	near := 50*time.Microsecond + time.Duration(random.Int64N(int64(100*time.Microsecond)))
	n := Network{
		Near: near, Far: near + time.Duration(random.Int64N(int64(2*time.Millisecond))),
		Jitter: time.Duration(math.Exp(random.Float64()*4)) * 10 * time.Microsecond,
	}
	if random.Float64() < shortTransferChance {
		n.ShortReads, n.ShortWrites = 1+random.IntN(200), 1+random.IntN(200)
	}
	return n
}

// drawer draws the faults of a scenario.
type drawer struct {
	*Scenario
	random *rand.Rand
	// victims are the hosts whose disks may be damaged: one of each role that has disks.
	victims []string
}

func (d *drawer) faults() {
	d.victims = []string{d.pick(roleBackend), d.pick(roleMetadata)}
	quiet := d.random.Float64() < quietChance
	var kinds []drawnKind
	for _, k := range drawnKinds {
		if d.random.Float64() < kindChance {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		kinds = append(kinds, drawnKinds[d.random.IntN(len(drawnKinds))])
	}
	count := 1 + d.random.IntN(faultsDrawnMax)
	if quiet {
		count = 0
	}
	damages := false
	for range count {
		k := kinds[d.random.IntN(len(kinds))]
		f := Fault{Kind: k.kind, At: d.between(firstFault, d.FaultyPhase).Round(time.Millisecond)}
		if kind := faultKinds[k.kind]; kind.lift != nil || k.lasts {
			f.For = d.lasting()
		}
		k.draw(d, &f)
		damages = damages || k.damages
		d.Faults = append(d.Faults, f)
	}
	if count > 0 {
		d.broken(damages)
		d.failpoints()
	}
	slices.SortStableFunc(d.Faults, func(a, b Fault) int { return int(a.At - b.At) })
}

// failpointNames are the marked places in the product's code.
var failpointNames = []string{
	"chasqui/node/wal/wal/beforeNewSegment", "chasqui/node/wal/wal/beforeWrite", "chasqui/node/wal/wal/afterWrite",
	"chasqui/node/wal/wal/beforeSync", "chasqui/node/wal/wal/afterSync",
}

// failpoints are active in a quarter of the seeds, on one host that has a disk, each with a quarter's chance: the
// program ends or sleeps there now and then.
func (d *drawer) failpoints() {
	host := d.pick([]string{roleBackend, roleMetadata}[d.random.IntN(2)])
	if d.random.Float64() >= failpointChance {
		return
	}
	var terms []string
	for _, name := range failpointNames {
		if d.random.Float64() >= failpointChance {
			continue
		}
		term := fmt.Sprintf("%.1f%%panic", 0.1+d.random.Float64()*2)
		if d.random.IntN(2) == 0 {
			term = fmt.Sprintf("%.1f%%sleep(%d)", 0.5+d.random.Float64()*10, 1+int(d.exponential(100)))
		}
		terms = append(terms, name+"="+term)
	}
	if len(terms) > 0 {
		d.Failpoints = map[string]string{host: strings.Join(terms, ";")}
	}
}

// broken draws hosts that do not come back when the faults end: at most one of each role.
func (d *drawer) broken(damages bool) {
	for _, role := range []string{roleBackend, roleMetadata, roleFrontend, roleBalancer} {
		if d.random.Float64() >= brokenChance {
			continue
		}
		name := d.pick(role)
		if damages {
			for _, victim := range d.victims {
				if d.role(victim) == role {
					name = victim
				}
			}
		}
		f := Fault{At: d.between(d.FaultyPhase/2, d.FaultyPhase).Round(time.Millisecond), On: []string{name}, Stays: true}
		ways := []FaultKind{Power, Cut, CutOneWay, HungDisk}
		if role == roleFrontend || role == roleBalancer {
			ways = ways[:3]
		}
		f.Kind = ways[d.random.IntN(len(ways))]
		if f.Kind == CutOneWay && d.random.IntN(2) == 0 {
			// The host hears the others and is not heard, or the other way round.
			f.On, f.And = d.everybodyBut(name), f.On
		}
		d.Faults = append(d.Faults, f)
	}
}

func (d *drawer) everybodyBut(name string) []string {
	var others []string
	for _, h := range d.Topology.hosts() {
		if h.name != name {
			others = append(others, h.name)
		}
	}
	return others
}

// drawnKind is a kind of fault that seeds draw, and how.
type drawnKind struct {
	kind    FaultKind
	damages bool // the disk of a victim: data is lost or wrong
	lasts   bool // it has a duration though nothing lifts it
	draw    func(d *drawer, f *Fault)
}

var drawnKinds = []drawnKind{
	{kind: Cut, draw: func(d *drawer, f *Fault) { d.sides(f) }},
	{kind: CutOneWay, draw: func(d *drawer, f *Fault) { d.sides(f) }},
	{kind: Ring, draw: func(d *drawer, f *Fault) { f.On = d.all([]string{roleBackend, roleMetadata}[d.random.IntN(2)]) }},
	{kind: ZoneOutage, draw: func(d *drawer, f *Fault) {
		f.Arg = int64(d.random.IntN(d.Topology.Zones))
	}},
	{kind: ResetAll, lasts: true, draw: func(d *drawer, f *Fault) {
		if f.On = d.target(); d.random.IntN(2) == 0 {
			f.On, f.And = d.all(roleFrontend), d.all(roleBackend)
		}
		f.Arg = int64(d.random.IntN(resetsMax))
	}},
	{kind: HalfOpen, draw: func(d *drawer, f *Fault) { f.On = d.target() }},
	{kind: OneWayClose, draw: func(d *drawer, f *Fault) { f.On = d.target() }},
	{kind: Lag, draw: func(d *drawer, f *Fault) {
		f.On, f.Arg = d.target(), 1+int64(d.exponential(80))
		if d.random.IntN(5) == 0 { // a pair of hosts that stays slow
			f.On, f.And, f.Stays, f.For = []string{d.pick(roleBackend)}, []string{d.pick(roleFrontend)}, true, 0
			f.Arg = min(f.Arg, slowPairMaxMs)
		}
	}},
	{kind: Clog, draw: func(d *drawer, f *Fault) { d.sides(f); f.For = min(f.For, 3*time.Second) }},
	{kind: Kill, draw: func(d *drawer, f *Fault) { f.On = d.target() }},
	{kind: KillAtCall, draw: func(d *drawer, f *Fault) { f.On, f.Arg = d.target(), d.calls() }},
	{kind: Power, draw: func(d *drawer, f *Fault) { f.On = d.target() }},
	{kind: PowerAtCall, draw: func(d *drawer, f *Fault) { f.On, f.Arg = d.target(), d.calls() }},
	{kind: PowerAll, draw: func(d *drawer, f *Fault) { f.For = min(f.For, 4*time.Second) }},
	{kind: Wipe, damages: true, draw: func(d *drawer, f *Fault) { f.On = d.victim() }},
	{kind: Stop, draw: func(d *drawer, f *Fault) { f.On = d.target() }},
	{kind: Pause, lasts: true, draw: func(d *drawer, f *Fault) { f.On = d.target() }},
	{kind: SlowCPU, draw: func(d *drawer, f *Fault) { f.On, f.Arg = d.target(), 2+int64(d.exponential(100)) }},
	{kind: FsyncError, draw: func(d *drawer, f *Fault) { f.On = d.withDisk() }},
	{kind: WriteError, draw: func(d *drawer, f *Fault) { f.On = d.withDisk() }},
	{kind: SlowDisk, draw: func(d *drawer, f *Fault) { f.On, f.Arg = d.withDisk(), 2+int64(d.exponential(60)) }},
	{kind: HungDisk, draw: func(d *drawer, f *Fault) { f.On = d.withDisk() }},
	{kind: FullDisk, draw: func(d *drawer, f *Fault) { f.On, f.Arg = d.withDisk(), d.random.Int64N(1<<20) }},
	{kind: BitRot, damages: true, draw: func(d *drawer, f *Fault) { f.On = d.victim(); d.readAgain(f, d.random.IntN(rotsMax)) }},
	{kind: Misdirected, damages: true, draw: func(d *drawer, f *Fault) { f.On = d.victim(); d.readAgain(f, 0) }},
	{kind: WallJump, draw: func(d *drawer, f *Fault) { f.On, f.Arg = d.target(), int64(d.exponential(800))-800 }},
	{kind: ClockDrift, draw: func(d *drawer, f *Fault) { f.On, f.Arg = d.target(), d.random.Int64N(10_000)-5000 }},
	{kind: StaleVIP, draw: func(d *drawer, f *Fault) {
		f.On = d.all(roleClient)[:1]
		d.Faults = append(d.Faults, Fault{At: f.At + f.For/4, For: f.For / 2, Kind: Power, On: []string{vipHolder}})
	}},
	{kind: NoPeer, draw: func(*drawer, *Fault) {}},
}

// readAgain repeats a damage and, in half of the cases, restarts its victim soon: that is when journals are read.
func (d *drawer) readAgain(f *Fault, more int) {
	for range more {
		d.Faults = append(d.Faults, *f)
	}
	if d.random.IntN(2) == 0 {
		soon := time.Duration(d.exponential(float64(time.Second))).Round(time.Millisecond)
		d.Faults = append(d.Faults, Fault{Kind: Kill, At: min(f.At+soon, d.FaultyPhase), On: f.On})
	}
}

// target is one host: any, or whoever plays a part then.
func (d *drawer) target() []string {
	if d.random.Float64() < roleTargetChance {
		return []string{d.part()}
	}
	var all []string
	for _, role := range []string{roleBalancer, roleFrontend, roleMetadata, roleBackend, roleBackend} {
		all = append(all, d.all(role)...)
	}
	return []string{all[d.random.IntN(len(all))]}
}

// part is a part that some host plays at the moment of the fault.
func (d *drawer) part() string {
	switch n := d.random.IntN(d.Topology.Slots + 2); n {
	case 0:
		return leaderPrefix + metadataGroup
	case 1:
		return vipHolder
	default:
		return leaderPrefix + slotGroup(n-2)
	}
}

// withDisk is one host that has a disk.
func (d *drawer) withDisk() []string {
	if d.random.Float64() < roleTargetChance {
		return []string{leaderPrefix + slotGroup(d.random.IntN(d.Topology.Slots))}
	}
	return []string{d.pick([]string{roleBackend, roleBackend, roleMetadata}[d.random.IntN(3)])}
}

// victim is the backend host, or more seldom the metadata host, whose disk may be damaged.
func (d *drawer) victim() []string {
	if d.random.IntN(3) == 0 {
		return d.victims[1:]
	}
	return d.victims[:1]
}

// sides draws the two sides of a fault between hosts: one host against all, a frontend against the backends, a leader against
// the other backends (clients still reach it), or a group against a group.
func (d *drawer) sides(f *Fault) {
	switch d.random.IntN(5) {
	case 0:
		f.On = d.target()
		return
	case 1: // commands arrive and answers do not, or the other way round
		f.On, f.And = d.all(roleBackend), []string{d.pick(roleFrontend)}
		if d.random.IntN(2) == 0 {
			f.On, f.And = f.And, f.On
		}
		return
	case 2:
		f.On, f.And = []string{leaderPrefix + slotGroup(d.random.IntN(d.Topology.Slots))}, d.all(roleBackend)
		if d.random.IntN(2) == 0 {
			f.For = min(f.For, time.Second+f.For/4) // about as long as an election takes
		}
		return
	}
	for _, h := range d.Topology.hosts() {
		switch d.random.IntN(3) {
		case 0:
			f.On = append(f.On, h.name)
		case 1:
			f.And = append(f.And, h.name)
		}
	}
	if len(f.On) == 0 || len(f.And) == 0 {
		f.On, f.And = d.target(), nil
	}
}

func (d *drawer) all(role string) []string {
	var names []string
	for _, h := range d.Topology.of(role) {
		names = append(names, h.name)
	}
	return names
}

func (d *drawer) pick(role string) string {
	all := d.all(role)
	return all[d.random.IntN(len(all))]
}

func (d *drawer) role(name string) string {
	for _, h := range d.Topology.hosts() {
		if h.name == name {
			return h.role
		}
	}
	panic(fmt.Sprintf("no host is called %s", name))
}

func (d *drawer) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.random.Int64N(int64(to-from)))
}

// lasting draws a duration: short ones are as likely as long ones on a logarithmic scale.
func (d *drawer) lasting() time.Duration {
	scale := math.Log(float64(lastingMax) / float64(lastingMin))
	return time.Duration(float64(lastingMin) * math.Exp(d.random.Float64()*scale)).Round(time.Millisecond)
}

func (d *drawer) exponential(mean float64) float64 { return d.random.ExpFloat64() * mean }

// calls draws a number of system calls after which a program ends.
func (d *drawer) calls() int64 { return 1 + int64(math.Exp(d.random.Float64()*math.Log(30_000))) }
