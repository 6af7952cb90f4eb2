package linearizability

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"

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
// the first one that porcupine gave up on; else, as a sample, of the one with the most of the operations wanted (their
// positions in the history), the largest of several. It returns what the page shows and why, or
// writes nothing and returns nothing if there is no window. The page's bytes may differ from call to call (porcupine goes through
// maps), so nothing must be concluded from them.
func Picture(w io.Writer, h []Operation, options Options, annotations []Annotation, wanted []int) (title string, err error) {
	windows := windowsOf(h, &options)
	shown, worst, most := -1, legal, 0
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
		case worst != legal:
		default:
			has := windows[i].has(wanted)
			if shown < 0 || has > most || has == most && len(windows[i].history) > len(windows[shown].history) {
				shown, most = i, has
			}
		}
	}
	if shown < 0 {
		return "", nil
	}
	window := &windows[shown]
	model, _ := window.budgeted()
	operations := window.operations()
	for i := range operations {
		operations[i].Metadata = operations[i].Input
	}
	_, info := porcupine.CheckOperationsVerbose(model, operations, 0)
	info.AddAnnotations(window.around(annotations))
	drawn := window.specification.model(func() bool { return true })
	describeOperation, describeState := drawn.DescribeOperation, drawn.DescribeState
	// A box of the page is as wide as its text, and its place tells its time: all there is to say is shown to who points at it. The
	// page puts that and states into itself as HTML, and everything else as text.
	drawn.DescribeOperation = func(input, output any) string { return inBrief(describeOperation(input, output)) }
	drawn.DescribeOperationMetadata = func(input any) string { return html.EscapeString(describeOperation(input, nil)) }
	drawn.DescribeState = func(state any) string { return html.EscapeString(describeState(state)) }
	var page bytes.Buffer
	if err := porcupine.Visualize(drawn, info, &page); err != nil {
		return "", fmt.Errorf("draw the window of %s: %w", window.title, err)
	}
	title = window.title + [...]string{legal: " (a sample: it agrees)", illegal: "", undecided: " (it gave up)"}[worst]
	_, err = strings.NewReplacer(
		"<title>Porcupine</title>", "<title>Porcupine: "+html.EscapeString(title)+"</title>",
		`<div id="calc">`, `<p style="position: fixed; bottom: 0; left: 10px; margin: 8px 0">`+html.EscapeString(title)+`</p><div id="calc">`,
		"</body>", pictureScript+"</body>",
	).WriteString(w, page.String())
	return title, err
}

// pictureScript brings into view what no order explains: the page can be a hundred screens wide.
const pictureScript = `<script>
      const jump = document.querySelector('#jump-link')
      if (!jump.classList.contains('inactive')) jump.dispatchEvent(new Event('click'))
    </script>`

// inBrief leaves the times out of what a step says, and all but the beginning of ids.
func inBrief(text string) string {
	text, _, _ = strings.Cut(text, ", called at ")
	return longID.ReplaceAllString(text, "$1...")
}

// longID is a message id, as SQS makes them.
var longID = regexp.MustCompile(`\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)

// has counts the steps of the window that stand for one of some operations.
func (w *window) has(operations []int) int {
	n := 0
	for _, e := range w.history {
		if e.op != nil && slices.Contains(operations, e.op.ID) {
			n++
		}
	}
	return n
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
		drawn = append(drawn, porcupine.Annotation{
			Tag: a.Who, Start: max(a.From, from), End: min(a.To, to), Description: a.Text,
			Details: fmt.Sprintf("%s, from %s to %s", a.Text, at(a.From), at(a.To)), BackgroundColor: "#ffd9b3",
		})
	}
	return drawn
}
