package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// metadataGroup is the name of the metadata hosts' raft group in logs; slotGroup that of a slot's.
const metadataGroup = "catalog"

func slotGroup(slot int) string { return fmt.Sprintf("slot-%d", slot) }

// leadership is who leads a raft group as far as the hosts' logs tell.
type leadership struct {
	host string
	term uint64
}

// observe looks at a line that a program has logged: changes of leadership and digests of state are checked, warnings
// go into the story.
func (r *run) observe(m *member, line string) {
	fields := logFields(line)
	text := fields["msg"]
	switch text {
	case "leads":
		term, err := strconv.ParseUint(fields["term"], 10, 64)
		if err != nil {
			r.world.Fail(fmt.Errorf("%s logs a leader without a term: %s", m.plan.name, line))
			return
		}
		r.leads(m, fields["group"], term)
	case "state digest":
		index, err := strconv.ParseUint(fields["index"], 10, 64)
		if err != nil {
			r.world.Fail(fmt.Errorf("%s logs a digest without an index: %s", m.plan.name, line))
			return
		}
		r.digest(m, fields["group"], index, fields["digest"])
	case "applied":
		r.noteApplied(m, fields)
		return
	}
	name, here := m.plan.name, []*member{m}
	switch level := fields["level"]; {
	case text == "leads":
		r.moment(here, "leads", fmt.Sprintf("%s leads %s in term %s", name, fields["group"], fields["term"]))
	case text == "leadership changed" && fields["leader"] == "false":
		r.moment(here, "follows", name+" no longer leads "+fields["group"])
	case text == "holding the virtual IP":
		r.moment(here, "vip", name+" holds the virtual IP")
	case text == "released the virtual IP":
		r.moment(here, "vip", name+" releases the virtual IP")
	case level == "WARN" || level == "ERROR":
		r.moment(here, "log", name+": "+withoutPrefix(line))
	}
}

// lostLeaders forgets what a host that has ended led.
func (r *run) lostLeaders(m *member) {
	for _, group := range sortedKeys(r.leaders) {
		if r.leaders[group].host == m.plan.name {
			delete(r.leaders, group)
		}
	}
}

// withoutPrefix returns a log line from its level on.
func withoutPrefix(line string) string {
	if i := strings.Index(line, "level="); i >= 0 {
		return line[i:]
	}
	return line
}

// logFields takes a line of slog's text form apart.
func logFields(line string) map[string]string {
	fields := map[string]string{}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		key, rest, ok := strings.Cut(line, "=")
		if !ok {
			break
		}
		value := rest
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				break
			}
			if value, err = strconv.Unquote(quoted); err != nil {
				break
			}
			line = rest[len(quoted):]
		} else {
			value, line, _ = strings.Cut(rest, " ")
		}
		fields[key] = value
	}
	return fields
}
