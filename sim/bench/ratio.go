package bench

import (
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"chasqui/linearizability"
	"chasqui/sim"
	"chasqui/sim/workload"
)

// Ratio is how fast a cluster ran.
type Ratio struct {
	// Times is virtual time by processor time, and WallTimes by the time on the wall.
	Times     float64 `json:"times_real_time"`
	WallTimes float64 `json:"times_wall_time"`
	// Requests is requests of clients per second of virtual time. RequestMs is processor time per request, of all hosts
	// and the world.
	Requests  float64 `json:"requests_per_second"`
	RequestMs float64 `json:"ms_per_request"`
	// HostMB is resident memory per product host at the end, in megabytes, the simulator's share of it included; 0
	// where the system does not tell.
	HostMB float64 `json:"mb_per_host,omitempty"`
}

// String shows a ratio on part of a line.
func (r *Ratio) String() string {
	return fmt.Sprintf("%.1f times real time (%.1f by the wall clock), %.1f requests/s, %.2f ms each, %.1f MB per host",
		r.Times, r.WallTimes, r.Requests, r.RequestMs, r.HostMB)
}

// medianRatio returns the one in the middle, nil if there are none.
func medianRatio(ratios []Ratio) *Ratio {
	if len(ratios) == 0 {
		return nil
	}
	times := make([]float64, len(ratios))
	for i := range ratios {
		times[i] = ratios[i].Times
	}
	i := slices.Index(times, median(times))
	return &ratios[i]
}

// bootTime is the virtual time that is left out at the beginning: elections, registrations and first queues.
const bootTime = 10 * time.Second

// fullTopology is the cluster of all measures: 10 hosts of the product and 2 clients.
var fullTopology = sim.Topology{
	Balancers: 2, Frontends: 2, Metadata: 3, Backends: 3, Clients: 2, Zones: 3, Slots: 3, SegmentBytes: 1 << 20,
}

// ratioScenario is a cluster without faults.
func ratioScenario(window time.Duration, plan workload.Plan) *sim.Scenario {
	return &sim.Scenario{
		Name: "benchmark", Seed: 1, Topology: fullTopology, Workload: plan,
		Network:     sim.Network{Near: 80 * time.Microsecond, Far: 400 * time.Microsecond, Jitter: 40 * time.Microsecond},
		FaultyPhase: bootTime + window, Recovery: time.Minute,
	}
}

// idleScenario is a cluster that nobody sends to. Consumers wait for messages, 20 seconds at a time.
func idleScenario(window time.Duration) *sim.Scenario {
	return ratioScenario(window, workload.Plan{
		Queues: []workload.Queue{{Name: "standard", VisibilitySeconds: 30}, {Name: "ordered.fifo", VisibilitySeconds: 30}},
		Consumers: []workload.Consumer{
			{Queue: "standard", Max: 10, WaitSeconds: 20}, {Queue: "standard", Max: 10, WaitSeconds: 20},
			{Queue: "ordered.fifo", Max: 10, WaitSeconds: 20}, {Queue: "ordered.fifo", Max: 10, WaitSeconds: 20},
		},
	})
}

// loadScenario is a cluster that answers about 50 requests a second: 18 sends, of one message each, and as many
// deletes; the rest receives.
func loadScenario(window time.Duration) *sim.Scenario {
	producer := workload.Producer{BatchMax: 1, BodyBytesMin: 100, BodyBytesMax: 1024}
	standard, ordered := producer, producer
	standard.Queue, standard.Rate = "standard", 6
	ordered.Queue, ordered.Rate, ordered.Groups = "ordered.fifo", 3, 4
	consume := func(queue string) workload.Consumer {
		return workload.Consumer{Queue: queue, Max: 10, WaitSeconds: 5, ThinkMs: 150}
	}
	return ratioScenario(window, workload.Plan{
		Queues:    []workload.Queue{{Name: "standard", VisibilitySeconds: 30, Partitions: 2}, {Name: "ordered.fifo", VisibilitySeconds: 30}},
		Producers: []workload.Producer{standard, standard, ordered, ordered},
		Consumers: []workload.Consumer{consume("standard"), consume("standard"), consume("ordered.fifo"), consume("ordered.fifo")},
	})
}

// ratio runs a scenario and measures it between the end of its boot and the end of its first phase.
func (m *measures) ratio(s *sim.Scenario) (*Ratio, error) {
	debug.FreeOSMemory()
	residentBefore := residentBytes()
	var from, to moment
	var began, ended time.Duration
	var resident int64
	result, err := sim.Run(s, m.program, sim.Options{Progress: func(at time.Duration) {
		switch {
		case began == 0 && at >= bootTime:
			began, from = at, now()
		case ended == 0 && at >= s.FaultyPhase-progressSlack:
			ended, to = at, now()
			resident = residentBytes() - residentBefore
		}
	}})
	switch {
	case err != nil:
		return nil, err
	case result.Verdict() != sim.Pass:
		return nil, fmt.Errorf("a run without faults ended with the verdict %q: %v", result.Verdict(), result.Violations[0].Text)
	case ended <= began:
		return nil, fmt.Errorf("the run told of its progress at %v and %v only", began, ended)
	}
	cpu := to.cpu - from.cpu
	requests := requestsBetween(result.History, began, ended)
	r := &Ratio{
		Times:     (ended - began).Seconds() / cpu.Seconds(),
		WallTimes: (ended - began).Seconds() / to.wall.Sub(from.wall).Seconds(),
		Requests:  float64(requests) / (ended - began).Seconds(),
		RequestMs: milliseconds(cpu) / float64(max(requests, 1)),
	}
	if resident > 0 {
		hosts := s.Topology.Balancers + s.Topology.Frontends + s.Topology.Metadata + s.Topology.Backends
		r.HostMB = float64(resident) / 1e6 / float64(hosts)
	}
	return r, nil
}

// progressSlack is how long before the end of a phase the last report of progress may come.
const progressSlack = 1500 * time.Millisecond

// requestsBetween counts the requests that were first made within a span of the run. The entries of a batch are one.
func requestsBetween(history []linearizability.Operation, from, to time.Duration) int {
	batches := map[int]bool{}
	requests := 0
	for i := range history {
		o := &history[i]
		if at := time.Duration(o.Call); at < from || at >= to || batches[o.Batch] {
			continue
		}
		if o.Batch != 0 {
			batches[o.Batch] = true
		}
		requests += max(o.Tries, 1)
	}
	return requests
}
