package sim

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/linearizability"
	"chasqui/sim/bugs"
	"chasqui/sim/workload"
)

func TestDrawnScenariosAreValidAndVaried(t *testing.T) {
	kinds := map[FaultKind]int{}
	quiet, staying, failpoints, administered := 0, 0, 0, 0
	for seed := uint64(1); seed <= 400; seed++ {
		s := Draw(seed)
		require.NoError(t, s.Validate(), "seed %d", seed)
		require.NoError(t, s.Workload.Validate(), "seed %d", seed)
		if len(s.Faults) == 0 {
			quiet++
		}
		if len(s.Failpoints) > 0 {
			failpoints++
		}
		if len(s.Workload.Administrators) > 0 {
			administered++
		}
		for _, f := range s.Faults {
			kinds[f.Kind]++
			if f.Stays {
				staying++
			}
		}
	}
	require.Greater(t, quiet, 15)
	require.Greater(t, staying, 50)
	require.Greater(t, failpoints, 30)
	require.Greater(t, administered, 80)
	for _, sort := range FaultKinds() {
		if sort.Kind == OldDisk || sort.Kind == LyingDisk || sort.Kind == StaleRead {
			require.Zero(t, kinds[sort.Kind], "%s is beyond the model", sort.Kind)
			continue
		}
		require.Positive(t, kinds[sort.Kind], "%s is never drawn", sort.Kind)
	}
}

// TestDamageStaysWithinTheModel checks that no drawn scenario destroys what a majority needs: only one backend host and
// one metadata host are damaged, and no other of their role stays broken then.
func TestDamageStaysWithinTheModel(t *testing.T) {
	damages := map[FaultKind]bool{}
	for _, k := range drawnKinds {
		damages[k.kind] = k.damages
	}
	for seed := uint64(1); seed <= 400; seed++ {
		s := Draw(seed)
		damaged, staying := map[string]string{}, map[string]string{}
		for _, f := range s.Faults {
			switch {
			case damages[f.Kind]:
				require.Len(t, f.On, 1)
				role, _, _ := strings.Cut(f.On[0], "-")
				require.Contains(t, []string{"", f.On[0]}, damaged[role], "seed %d", seed)
				damaged[role] = f.On[0]
			case f.Stays && f.Kind != Lag:
				name := f.On[0]
				if len(f.And) == 1 {
					name = f.And[0]
				}
				role, _, _ := strings.Cut(name, "-")
				require.Empty(t, staying[role], "seed %d: two of one role stay broken", seed)
				staying[role] = name
			}
		}
		for role, name := range damaged {
			require.Contains(t, []string{"", name}, staying[role], "seed %d: %s is damaged, another stays broken", seed, name)
		}
	}
}

func TestAScenarioSurvivesItsFile(t *testing.T) {
	for seed := uint64(1); seed < 20; seed++ {
		s := Draw(seed)
		var file bytes.Buffer
		require.NoError(t, s.Write(&file))
		again, err := ReadScenario(&file)
		require.NoError(t, err)
		require.Equal(t, s, again)
		require.Equal(t, s, Draw(seed))
	}
}

func TestBadScenariosAreRefused(t *testing.T) {
	for name, change := range map[string]func(s *Scenario){
		"topology.backends is 0": func(s *Scenario) { s.Topology.Backends = 0 },
		"topology.zones is 99":   func(s *Scenario) { s.Topology.Zones = 99 },
		"topology.consoles is 0: 1 to 16": func(s *Scenario) {
			s.Workload.Administrators = []workload.Administrator{{Queue: "orders", EveryMs: 1, AwayMs: 1}}
		},
		"cooldown_seconds is 1": func(s *Scenario) {
			s.Workload.Administrators = []workload.Administrator{{Queue: "orders", EveryMs: 1, AwayMs: 1}}
			s.Topology.Consoles, s.Topology.CooldownSeconds = 1, 1
		},
		"phases of 0s":                        func(s *Scenario) { s.FaultyPhase = 0 },
		`no fault called "flood"`:             func(s *Scenario) { s.Faults = []Fault{{Kind: "flood"}} },
		"cut needs hosts":                     func(s *Scenario) { s.Faults = []Fault{{Kind: Cut}} },
		`there is no host "backend-9"`:        func(s *Scenario) { s.Faults = []Fault{{Kind: Kill, On: []string{"backend-9"}}} },
		"kill has no duration":                func(s *Scenario) { s.Faults = []Fault{{Kind: Kill, On: []string{"backend-1"}, Stays: true}} },
		"times are from 0":                    func(s *Scenario) { s.Faults = []Fault{{Kind: Kill, At: -1, On: []string{"backend-1"}}} },
		`failpoints: there is no host "none"`: func(s *Scenario) { s.Failpoints = map[string]string{"none": "x"} },
	} {
		s := SteadyScenario()
		change(s)
		require.ErrorContains(t, s.Validate(), name)
	}
	_, err := ReadScenario(strings.NewReader(`{"seed":1,"sede":2}`))
	require.ErrorContains(t, err, "sede")
	_, err = ReadScenario(strings.NewReader(`{} {}`))
	require.ErrorContains(t, err, "more after its end")
}

func TestNamedScenariosAreValid(t *testing.T) {
	last := ""
	for _, named := range NamedScenarios() {
		require.Less(t, last, named.Name, "in order of names")
		last = named.Name
		s, err := Named(named.Name)
		require.NoError(t, err)
		require.NoError(t, s.Validate(), named.Name)
	}
	_, err := Named("nothing")
	require.ErrorContains(t, err, "split-brain")
}

