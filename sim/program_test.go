package sim

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/linearizability"
	"chasqui/sim/bugs"
	"chasqui/sim/wasi"
	"chasqui/sim/world"
)

// build builds the product for wasip1 from a folder and returns the binary.
func build(t *testing.T, source string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "chasqui.wasm")
	require.NoError(t, bugs.Build(source, t.TempDir(), out))
	wasm, err := os.ReadFile(out)
	require.NoError(t, err)
	return wasm
}

// compile compiles a binary; its code is kept where all runs of the tests find it.
func compile(t *testing.T, wasm []byte) *wasi.Program {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir() // a machine without a home compiles anew
	}
	engine, err := wasi.NewEngine(t.Context(), filepath.Join(cache, "chasqui-sim"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close(context.Background())) })
	program, err := engine.Compile(wasm)
	require.NoError(t, err)
	return program
}

var built struct {
	once sync.Once
	wasm []byte
}

// product is the product of this tree.
func product(t *testing.T) *wasi.Program {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the product and runs clusters")
	}
	built.once.Do(func() { built.wasm = build(t, "..") })
	require.NotEmpty(t, built.wasm)
	return compile(t, built.wasm)
}

// short is a run of a few virtual seconds with some of everything.
func short() *Scenario {
	s := SteadyScenario()
	s.FaultyPhase = 9 * time.Second
	s.Network.ShortReads, s.Network.ShortWrites = 50, 50
	s.Yields = true
	s.Faults = []Fault{
		{At: 4 * time.Second, For: time.Second, Kind: Power, On: []string{"backend-1"}},
		{At: 6 * time.Second, For: time.Second, Kind: Cut, On: []string{"backend-3"}},
		{At: 7 * time.Second, For: time.Second, Kind: Lag, On: []string{"frontend-1"}, Arg: 20},
	}
	return s
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	program := product(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	first, err := Run(short(), program, Options{Record: true})
	require.NoError(t, err)
	require.Empty(t, first.Violations)
	require.Equal(t, Pass, first.Verdict())

	runtime.GOMAXPROCS(2)
	logged := 0
	second, err := Run(short(), compile(t, built.wasm), Options{Expect: first.Records, Log: func(time.Duration, string, []byte) { logged++ }})
	require.NoError(t, err)
	require.Nil(t, second.Difference)
	require.Equal(t, first.Hash, second.Hash)
	require.Equal(t, first.Events, second.Events)
	require.Equal(t, first.History, second.History)
	require.Equal(t, first.Story, second.Story)
	require.Positive(t, logged)

	// The run was worth it: each fault happened, and every kind of rule had something to judge.
	for _, kind := range []FaultKind{Power, Cut, Lag} {
		require.True(t, slices.ContainsFunc(first.Happened, func(c FaultCount) bool { return c.Kind == kind }), "%s did not happen", kind)
	}
	for _, rule := range []string{
		"one-leader-per-term", "equal-state", "journal-verifies", "impossible-answer", RuleDrains, RuleSendsAgain,
		string(linearizability.Lost), string(linearizability.FIFOOrder), string(linearizability.Invented),
	} {
		require.True(t, slices.ContainsFunc(first.Checked, func(c RuleCount) bool { return c.Rule == rule && c.Number > 0 }), "%s judged nothing", rule)
	}

	other := short()
	other.Seed++
	third, err := Run(other, program, Options{})
	require.NoError(t, err)
	require.NotEqual(t, first.Hash, third.Hash)
}

// TestRestoredQueues runs the scenario in which queues are deleted and restored all the time, twice.
func TestRestoredQueues(t *testing.T) {
	program := product(t)
	s, err := Named("restored-queue")
	require.NoError(t, err)
	first, err := Run(s, program, Options{Record: true})
	require.NoError(t, err)
	require.Empty(t, first.Violations)
	outcomes := map[string]int{}
	for _, op := range first.History {
		if op.Kind == linearizability.RestoreQueue {
			outcomes[string(op.Outcome)+op.Error]++
		}
	}
	require.Greater(t, outcomes[string(linearizability.OK)], 10, "%v", outcomes)
	require.Positive(t, outcomes[string(linearizability.Failed)+linearizability.NameTaken], "%v", outcomes)
	for _, rule := range []linearizability.Rule{linearizability.DeletedServes, linearizability.RestoredMissing, linearizability.PorcupineMetadata} {
		require.True(t, slices.ContainsFunc(first.Checked, func(c RuleCount) bool { return c.Rule == string(rule) && c.Number > 0 }), "%s judged nothing", rule)
	}
	second, err := Run(s, program, Options{Expect: first.Records})
	require.NoError(t, err)
	require.Nil(t, second.Difference)
}

func TestNondeterminismIsCaught(t *testing.T) {
	program := product(t)
	s := SteadyScenario()
	s.FaultyPhase, s.Recovery = 5*time.Second, time.Second
	s.Workload.Queues, s.Workload.Producers, s.Workload.Consumers = s.Workload.Queues[:1], s.Workload.Producers[:1], s.Workload.Consumers[:1]
	for name, disturb := range map[string]func(w *world.World){
		"the host's clock": func(w *world.World) {
			lag := time.Duration(time.Now().UnixNano() % 1_000_000)
			for _, h := range w.Hosts() {
				w.Lag(w.Hosts()[0], h, lag)
			}
		},
		"the order of a map": func(w *world.World) {
			byName := map[string]*world.Host{}
			for _, h := range w.Hosts() {
				byName[h.Name()] = h
			}
			lag := time.Microsecond
			for _, h := range byName {
				w.Lag(w.Hosts()[0], h, lag)
				lag *= 2
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			interfere := func(w *world.World) { w.At(3*time.Second, func() { disturb(w) }) }
			first, err := Run(s, program, Options{Record: true, interfere: interfere})
			require.NoError(t, err)
			second, err := Run(s, program, Options{Expect: first.Records, interfere: interfere})
			require.NoError(t, err)
			require.Equal(t, Nondeterminism, second.Verdict())
			require.NotEqual(t, second.Difference.Earlier, second.Difference.Repeated)
			require.GreaterOrEqual(t, second.Difference.Earlier.At, int64(3*time.Second))
		})
	}
}

func TestTheBinaryDoesNotDependOnItsFolder(t *testing.T) {
	product(t)
	elsewhere := t.TempDir()
	for _, folder := range []string{"backend", "cmd", "frontend", "metadata", "node"} {
		require.NoError(t, os.CopyFS(filepath.Join(elsewhere, folder), os.DirFS(filepath.Join("..", folder))))
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(elsewhere, name), text, 0o600))
	}
	require.Equal(t, sha256.Sum256(built.wasm), sha256.Sum256(build(t, elsewhere)))
}

