package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"chasqui/linearizability"
)

// The parts of the page. None of them may contain what ends a script or a style element.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/style.css
	pageStyle string
	//go:embed page/model.js
	pageModel string
	//go:embed page/view.js
	pageView string
	//go:embed page/draw.js
	pageDraw string
	//go:embed page/hosts.js
	pageHosts string
	//go:embed page/operations.js
	pageOperations string
	//go:embed page/overview.js
	pageOverview string
	//go:embed page/panel.js
	pagePanel string
	//go:embed page/main.js
	pageMain string
)

// timeline writes the page. All data is in it, as JSON in which <, > and & are escaped, so that no text can end the
// element that holds it; the program puts texts into the page as texts only.
func (f *facts) timeline(w io.Writer, replay string) error {
	data, err := json.Marshal(f.data(replay))
	if err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	program := strings.Join([]string{pageModel, pageView, pageDraw, pageHosts, pageOperations, pageOverview, pagePanel, pageMain}, "\n")
	_, err = strings.NewReplacer(
		"{{TITLE}}", html.EscapeString(f.title()), "{{STYLE}}", pageStyle, "{{DATA}}", string(data), "{{PROGRAM}}", program,
	).WriteString(w, pageHTML)
	if err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	return nil
}

// data is what the page is drawn from. Things that come in large numbers are arrays, whose places model.js names; times
// are whole microseconds of the run, and texts that repeat are indexes of lists.
type data struct {
	Title     string   `json:"title"`
	Seed      string   `json:"seed"` // numbers of JavaScript are too small for it
	Verdict   string   `json:"verdict"`
	Rules     []string `json:"rules"`
	Replay    string   `json:"replay"`
	Hash      string   `json:"hash"`
	Story     string   `json:"story"`
	End       int64    `json:"end"`
	FaultyEnd int64    `json:"faultyEnd"`
	StoryCut  int      `json:"storyCut"`
	Pictured  string   `json:"pictured"` // what porcupine's page shows; empty if there is none

	Hosts    []row    `json:"hosts"`
	Lives    []row    `json:"lives"`
	Groups   []string `json:"groups"`
	Reigns   []row    `json:"reigns"`
	Holds    []row    `json:"holds"`
	Spans    []row    `json:"spans"`
	Notes    []row    `json:"notes"`
	Breaches []row    `json:"breaches"`
	Messages []row    `json:"messages"`
	Threads  []row    `json:"threads"`
	Ops      []row    `json:"ops"`

	Kinds    []string `json:"kinds"`
	Outcomes []string `json:"outcomes"`
	Queues   []string `json:"queues"`
	Texts    []string `json:"texts"` // errors and other texts of operations; the first is empty
}

// row is one thing as an array.
type row []any

// words numbers texts in the order in which they come up.
type words struct {
	list   []string
	number map[string]int
}

func (w *words) index(text string) int {
	if w.number == nil {
		w.number = map[string]int{}
	}
	i, ok := w.number[text]
	if !ok {
		i = len(w.list)
		w.number[text], w.list = i, append(w.list, text)
	}
	return i
}

const (
	// detailMax bounds texts of the page, in bytes: log lines, errors, last words of a program.
	detailMax = 2000
	// nameMax bounds names, in bytes: bodies, groups, ids.
	nameMax = 120
)

func micros(d time.Duration) int64 { return d.Microseconds() }

func (f *facts) data(replay string) *data {
	r := f.result
	d := &data{
		Title: f.title(), Seed: strconv.FormatUint(r.Scenario.Seed, 10), Verdict: string(r.Verdict()), Rules: orEmpty(f.rules()),
		Replay: oneLine(replay), Hash: fmt.Sprintf("%016x", r.Hash), Story: f.story(replay), End: max(1, micros(f.end)),
		FaultyEnd: micros(r.Scenario.FaultyPhase), StoryCut: r.StoryCut, Pictured: shorten(f.pictured, nameMax),
		Hosts: []row{}, Lives: []row{}, Reigns: []row{}, Holds: []row{}, Spans: []row{}, Notes: []row{}, Breaches: []row{}, Messages: []row{},
	}
	if r.Real {
		d.Hash = "none, for the processes were real"
	}
	for _, h := range f.hosts {
		d.Hosts = append(d.Hosts, row{h.name, h.role, h.zone})
	}
	for _, l := range f.lives {
		d.Lives = append(d.Lives, row{l.host, l.number, micros(l.from), micros(l.to), long(l.ended), bit(l.crashed)})
	}
	groups := words{list: []string{}}
	for _, name := range f.groupNames() {
		groups.index(name)
	}
	for _, r := range f.reigns {
		d.Reigns = append(d.Reigns, row{r.host, groups.index(r.group), r.term, micros(r.from), micros(r.to), micros(r.believed), bit(r.known), r.why})
	}
	d.Groups = groups.list
	for _, h := range f.holds {
		d.Holds = append(d.Holds, row{h.host, micros(h.from), micros(h.to)})
	}
	for i := range f.spans {
		s := &f.spans[i]
		d.Spans = append(d.Spans, row{s.kind, long(s.text), f.saysOf(s), micros(s.from), micros(s.to), orEmpty(s.on), orEmpty(s.and), s.rest, s.reach, bit(s.stays)})
	}
	for _, n := range f.notes {
		d.Notes = append(d.Notes, row{micros(n.at), n.kind, long(n.text), orEmpty(n.hosts)})
	}
	for i := range f.breaches {
		b := &f.breaches[i]
		d.Breaches = append(d.Breaches, row{b.Rule, plain(b.Rule), long(b.Text), micros(b.at), micros(b.from), micros(b.to), orEmpty(b.operations), orEmpty(b.messages)})
	}
	for i := range f.messages.all {
		m := &f.messages.all[i]
		d.Messages = append(d.Messages, row{orEmpty(names(m.ids)), orEmpty(names(m.bodies))})
	}
	f.operations(d)
	return d
}

