package report

import (
	"bytes"

	"chasqui/linearizability"
)

// draw has porcupine draw the window of the history that it objects to, or a sample, with the faults of the run beside it.
func (f *facts) draw() {
	var faults []linearizability.Annotation
	for i := range f.spans {
		s := &f.spans[i]
		who := f.names(s.on)
		if who == "" {
			who = "faults"
		}
		faults = append(faults, linearizability.Annotation{From: int64(s.from), To: int64(s.to), Who: shorten(who, nameMax), Text: shorten(s.text, lineTextMax)})
	}
	var page bytes.Buffer
	f.pictured, f.unpictured = linearizability.Picture(&page, f.result.History, f.result.Judged, faults)
	f.picture = page.Bytes()
}

// tellPicture says where porcupine's view is, for the end of the story.
func (f *facts) tellPicture() string {
	if f.pictured == "" {
		return ""
	}
	return "; porcupine's view of " + shorten(f.pictured, nameMax) + " is in [" + PorcupineFile + "](" + PorcupineFile + ")"
}