// TestPlantedBugsAreFound is for bugs that a scenario of a few seconds shows at once; "sim bugs" hunts all of them with
// seeds.
func TestPlantedBugsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the product and runs clusters")
	}
	for name, prepare := range map[string]func(s *Scenario){
		"no-store-deadline": func(s *Scenario) {
			s.Faults = []Fault{{At: 7 * time.Second, Kind: HungDisk, On: []string{leaderPrefix + slotGroup(0)}, Stays: true}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bug, err := bugs.Named(name)
			require.NoError(t, err)
			work := t.TempDir()
			out := filepath.Join(work, "chasqui.wasm")
			require.NoError(t, bugs.Build("..", work, out, name))
			wasm, err := os.ReadFile(out)
			require.NoError(t, err)
			s := SteadyScenario()
			s.FaultyPhase, s.Recovery = 8*time.Second, 25*time.Second
			prepare(s)
			result, err := Run(s, compile(t, wasm), Options{})
			require.NoError(t, err)
			require.Subset(t, append(bug.Also, bug.Rule), result.Rules())
			require.NotEmpty(t, result.Rules())
			sound, err := Run(s, product(t), Options{})
			require.NoError(t, err)
			require.Empty(t, sound.Violations, "without the bug the scenario must pass")
		})
	}
}
