package linearizability

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// mutatorsLeast is how many mutators there must be, triedEnough how often each is tried, and triedLeast how often it must
// have found a place.
const (
	mutatorsLeast = 40
	triedEnough   = 6
	triedLeast    = 5
	mutatedSeeds  = 58
)

// The mutators of the rules and those of the models: each layer must notice its own without the other's help.
func ruleMutators() []mutator {
	return slices.Concat(mutators, orderMutators, moveMutators, restorationMutators)
}
func porcupineMutators() []mutator {
	return slices.Concat(modelMutators, registerMutators, restoringMutators)
}

// judge is a way to judge a history: one layer, or one that is weaker on purpose.
type judge func(h []Operation, options Options) Verdict

// missed returns the names of the mutators whose rule did not notice one of their mutants, at most so many of them, and how
// often each was tried. short leaves out the long histories.
func missed(mutators []mutator, judge judge, short bool, most int) (names []string, tried map[string]int) {
	tried = map[string]int{}
	for seed := range uint64(mutatedSeeds) {
		if short && seed%7 == 0 {
			continue // these last for minutes
		}
		h, options := validHistory(seed)
		for i, mutator := range mutators {
			if tried[mutator.name] == triedEnough || slices.Contains(names, mutator.name) {
				continue
			}
			m := newMutation(h, options, seed*100+uint64(i))
			if !mutator.mutate(m) {
				continue
			}
			tried[mutator.name]++
			if verdict := judge(m.history(), m.options); verdict.Found[mutator.rule] == 0 {
				names = append(names, mutator.name)
			}
			if len(names) == most {
				return names, tried
			}
		}
	}
	return names, tried
}

func TestMutantsAreCaught(t *testing.T) {
	covered := map[Rule]bool{
		MalformedHistory: true, // TestContradictoryHistoriesAreJudgedByNothingElse
		UndecidedWindows: true, // TestGivingUpIsReported
		LayersDisagree:   true, // TestLayersMustAgree
	}
	total := 0
	for _, layer := range []struct {
		mutators []mutator
		judge    judge
		short    bool
	}{{ruleMutators(), Check, false}, {porcupineMutators(), modelsAlone, true}} {
		names, tried := missed(layer.mutators, layer.judge, layer.short, len(layer.mutators)+1)
		require.Empty(t, names, "their rules saw nothing")
		for _, mutator := range layer.mutators {
			require.GreaterOrEqual(t, tried[mutator.name], triedLeast, "%s: hardly tried", mutator.name)
			covered[mutator.rule] = true
		}
		total += len(layer.mutators)
	}
	for _, rule := range Rules() {
		require.True(t, covered[rule], "no mutator breaks %s", rule)
	}
	require.GreaterOrEqual(t, total, mutatorsLeast)
}

func TestWeakerRulesAreNoticed(t *testing.T) {
	for i := range checks {
		weak := func(h []Operation, options Options) Verdict {
			c := newChecker(h, options)
			c.checkRules(slices.Delete(slices.Clone(checks), i, i+1))
			return c.verdict
		}
		names, _ := missed(ruleMutators(), weak, true, 1)
		if len(names) == 0 {
			names, _ = missed(ruleMutators(), weak, false, 1)
		}
		require.NotEmpty(t, names, "without check %d, nothing was missed", i)
	}
}

// weakened is a specification with something forgotten: it changes a state before the step is taken, or the step.
type weakened struct {
	*messageModel
	forget func(m *messageModel, s *messageState, step *messageStep)
}

type weakenedRegister struct {
	*registerModel
	forget func(s *registerState, step *registerStep)
}

func TestWeakerModelsAreNoticed(t *testing.T) {
	for name, forget := range map[string]func(m *messageModel, s *messageState, step *messageStep){
		"holds":         func(_ *messageModel, s *messageState, step *messageStep) { s.active = bitset{} },
		"deletes":       func(_ *messageModel, s *messageState, step *messageStep) { s.gone = bitset{} },
		"order":         func(m *messageModel, _ *messageState, step *messageStep) { m.fifo = m.fifo && step.kind != stepTake },
		"fences":        func(m *messageModel, _ *messageState, step *messageStep) { m.fifo = m.fifo && step.kind != stepRemove },
		"sends":         func(_ *messageModel, s *messageState, step *messageStep) { forgetSends(s, step) },
		"numbers":       func(_ *messageModel, s *messageState, step *messageStep) { forgetNumbers(s, step) },
		"receive count": func(_ *messageModel, _ *messageState, step *messageStep) { forgetCounts(step) },
	} {
		names, _ := missed(modelMutators, weakJudge(func(w *window) {
			if model, ok := w.specification.(*messageModel); ok {
				w.specification = &weakened{model, forget}
			}
		}), true, 1)
		require.NotEmpty(t, names, "without %s, nothing was missed", name)
	}
	for name, forget := range map[string]func(s *registerState, step *registerStep){
		"values":   func(s *registerState, _ *registerStep) { s.values = [registersMax]int{} },
		"presence": func(s *registerState, _ *registerStep) { s.presence = unknownYet },
		"refusals": func(_ *registerState, step *registerStep) { forgetRefusal(step) },
	} {
		names, _ := missed(registerMutators, weakJudge(func(w *window) {
			if model, ok := w.specification.(*registerModel); ok {
				w.specification = &weakenedRegister{model, forget}
			}
		}), true, 1)
		require.NotEmpty(t, names, "without %s, nothing was missed", name)
	}
}
