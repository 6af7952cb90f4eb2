package linearizability

import (
	"fmt"
	"html"
	"io"

	"github.com/anishathalye/porcupine"
)

// Annotation is something that happened during a run and belongs into its picture: a fault, for example.
type Annotation struct {
	// From and To are nanoseconds since the beginning of the run.
	From, To int64
	// Who is the line that it is drawn on, Text what is written there.
	Who, Text string
}

// Picture writes porcupine's view of a history as a page of HTML: of the first window that no order explains; if there is none, of
// the first one that porcupine gave up on; else of the largest, as a sample. It returns what the window is about, or
// writes nothing and returns nothing if there is no window. The page's bytes may differ from call to call (porcupine goes through
// maps), so nothing must be concluded from them.
func Picture(w io.Writer, h []Operation, options Options, annotations []Annotation) (title string, err error) {
	windows := windowsOf(h, &options)
	shown, worst := -1, legal
	for i := 0; i < len(windows) && worst != illegal; i++ {
		if windows[i].tooLong {
			continue
		}
		decision := windows[i].decide()
		switch {
		case decision == illegal:
			shown, worst = i, illegal
		case decision == undecided && worst == legal:
			shown, worst = i, undecided
		case worst == legal && (shown < 0 || len(windows[i].history) > len(windows[shown].history)):
			shown = i
		}
	}
	if shown < 0 {
		return "", nil
	}
	window := &windows[shown]
	model, _ := window.budgeted()
	_, info := porcupine.CheckOperationsVerbose(model, window.operations(), 0)
	info.AddAnnotations(window.around(annotations))
	drawn := window.specification.model(func() bool { return true })
	describeOperation, describeState := drawn.DescribeOperation, drawn.DescribeState
	// The page puts these texts into itself as HTML.
	drawn.DescribeOperation = func(input, output any) string { return html.EscapeString(describeOperation(input, output)) }
	drawn.DescribeState = func(state any) string { return html.EscapeString(describeState(state)) }
	if err := porcupine.Visualize(drawn, info, w); err != nil {
		return "", fmt.Errorf("draw the window of %s: %w", window.title, err)
	}
	return window.title, nil
}

// around are the annotations that have to do with the window's time.
func (w *window) around(annotations []Annotation) []porcupine.Annotation {
	from, to := forever, int64(0)
	for _, e := range w.history {
		from, to = min(from, e.from), max(to, e.to)
	}
	var drawn []porcupine.Annotation
	for _, a := range annotations {
		if a.From > to || a.To < from {
			continue
		}
		text := html.EscapeString(a.Text)
		drawn = append(drawn, porcupine.Annotation{
			Tag: html.EscapeString(a.Who), Start: max(a.From, from), End: min(a.To, to), Description: text,
			Details: fmt.Sprintf("%s, from %s to %s", text, at(a.From), at(a.To)), BackgroundColor: "#ffd9b3",
		})
	}
	return drawn
}
