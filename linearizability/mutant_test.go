package linearizability

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMutantsAreCaught(t *testing.T) {
	mutators := append(slices.Clone(mutators), orderMutators...)
	const enough = 10
	tried := map[string]int{}
	for seed := range uint64(46) {
		h, options := validHistory(seed)
		for i, mutator := range mutators {
			if tried[mutator.name] == enough {
				continue
			}
			m := newMutation(h, options, seed*100+uint64(i))
			if !mutator.mutate(m) {
				continue
			}
			tried[mutator.name]++
			verdict := Check(m.history(), m.options)
			require.Positive(t, verdict.Found[mutator.rule], "%s, seed %d: the rule %s saw nothing; found %v", mutator.name, seed, mutator.rule, verdict.Found)
		}
	}
	for _, mutator := range mutators {
		require.GreaterOrEqual(t, tried[mutator.name], 5, "%s: hardly tried", mutator.name)
	}
	covered := map[Rule]bool{MalformedHistory: true}
	for _, mutator := range mutators {
		covered[mutator.rule] = true
	}
	require.Len(t, slices.Collect(maps.Keys(covered)), len(Rules()), "every rule has a mutator")
}
