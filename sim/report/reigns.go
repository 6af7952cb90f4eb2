package report

import (
	"strconv"
	"strings"
	"time"
)

// reign is the time for which a host led a raft group in a term.
type reign struct {
	host  int
	group string
	term  uint64
	from  time.Duration
	// to is when another host led in a later term, the host's program ended or it stood down, whichever was first.
	to time.Duration
	// believed is until when the host may have gone on believing that it led: not before to. While the story is read it
	// is 0, or the moment from which on the host cannot have believed it.
	believed time.Duration
	// known says that believed is what the host itself has logged.
	known bool
	// why says how the reign ended; empty if it lasted to the end of the run.
	why string
}

// hold is the time for which a balancer held the virtual IP, as far as it told.
type hold struct {
	host     int
	from, to time.Duration
}

// parseLeads takes "HOST leads GROUP in term N" apart.
func parseLeads(text string) (host, group string, term uint64, ok bool) {
	host, rest, ok := strings.Cut(text, " leads ")
	if !ok {
		return "", "", 0, false
	}
	group, number, ok := strings.Cut(rest, " in term ")
	if !ok {
		return "", "", 0, false
	}
	term, err := strconv.ParseUint(number, 10, 64)
	return host, group, term, err == nil
}

// findReigns follows what the hosts said about leading: moments of the kinds leads and follows ("HOST no longer leads
// GROUP"), and vip ("HOST holds the virtual IP", "HOST releases the virtual IP"). Spans must have been found.
func (f *facts) findReigns() {
	for _, m := range f.result.Story {
		switch m.Kind {
		case "leads":
			if name, group, term, ok := parseLeads(m.Text); ok {
				if h, known := f.index[name]; known {
					f.begins(h, group, term, m.At)
				}
			}
		case "follows":
			for _, h := range f.indexes(m.Hosts) {
				f.standsDown(h, m.Text, m.At)
			}
		case "vip":
			for _, h := range f.indexes(m.Hosts) {
				f.releases(h, m.At)
				if strings.Contains(m.Text, " holds ") {
					f.holds = append(f.holds, hold{host: h, from: m.At, to: f.end})
				}
			}
		case "crash", "exit":
			for _, h := range f.indexes(m.Hosts) {
				f.releases(h, m.At)
				f.endsAll(h, m.At)
			}
		}
	}
	for i := range f.reigns {
		f.findBelief(&f.reigns[i])
	}
}

// begins starts a reign; it ends those of earlier terms. Two leaders of one term both go on: that is a finding.
func (f *facts) begins(h int, group string, term uint64, at time.Duration) {
	for i := range f.reigns {
		r := &f.reigns[i]
		if r.group != group || r.term >= term || r.why != "" && r.host != h {
			continue
		}
		if r.why == "" {
			r.to, r.why = at, f.hosts[h].name+" led in term "+strconv.FormatUint(term, 10)
		}
		if r.host == h && r.believed == 0 {
			r.believed = at
		}
	}
	f.reigns = append(f.reigns, reign{host: h, group: group, term: term, from: at, to: f.end})
}

func (f *facts) standsDown(h int, text string, at time.Duration) {
	for i := range f.reigns {
		r := &f.reigns[i]
		if r.host != h || r.known || !strings.HasSuffix(text, " leads "+r.group) {
			continue
		}
		r.believed, r.known = at, true
		if r.why == "" {
			r.to, r.why = at, "it stood down"
		}
	}
}

func (f *facts) endsAll(h int, at time.Duration) {
	for i := range f.reigns {
		r := &f.reigns[i]
		if r.host != h {
			continue
		}
		if r.why == "" {
			r.to, r.why = at, "its program ended"
		}
		if r.believed == 0 { // later ends are of later incarnations
			r.believed = at
		}
	}
}

func (f *facts) releases(h int, at time.Duration) {
	for i := range f.holds {
		if hold := &f.holds[i]; hold.host == h && hold.to == f.end {
			hold.to = at
		}
	}
}

// findBelief works out until when a leader that another one followed can have believed in itself: while it was cut off
// or stood still when it happened, it had no way to know.
func (f *facts) findBelief(r *reign) {
	if r.known {
		r.believed = max(r.believed, r.to)
		return
	}
	until := r.to
	for i := range f.spans {
		if s := &f.spans[i]; r.why != "" && s.isolates(r.host) && s.active(r.to, r.to) {
			until = max(until, s.to)
		}
	}
	if r.believed > 0 {
		until = min(until, r.believed)
	}
	r.believed = max(until, r.to)
}

// reignAt returns who led a group in the latest term at a moment, nil if nobody did.
func (f *facts) reignAt(group string, at time.Duration) *reign {
	var found *reign
	for i := range f.reigns {
		r := &f.reigns[i]
		if r.group == group && r.from <= at && (at < r.to || r.why == "") && (found == nil || r.term >= found.term) {
			found = r
		}
	}
	return found
}
