package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/linearizability"
)

func TestMedian(t *testing.T) {
	require.Zero(t, median([]float64(nil)))
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2, median([]int{4, 1, 3, 2}))
	require.Nil(t, medianRatio(nil))
	require.Equal(t, 7.0, medianRatio([]Ratio{{Times: 9}, {Times: 1}, {Times: 2, Requests: 7}}).Requests)
}

func TestRequestsBetween(t *testing.T) {
	at := func(seconds int) int64 { return int64(time.Duration(seconds) * time.Second) }
	history := []linearizability.Operation{
		{Call: at(1)},                                              // before
		{Call: at(2)},                                              // one request
		{Call: at(2), Batch: 1},                                    // another, of two entries
		{Call: at(2), Batch: 1},                                    //
		{Call: at(3), Tries: 3},                                    // three requests
		{Call: at(3), Batch: 2, Tries: 2}, {Call: at(3), Batch: 2}, // two requests
		{Call: at(4)}, // after
	}
	require.Equal(t, 7, requestsBetween(history, 2*time.Second, 4*time.Second))
}

func TestScenariosAreValid(t *testing.T) {
	require.NoError(t, idleScenario(time.Minute).Validate())
	require.NoError(t, loadScenario(time.Minute).Validate())
	require.NoError(t, idleScenario(time.Minute).Workload.Validate())
	require.NoError(t, loadScenario(time.Minute).Workload.Validate())
}

func TestOptionsThatCannotBe(t *testing.T) {
	for _, o := range []Options{{Rounds: 0, Window: time.Minute}, {Rounds: 1}, {Rounds: 1, Window: time.Minute, Seeds: -1}} {
		_, err := Measure(nil, nil, o, nil)
		require.Error(t, err)
	}
}

func TestNowAdvances(t *testing.T) {
	before := now()
	for now().cpu <= before.cpu { // looking at it is work enough
	}
	require.True(t, now().wall.After(before.wall))
}