// TestEveryFaultIsNeededByABug checks that for each kind of fault there is a bug that is said to show only with it, or
// with others of its sort, and that bugs name only kinds and scenarios that there are.
func TestEveryFaultIsNeededByABug(t *testing.T) {
	needed := map[string][]string{}
	for _, bug := range bugs.All() {
		for _, kind := range bug.Needs {
			require.Contains(t, faultKindsAndFailpoint(), kind, bug.Name)
			needed[kind] = append(needed[kind], bug.Name)
		}
		if bug.Scenario != "" {
			_, err := Named(bug.Scenario)
			require.NoError(t, err, bug.Name)
		}
	}
	for _, kind := range faultKindsAndFailpoint() {
		switch FaultKind(kind) {
		case OldDisk, LyingDisk, StaleRead: // beyond the model: the product as it is does not survive them
		default:
			require.NotEmpty(t, needed[kind], "no bug needs %s", kind)
		}
	}
}

func faultKindsAndFailpoint() []string { return append(faultNames(), string(Failpoint)) }

// TestAHuntPassesOverWhatCannotShow says which scenarios a hunt runs.
func TestAHuntPassesOverWhatCannotShow(t *testing.T) {
	for _, c := range []struct {
		name       string
		needs      []string
		faults     []Fault
		failpoints map[string]string
		passed     bool
	}{
		{name: "a bug that needs nothing"},
		{name: "no fault", needs: []string{"kill"}, passed: true},
		{name: "another fault", needs: []string{"kill"}, faults: []Fault{{Kind: Power}}, passed: true},
		{name: "one of two", needs: []string{"kill", "power"}, faults: []Fault{{Kind: Cut}, {Kind: Power}}},
		{name: "a failpoint", needs: []string{"failpoint"}, failpoints: map[string]string{"backend-1": "x=panic"}},
	} {
		h := &Hunt{Needs: c.needs}
		require.Equal(t, c.passed, h.cannotShow(&Scenario{Faults: c.faults, Failpoints: c.failpoints}), c.name)
	}
}

func TestTheClockBoundAddsUp(t *testing.T) {
	s := SteadyScenario()
	s.Faults = []Fault{
		{Kind: WallJump, Arg: -1500, On: []string{"backend-1"}}, {Kind: WallJump, Arg: 500, On: []string{"backend-2"}},
		{Kind: ClockDrift, Arg: -2000, For: 10 * time.Second, On: []string{"backend-1"}},
	}
	require.Equal(t, 2020*time.Millisecond, s.clockBound())
}

// TestShrinkingKeepsWhatMatters shrinks a scenario whose failure needs two of its faults and one of its queues.
func TestShrinkingKeepsWhatMatters(t *testing.T) {
	s := SteadyScenario()
	s.FaultyPhase, s.Yields, s.Failpoints = time.Minute, true, map[string]string{"backend-1": "x=panic"}
	for i := range 40 {
		s.Faults = append(s.Faults, Fault{At: time.Duration(i) * time.Second, Kind: Lag, On: []string{"backend-1"}, Arg: int64(i + 1)})
	}
	needs := func(s *Scenario) bool {
		found := 0
		for _, f := range s.Faults {
			if f.Arg == 7 || f.Arg == 31 {
				found++
			}
		}
		return found == 2 && s.Workload.Queues[len(s.Workload.Queues)-1].Name == "payments.fifo"
	}
	runs := 0
	tried := map[string]bool{}
	k := &shrinker{rule: "a-rule", left: 100, progress: func(int, int, bool) {}, passed: map[string]bool{}, run: func(s *Scenario) (*Result, error) {
		runs++
		var text strings.Builder
		require.NoError(t, s.Write(&text))
		require.False(t, tried[text.String()], "a scenario is run twice")
		tried[text.String()] = true
		result := &Result{Scenario: s}
		if needs(s) {
			result.Violations = []Violation{{Rule: "a-rule"}}
		}
		return result, nil
	}}
	best, err := k.shrink(s)
	require.NoError(t, err)
	require.Len(t, best.Scenario.Faults, 2)
	require.Len(t, best.Scenario.Workload.Queues, 1)
	require.Empty(t, best.Scenario.Workload.Producers)
	require.Len(t, best.Scenario.Workload.Consumers, 1, "a queue that nobody consumes is not valid")
	require.Equal(t, 31*time.Second, best.Scenario.FaultyPhase, "a second after the last fault")
	require.False(t, best.Scenario.Yields)
	require.Empty(t, best.Scenario.Failpoints)
	require.LessOrEqual(t, runs, 100)
	require.Len(t, s.Faults, 40, "the scenario that was given is as it was")

	clear(tried)
	k.left, k.rule = 10, "another-rule"
	best, err = k.shrink(s)
	require.NoError(t, err)
	require.Nil(t, best)
}

// TestABatchMustBeDecided says when porcupine gave up too often.
func TestABatchMustBeDecided(t *testing.T) {
	for _, c := range []struct {
		undecided, windows int
		too                bool
	}{{0, 0, false}, {5, 1000, false}, {6, 1000, true}, {6, 999, false}, {100, 20_000, false}, {101, 20_000, true}} {
		s := Summary{Undecided: c.undecided, Rules: []RuleCount{{Rule: string(linearizability.UndecidedWindows), Number: c.windows}}}
		require.Equal(t, c.too, s.TooUndecided(), "%+v", c)
	}
}
