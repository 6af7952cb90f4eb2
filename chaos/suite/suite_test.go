package suite

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/linearizability"
	"chasqui/sim"
	"chasqui/sim/bugs"
	"chasqui/sim/report"
	"chasqui/sim/workload"
)

// smallPlan is a short run with faults that need no failpoints, and consumers who hand messages back.
func smallPlan() *Plan {
	return &Plan{Proof: 5 * time.Second, Scenario: sim.Scenario{
		Name: "small", Seed: 1, Topology: topology(), FaultyPhase: 12 * time.Second, Recovery: recoveryTime,
		Faults: []sim.Fault{
			{At: 2 * time.Second, For: time.Second, Kind: sim.Pause, On: []string{"frontend-1"}},
			{At: 3 * time.Second, For: 2 * time.Second, Kind: sim.CutOneWay, On: []string{"frontend-2"}, And: []string{"backend-1", "backend-2", "backend-3"}},
			{At: 5 * time.Second, Kind: sim.ResetAll, On: []string{leaderPrefix + "slot-0"}},
			{At: 6 * time.Second, Kind: sim.Kill, On: []string{leaderPrefix + "slot-1"}},
			{At: 8 * time.Second, For: 2 * time.Second, Kind: sim.NoPeer},
		},
		Workload: workload.Plan{
			Queues:    []workload.Queue{{Name: "orders", VisibilitySeconds: 2}},
			Producers: []workload.Producer{{Queue: "orders", Rate: 10, BatchMax: 3, BodyBytesMin: 50, BodyBytesMax: 500}},
			Consumers: []workload.Consumer{
				{Queue: "orders", Max: 10, WaitSeconds: 2, ThinkMs: 50, Release: 0.3},
				{Queue: "orders", Max: 3, WaitSeconds: 2, ThinkMs: 50, BatchDelete: true, Release: 0.3},
			},
		},
	}}
}

// TestTheSuiteFindsAPlantedBug runs one plan against the product as it is, and against the product with a bug of sim/bugs. The
// first must pass, with every fault known to have happened; the second must break the rule that is meant to find the bug.
func TestTheSuiteFindsAPlantedBug(t *testing.T) {
	bug, err := bugs.Named("receive-count-reset")
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		bugs []string
	}{
		{name: "as it is"},
		{name: bug.Name, bugs: []string{bug.Name}},
	} {
		t.Run(c.name, func(t *testing.T) {
			binary, dir := filepath.Join(t.TempDir(), "chasqui"), t.TempDir()
			require.NoError(t, bugs.BuildNative("../..", t.TempDir(), binary, c.bugs...))
			built, err := BuildOf(binary)
			require.NoError(t, err)
			require.Equal(t, Build{}, built)
			plan := smallPlan()
			result, err := Run(t.Context(), plan, Options{Binary: binary, Dir: dir, Progress: func(text string) { t.Log(text) }})
			require.NoError(t, err)

			var summary bytes.Buffer
			require.NoError(t, Summarise(result, built, "make chaos SEED=1", dir).Write(&summary))
			t.Log(summary.String())
			require.NoError(t, report.Write(dir, result.Result, "make chaos SEED=1"))
			history, err := os.Open(filepath.Join(dir, report.HistoryFile))
			require.NoError(t, err)
			defer history.Close()
			read, err := linearizability.ReadJSONL(history)
			require.NoError(t, err)
			require.Equal(t, result.History, read)

			if len(c.bugs) > 0 {
				require.Equal(t, sim.Safety, result.Verdict())
				// The models of messages speak up where the rules do.
				meant := append(bug.Also, bug.Rule, string(linearizability.PorcupineStandard))
				require.Subset(t, meant, result.Rules(), "no rule that has nothing to do with it")
				story, err := os.ReadFile(filepath.Join(dir, report.StoryFile))
				require.NoError(t, err)
				require.Contains(t, string(story), "of real time")
				require.Contains(t, summary.String(), "seed 1: safety")
				return
			}
			require.Equal(t, sim.Pass, result.Verdict(), "%+v", result.Violations)
			require.Len(t, result.Injected, len(plan.Faults))
			require.Equal(t, result.Injected, result.Happened, "every fault has had an effect")
			for _, rule := range []string{"receive-count", "lost", "one-leader-per-term", "equal-state", "journal-verifies", "stops-in-order", "sends-again"} {
				require.Positive(t, checked(result, rule), rule)
			}
			require.Contains(t, summary.String(), "seed 1: pass")
			require.NoError(t, Tidy(dir))
			require.NoDirExists(t, filepath.Join(dir, "backend-1"))
			require.FileExists(t, filepath.Join(dir, logsFolder, "backend-1.log"))
		})
	}
}

func checked(r *Result, rule string) int {
	for _, c := range r.Checked {
		if c.Rule == rule {
			return c.Number
		}
	}
	return 0
}
