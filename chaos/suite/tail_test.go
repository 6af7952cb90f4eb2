package suite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/linearizability"
	"chasqui/sim"
)

func TestATailHandlesWholeLinesOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	tail := newTail(path)
	var lines []string
	read := func() []string {
		t.Helper()
		lines = nil
		require.NoError(t, tail.read(func(line string) { lines = append(lines, line) }))
		return lines
	}
	require.Empty(t, read(), "there is no log yet")
	log, err := os.Create(path)
	require.NoError(t, err)
	defer log.Close()
	write := func(text string) {
		t.Helper()
		_, err := log.WriteString(text)
		require.NoError(t, err)
	}
	write("one\ntw")
	require.Equal(t, []string{"one"}, read())
	require.Empty(t, read())
	write("o\n\nthree\n")
	require.Equal(t, []string{"two", "", "three"}, read())
	require.Error(t, newTail(t.TempDir()).read(nil), "a folder is no log")
}

func TestLinesHaveTheirTime(t *testing.T) {
	r := &run{startedAt: time.Now().Add(-time.Minute)}
	at := r.startedAt.Add(7 * time.Second).UTC().Format(time.RFC3339Nano)
	require.InDelta(t, 7*time.Second, r.timeOf("time="+at+" level=INFO msg=x"), float64(time.Millisecond))
	require.EqualValues(t, 1, r.timeOf("time=2001-01-01T00:00:00Z level=INFO msg=x"), "before the run's time began")
	require.InDelta(t, time.Minute, r.timeOf("time=broken"), float64(10*time.Second))
}

func TestASummaryShowsWhatNeverHappened(t *testing.T) {
	result := &Result{Stood: 2 * time.Second, Result: &sim.Result{
		Scenario: &sim.Scenario{Seed: 4, FaultyPhase: time.Minute}, Real: true,
		History:    []linearizability.Operation{{Outcome: linearizability.OK}, {Outcome: linearizability.Failed}, {Outcome: linearizability.Unknown}},
		Injected:   []sim.FaultCount{{Kind: sim.Cut, Number: 3}, {Kind: sim.Pause, Number: 2}},
		Happened:   []sim.FaultCount{{Kind: sim.Cut, Number: 2}},
		Checked:    []sim.RuleCount{{Rule: "lost", Number: 9}},
		Violations: []sim.Violation{{Rule: "lost", Text: "m is gone"}},
	}}
	s := Summarise(result, Build{Race: true}, "make chaos SEED=4", "runs/seed-4")
	require.Equal(t, []FaultTotal{{sim.Cut, 3, 2}, {sim.Pause, 2, 0}}, s.Faults)
	require.Equal(t, sim.Safety, s.Verdict)
	var text testWriter
	require.NoError(t, s.Write(&text))
	for _, part := range []string{
		"seed 4: safety; 1m0s of faults", "with the race detector", "3 operations (1 failed, 1 of unknown outcome)", "stood still for 2s",
		"cut    3        2", "pause  2        0 (never)", "lost: m is gone", "make chaos SEED=4", "runs/seed-4",
	} {
		require.Contains(t, string(text), part)
	}
}

// testWriter keeps what is written.
type testWriter []byte

func (w *testWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

func TestErrorsOfTheLogsAreShownInOrder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, logsFolder), 0o755))
	for name, text := range map[string]string{
		"backend-1":  "time=2 level=INFO msg=x\ntime=3 level=ERROR msg=second\n",
		"metadata-1": "time=1 level=ERROR msg=first\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, logsFolder, name+".log"), []byte(text), 0o644))
	}
	var text testWriter
	require.NoError(t, WriteErrorLines(&text, dir))
	require.Equal(t, "\n2 lines of level ERROR in the logs\ntime=1 level=ERROR msg=first\ntime=3 level=ERROR msg=second\n", string(text))
}
