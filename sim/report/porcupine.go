package report

import (
	"bytes"
	"fmt"

	"chasqui/linearizability"
)

// whoMax is how many hosts the line of a fault is named after.
const whoMax = 2

// draw has porcupine draw the window of the history that it objects to, or a sample, with the faults of the run beside it.
func (f *facts) draw() {
	var faults []linearizability.Annotation
	for i := range f.spans {
		s := &f.spans[i]
		who := f.names(s.on[:min(len(s.on), whoMax)])
		if more := len(s.on) - whoMax; more > 0 {
			who += fmt.Sprintf(" and %d more", more)
		}
		if who == "" {
			who = "faults"
		}
		faults = append(faults, linearizability.Annotation{From: int64(s.from), To: int64(s.to), Who: shorten(who, nameMax), Text: shorten(s.text, lineTextMax)})
	}
	var wanted []int
	if len(f.breaches) > 0 {
		wanted = f.shows(&f.breaches[0])
	}
	var page bytes.Buffer
	f.pictured, f.unpictured = linearizability.Picture(&page, f.result.History, f.result.Judged, faults, wanted)
	f.picture = page.Bytes()
}

// tellPicture says where porcupine's view is, for the end of the story.
func (f *facts) tellPicture() string {
	if f.pictured == "" {
		return ""
	}
	return "; porcupine's view of " + shorten(f.pictured, nameMax) + " is in [" + PorcupineFile + "](" + PorcupineFile + ")"
}
