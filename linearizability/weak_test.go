package linearizability

import (
	"github.com/anishathalye/porcupine"
)

// Models that forget something. The mutators must notice each of them.

// weakJudge judges by models alone, after weaken has changed each window.
func weakJudge(weaken func(w *window)) judge {
	return func(h []Operation, options Options) Verdict {
		c := newChecker(h, options)
		windows := windowsOf(h, &c.options)
		for i := range windows {
			weaken(&windows[i])
		}
		c.checkModels(windows)
		return c.verdict
	}
}

// modelsAlone judges by models alone.
func modelsAlone(h []Operation, options Options) Verdict {
	return weakJudge(func(*window) {})(h, options)
}

func (w *weakened) model(spend func() bool) porcupine.Model {
	model := w.messageModel.model(spend)
	model.Step = func(state, input, _ any) (bool, any) {
		if !spend() {
			return false, state
		}
		forgetful, s, step := *w.messageModel, state.(messageState), *input.(*messageStep)
		w.forget(&forgetful, &s, &step)
		next, ok := forgetful.step(s, &step)
		return ok, next
	}
	return model
}

func (w *weakenedRegister) model(spend func() bool) porcupine.Model {
	model := w.registerModel.model(spend)
	model.Step = func(state, input, _ any) (bool, any) {
		if !spend() {
			return false, state
		}
		s, step := state.(registerState), *input.(*registerStep)
		w.forget(&s, &step)
		next, ok := w.registerModel.step(s, &step)
		return ok, next
	}
	return model
}

// forgetNumbers lets a message be stored after those with higher numbers.
func forgetNumbers(s *messageState, step *messageStep) {
	if step.kind == stepStore && !s.stored.has(step.message) {
		s.stored = s.stored.both(below(step.message))
	}
}

// forgetSends lets a receive take what nobody has sent.
func forgetSends(s *messageState, step *messageStep) {
	for _, t := range step.takes {
		s.stored = s.stored.with(bit(t.message))
	}
}

// forgetCounts takes away what the receive counts tell.
func forgetCounts(step *messageStep) {
	takes := make([]taking, len(step.takes))
	copy(takes, step.takes)
	for i := range takes {
		takes[i].later = bitset{}
	}
	step.takes = takes
}

// forgetRefusal takes a refusal for a read that tells nothing of the attributes.
func forgetRefusal(step *registerStep) {
	if step.kind == stepDiffers {
		step.kind, step.values = stepRead, [registersMax]int{}
	}
}
