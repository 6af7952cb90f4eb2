package sim

import "chasqui/sim/witness"

// metadataGroup is the name of the metadata hosts' raft group in logs; slotGroup that of a slot's.
const metadataGroup = witness.CatalogGroup

func slotGroup(slot int) string { return witness.SlotGroup(slot) }

// observer takes what the logs tell into the run.
type observer struct{ run *run }

// Moment adds a line to the story.
func (o observer) Moment(host, kind, text string) {
	o.run.moment([]*member{o.run.member(host)}, kind, text)
}

// Violate notes a broken rule.
func (o observer) Violate(rule, text string) { o.run.violate(rule, text) }

// observe looks at a line that a program has logged.
func (r *run) observe(m *member, line string) {
	if fields := witness.Fields(line); fields["msg"] == "applied" {
		r.noteApplied(m, fields)
		return
	}
	if err := r.witness.Line(m.plan.name, line); err != nil {
		r.world.Fail(err)
	}
}
