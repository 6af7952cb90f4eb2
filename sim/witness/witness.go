package witness

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// The rules that a witness judges.
const (
	RuleOneLeader  = "one-leader-per-term"
	RuleEqualState = "equal-state"
)

// CatalogGroup is the name of the metadata hosts' raft group in logs; SlotGroup that of a slot's.
const CatalogGroup = "catalog"

// SlotGroup returns the name of a slot's raft group in logs.
func SlotGroup(slot int) string { return fmt.Sprintf("slot-%d", slot) }

// Reporter is told what a witness finds.
type Reporter interface {
	// Moment is something to tell: kind is leads, follows, vip or log.
	Moment(host, kind, text string)
	// Violate is a broken rule.
	Violate(rule, text string)
}

// Witness follows the logs of a cluster's hosts. It is used by one goroutine at a time.
type Witness struct {
	reporter Reporter
	leaders  map[string]leadership // by group
	terms    map[term]string
	digests  map[place]digest
	checked  map[string]int
}

type (
	// leadership is who leads a raft group as far as the hosts' logs tell.
	leadership struct {
		host string
		term uint64
	}
	// term is one raft term of a group, and place one entry of its log.
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

// New returns a witness that has seen nothing.
func New(reporter Reporter) *Witness {
	return &Witness{
		reporter: reporter, leaders: map[string]leadership{}, terms: map[term]string{}, digests: map[place]digest{},
		checked: map[string]int{},
	}
}

// Line looks at a line that a host has logged: changes of leadership and digests of state are checked, warnings are told.
// An error means that the line is not what the product writes.
func (w *Witness) Line(host, line string) error {
	fields := Fields(line)
	text := fields["msg"]
	switch text {
	case "leads":
		number, err := strconv.ParseUint(fields["term"], 10, 64)
		if err != nil {
			return fmt.Errorf("%s logs a leader without a term: %s", host, line)
		}
		w.leads(host, fields["group"], number)
	case "state digest":
		index, err := strconv.ParseUint(fields["index"], 10, 64)
		if err != nil {
			return fmt.Errorf("%s logs a digest without an index: %s", host, line)
		}
		w.digest(host, fields["group"], index, fields["digest"])
	}
	switch level := fields["level"]; {
	case text == "leads":
		w.reporter.Moment(host, "leads", fmt.Sprintf("%s leads %s in term %s", host, fields["group"], fields["term"]))
	case text == "leadership changed" && fields["leader"] == "false":
		w.reporter.Moment(host, "follows", host+" no longer leads "+fields["group"])
	case text == "holding the virtual IP":
		w.reporter.Moment(host, "vip", host+" holds the virtual IP")
	case text == "released the virtual IP":
		w.reporter.Moment(host, "vip", host+" releases the virtual IP")
	case level == "WARN" || level == "ERROR":
		w.reporter.Moment(host, "log", host+": "+withoutPrefix(line))
	}
	return nil
}

// Ended forgets what a host led whose process has ended.
func (w *Witness) Ended(host string) {
	for _, group := range slices.Sorted(maps.Keys(w.leaders)) {
		if w.leaders[group].host == host {
			delete(w.leaders, group)
		}
	}
}

// Leader returns the host that leads a group, empty if none is known.
func (w *Witness) Leader(group string) string { return w.leaders[group].host }

// Checked returns how often each rule had something to judge.
func (w *Witness) Checked() map[string]int { return maps.Clone(w.checked) }

// leads checks that a group has one leader per term (election safety).
func (w *Witness) leads(host, group string, number uint64) {
	w.checked[RuleOneLeader]++
	key := term{group, number}
	if other, ok := w.terms[key]; ok && other != host {
		w.reporter.Violate(RuleOneLeader, fmt.Sprintf("%s and %s both led %s in term %d", other, host, group, number))
	}
	w.terms[key] = host
	if now := w.leaders[group]; number >= now.term {
		w.leaders[group] = leadership{host, number}
	}
}

// digest checks that replicas are in the same state at the same index (state machine safety).
func (w *Witness) digest(host, group string, index uint64, value string) {
	key := place{group, index}
	other, ok := w.digests[key]
	if !ok {
		w.digests[key] = digest{host, value}
		return
	}
	w.checked[RuleEqualState]++
	if other.value != value {
		w.reporter.Violate(RuleEqualState, fmt.Sprintf("%s at index %d: %s has state %s, %s has %s",
			group, index, other.host, other.value, host, value))
	}
}
