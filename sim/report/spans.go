package report

import (
	"slices"
	"strings"
	"time"

	"chasqui/sim"
)

// span is a fault from its begin to its end.
type span struct {
	kind     sim.FaultKind // empty for what the story tells of that is no fault of the scenario
	text     string
	says     string
	from, to time.Duration // equal for what has no duration
	on, and  []int         // the hosts it happened to, and the other side of a fault between hosts
	rest     rest
	stays    bool // it was not lifted when the others were
	reach    reach
}

// rest says which side of a fault between hosts is just everybody else, so that it need not be named or drawn.
type rest int

const (
	restNone rest = iota
	restAnd       // the side of and
	restOn        // the side of on
)

// reach is what a fault does to packets between the hosts of its two sides.
type reach int

const (
	reachAll   reach = iota // nothing
	reachNone               // none pass in either direction
	reachBack               // none pass from on to and
	reachRing               // each host of on reaches its two neighbours in that list only
	reachStill              // nothing happens on the hosts of on at all
)

// reachOf says what the kinds of faults do that keep packets from hosts, or hosts from packets.
func reachOf(kind sim.FaultKind) reach {
	switch kind {
	case sim.Cut, sim.ZoneOutage, sim.NoPeer:
		return reachNone
	case sim.CutOneWay, sim.Clog:
		return reachBack
	case sim.Ring:
		return reachRing
	case sim.Pause:
		return reachStill
	}
	return reachAll
}

// twoSided tells whether a fault of the kind is between hosts: without another side it is with everybody else.
func twoSided(kind sim.FaultKind) bool {
	return slices.Contains([]sim.FaultKind{sim.Cut, sim.CutOneWay, sim.ZoneOutage, sim.ResetAll, sim.HalfOpen, sim.OneWayClose,
		sim.Lag, sim.Clog}, kind)
}

// findSpans pairs the faults that the story tells of with the scenario's, and their begins with their ends.
func (f *facts) findSpans() {
	says := map[sim.FaultKind]string{}
	for _, k := range append(sim.FaultKinds(), f.result.Sorts...) {
		says[k.Kind] = k.Says
	}
	planned := map[string][]int{} // faults of the scenario that have not begun, by their texts
	for i := range f.result.Scenario.Faults {
		text := f.result.Scenario.Faults[i].String()
		planned[text] = append(planned[text], i)
	}
	open := map[string][]int{} // spans that have not ended, by the texts of their faults
	for _, m := range f.result.Story {
		switch m.Kind {
		case "fault":
			text, _, _ := strings.Cut(m.Text, " = ")
			s := span{text: m.Text, from: m.At, to: m.At, on: f.indexes(m.Hosts)}
			if fault := f.take(planned, text, m.At); fault != nil {
				s.kind, s.says, s.reach = fault.Kind, says[fault.Kind], reachOf(fault.Kind)
				f.findSides(&s, fault)
				s.stays = fault.Stays
				switch {
				case fault.Stays:
					s.to = f.end
				case fault.Kind == sim.Pause || fault.Kind == sim.ResetAll || f.result.StoryCut > 0: // it has no end in the story
					s.to = min(m.At+fault.For, f.end)
				}
				open[text] = append(open[text], len(f.spans))
			}
			f.spans = append(f.spans, s)
		case "lift":
			text := strings.TrimPrefix(m.Text, "end of ")
			if waiting := open[text]; len(waiting) > 0 {
				f.spans[waiting[0]].to = m.At
				open[text] = waiting[1:]
			}
		}
	}
}

// take returns the last fault planned with a text for a moment not after at: earlier ones found nobody to happen to.
func (f *facts) take(planned map[string][]int, text string, at time.Duration) *sim.Fault {
	best := -1
	for i, number := range planned[text] {
		if f.result.Scenario.Faults[number].At <= at {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	fault := &f.result.Scenario.Faults[planned[text][best]]
	planned[text] = planned[text][best+1:]
	return fault
}

// findSides works out which hosts a fault was between.
func (f *facts) findSides(s *span, fault *sim.Fault) {
	switch fault.Kind {
	case sim.ZoneOutage:
		s.on = f.where(func(h host) bool { return h.role != roleClient && h.zone == int(fault.Arg) })
	case sim.NoPeer:
		s.on = f.ofRole(roleBalancer)
		s.and = s.on
		return
	case sim.PowerAll:
		s.on = f.servers()
	}
	if !twoSided(fault.Kind) {
		return
	}
	if len(fault.And) == 0 {
		s.and, s.rest = f.others(s.on), restAnd
		return
	}
	s.and = f.resolve(fault.And, s.from)
	if len(s.on) > len(s.and) && slices.Equal(s.on, f.others(s.and)) {
		s.rest = restOn
	}
}

func (f *facts) others(than []int) []int {
	var all []int
	for h := range f.hosts {
		if !slices.Contains(than, h) {
			all = append(all, h)
		}
	}
	return all
}

// resolve finds hosts by their names, or by the group they lead ("leader:GROUP") as far as the story tells until then.
func (f *facts) resolve(names []string, at time.Duration) []int {
	var all []int
	for _, name := range names {
		group, leads := strings.CutPrefix(name, "leader:")
		h, known := f.index[name]
		for _, m := range f.result.Story {
			if leads && m.At <= at && m.Kind == "leads" {
				if who, g, _, ok := parseLeads(m.Text); ok && g == group {
					h, known = f.index[who]
				}
			}
		}
		if known && !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all
}

// active tells whether a span covers any part of the time from one moment to another.
func (s *span) active(from, to time.Duration) bool { return s.from <= to && s.to >= from }

// distance is how far a span is from the time from one moment to another.
func (s *span) distance(from, to time.Duration) time.Duration {
	return max(0, s.from-to, from-s.to)
}

// lasts tells whether it has a duration.
func (s *span) lasts() bool { return s.to > s.from }

// isolates tells whether a host cannot reach, or be reached by, some others for as long as the span lasts.
func (s *span) isolates(h int) bool {
	switch s.reach {
	case reachNone, reachBack:
		return s.rest != restOn && slices.Contains(s.on, h) || s.rest != restAnd && slices.Contains(s.and, h)
	case reachRing, reachStill:
		return slices.Contains(s.on, h)
	}
	return false
}
