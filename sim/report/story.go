package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"chasqui/sim"
)

// The story fits on a screen: with a title and two lines of introduction, these bounds make at most 25 lines.
const (
	faultsTold     = 5
	groupsTold     = 3
	reignsTold     = 3 // of one group
	operationsTold = 5
	ruleTextMax    = 600 // bytes of a violation's text
	lineTextMax    = 220 // bytes of other texts
)

// Story writes what happened in at most 25 lines of Markdown, one more for real processes: what the cluster was, which rule broke, what was broken
// before that and when, who led and who could reach whom, the operations that show it, and the command that replays it.
func Story(w io.Writer, r *sim.Result, replay string) error {
	if _, err := io.WriteString(w, gather(r).story(replay)); err != nil {
		return fmt.Errorf("write story: %w", err)
	}
	return nil
}

func (f *facts) story(replay string) string {
	lines := []string{"# " + f.title(), f.cluster(), f.course()}
	lines = append(lines, f.tellBreach()...)
	lines = append(lines, f.tellFaults()...)
	lines = append(lines, f.tellBeliefs()...)
	if f.result.Real {
		lines = append(lines, f.tellErrors())
	}
	lines = append(lines, f.tellOperations()...)
	lines = append(lines, "## Replay: `"+oneLine(replay)+"`"+f.tellPicture())
	return strings.Join(lines, "\n") + "\n"
}

// titleRulesMax is how many broken rules a title names.
const titleRulesMax = 4

// title is the run in one line.
func (f *facts) title() string {
	seed := fmt.Sprintf("Seed %d", f.result.Scenario.Seed)
	if name := f.result.Scenario.Name; name != "" {
		seed += " (" + shorten(name, lineTextMax) + ")"
	}
	all := f.rules()
	rules := strings.Join(all[:min(len(all), titleRulesMax)], ", ")
	if more := len(all) - titleRulesMax; more > 0 {
		rules += fmt.Sprintf(" and %d more", more)
	}
	switch f.result.Verdict() {
	case sim.Safety:
		return seed + ": a promise was broken: " + rules
	case sim.Liveness:
		return seed + ": the cluster did not recover: " + rules
	case sim.Crashed:
		return seed + ": a program ended itself: " + rules
	case sim.Nondeterminism:
		return seed + ": the same seed went another way"
	}
	if rules != "" {
		return seed + ": passed, because its faults are beyond the model, though rules were broken: " + rules
	}
	return seed + ": no rule was broken"
}

// rules are the names of those that were broken, in the order in which breaches are shown.
func (f *facts) rules() []string {
	var rules []string
	for _, b := range f.breaches {
		if !slices.Contains(rules, b.Rule) {
			rules = append(rules, b.Rule)
		}
	}
	return rules
}

// cluster says what ran.
func (f *facts) cluster() string {
	t := f.result.Scenario.Topology
	var queues []string
	for _, q := range f.result.Scenario.Workload.Queues {
		queues = append(queues, q.Name)
	}
	text := fmt.Sprintf("The cluster: %s, %s, %s and %s in %s; %s.", count(t.Balancers, "balancer"), count(t.Frontends, "frontend"),
		count(t.Metadata, "metadata host"), count(t.Backends, "backend"), count(t.Zones, "zone"), count(t.Slots, "slot"))
	if len(queues) > 0 {
		text += " Queues: " + shorten(strings.Join(queues, ", "), lineTextMax) + "."
	}
	return text
}

// course says how the run went as a whole.
func (f *facts) course() string {
	r := f.result
	var failed, unknown int
	for i := range r.History {
		switch r.History[i].Outcome {
		case "failed":
			failed++
		case "unknown":
			unknown++
		}
	}
	world := "virtual"
	if r.Real {
		world = "real"
	}
	text := fmt.Sprintf("The run: %s of %s time, %s by %s (%d failed, %d of unknown outcome); %s, over at %s",
		seconds(r.VirtualTime), world, count(len(r.History), "operation"), count(len(f.threads()), "client thread"), failed, unknown,
		count(len(f.spans), "fault"), seconds(r.Scenario.FaultyPhase))
	if staying := f.staying(); staying != "" {
		text += " but for " + staying
	}
	if points := slices.Sorted(maps.Keys(r.Scenario.Failpoints)); len(points) > 0 {
		text += "; failpoints were on at " + shorten(strings.Join(points, ", "), lineTextMax)
	}
	if r.StoryCut > 0 {
		text += fmt.Sprintf("; %s about hosts and faults are missing here, at the end", count(r.StoryCut, "line"))
	}
	if slices.Contains(f.rules(), "drains") {
		return text + fmt.Sprintf("; %s later there still were messages to deliver.", seconds(r.RecoveredAfter))
	}
	return text + fmt.Sprintf("; everything was delivered %s after that.", seconds(r.RecoveredAfter))
}

// staying names the faults that went on when the others were lifted.
func (f *facts) staying() string {
	var all []string
	for i := range f.spans {
		if s := &f.spans[i]; s.stays {
			all = append(all, string(s.kind)+" "+f.side(s.on, s.and))
			if s.rest == restOn {
				all[len(all)-1] = string(s.kind) + " everybody else / " + f.names(s.and)
			}
		}
	}
	return shorten(strings.Join(all, ", "), lineTextMax)
}

