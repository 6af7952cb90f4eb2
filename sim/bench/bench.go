// Package bench measures the simulator: how much faster than time a whole cluster runs on one core, idle and under load,
// how many seeds an hour takes, and what an instance costs to compile, to start and to keep.
//
// [Measure] does all of it and returns [Figures]. A run's boot, its end and its judgement are left out of the ratios:
// they are taken between two moments of virtual time. Times are of the processor, not of the clock on the wall, unless
// their name says so: what else the machine does costs them little. Measures of one kind take turns with those of the
// others, and medians are reported, so that a machine that slows down for a while does not favour one of them.
package bench

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"time"

	"chasqui/sim"
	"chasqui/sim/wasi"
)

// The kinds of measures, for Options.Only.
const (
	Idle    = "idle"
	Load    = "load"
	Seeds   = "seeds"
	Start   = "start"
	Compile = "compile"
)

// Options say what to measure. See DefaultOptions.
type Options struct {
	// Only are the kinds to measure; all if it is empty.
	Only []string
	// Rounds is how often everything is repeated but for seeds and the cold compile, at least 1.
	Rounds int
	// Window is the virtual time over which the ratios are taken, at least 1 s.
	Window time.Duration
	// FirstSeed is the first of Seeds seeds for the figure of seeds per hour.
	FirstSeed uint64
	Seeds     int
}

// DefaultOptions returns what takes about six minutes on one core.
func DefaultOptions() Options {
	return Options{Rounds: 3, Window: 60 * time.Second, FirstSeed: 1, Seeds: 4}
}

// Figures are what was measured. Those that were not asked for are zero.
type Figures struct {
	// Cores is the number of cores that the simulator used for everything but the compile.
	Cores int `json:"cores"`
	// Idle is a cluster whose consumers wait in long polls, Load one that answers about 50 requests a second.
	Idle *Ratio `json:"idle,omitempty"`
	Load *Ratio `json:"load,omitempty"`
	// OncePerHour and TwicePerHour are drawn seeds per hour of one core, run once each and twice each.
	OncePerHour  float64 `json:"seeds_per_hour_once,omitempty"`
	TwicePerHour float64 `json:"seeds_per_hour_twice,omitempty"`
	// SeedsFailed counts those seeds that did not pass.
	SeedsFailed int `json:"seeds_failed,omitempty"`
	// StartMs is from nothing to the end of "chasqui version": an instance, the runtime's and all packages' start.
	StartMs float64 `json:"start_ms,omitempty"`
	// ColdMs compiles the program, CachedMs loads what the cache has of it. They are wall clock time.
	ColdMs   float64 `json:"compile_cold_ms,omitempty"`
	CachedMs float64 `json:"compile_cached_ms,omitempty"`
}

// Measure measures a program. wasm is what it was compiled from. progress is told what has been measured, one line each
// time. It sets the number of cores that this process uses to one and puts it back at the end.
func Measure(program *wasi.Program, wasm []byte, o Options, progress func(line string)) (*Figures, error) {
	if o.Rounds < 1 || o.Window < time.Second || o.Seeds < 0 {
		return nil, fmt.Errorf("measure: %d rounds, a window of %v, %d seeds: at least 1, 1s and 0 are needed", o.Rounds, o.Window, o.Seeds)
	}
	m := &measures{Options: o, program: program, progress: progress}
	if m.wants(Compile) {
		if err := m.compile(wasm); err != nil {
			return nil, err
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	m.figures.Cores = 1
	for round := range o.Rounds {
		if err := m.round(round); err != nil {
			return nil, err
		}
	}
	m.figures.Idle, m.figures.Load = medianRatio(m.idle), medianRatio(m.load)
	m.figures.StartMs = median(m.starts)
	if m.wants(Seeds) && o.Seeds > 0 {
		if err := m.seeds(); err != nil {
			return nil, err
		}
	}
	return &m.figures, nil
}

// measures are the measures under way.
type measures struct {
	Options
	program    *wasi.Program
	progress   func(string)
	figures    Figures
	idle, load []Ratio
	starts     []float64
}

func (m *measures) wants(kind string) bool { return len(m.Only) == 0 || slices.Contains(m.Only, kind) }

// round takes each of the measures that are repeated once.
func (m *measures) round(round int) error {
	for _, kind := range []struct {
		name     string
		scenario func(window time.Duration) *sim.Scenario
		ratios   *[]Ratio
	}{{Idle, idleScenario, &m.idle}, {Load, loadScenario, &m.load}} {
		if !m.wants(kind.name) {
			continue
		}
		ratio, err := m.ratio(kind.scenario(m.Window))
		if err != nil {
			return fmt.Errorf("measure %s: %w", kind.name, err)
		}
		*kind.ratios = append(*kind.ratios, *ratio)
		m.progress(fmt.Sprintf("round %d of %d: %s %v", round+1, m.Rounds, kind.name, ratio))
	}
	if !m.wants(Start) {
		return nil
	}
	for range startsPerRound {
		spent, err := startOnce(m.program)
		if err != nil {
			return fmt.Errorf("measure start: %w", err)
		}
		m.starts = append(m.starts, milliseconds(spent))
	}
	m.progress(fmt.Sprintf("round %d of %d: start %.1f ms", round+1, m.Rounds, median(m.starts)))
	return nil
}

// seeds runs drawn seeds, once each and then twice each.
func (m *measures) seeds() error {
	for _, kind := range []struct {
		once bool
		name string
		rate *float64
	}{{true, "once", &m.figures.OncePerHour}, {false, "twice", &m.figures.TwicePerHour}} {
		before := now()
		batch := sim.Batch{First: m.FirstSeed, Seeds: m.Options.Seeds, Workers: 1, Once: kind.once}
		var failed error
		summary := batch.Run(m.program, func(seed uint64, _ *sim.Result, err error) {
			if err != nil && failed == nil {
				failed = fmt.Errorf("seed %d: %w", seed, err)
			}
		})
		if failed != nil {
			return fmt.Errorf("measure seeds: %w", failed)
		}
		spent := now().cpu - before.cpu
		*kind.rate = float64(summary.Seeds) / spent.Hours()
		m.figures.SeedsFailed = summary.Seeds - summary.Verdicts[sim.Pass]
		m.progress(fmt.Sprintf("%d seeds %s each: %.0f per hour of one core, %.0f s of virtual time each, %d did not pass",
			summary.Seeds, kind.name, *kind.rate, summary.Virtual.Seconds()/float64(summary.Seeds), m.figures.SeedsFailed))
	}
	return nil
}

// median returns the middle of some numbers, the lower one of two; 0 if there are none.
func median[N cmp.Ordered](values []N) N {
	if len(values) == 0 {
		var none N
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
