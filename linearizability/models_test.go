package linearizability

import (
	"bytes"
	"html"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// undecidedMost is one by the share of windows that porcupine may give up on in valid histories: half a percent.
const undecidedMost = 200

func TestModelsAcceptValidHistories(t *testing.T) {
	checked, undecided := map[Rule]int{}, 0
	for seed := range uint64(100) {
		h, options := validHistory(seed)
		verdict := modelsAlone(h, options)
		require.Empty(t, verdict.Violations, "seed %d", seed)
		for rule, n := range verdict.Checked {
			checked[rule] += n
		}
		for _, n := range verdict.Undecided {
			undecided += n
		}
	}
	for _, rule := range []Rule{PorcupineFIFO, PorcupineStandard, PorcupineMetadata} {
		require.Greater(t, checked[rule], 300, "%s had next to nothing to judge", rule)
	}
	require.LessOrEqual(t, undecided*undecidedMost, checked[UndecidedWindows], "porcupine gave up too often")
}

func TestJudgeDoesWhatBothLayersDo(t *testing.T) {
	h, options := validHistory(3)
	verdict := Judge(h, options)
	require.True(t, verdict.OK())
	require.Len(t, verdict.Checked, len(Rules()))
	rules, models := Check(h, options), modelsAlone(h, options)
	for rule, n := range verdict.Checked {
		require.Equal(t, rules.Checked[rule]+models.Checked[rule], n, "%s", rule)
	}
}

// A rule that sees nothing and a model that does are a failure of their own, whoever is right.
func TestLayersMustAgree(t *testing.T) {
	h, options := validHistory(3)
	m := newMutation(h, options, 1)
	require.True(t, m.overlapIn(true))
	broken := m.history()

	verdict := Judge(broken, options)
	require.Positive(t, verdict.Found[FIFOHoldOverlap])
	require.Positive(t, verdict.Found[PorcupineFIFO])
	require.Zero(t, verdict.Found[LayersDisagree])

	blind := newChecker(broken, options) // rules that have found nothing
	blind.checkModels(windowsOf(broken, &blind.options))
	require.Positive(t, blind.verdict.Found[LayersDisagree])
	require.Contains(t, blind.verdict.Violations[1].Text, "either the rules have a gap")
}

// Windows that are too much for porcupine are counted, and too many of them are a failure.
func TestGivingUpIsReported(t *testing.T) {
	h, options := validHistory(3)
	c := newChecker(h, options)
	windows := windowsOf(h, &options)
	windows[0].tooLong = true
	c.checkModels(windows)
	require.True(t, c.verdict.OK(), "one is allowed")
	require.Equal(t, 1, c.verdict.Undecided[windows[0].rule])

	for i := range windows {
		windows[i].tooLong = true
	}
	c = newChecker(h, options)
	c.checkModels(windows)
	require.Equal(t, 1, c.verdict.Found[UndecidedWindows])
	require.Contains(t, c.verdict.Violations[0].Text, "is not judged")
}

// A search that ends for want of steps must not be taken for one that found an answer.
func TestTheBudgetOfAWindowEndsTheSearch(t *testing.T) {
	b := messageWindow{messageModel: messageModel{}}
	const messages = 60
	for i := range messages { // receives of unknown order, of messages that were never stored
		b.names = append(b.names, "m")
		b.holdsOf, b.rivals = append(b.holdsOf, bit(i)), append(b.rivals, bitset{})
		b.window.add(nil, 0, 10, &messageStep{kind: stepRemove, removals: []removal{{message: i}}})
	}
	b.window.add(nil, 20, 30, &messageStep{kind: stepRepeat}) // nothing explains it
	b.window.end(40, &messageStep{kind: stepEnd})
	b.specification = &b.messageModel
	require.Equal(t, undecided, b.window.decide())
}

func TestViolationsOfModelsSpeakPlainly(t *testing.T) {
	h, options := validHistory(3)
	m := newMutation(h, options, 1)
	require.True(t, m.resurrectIn(true))
	verdict := modelsAlone(m.history(), options)
	require.Equal(t, 1, verdict.Found[PorcupineFIFO])
	v := verdict.Violations[0]
	require.Contains(t, v.Text, "no order of the ")
	require.Contains(t, v.Text, "the first that none explains is the receive of ")
	require.Contains(t, v.Text, "by mutant")
	require.Greater(t, len(v.Operations), 1)
	require.Equal(t, v, modelsAlone(m.history(), options).Violations[0], "the same words every time")
}

func TestThePictureShowsTheOffendingWindow(t *testing.T) {
	h, options := validHistory(3)
	m := newMutation(h, options, 1)
	require.True(t, m.resurrectIn(true))
	var page bytes.Buffer
	title, err := Picture(&page, m.history(), options, []Annotation{{From: 5 * second, To: 9 * second, Text: "cut </script> backend-1", Who: "faults"}}, nil)
	require.NoError(t, err)
	require.Contains(t, title, "group ")
	require.Contains(t, page.String(), "by mutant")
	require.NotContains(t, page.String(), "cut </script>", "no text ends the script")
	require.Contains(t, page.String(), "<title>Porcupine: "+html.EscapeString(title)+"</title>")
	require.Contains(t, page.String(), pictureScript, "what is wrong is brought into view")
	require.NotContains(t, title, "sample")

	page.Reset()
	title, err = Picture(&page, h, options, nil, nil)
	require.NoError(t, err)
	require.Contains(t, title, "a sample", "if nothing is wrong")

	page.Reset()
	title, err = Picture(&page, nil, options, nil, nil)
	require.NoError(t, err)
	require.Empty(t, title)
	require.Zero(t, page.Len())
}

// The deduplication interval, by hand: within it a second message is wrong, after it a repeat is.
func TestModelOfDeduplication(t *testing.T) {
	const minutes = 60_000
	first := []Operation{send(fifo, 0, 5, "a", "1", deduplicated("d")), receive(fifo, 10, 20, got("a", 1, "1")), remove(fifo, 30, 40, "a", 1)}
	for name, c := range map[string]struct {
		again Operation
		found int
	}{
		"a repeat within five minutes":         {send(fifo, 4*minutes, 4*minutes+5, "b", "", deduplicated("d"), answered("ma", "1")), 0},
		"another message within five minutes":  {send(fifo, 4*minutes, 4*minutes+5, "b", "2", deduplicated("d")), 1},
		"another message after five minutes":   {send(fifo, 5*minutes+10, 5*minutes+15, "b", "2", deduplicated("d")), 0},
		"a repeat after five minutes":          {send(fifo, 5*minutes+10, 5*minutes+15, "b", "", deduplicated("d"), answered("ma", "1")), 1},
		"another message with another ID":      {send(fifo, 4*minutes, 4*minutes+5, "b", "2"), 0},
		"another message in another group":     {send(fifo, 4*minutes, 4*minutes+5, "b", "2", deduplicated("d"), inGroup("h")), 0},
		"perhaps a message, within the time":   {send(fifo, 4*minutes, 4*minutes+5, "b", "", deduplicated("d"), unknown), 0},
		"a number below that of the first one": {send(fifo, 5*minutes+10, 5*minutes+15, "b", "0", deduplicated("d")), 1},
	} {
		h := append(slices.Clone(first), c.again)
		for i := range h {
			h[i].ID = i
		}
		require.Equal(t, c.found, modelsAlone(h, Options{}).Found[PorcupineFIFO], name)
	}
}
