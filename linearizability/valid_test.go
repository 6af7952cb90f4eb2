package linearizability

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidHistoriesRaiseNothing(t *testing.T) {
	checked := map[Rule]int{}
	operations, unknown := 0, 0
	for seed := range uint64(200) {
		h, options := validHistory(seed)
		verdict := Check(h, options)
		require.Empty(t, verdict.Violations, "seed %d", seed)
		require.True(t, verdict.OK(), "seed %d", seed)
		for _, rule := range historyRules() {
			checked[rule] += verdict.Checked[rule]
		}
		operations += len(h)
		for i := range h {
			if h[i].Outcome == Unknown {
				unknown++
			}
		}
	}
	t.Logf("%d operations, %d of unknown outcome; judged: %v", operations, unknown, checked)
	for _, rule := range historyRules() {
		require.Greater(t, checked[rule], 100, "%s had next to nothing to judge", rule)
	}
}
