package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chasqui/sim"
)

// facts is a Result put in order for a reader.
type facts struct {
	result *sim.Result
	// end is the last moment that anything is known of.
	end   time.Duration
	hosts []host
	index map[string]int // of hosts, by name

	lives    []life
	reigns   []reign
	holds    []hold
	spans    []span
	notes    []note
	messages *messages
	breaches []breach

	// picture is porcupine's page of one window, pictured what the window is about; empty if there is no window.
	picture  []byte
	pictured string
	// unpictured is why there is no picture.
	unpictured error
}

// host is one machine of the run.
type host struct {
	name, role string
	zone       int // from 0
}

// The roles of hosts as their names begin.
const (
	roleBalancer = "balancer"
	roleClient   = "client"
	roleConsole  = "console"
)

// note is a moment that has no duration: a line of a log, an operator's deed, a phase of the run.
type note struct {
	at    time.Duration
	hosts []int
	kind  string // as of sim.Moment; a line of a log is "warning" or "error"
	text  string
}

// gather finds out what a Result tells.
func gather(r *sim.Result) *facts {
	f := &facts{result: r, end: r.VirtualTime, index: map[string]int{}}
	for _, m := range r.Story {
		f.end = max(f.end, m.At)
	}
	for i := range r.History {
		f.end = max(f.end, time.Duration(r.History[i].Return), time.Duration(r.History[i].Call))
	}
	f.findHosts()
	f.findLives()
	f.findSpans()
	f.findReigns()
	f.findNotes()
	f.messages = groupMessages(r.History)
	f.findBreaches()
	f.draw()
	return f
}

// findHosts takes the names from the Result, and those that only its story mentions from there.
func (f *facts) findHosts() {
	for _, name := range f.result.Hosts {
		f.host(name)
	}
	for _, m := range f.result.Story {
		for _, name := range m.Hosts {
			f.host(name)
		}
	}
}

// host returns the index of a host, which is added if it is not known. Its name is ROLE-NUMBER, and the hosts of a role
// are spread over the zones one by one.
func (f *facts) host(name string) int {
	if i, ok := f.index[name]; ok {
		return i
	}
	h := host{name: name, role: name}
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		var number int
		h.role = name[:i]
		if _, err := fmt.Sscanf(name[i+1:], "%d", &number); err == nil && number > 0 {
			h.zone = (number - 1) % max(1, f.result.Scenario.Topology.Zones)
		}
	}
	f.index[name] = len(f.hosts)
	f.hosts = append(f.hosts, h)
	return len(f.hosts) - 1
}

func (f *facts) indexes(names []string) []int {
	var all []int
	for _, name := range names {
		if i, ok := f.index[name]; ok {
			all = append(all, i)
		}
	}
	return all
}

// side names one side of a fault in a sentence: everybody else if it is all but the other side.
func (f *facts) side(hosts, others []int) string {
	if len(hosts) > len(others) && slices.Equal(hosts, f.others(others)) {
		return "everybody else"
	}
	return f.names(hosts)
}

// names lists hosts for a sentence.
func (f *facts) names(hosts []int) string {
	var all []string
	for _, h := range hosts {
		all = append(all, f.hosts[h].name)
	}
	return strings.Join(all, ", ")
}

// ofRole returns the hosts with a role; servers are those that the cluster consists of.
func (f *facts) ofRole(role string) []int {
	return f.where(func(h host) bool { return h.role == role })
}

func (f *facts) servers() []int {
	return f.where(func(h host) bool { return h.role != roleClient && h.role != roleConsole })
}

func (f *facts) where(is func(h host) bool) []int {
	var all []int
	for i, h := range f.hosts {
		if is(h) {
			all = append(all, i)
		}
	}
	return all
}

// findNotes keeps the moments that nothing else is made of.
func (f *facts) findNotes() {
	for _, m := range f.result.Story {
		n := note{at: m.At, hosts: f.indexes(m.Hosts), kind: m.Kind, text: m.Text}
		switch m.Kind {
		case "log":
			n.kind = "warning"
			if strings.Contains(m.Text, "level=ERROR") {
				n.kind = "error"
			}
		case "operator", "phase":
		default:
			continue
		}
		f.notes = append(f.notes, n)
	}
}