// tellBreach says which rule broke.
func (f *facts) tellBreach() []string {
	var lines []string
	if d := f.result.Difference; d != nil {
		earlier := d.Earlier.String()
		if d.Earlier.Kind == 0 {
			earlier = "nothing more"
		}
		repeated := d.Repeated.String()
		if d.Repeated.Kind == 0 {
			repeated = "nothing more"
		}
		lines = append(lines, "## What broke", "Two runs of one seed must be equal, event by event. Theirs differ from event "+fmt.Sprint(d.Index)+" on.",
			"The first run: "+earlier+". The second: "+repeated+".")
		return lines
	}
	if len(f.breaches) == 0 {
		return []string{fmt.Sprintf("## Every rule held: %d had something to judge", f.rulesJudged())}
	}
	b := f.breaches[0]
	when := "noticed at " + seconds(b.at)
	if b.AtMs == 0 && len(b.operations) > 0 {
		when = "certain from " + seconds(b.at) + " on"
	}
	lines = append(lines, "## What broke: "+b.Rule+", "+when, plain(b.Rule), "In this run: "+shorten(b.Text, ruleTextMax))
	if more := len(f.breaches) - 1; more > 0 {
		next := f.breaches[1]
		lines[len(lines)-1] += fmt.Sprintf(" (And %s; the next is %s at %s.)", count(more, "more violation"), next.Rule, seconds(next.at))
	}
	return lines
}

func (f *facts) rulesJudged() int {
	n := 0
	for _, c := range f.result.Checked {
		if c.Number > 0 {
			n++
		}
	}
	return n
}

// focus is the time that the story is about: that of the operations that show the first breach, or the whole run. horizon
// is the last moment that can have to do with it.
func (f *facts) focus() (from, to, horizon time.Duration) {
	if len(f.breaches) == 0 {
		return 0, f.end, f.end
	}
	return f.breaches[0].from, f.breaches[0].to, max(f.breaches[0].to, f.breaches[0].at)
}

// tellFaults says what was broken: the faults nearest to the focus.
func (f *facts) tellFaults() []string {
	from, to, horizon := f.focus()
	var told []int
	for i := range f.spans {
		if f.spans[i].from <= horizon {
			told = append(told, i)
		}
	}
	all := len(told)
	switch {
	case all == 0 && len(f.breaches) == 0:
		return []string{"## No fault happened"}
	case all == 0:
		return []string{"## No fault had happened until then"}
	}
	slices.SortStableFunc(told, func(a, b int) int {
		return cmp.Or(cmp.Compare(f.spans[a].distance(from, to), f.spans[b].distance(from, to)), cmp.Compare(b, a))
	})
	told = told[:min(all, faultsTold)]
	slices.Sort(told)
	title := "## Faults"
	if len(f.breaches) > 0 {
		title = "## Faults until then"
	}
	if all > len(told) {
		title += fmt.Sprintf(": the nearest %d of %d", len(told), all)
	}
	lines := []string{title}
	for _, i := range told {
		lines = append(lines, "- "+f.tellSpan(&f.spans[i]))
	}
	return lines
}

// reignsAfter is how long after the focus changes of leaders are still told: who took over is a part of the story.
const reignsAfter = 10 * time.Second

// tellBeliefs says who led and who could not reach whom.
func (f *facts) tellBeliefs() []string {
	_, to, horizon := f.focus()
	lines := []string{"## Who believed what"}
	groups := f.groupsByInterest()
	for _, group := range groups[:min(len(groups), groupsTold)] {
		lines = append(lines, "- "+f.tellReigns(group, min(horizon, to+reignsAfter)))
	}
	if len(groups) == 0 {
		lines = append(lines, "- No host is known to have led any group.")
	}
	return append(lines, "- "+f.tellReach())
}

// tellErrors tells the last error that a process logged before the breach became certain. Real processes meet what no fault of
// the plan explains, and say so there.
func (f *facts) tellErrors() string {
	_, _, horizon := f.focus()
	number, last := 0, note{}
	for _, n := range f.notes {
		if n.kind == "error" && n.at <= horizon {
			number++
			if n.at >= last.at {
				last = n
			}
		}
	}
	if number == 0 {
		return "- No process had logged an error."
	}
	return fmt.Sprintf("- %s logged until then; the last at %s: %s", count(number, "error was", "errors were"), seconds(last.at), shorten(last.text, lineTextMax))
}

// tellOperations says what the clients saw.
func (f *facts) tellOperations() []string {
	if len(f.breaches) == 0 || len(f.shows(&f.breaches[0])) == 0 {
		return nil
	}
	b := &f.breaches[0]
	all := f.shows(b)
	told := all
	switch {
	case len(all) <= operationsTold:
	case len(b.operations) <= operationsTold: // and the first of the others, until there are enough
		told = slices.Clone(b.operations)
		for _, i := range all {
			if len(told) < operationsTold && !slices.Contains(b.operations, i) {
				told = append(told, i)
			}
		}
		slices.Sort(told)
	default:
		told = slices.Concat(b.operations[:2], b.operations[len(b.operations)-(operationsTold-2):])
	}
	rest := len(all) - len(told)
	lines := []string{"## The operations that show it"}
	for _, i := range told {
		lines = append(lines, "- "+f.tellOperation(i, b.messages))
	}
	if rest > 0 {
		lines = append(lines, fmt.Sprintf("- %s: see the timeline.", count(rest, "more operation about it", "more operations about it")))
	}
	return lines
}
