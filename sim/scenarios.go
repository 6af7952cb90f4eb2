package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chasqui/sim/workload"
)

// NamedScenario is a scenario that was written down to be looked at.
type NamedScenario struct {
	Name, Says string
	faults     []Fault
	yields     bool
	// snapshotEntries is Topology.SnapshotEntries.
	snapshotEntries int
	administrators  []workload.Administrator
}

// namedScenarios are in order of their names.
var namedScenarios = []NamedScenario{
	{
		Name: "balancer-split", Says: "the balancers lose sight of each other: both hold the virtual IP, and clients still get served",
		faults: []Fault{{At: 8 * time.Second, For: 8 * time.Second, Kind: NoPeer}},
	},
	{
		Name: "blackouts", Says: "leaders lose power, then all machines do, and so on: what hosts have promised each other they must know from their disks",
		faults: blackouts(),
	},
	{
		Name: "deaf-balancer", Says: "the balancer that stands by is heard by all and hears nobody, for ever: clients must not follow it when it misses its peer",
		faults: []Fault{{At: 8 * time.Second, Kind: CutOneWay, On: allBut("balancer-2"), And: []string{"balancer-2"}, Stays: true}},
	},
	{
		Name: "drained-frontend", Says: "a frontend is stopped in order, and while it says so all clients connect anew: none of them is sent to it",
		faults: []Fault{
			{At: 8 * time.Second, For: 8 * time.Second, Kind: Stop, On: []string{"frontend-1"}},
			{At: 11 * time.Second, Kind: ResetAll, On: []string{"client-1", "client-2"}},
		},
	},
	{
		Name: "flapping-leader", Says: "the leader of a slot is cut off from the other backends again and again, about as long as an election takes; clients reach it all the time",
		faults: flapping(), yields: true,
	},
	{
		Name: "half-deaf-leader", Says: "the leader of a slot is heard by all and hears nobody: it must give up, or it would block the slot for ever",
		faults: []Fault{{At: 8 * time.Second, For: 10 * time.Second, Kind: CutOneWay, On: allBut("backend-1"), And: []string{"backend-1"}}},
	},
	{
		Name: "hung-and-away", Says: "while one host is away the disk of another hangs, and that host loses power; then the first is back and the third cannot be reached: nobody may forget what was acknowledged meanwhile",
		faults: []Fault{
			{At: 6 * time.Second, For: 6 * time.Second, Kind: Cut, On: []string{"backend-3"}},
			{At: 9 * time.Second, For: 2400 * time.Millisecond, Kind: HungDisk, On: []string{"backend-2"}},
			{At: 11 * time.Second, For: time.Second, Kind: Power, On: []string{"backend-2"}},
			{At: 11500 * time.Millisecond, For: 10 * time.Second, Kind: Cut, On: []string{"backend-1"}},
		},
	},
	{
		Name: "hung-disk", Says: "the disk of a slot's leader stops answering and never recovers",
		faults: []Fault{{At: 8 * time.Second, Kind: HungDisk, On: []string{leaderPrefix + slotGroup(0)}, Stays: true}},
	},
	{
		Name: "leader-dies", Says: "the machine that leads a slot loses power and comes back five seconds later",
		faults: []Fault{{At: 8 * time.Second, For: 5 * time.Second, Kind: Power, On: []string{leaderPrefix + slotGroup(0)}}},
	},
	{
		Name: "lost-disk", Says: "a backend host comes back on an empty disk and rejoins",
		faults: []Fault{{At: 8 * time.Second, For: 2 * time.Second, Kind: Wipe, On: []string{"backend-2"}}},
	},
	{
		Name: "power-cut", Says: "all machines lose power at once",
		faults: []Fault{{At: 10 * time.Second, For: 2 * time.Second, Kind: PowerAll}},
	},
	{
		Name: "relapsing-leader", Says: "backends are far from each other; the leader of a slot is cut off from the others, is back, perhaps to be elected again, and is cut off once more",
		faults: relapsing(),
	},
	{
		Name: "resets", Says: "disks are slow, and the connections between frontends and backends are reset many times a second: answers are lost, and what was asked is asked again",
		faults: resets(),
	},
	{
		Name: "restarted-voter", Says: "a host that has just given its vote is restarted, and the former leader asks it for its vote in the same term",
		faults: voters(),
	},
	{
		Name: "restored-queue", Says: "administrators delete queues that are in use and restore them, while leaders lose power and the catalog's is killed: the queues are as they were",
		faults: []Fault{
			{At: 8 * time.Second, For: 3 * time.Second, Kind: Power, On: []string{leaderPrefix + slotGroup(0)}},
			{At: 12 * time.Second, Kind: Kill, On: []string{leaderPrefix + metadataGroup}},
			{At: 15 * time.Second, For: 3 * time.Second, Kind: Power, On: []string{leaderPrefix + slotGroup(1)}},
			{At: 19 * time.Second, For: 4 * time.Second, Kind: Cut, On: []string{"console-2"}},
		},
		snapshotEntries: 40,
		administrators: []workload.Administrator{
			{Queue: "orders", EveryMs: 1000, Delete: 0.8, AwayMs: 700, Again: 0.3},
			{Queue: "payments.fifo", EveryMs: 1500, Delete: 0.8, AwayMs: 1000, Again: 0.3, Impatient: 0.3},
		},
	},
	{
		Name: "rotten-and-away", Says: "a host was away; when it is back, another has rotten bytes in its journal and is restarted, and the third cannot be reached: nobody may forget what two of three had acknowledged",
		faults: away(
			Fault{At: 14800 * time.Millisecond, Kind: BitRot, On: []string{"backend-2"}},
			Fault{At: 14850 * time.Millisecond, Kind: BitRot, On: []string{"backend-2"}},
			Fault{At: 14900 * time.Millisecond, Kind: BitRot, On: []string{"backend-2"}},
			Fault{At: 15 * time.Second, Kind: Kill, On: []string{"backend-2"}},
		),
	},
	{
		Name: "split-brain", Says: "the leader of a slot is cut off with one frontend and one client on its side: two hosts believe that they lead",
		faults: []Fault{{
			At: 8 * time.Second, For: 10 * time.Second, Kind: Cut, On: []string{"backend-1", "frontend-1", "client-1"},
			And: []string{"backend-2", "backend-3", "frontend-2", "client-2", "metadata-1", "metadata-2", "metadata-3"},
		}},
	},
	{
		Name: "two-candidates", Says: "the leader of a slot is restarted, and its two followers, which cannot see each other, ask it for its vote at about the same time",
		faults: candidates(),
	},
	{
		Name: "unheard-backends", Says: "a frontend's commands reach the backends and the answers do not come back; meanwhile all hosts take snapshots, and are restarted from them",
		faults: unheard(), snapshotEntries: 15,
	},
	{
		Name: "wiped-and-away", Says: "a host was away; when it is back, another has lost its disk, and the third cannot be reached: nobody may forget what two of three had acknowledged",
		faults: away(Fault{At: 15 * time.Second, For: 1500 * time.Millisecond, Kind: Wipe, On: []string{"backend-2"}}),
	},
}

