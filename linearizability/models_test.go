package linearizability

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestModelsAcceptValidHistories(t *testing.T) {
	checked, undecided := map[Rule]int{}, 0
	for seed := range uint64(200) {
		h, options := validHistory(seed)
		start := time.Now()
		verdict := Judge(h, options)
		if d := time.Since(start); d > time.Second {
			t.Log(seed, d, len(h))
		}
		require.Empty(t, verdict.Violations, "seed %d", seed)
		for rule, n := range verdict.Checked {
			checked[rule] += n
		}
		for _, n := range verdict.Undecided {
			undecided += n
		}
	}
	t.Log(checked, undecided)
}
