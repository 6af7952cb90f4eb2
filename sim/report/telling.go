package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chasqui/linearizability"
	"chasqui/sim"
)

// How the parts of the story are put into words.

// seconds writes a moment or a duration of the run.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// count writes a number of things; the plural, if it is not given, is the singular with an s.
func count(n int, one string, many ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(many) > 0:
		return strconv.Itoa(n) + " " + many[0]
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// oneLine makes line breaks and other control characters spaces, and several spaces one.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

// shorten makes a text one line of at most about the given number of bytes.
func shorten(text string, bytes int) string {
	text = oneLine(text)
	if len(text) <= bytes {
		return text
	}
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes] + "..."
}

// threads are the names of the client threads in the order of their first operation.
func (f *facts) threads() []string {
	var names []string
	seen := map[string]bool{}
	for i := range f.result.History {
		if name := f.result.History[i].Client; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// tellSpan tells a fault in one line.
func (f *facts) tellSpan(s *span) string {
	text := seconds(s.from)
	if s.lasts() {
		text += " to " + seconds(s.to)
	}
	text += ": " + shorten(s.text, lineTextMax)
	if s.kind == sim.ZoneOutage {
		text += " = " + f.names(s.on)
	}
	if s.rest == restAnd {
		text += " / everybody else"
	}
	if says := f.saysOf(s); says != "" {
		text += " (" + says + ")"
	}
	if len(f.breaches) > 0 {
		if b := &f.breaches[0]; len(b.operations) > 0 && s.active(b.from, b.to) {
			text += ", during the operations below"
		}
	}
	return text
}

// saysOf is what a fault of that kind does, with the number that belongs to it.
func (f *facts) saysOf(s *span) string {
	for i := range f.result.Scenario.Faults {
		fault := &f.result.Scenario.Faults[i]
		if text, _, _ := strings.Cut(s.text, " = "); fault.Kind == s.kind && fault.String() == text {
			says := s.says
			if s.stays {
				says, _, _ = strings.Cut(says, "; it comes back")
			}
			words := strings.Fields(says)
			for i, word := range words {
				switch strings.TrimSuffix(word, "-th") {
				case "Arg":
					words[i] = strings.Replace(word, "Arg", strconv.FormatInt(fault.Arg, 10), 1)
				case "For":
					words[i] = "a while"
				}
			}
			return strings.Join(words, " ")
		}
	}
	return s.says
}

// groupsByInterest orders the raft groups: those that the first breach names, then those with the most leaders in the
// ten seconds before it, or in the whole run if nothing broke; then by name.
func (f *facts) groupsByInterest() []string {
	const before = 10 * time.Second
	from, to, _ := f.focus()
	var groups []string
	named, changes := map[string]bool{}, map[string]int{}
	for i := range f.reigns {
		r := &f.reigns[i]
		if !slices.Contains(groups, r.group) {
			groups = append(groups, r.group)
			named[r.group] = len(f.breaches) > 0 && slices.Contains(strings.Fields(f.breaches[0].Text), r.group)
		}
		if r.from <= to && r.believed >= from-before {
			changes[r.group]++
		}
	}
	slices.SortFunc(groups, func(a, b string) int {
		if named[a] != named[b] {
			return map[bool]int{true: -1, false: 1}[named[a]]
		}
		return cmp.Or(cmp.Compare(changes[b], changes[a]), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return groups
}

// tellReigns tells who led a group up to a moment.
func (f *facts) tellReigns(group string, until time.Duration) string {
	var told []string
	earlier := 0
	for i := range f.reigns {
		r := &f.reigns[i]
		if r.group != group || r.from > until {
			continue
		}
		text := fmt.Sprintf("%s in term %d from %s", f.hosts[r.host].name, r.term, seconds(r.from))
		if r.why != "" && r.to <= until {
			text += " to " + seconds(r.to)
			switch {
			case r.believed > r.to && r.known:
				text += " (it believed so until " + seconds(r.believed) + ")"
			case r.believed > r.to:
				text += " (out of reach, it may have believed so until " + seconds(r.believed) + ")"
			}
		}
		told = append(told, text)
	}
	if len(told) > reignsTold {
		earlier = len(told) - reignsTold
		told = told[earlier:]
	}
	text := group + ": led by " + strings.Join(told, ", then ")
	if len(told) == 0 {
		return group + ": led by nobody until then"
	}
	if earlier > 0 {
		text += fmt.Sprintf(" (%s before)", count(earlier, "reign"))
	}
	return text
}

// reachTextMax bounds how much is said about who reached whom, in bytes.
const reachTextMax = 800

// tellReach tells who was out of reach for whom in the focus, and when if not all of the time.
func (f *facts) tellReach() string {
	from, to, _ := f.focus()
	if len(f.breaches) == 0 {
		from = to
	}
	var told []string
	tell := func(text string, begin, end time.Duration) {
		if begin > from || end < to {
			text += " (" + seconds(begin) + " to " + seconds(end) + ")"
		}
		told = append(told, text)
	}
	for _, d := range f.downs(from, to) {
		tell(f.hosts[d.host].name+" did not run", d.from, d.to)
	}
	for i := range f.spans {
		if s := &f.spans[i]; s.lasts() && len(s.on) > 0 && s.active(from, to) {
			if text := f.tellUnreached(s); text != "" {
				tell(text, s.from, s.to)
			}
		}
	}
	when := "From " + seconds(from) + " to " + seconds(to) + ": "
	if from == to {
		when = "At " + seconds(to) + ": "
	}
	if len(told) == 0 {
		return when + "all hosts ran and could reach each other."
	}
	return when + shorten(strings.Join(told, "; "), reachTextMax) + "."
}

// tellUnreached tells whom a fault kept from whom; empty if it kept nobody from anybody.
func (f *facts) tellUnreached(s *span) string {
	on, others := f.side(s.on, s.and), f.side(s.and, s.on)
	switch {
	case s.kind == sim.NoPeer:
		return on + " could not reach each other"
	case s.reach == reachNone:
		return on + " and " + others + " could not reach each other"
	case s.reach == reachBack:
		return "packets from " + on + " to " + others + " did not arrive"
	case s.reach == reachRing:
		return "each of " + on + " reached only its two neighbours"
	case s.reach == reachStill:
		return on + " stood still"
	}
	return ""
}

// verbs are what operations are called in sentences.
var verbs = map[linearizability.Kind]string{
	linearizability.CreateQueue: "creates", linearizability.DeleteQueue: "deletes the queue", linearizability.PurgeQueue: "purges",
	linearizability.RestoreQueue:  "restores the queue",
	linearizability.SetAttributes: "sets attributes of", linearizability.GetAttributes: "reads attributes of",
	linearizability.StartMoveTask: "starts a move task", linearizability.ListMoveTasks: "lists the move tasks", linearizability.CancelMoveTask: "cancels a move task",
	linearizability.Send: "sends", linearizability.Receive: "receives", linearizability.Delete: "deletes",
	linearizability.ChangeVisibility: "changes the visibility timeout of",
}

// tellOperation tells an operation in one line. Of the messages it received only those in focus are named.
func (f *facts) tellOperation(i int, focus []int) string {
	op := &f.result.History[i]
	verb := verbs[op.Kind]
	if verb == "" {
		verb = string(op.Kind)
	}
	text := fmt.Sprintf("%s to %s, %s %s", seconds(time.Duration(op.Call)), seconds(time.Duration(op.Return)), op.Client, verb)
	switch op.Kind {
	case linearizability.Send:
		text += " " + shorten(op.Body, bodyShown) + " to " + op.Queue
		if op.Group != "" {
			text += ", group " + shorten(op.Group, bodyShown)
		}
	case linearizability.Receive:
		text += " from " + op.Queue + " " + f.tellReceived(op, focus)
	case linearizability.Delete, linearizability.ChangeVisibility:
		text += " " + f.nameOf(op.MessageID) + " in " + op.Queue
	default:
		text += " " + op.Queue
	}
	text += ": " + string(op.Outcome)
	if op.Error != "" {
		text += " (" + shorten(op.Error, lineTextMax) + ")"
	}
	if op.Kind == linearizability.Send && op.MessageID != "" {
		text += ", MessageID " + op.MessageID
	}
	if op.SequenceNumber != "" {
		text += ", sequence number " + op.SequenceNumber
	}
	if op.Tries > 1 {
		text += fmt.Sprintf(", %d tries", op.Tries)
	}
	return text + fmt.Sprintf(" [%d]", i)
}

func (f *facts) tellReceived(op *linearizability.Operation, focus []int) string {
	if len(op.Messages) == 0 {
		return "no message"
	}
	var named []string
	for k := range op.Messages {
		m := &op.Messages[k]
		if number, ok := f.messages.named[m.MessageID]; !ok || len(focus) > 0 && !slices.Contains(focus, number) {
			continue
		}
		text := f.nameOf(m.MessageID)
		if m.ReceiveCount > 0 {
			text += fmt.Sprintf(" (receive count %d)", m.ReceiveCount)
		}
		if m.DamagedBody {
			text += " (damaged)"
		}
		named = append(named, text)
	}
	rest := len(op.Messages) - len(named)
	switch {
	case len(named) == 0:
		return count(rest, "other message")
	case rest > 0:
		named = append(named, count(rest, "other message"))
	}
	return shorten(strings.Join(named, ", "), 2*lineTextMax)
}

// bodyShown is how many bytes of a body a sentence shows.
const bodyShown = 48

// nameOf names a message by its MessageID and, if it is known, its body.
func (f *facts) nameOf(id string) string {
	number, ok := f.messages.named[id]
	if !ok || id == "" {
		return "an unknown message"
	}
	m := &f.messages.all[number]
	switch {
	case len(m.bodies) == 0:
		return id
	case len(m.ids) > 1: // copies
		return shorten(m.bodies[0], bodyShown) + " = " + id
	}
	return shorten(m.bodies[0], bodyShown)
}