// NamedScenarios returns all scenarios that have a name, in order of names.
func NamedScenarios() []NamedScenario { return slices.Clone(namedScenarios) }

// Named returns the scenario of that name, with a small cluster and a steady workload.
func Named(name string) (*Scenario, error) {
	i := slices.IndexFunc(namedScenarios, func(s NamedScenario) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range namedScenarios {
			names = append(names, s.Name)
		}
		return nil, fmt.Errorf("there is no scenario called %q; there are: %s", name, strings.Join(names, ", "))
	}
	s := SteadyScenario()
	s.Name, s.Faults, s.Yields = name, slices.Clone(namedScenarios[i].faults), namedScenarios[i].yields
	s.Topology.SnapshotEntries = namedScenarios[i].snapshotEntries
	s.Workload.Administrators = slices.Clone(namedScenarios[i].administrators)
	s.Topology.Consoles = len(s.Workload.Administrators)
	for _, f := range s.Faults {
		s.FaultyPhase = max(s.FaultyPhase, f.At+f.For+time.Second)
	}
	return s, nil
}

// NamedDraw returns a function that gives the scenario of that name any seed: the same faults at other moments of what
// goes on.
func NamedDraw(name string) (func(seed uint64) *Scenario, error) {
	s, err := Named(name)
	if err != nil {
		return nil, err
	}
	return func(seed uint64) *Scenario {
		seeded := *s
		seeded.Seed = seed
		return &seeded
	}, nil
}