// groupNames are the raft groups in the order of their names, short ones first: slot-2 comes before slot-10.
func (f *facts) groupNames() []string {
	var all []string
	for i := range f.reigns {
		if !slices.Contains(all, f.reigns[i].group) {
			all = append(all, f.reigns[i].group)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return all
}

// operations adds the client threads and what they did.
func (f *facts) operations(d *data) {
	var threads, kinds, outcomes, queues, texts, handles words
	texts.index("")
	handles.index("") // 0 stands for no handle
	d.Threads, d.Ops = []row{}, []row{}
	for _, name := range f.orderedThreads() {
		threads.index(name)
		d.Threads = append(d.Threads, row{shorten(name, nameMax), f.threadHost(name)})
	}
	for i := range f.result.History {
		op := &f.result.History[i]
		subjects := []any{}
		switch {
		case op.Kind == linearizability.Receive:
			for k := range op.Messages {
				m := &op.Messages[k]
				number, ok := f.messages.named[m.MessageID]
				if !ok {
					if number, ok = f.messages.named[m.Body]; !ok {
						continue
					}
				}
				subjects = append(subjects, row{number, m.ReceiveCount, handles.index(m.Handle), bit(m.DamagedBody), f.copyNumber(number, m.MessageID)})
			}
		case len(f.messages.of[i]) > 0:
			number := f.messages.of[i][0]
			subjects = append(subjects, row{number, 0, handles.index(op.Handle), 0, f.copyNumber(number, op.MessageID)})
		}
		d.Ops = append(d.Ops, row{
			threads.index(op.Client), kinds.index(string(op.Kind)), queues.index(shorten(op.Queue, nameMax)), micros(time.Duration(op.Call)),
			micros(time.Duration(op.Return - op.Call)), outcomes.index(string(op.Outcome)), texts.index(shorten(op.Error, detailMax)),
			op.Tries, op.Batch, subjects, texts.index(details(op)),
		})
	}
	d.Kinds, d.Outcomes, d.Queues, d.Texts = orEmpty(kinds.list), orEmpty(outcomes.list), orEmpty(queues.list), orEmpty(texts.list)
}

// copyNumber is the place of a MessageID among those of a message, from 1; 0 if it has only one or the id is not known.
func (f *facts) copyNumber(message int, id string) int {
	if ids := f.messages.all[message].ids; len(ids) > 1 {
		return slices.Index(ids, id) + 1
	}
	return 0
}

// details are the parts of an operation that the page shows as they are.
func details(op *linearizability.Operation) string {
	var parts []string
	add := func(name, value string) {
		if value != "" && value != "0" {
			parts = append(parts, name+" "+shorten(value, nameMax))
		}
	}
	add("group", op.Group)
	add("deduplication id", op.DeduplicationID)
	add("sequence number", op.SequenceNumber)
	add("delay, s:", strconv.Itoa(op.DelaySeconds))
	add("visibility timeout, s:", strconv.Itoa(op.VisibilitySeconds))
	if op.Kind == linearizability.ChangeVisibility && op.VisibilitySeconds == 0 {
		parts = append(parts, "visibility timeout, s: 0")
	}
	add("wait, s:", strconv.Itoa(op.WaitSeconds))
	add("at most", strconv.Itoa(op.Max))
	add("attempt", op.AttemptID)
	for _, values := range []map[string]string{op.Attributes, op.Values} {
		var keys []string
		for key := range values {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			parts = append(parts, shorten(key, nameMax)+"="+shorten(values[key], nameMax))
		}
	}
	return strings.Join(parts, ", ")
}

// threadParts are the kinds of client threads in the order in which they are started, host by host.
var threadParts = []string{"producer", "consumer", "keeper", "mover", "administrator"}

// threadNumber returns the number of a thread in the order of their starts; false if its name is not one of the
// workload's.
func (f *facts) threadNumber(name string) (int, bool) {
	plan := &f.result.Scenario.Workload
	first := 0
	for i, threads := range []int{len(plan.Producers), len(plan.Consumers), len(plan.Keepers), len(plan.Movers), len(plan.Administrators)} {
		if number, ok := strings.CutPrefix(name, threadParts[i]+"-"); ok {
			n, err := strconv.Atoi(number)
			return first + n, err == nil && n >= 0 && n < threads
		}
		first += threads
	}
	return 0, false
}

// orderedThreads are the client threads: those of the workload in its order, then others in the order of their first operation.
func (f *facts) orderedThreads() []string {
	names := f.threads()
	slices.SortStableFunc(names, func(a, b string) int {
		x, known := f.threadNumber(a)
		y, known2 := f.threadNumber(b)
		switch {
		case known && known2:
			return x - y
		case known:
			return -1
		case known2:
			return 1
		}
		return 0
	})
	return names
}

// threadHost returns the client host that a thread runs on, -1 if that is not known.
func (f *facts) threadHost(name string) int {
	clients := f.ofRole(roleClient)
	number, ok := f.threadNumber(name)
	if !ok || len(clients) == 0 {
		return -1
	}
	return clients[number%len(clients)]
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// long makes a text fit for the page; unlike shorten it keeps line breaks.
func long(text string) string {
	if len(text) > detailMax {
		text = strings.ToValidUTF8(text[:detailMax], "") + "..."
	}
	return text
}

func names(list []string) []string {
	var short []string
	for _, name := range list {
		short = append(short, shorten(name, nameMax))
	}
	return short
}
