package sim

import (
	"fmt"
	"strconv"
	"time"

	"chasqui/linearizability"
)

// Backend hosts log every command that they apply (--apply-log). What the first replica says of an entry goes to the audit, and the
// others must say the same.

// place is one entry of a raft group's log.
type place struct {
	group string
	index uint64
}

// noteApplied takes in a line about an entry that a host has applied.
func (r *run) noteApplied(m *member, fields map[string]string) {
	index, err := strconv.ParseUint(fields["index"], 10, 64)
	if err != nil {
		r.world.Fail(fmt.Errorf("%s logs an applied entry with index %q", m.plan.name, fields["index"]))
		return
	}
	atMs, err := strconv.ParseInt(fields["at"], 10, 64)
	if err != nil {
		r.world.Fail(fmt.Errorf("%s logs an applied entry of time %q", m.plan.name, fields["at"]))
		return
	}
	entry := linearizability.Applied{Group: fields["group"], Index: index, AtMs: atMs, Seen: r.tick(), Commands: fields["commands"]}
	at := place{entry.Group, index}
	i, known := r.applied[at]
	if !known {
		r.applied[at] = len(r.entries)
		r.entries = append(r.entries, entry)
		return
	}
	r.checked[RuleAppliedAlike]++
	if first := &r.entries[i]; first.Commands != entry.Commands || first.AtMs != entry.AtMs {
		r.violate(RuleAppliedAlike, fmt.Sprintf("entry %d of %s was applied by %s at time %d as %s, and by another replica at time %d as %s",
			index, entry.Group, m.plan.name, entry.AtMs, excerpt(entry.Commands), first.AtMs, excerpt(first.Commands)))
	}
}

// auditApplied compares what was applied with what a queue must do, and with what clients were told.
func (r *run) auditApplied() {
	verdict := linearizability.Audit(r.entries, r.result.History)
	for _, rule := range linearizability.AuditRules() {
		r.checked[string(rule)] += verdict.Checked[rule]
	}
	for _, v := range verdict.Violations {
		r.result.Violations = append(r.result.Violations, Violation{
			Rule: string(v.Rule), Text: v.Text, Operations: v.Operations, AtMs: time.Duration(v.At).Milliseconds(),
		})
	}
}