// SteadyScenario is a small cluster under a steady load of about fifty requests per second, without any fault.
func SteadyScenario() *Scenario {
	return &Scenario{
		Seed: 1, Topology: smallTopology(), FaultyPhase: 20 * time.Second, Recovery: recoveryTime,
		Network: Network{Near: 80 * time.Microsecond, Far: 400 * time.Microsecond, Jitter: 40 * time.Microsecond},
		Workload: workload.Plan{
			Queues: []workload.Queue{{Name: "orders", VisibilitySeconds: 5}, {Name: "payments.fifo", VisibilitySeconds: 5}},
			Producers: []workload.Producer{
				{Queue: "orders", Rate: 10, BatchMax: 1, BodyBytesMin: 50, BodyBytesMax: 500},
				{Queue: "orders", Rate: 5, BatchMax: 10, BodyBytesMin: 50, BodyBytesMax: 500},
				{Queue: "payments.fifo", Rate: 8, BatchMax: 3, BodyBytesMin: 50, BodyBytesMax: 500, Groups: 3},
			},
			Consumers: []workload.Consumer{
				{Queue: "orders", Max: 10, WaitSeconds: 5, ThinkMs: 50},
				{Queue: "orders", Max: 1, WaitSeconds: 5, ThinkMs: 50},
				{Queue: "payments.fifo", Max: 10, WaitSeconds: 5, ThinkMs: 50},
				{Queue: "payments.fifo", Max: 3, WaitSeconds: 5, ThinkMs: 50, BatchDelete: true},
			},
		},
	}
}

func flapping() []Fault {
	var faults []Fault
	for i := range 10 {
		faults = append(faults, Fault{
			At: 6*time.Second + time.Duration(i)*2500*time.Millisecond, For: 500*time.Millisecond + time.Duration(i)*100*time.Millisecond,
			Kind: Cut, On: []string{leaderPrefix + slotGroup(i%2)}, And: []string{"backend-1", "backend-2", "backend-3"},
		})
	}
	return faults
}

// away is what befalls the second backend host while the first cannot be reached and the third has just come back, without
// what the other two have acknowledged since it was cut off.
func away(second ...Fault) []Fault {
	faults := []Fault{
		{At: 6 * time.Second, For: 10 * time.Second, Kind: Cut, On: []string{"backend-3"}},
		{At: 15 * time.Second, For: 10 * time.Second, Kind: Cut, On: []string{"backend-1"}},
	}
	return append(faults, second...)
}

// candidates kills the hosts that lead slots, one after the other, while their two followers, whose logs are equal, are cut
// off from each other and far from the host that comes back: both ask it for its vote before it has heard who won.
func candidates() []Fault {
	var faults []Fault
	for i, leader := range []string{"backend-1", "backend-2"} {
		followers := slices.DeleteFunc([]string{"backend-1", "backend-2", "backend-3"}, func(name string) bool { return name == leader })
		at, lasts := 8*time.Second+time.Duration(i)*10*time.Second, 6*time.Second
		faults = append(faults,
			Fault{At: at, For: lasts, Kind: Cut, On: followers[:1], And: followers[1:]},
			Fault{At: at, For: lasts, Kind: Lag, On: []string{leader}, And: followers, Arg: 90},
			Fault{At: at, Kind: Kill, On: []string{leader}},
		)
	}
	return faults
}

