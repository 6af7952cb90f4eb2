package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"chasqui/sim/disk"
)

// Violation is a rule that was broken.
type Violation struct {
	// Rule is its name, Text what happened in plain words.
	Rule string `json:"rule"`
	Text string `json:"text"`
	// AtMs is when it was noticed, in milliseconds of the run; 0 if it shows only in the history as a whole.
	AtMs int64 `json:"at_ms,omitempty"`
	// Operations are the ids of those in the history that show it.
	Operations []int `json:"operations,omitempty"`
}

func (r *run) violate(rule, text string) {
	r.moment(nil, "violation", rule+": "+text)
	r.result.Violations = append(r.result.Violations, Violation{Rule: rule, Text: text, AtMs: r.world.Now().Milliseconds()})
}

// verifyJournals checks that journals can be read to their ends, but for those of hosts whose disks were given wrong bytes.
func (r *run) verifyJournals() {
	for _, m := range r.members {
		if m.disk == nil || m.damaged || m.host.Incarnation() == 0 {
			continue
		}
		r.checked["journal-verifies"]++
		if err := disk.VerifyJournal(m.disk.View()); err != nil {
			r.violate("journal-verifies", fmt.Sprintf("%s: %v", m.plan.name, err))
		}
	}
}

// sortedKeys returns a map's keys in order, so that nothing depends on the order of maps.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
