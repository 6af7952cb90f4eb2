package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"chasqui/sim/workload"
)

// Scenario is everything that decides a run, together with the program's binary. It is a value: written as JSON and
// read back it gives the same run.
type Scenario struct {
	// Name says what it is about, for people.
	Name string `json:"name,omitempty"`
	// Seed feeds every random stream of the run.
	Seed     uint64        `json:"seed"`
	Topology Topology      `json:"topology"`
	Network  Network       `json:"network"`
	Workload workload.Plan `json:"workload"`
	// FaultyPhase is when the faults end: everything is lifted then, but for what stays.
	FaultyPhase time.Duration `json:"faulty_phase"`
	// Recovery bounds the time after FaultyPhase within which all acknowledged messages must have drained.
	Recovery time.Duration `json:"recovery"`
	Faults   []Fault       `json:"faults,omitempty"`
	// BeyondModel says that the faults include some that the product does not promise to survive: violations are shown
	// but not failures.
	BeyondModel bool `json:"beyond_model,omitempty"`
	// Yields lets raft's main loops give way to other goroutines, mostly for a moment and seldom for up to a second and a
	// half: what a scheduler may do at any time, and that of wasm never does by itself.
	Yields bool `json:"yields,omitempty"`
	// Failpoints are GO_FAILPOINTS of hosts' programs, by host, during the faulty phase: what happens at marked places of
	// the product's code. The binary must be built with them.
	Failpoints map[string]string `json:"failpoints,omitempty"`
}

// Topology is the cluster and its clients.
type Topology struct {
	Balancers int `json:"balancers"`
	Frontends int `json:"frontends"`
	Metadata  int `json:"metadata"`
	Backends  int `json:"backends"`
	Clients   int `json:"clients"`
	// Consoles are the machines of administrators, one for each of the workload's.
	Consoles int `json:"consoles,omitempty"`
	Zones    int `json:"zones"`
	Slots    int `json:"slots"`
	// SegmentBytes is the size of journal segments.
	SegmentBytes int64 `json:"segment_bytes"`
	// SnapshotEntries is the log behind the newest snapshot after which the next one is taken, and TrailingBytes what is
	// kept behind a snapshot; 0 is the product's default, which no run of a minute ever reaches.
	SnapshotEntries int   `json:"snapshot_entries,omitempty"`
	TrailingBytes   int64 `json:"trailing_bytes,omitempty"`
	// CooldownSeconds is how long the name of a deleted queue cannot be used, and a purged queue not be purged again; 0 is
	// the product's default, a minute.
	CooldownSeconds int `json:"cooldown_seconds,omitempty"`
}

// Network is how the network behaves all along.
type Network struct {
	Near   time.Duration `json:"near"`
	Far    time.Duration `json:"far"`
	Jitter time.Duration `json:"jitter"`
	// ShortReads and ShortWrites are chances of 1000.
	ShortReads  int `json:"short_reads,omitempty"`
	ShortWrites int `json:"short_writes,omitempty"`
}

// Bounds of a scenario.
const (
	phaseMax  = time.Hour
	faultsMax = 10_000
)

// Validate returns what is wrong with a scenario that was written by hand.
func (s *Scenario) Validate() error {
	for _, field := range []struct {
		name            string
		value, min, max int
	}{
		{"topology.balancers", s.Topology.Balancers, 1, 2}, {"topology.frontends", s.Topology.Frontends, 1, 16},
		{"topology.metadata", s.Topology.Metadata, 1, 7}, {"topology.backends", s.Topology.Backends, 1, 16},
		{"topology.clients", s.Topology.Clients, 1, 16}, {"topology.consoles", s.Topology.Consoles, len(s.Workload.Administrators), 16}, {"topology.zones", s.Topology.Zones, 1, 8},
		{"topology.slots", s.Topology.Slots, 1, 64}, {"topology.snapshot_entries", s.Topology.SnapshotEntries, 0, 1 << 20},
		{"topology.trailing_bytes", int(s.Topology.TrailingBytes), 0, 1 << 30},
		{"topology.cooldown_seconds", s.Topology.CooldownSeconds, 0, 60},
	} {
		if field.value < field.min || field.value > field.max {
			return fmt.Errorf("scenario: %s is %d: %d to %d are possible", field.name, field.value, field.min, field.max)
		}
	}
	if len(s.Workload.Administrators) > 0 && s.Topology.CooldownSeconds > 0 {
		return fmt.Errorf("scenario: topology.cooldown_seconds is %d: with administrators it must be 0, or somebody might use the name of a queue that is to be restored",
			s.Topology.CooldownSeconds)
	}
	if s.FaultyPhase <= 0 || s.FaultyPhase > phaseMax || s.Recovery <= 0 || s.Recovery > phaseMax {
		return fmt.Errorf("scenario: phases of %v and %v: up to %v each are possible", s.FaultyPhase, s.Recovery, phaseMax)
	}
	if len(s.Faults) > faultsMax {
		return fmt.Errorf("scenario: %d faults: %d are possible", len(s.Faults), faultsMax)
	}
	names := s.Topology.names()
	for name := range s.Failpoints {
		if !names[name] {
			return fmt.Errorf("scenario: failpoints: there is no host %q", name)
		}
	}
	for i, f := range s.Faults {
		if err := f.validate(names); err != nil {
			return fmt.Errorf("scenario: fault %d: %w", i, err)
		}
	}
	return nil
}

// kinds returns the kinds of faults that the scenario has.
func (s *Scenario) kinds() []FaultKind {
	var kinds []FaultKind
	for i := range s.Faults {
		kinds = append(kinds, s.Faults[i].Kind)
	}
	if len(s.Failpoints) > 0 {
		kinds = append(kinds, Failpoint)
	}
	return kinds
}

// ReadScenario reads one written by Write. Unknown fields are errors.
func ReadScenario(r io.Reader) (*Scenario, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var s Scenario
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	if d.More() {
		return nil, errors.New("read scenario: there is more after its end")
	}
	return &s, s.Validate()
}

// Write writes the scenario as JSON.
func (s *Scenario) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(s)
}