func relapsing() []Fault {
	backends := []string{"backend-1", "backend-2", "backend-3"}
	faults := []Fault{{At: 6 * time.Second, For: 42 * time.Second, Kind: Lag, On: backends, And: backends, Arg: 80}}
	for i := range 8 {
		at, lasts := 7*time.Second+time.Duration(i)*5*time.Second, 700*time.Millisecond+time.Duration(i%4)*100*time.Millisecond
		again := at + lasts + 500*time.Millisecond + time.Duration(i/2)*200*time.Millisecond
		leader := []string{leaderPrefix + slotGroup(i%2)}
		faults = append(faults,
			Fault{At: at, For: lasts, Kind: Cut, On: leader, And: backends},
			Fault{At: again, For: 2 * time.Second, Kind: Cut, On: leader, And: backends},
		)
	}
	return faults
}

func blackouts() []Fault {
	var faults []Fault
	for i := range 4 {
		at := 6*time.Second + time.Duration(i)*9*time.Second
		for _, group := range []string{slotGroup(i % 2), metadataGroup} {
			faults = append(faults, Fault{At: at, For: 3 * time.Second, Kind: Power, On: []string{leaderPrefix + group}})
		}
		faults = append(faults, Fault{At: at + 5*time.Second, For: time.Second, Kind: PowerAll})
	}
	return faults
}

func resets() []Fault {
	backends := []string{"backend-1", "backend-2", "backend-3"}
	faults := []Fault{{At: 6 * time.Second, For: 20 * time.Second, Kind: SlowDisk, On: backends, Arg: 30}}
	for i := range 4 {
		faults = append(faults, Fault{
			At: 6*time.Second + time.Duration(i)*5*time.Second, For: 3 * time.Second, Kind: ResetAll,
			On: []string{"frontend-1", "frontend-2"}, And: backends, Arg: 30,
		})
	}
	return faults
}

// voters cuts off a leader and has one of the two others ask the third, which is some way off and does not campaign itself
// so soon after a restart. About when it has given its vote it is restarted again, hears no more of the one that it voted
// for, and can be reached by the former leader, which does not know of the new term.
func voters() []Fault {
	var faults []Fault
	for i, hosts := range [][]string{
		{"backend-1", "backend-2", "backend-3"}, {"backend-2", "backend-3", "backend-1"}, {"backend-3", "backend-1", "backend-2"},
		{"backend-1", "backend-3", "backend-2"}, {"backend-2", "backend-1", "backend-3"}, {"backend-3", "backend-2", "backend-1"},
	} {
		former, voter, next := hosts[:1], hosts[1:2], hosts[2:]
		at, votes := 6*time.Second+time.Duration(i)*5*time.Second, 1400*time.Millisecond
		faults = append(faults,
			Fault{At: at, For: votes, Kind: Cut, On: former, And: voter},
			Fault{At: at, For: 3500 * time.Millisecond, Kind: Cut, On: former, And: next},
			Fault{At: at, For: 3500 * time.Millisecond, Kind: Lag, On: voter, And: next, Arg: 80},
			Fault{At: at, Kind: Kill, On: voter},
			Fault{At: at + votes, Kind: Kill, On: voter},
			Fault{At: at + votes + 80*time.Millisecond, For: 1500 * time.Millisecond, Kind: Cut, On: voter, And: next},
		)
	}
	return faults
}

func unheard() []Fault {
	backends := []string{"backend-1", "backend-2", "backend-3"}
	var faults []Fault
	for i := range 4 {
		at := 6*time.Second + time.Duration(i)*6*time.Second
		faults = append(faults,
			Fault{At: at, For: 3500 * time.Millisecond, Kind: CutOneWay, On: backends, And: []string{"frontend-1"}},
			Fault{At: at + 2500*time.Millisecond, Kind: Kill, On: backends[i%3 : i%3+1]},
			Fault{At: at + 3200*time.Millisecond, Kind: Kill, On: backends[(i+1)%3 : (i+1)%3+1]},
		)
	}
	return faults
}

func smallTopology() Topology {
	return Topology{Balancers: 2, Frontends: 2, Metadata: 3, Backends: 3, Clients: 2, Zones: 3, Slots: 2, SegmentBytes: segmentBytes}
}

func allBut(name string) []string {
	var names []string
	topology := smallTopology()
	for _, h := range topology.hosts() {
		if h.name != name {
			names = append(names, h.name)
		}
	}
	return names
}
