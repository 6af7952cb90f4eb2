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

// term is one raft term of a group, and place one entry of its log.
type (
	term struct {
		group string
		term  uint64
	}
	place struct {
		group string
		index uint64
	}
	digest struct{ host, value string }
)

// leads checks that a group has one leader per term (raft paper, figure 3: election safety).
func (r *run) leads(m *member, group string, number uint64) {
	r.checked["one-leader-per-term"]++
	key := term{group, number}
	if other, ok := r.terms[key]; ok && other != m.plan.name {
		r.violate("one-leader-per-term", fmt.Sprintf("%s and %s both led %s in term %d", other, m.plan.name, group, number))
	}
	r.terms[key] = m.plan.name
	if now := r.leaders[group]; number >= now.term {
		r.leaders[group] = leadership{m.plan.name, number}
	}
}

// digest checks that replicas are in the same state at the same index (raft paper, figure 3: state machine safety).
func (r *run) digest(m *member, group string, index uint64, value string) {
	key := place{group, index}
	other, ok := r.digests[key]
	if !ok {
		r.digests[key] = digest{m.plan.name, value}
		return
	}
	r.checked["equal-state"]++
	if other.value != value {
		r.violate("equal-state", fmt.Sprintf("%s at index %d: %s has state %s, %s has %s",
			group, index, other.host, other.value, m.plan.name, value))
	}
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
