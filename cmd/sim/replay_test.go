package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReplayCommandsCanBePasted(t *testing.T) {
	require.Equal(t, "make sim SEED=7", replayOf("", 7))
	require.Equal(t, "bin/sim replay split-brain --seed 7", replayOf("split-brain", 7))
	require.Equal(t, "bin/sim replay sim-failures/seed-7", replayOf("sim-failures/seed-7", 0))
	require.Equal(t, `bin/sim replay '/tmp/it'\''s here; rm -rf x'`, replayOf("/tmp/it's here; rm -rf x", 0))
}

func TestScenariosComeFromSeedsNamesAndFiles(t *testing.T) {
	drawn, err := scenario(7, "")
	require.NoError(t, err)
	require.EqualValues(t, 7, drawn.Seed)
	named, err := scenario(9, "split-brain")
	require.NoError(t, err)
	require.EqualValues(t, 9, named.Seed)
	require.Equal(t, "split-brain", named.Name)
	var exit *exitError
	_, err = scenario(0, "no-such-scenario")
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitUsage, exit.code)
	_, err = scenario(0, "./no-such-file.json")
	require.ErrorAs(t, err, &exit)
	_, err = scenario(0, t.TempDir())
	require.ErrorAs(t, err, &exit, "a folder without config.json")
}
