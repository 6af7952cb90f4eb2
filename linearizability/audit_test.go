package linearizability

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// auditedSeed returns a run whose queues are never deleted: the reference begins anew with its numbers then, chasqui does not.
func auditedSeed(n uint64) (*refWorld, []Operation) {
	if n%9 == 0 {
		n++
	}
	w, _ := validWorld(n)
	return w, w.recorder.History()
}

func renumbered(h []Operation) []Operation {
	for i := range h {
		h[i].ID = i
	}
	return h
}

func TestAuditAcceptsWhatReplicasRightlyDid(t *testing.T) {
	checked := map[Rule]int{}
	for seed := range uint64(60) {
		w, h := auditedSeed(seed)
		verdict := Audit(w.entries, renumbered(h))
		require.Empty(t, verdict.Violations, "seed %d", seed)
		for rule, n := range verdict.Checked {
			checked[rule] += n
		}
	}
	for _, rule := range AuditRules() {
		require.Greater(t, checked[rule], 10_000, "%s had next to nothing to judge", rule)
	}
}

// alteration changes what was applied, or what clients were told, so that the audit must notice. It returns whether it found a place.
type alteration struct {
	name  string
	rule  Rule
	alter func(rng *rand.Rand, entries *[]Applied, h *[]Operation) bool
}

// rewrite alters the commands of one entry that a pattern fits.
func rewrite(pattern string, replace func(parts []string) string) func(rng *rand.Rand, entries *[]Applied, h *[]Operation) bool {
	expression := regexp.MustCompile(pattern)
	return func(rng *rand.Rand, entries *[]Applied, _ *[]Operation) bool {
		for _, i := range rng.Perm(len(*entries)) {
			e := &(*entries)[i]
			if parts := expression.FindStringSubmatch(e.Commands); parts != nil {
				e.Commands = replace(parts)
				return true
			}
		}
		return false
	}
}

// forget removes an entry that a pattern fits.
func forget(pattern string) func(rng *rand.Rand, entries *[]Applied, h *[]Operation) bool {
	expression := regexp.MustCompile(pattern)
	return func(rng *rand.Rand, entries *[]Applied, _ *[]Operation) bool {
		for _, i := range rng.Perm(len(*entries)) {
			if expression.MatchString((*entries)[i].Commands) {
				*entries = slices.Delete(*entries, i, i+1)
				return true
			}
		}
		return false
	}
}

// forgetSend removes a send of a message that was received.
func forgetSend(rng *rand.Rand, entries *[]Applied, _ *[]Operation) bool {
	sent := regexp.MustCompile(`^send/.*/ok/([^:]*:\d+):0:ok$`)
	for _, i := range rng.Perm(len(*entries)) {
		e := &(*entries)[i]
		parts := sent.FindStringSubmatch(e.Commands)
		if parts != nil && slices.ContainsFunc(*entries, func(other Applied) bool {
			return other.Group == e.Group && strings.HasPrefix(other.Commands, "receive/") && strings.Contains(other.Commands, "/"+parts[1]+":1")
		}) {
			*entries = slices.Delete(*entries, i, i+1)
			return true
		}
	}
	return false
}

// forgetDelete removes what was applied of a delete that its client was told of.
func forgetDelete(rng *rand.Rand, entries *[]Applied, h *[]Operation) bool {
	for _, i := range rng.Perm(len(*h)) {
		op := &(*h)[i]
		if op.Kind != Delete || !op.settled() {
			continue
		}
		text := "/" + handleOf(&Message{Handle: op.Handle}) + "/ok/ok"
		*entries = slices.DeleteFunc(*entries, func(e Applied) bool {
			return e.Group == "slot of "+op.Queue && strings.HasPrefix(e.Commands, "delete/") && strings.HasSuffix(e.Commands, text)
		})
		return true
	}
	return false
}

// tell alters one operation.
func tell(fit func(op *Operation) bool, change func(op *Operation)) func(rng *rand.Rand, entries *[]Applied, h *[]Operation) bool {
	return func(rng *rand.Rand, _ *[]Applied, h *[]Operation) bool {
		for _, i := range rng.Perm(len(*h)) {
			if op := &(*h)[i]; op.Outcome == OK && fit(op) {
				op.Messages = slices.Clone(op.Messages)
				change(op)
				return true
			}
		}
		return false
	}
}

func kindIs(kind Kind) func(op *Operation) bool {
	return func(op *Operation) bool { return op.Kind == kind && (kind != Receive || len(op.Messages) > 0) }
}

var alterations = []alteration{
	{"apply: a receive finds nothing though something is there", AppliedResult, rewrite(`^(receive/.*/ok/).+$`, func(p []string) string { return p[1] })},
	{"apply: a receive count does not grow", AppliedResult, rewrite(`^(receive/.*/ok/[^+]*:)2$`, func(p []string) string { return p[1] + "1" })},
	{"apply: a message that is not there is received", AppliedResult, rewrite(`^(receive/.*/ok/[^:]*:)(\d+)(:1)$`, func(p []string) string { return p[1] + "9" + p[2] + p[3] })},
	{"apply: an answer has a message twice", AppliedResult, rewrite(`^(receive/\d+/0/0/0/0/1/)[234](:.*/ok/)([^+]+)$`, func(p []string) string { return p[1] + "4" + p[2] + p[3] + "+" + p[3] })},
	{"apply: more than was asked for", AppliedResult, rewrite(`^(receive/\d+/0/0/0/0/1/)\d(:.*/ok/)([^+]+\+[^a].*)$`, func(p []string) string { return p[1] + "1" + p[2] + p[3] })},
	{"apply: a send is stored under the number of another", AppliedResult, rewrite(`^(send/.*/ok/[^:]*:)\d+(:0:ok)$`, func(p []string) string { return p[1] + "0" + p[2] })},
	{"apply: a send is taken for a repeat", AppliedResult, rewrite(`^(send/.*/ok/.*):0:ok$`, func(p []string) string { return p[1] + ":1:ok" })},
	{"apply: a repeat is stored", AppliedResult, rewrite(`^(send/.*/ok/.*):1:ok$`, func(p []string) string { return p[1] + ":0:ok" })},
	{"apply: an expired handle deletes", AppliedResult, rewrite(`^(delete/.*/ok/)handle-expired$`, func(p []string) string { return p[1] + "ok" })},
	{"apply: a holder may not delete", AppliedResult, rewrite(`^(delete/.*/ok/)ok$`, func(p []string) string { return p[1] + "handle-expired" })},
	{"apply: a lost message is hidden again", AppliedResult, rewrite(`^(visibility/.*/ok/)(not-in-flight|handle-expired)$`, func(p []string) string { return p[1] + "ok" })},
	{"apply: a queue that is there is gone", AppliedResult, rewrite(`^(send/.*)/ok/.*$`, func(p []string) string { return p[1] + "/queue-dropped/" })},
	{"apply: forget a send", AppliedResult, forgetSend},
	{"apply: forget a receive", AppliedResult, forget(`^receive/.*/ok/[^:]*:\d+:1$`)},
	{"apply: not even a command", AppliedResult, rewrite(`^(send/.*)$`, func(p []string) string { return strings.Replace(p[1], "/", ":", 1) })},
	{"tell: a send that nobody applied", AppliedAnswer, tell(kindIs(Send), func(op *Operation) { op.MessageID += "0" })},
	{"tell: another sequence number", AppliedAnswer, tell(func(op *Operation) bool { return op.Kind == Send && isFIFO(op.Queue) }, func(op *Operation) { op.SequenceNumber += "1" })},
	{"tell: a receive that nobody applied", AppliedAnswer, tell(kindIs(Receive), func(op *Operation) { op.Messages[0].ReceiveCount += 100 })},
	{"tell: a message of another time", AppliedAnswer, tell(kindIs(Receive), func(op *Operation) { op.Call, op.Return = op.Return+1, op.Return+2 })},
	{"tell: a delete before it was applied", AppliedAnswer, tell(kindIs(Delete), func(op *Operation) { op.Return = op.Call })},
	{"tell: a delete that nobody applied", AppliedAnswer, forgetDelete},
}

func TestAlteredLogsAreCaught(t *testing.T) {
	tried := map[string]int{}
	for seed := range uint64(40) {
		w, h := auditedSeed(seed)
		for i, a := range alterations {
			if tried[a.name] == triedEnough {
				continue
			}
			entries, told := slices.Clone(w.entries), slices.Clone(h)
			if !a.alter(rand.New(rand.NewPCG(seed, uint64(i))), &entries, &told) {
				continue
			}
			tried[a.name]++
			verdict := Audit(entries, renumbered(told))
			require.Positive(t, verdict.Found[a.rule], "%s, seed %d: found %v", a.name, seed, verdict.Found)
			for _, v := range verdict.Violations {
				require.NotEmpty(t, v.Text)
			}
		}
	}
	for _, a := range alterations {
		require.GreaterOrEqual(t, tried[a.name], triedLeast, "%s: hardly tried", a.name)
	}
}

// One client's command, repeated, is answered once more and not carried out again.
func TestNaiveQueueKnowsSessions(t *testing.T) {
	entry := func(index uint64, atMs int64, commands string) Applied {
		return Applied{Group: "slot-0", Index: index, AtMs: atMs, Seen: int64(index), Commands: commands}
	}
	log := []Applied{
		entry(1, 1, "configure/7/0/0/0/0/0/1:0:1000000:0:at-least-once:0:0/ok/"),
		entry(2, 2, "send/7/0/5/1/1/1/aa:::0/ok/aa:1:0:ok"),
		entry(3, 3, "send/7/0/5/1/1/1/aa:::0/ok/aa:1:0:ok;receive/7/0/5/2/1/1/10:30000:/ok/aa:1:1"),
		entry(4, 4, "receive/7/0/5/2/1/1/10:30000:/ok/aa:1:1;receive/7/0/5/3/3/1/10:30000:/ok/"),
		entry(5, 5, "receive/7/0/5/2/3/1/10:30000:/stale-session/"),
		entry(6, 6, "send/7/0/5/4/3/2/bb:::0/need-settings/;configure/7/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0/ok/;send/7/0/5/4/3/2/bb:::0/ok/bb:2:0:ok"),
		entry(7, 7, "drop/7/0/5/5/3/0//ok/;send/7/0/5/6/3/2/cc:::0/queue-dropped/"),
	}
	require.Empty(t, Audit(log, nil).Violations)
	for name, wrong := range map[string]Applied{
		"carried out twice":         entry(3, 3, "send/7/0/5/1/1/1/aa:::0/ok/aa:2:0:ok"),
		"another answer":            entry(4, 4, "receive/7/0/5/2/1/1/10:30000:/ok/"),
		"an old command":            entry(5, 5, "receive/7/0/5/2/3/1/10:30000:/ok/aa:1:1"),
		"settings that are too old": entry(6, 6, "send/7/0/5/4/3/2/bb:::0/ok/bb:2:0:ok"),
		"a queue that is gone":      entry(7, 7, "drop/7/0/5/5/3/0//ok/;send/7/0/5/6/3/2/cc:::0/ok/cc:3:0:ok"),
	} {
		altered := slices.Clone(log)
		altered[wrong.Index-1] = wrong
		require.Positive(t, Audit(altered, nil).Found[AppliedResult], name)
	}
}

// requireAudited wants the log found right, and each alteration of one of its entries found wrong.
func requireAudited(t *testing.T, log []string, wrong map[string]struct {
	index    int
	commands string
}) {
	t.Helper()
	entries := make([]Applied, len(log))
	for i, line := range log {
		atMs, commands, _ := strings.Cut(line, " ")
		entries[i] = Applied{Group: "slot-0", Index: uint64(i), Seen: int64(i), Commands: commands}
		_, err := fmt.Sscan(atMs, &entries[i].AtMs)
		require.NoError(t, err)
	}
	require.Empty(t, Audit(entries, nil).Violations)
	for name, w := range wrong {
		altered := slices.Clone(entries)
		altered[w.index].Commands = w.commands
		require.Positive(t, Audit(altered, nil).Found[AppliedResult], name)
	}
}

func TestNaiveQueueKnowsDeliveries(t *testing.T) {
	type wrong = struct {
		index    int
		commands string
	}
	requireAudited(t, []string{
		0: "1 configure/7/0/0/0/0/0/1:0:1000000:0:at-most-once:0:0/ok/",
		1: "2 send/7/0/0/0/0/1/aa::d:0+bb::d:0/ok/aa:1:0:ok+bb:2:0:ok",
		2: "3 receive/7/0/5/1/1/1/1:0:/ok/aa:1:1",
		3: "4 delete/7/0/0/0/0/1/1:1/ok/ok;visibility/7/0/0/0/0/1/1:1:1000/ok/not-in-flight",
		4: "5 receive/7/0/5/1/1/1/1:0:/ok/aa:1:1;receive/7/0/0/0/0/1/10:0:/ok/bb:2:1",
		5: "6 receive/7/0/0/0/0/1/10:0:/ok/",
	}, map[string]wrong{
		"an answer lost inside the system is lost to the client": {4, "receive/7/0/5/1/1/1/1:0:/ok/"},
		"delivered twice": {5, "receive/7/0/0/0/0/1/10:0:/ok/bb:2:2"},
		"still in flight": {3, "visibility/7/0/0/0/0/1/1:1:1000/ok/ok"},
	})
	requireAudited(t, []string{
		0: "1 configure/8/0/0/0/0/0/1:0:1000000:0:exactly-once:0:0/ok/",
		1: "2 send/8/0/0/0/0/1/aa::d:0+bb::d:0/ok/aa:1:0:ok+aa:1:1:ok",
		2: "3 receive/8/0/0/0/0/1/10:10:/ok/aa:1:1",
		3: "14 receive/8/0/0/0/0/1/10:10:/ok/aa:1:2",
		4: "15 delete/8/0/0/0/0/1/1:1/ok/handle-expired;visibility/8/0/0/0/0/1/1:1:0/ok/handle-expired;delete/8/0/0/0/0/1/1:2/ok/ok",
	}, map[string]wrong{
		"stored twice":              {1, "send/8/0/0/0/0/1/aa::d:0+bb::d:0/ok/aa:1:0:ok+bb:2:0:ok"},
		"an expired handle deletes": {4, "delete/8/0/0/0/0/1/1:1/ok/ok"},
		"an expired handle changes": {4, "visibility/8/0/0/0/0/1/1:1:0/ok/ok"},
		"a delivery nobody knows":   {0, "configure/8/0/0/0/0/0/1:0:1000000:0:twice:0:0/ok/"},
		"a move of no number":       {4, "settle/8/0/0/0/0/0//ok/"},
	})
}

func TestNaiveQueueKnowsDeletions(t *testing.T) {
	requireAudited(t, []string{
		0: "1 configure/7/0/0/0/0/0/1:0:1000000:0:at-least-once:0:0/ok/",
		1: "2 send/7/0/0/0/0/1/aa:::0/ok/aa:1:0:ok",
		2: "3 drop/7/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0:5000/ok/;receive/7/0/0/0/0/1/10:0:/queue-dropped/",
		3: "4 configure/7/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0/queue-dropped/;drop/7/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0:5000/ok/",
		4: "5 receive/7/0/0/0/0/3/10:0:/need-settings/;configure/7/0/0/0/0/0/3:0:1000000:0:at-least-once:0:0/ok/;receive/7/0/0/0/0/3/10:0:/ok/aa:1:1",
		5: "6 drop/7/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0:5000/stale-settings/;drop/7/0/0/0/0/0/4:0:1000000:0:at-least-once:0:0:5000/ok/",
		6: "5006 configure/7/0/0/0/0/0/5:0:1000000:0:at-least-once:0:0/queue-dropped/",
	}, map[string]struct {
		index    int
		commands string
	}{
		"served though deleted":    {2, "drop/7/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0:5000/ok/;receive/7/0/0/0/0/1/10:0:/ok/aa:1:1"},
		"opened by old settings":   {3, "configure/7/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0/ok/"},
		"restored without message": {4, "configure/7/0/0/0/0/0/3:0:1000000:0:at-least-once:0:0/ok/;receive/7/0/0/0/0/3/10:0:/ok/"},
		"a late deletion counts":   {5, "drop/7/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0:5000/ok/"},
		"restored too late":        {6, "configure/7/0/0/0/0/0/5:0:1000000:0:at-least-once:0:0/ok/"},
	})
}

// Source 7 is a queue whose messages move to 9 after one receive, and which tasks of 9 move back.
func TestNaiveQueueKnowsMoves(t *testing.T) {
	type wrong = struct {
		index    int
		commands string
	}
	const stored = "transfer/9/0/0/0/0/1/7.0+1:aa::2:1:arn/ok/"
	// A command that is repeated is answered as at first, and stores nothing.
	repeated := strings.Replace(stored, "/0/0/0/1/", "/8/1/1/1/", 1)
	requireAudited(t, []string{
		0:  "1 configure/7/0/0/0/0/0/1:0:1000000:0:at-least-once:1:0/ok/;configure/9/0/0/0/0/0/1:0:1000000:0:at-least-once:0:0/ok/",
		1:  "2 send/7/0/0/0/0/1/aa:::0+bb:::0/ok/aa:1:0:ok+bb:2:0:ok",
		2:  "3 receive/7/0/0/0/0/1/1:10:/ok/aa:1:1",
		3:  "13 receive/7/0/0/0/0/1/10:10:/ok/bb:2:1+aside:1:1",
		4:  "14 receive/7/0/0/0/0/1/10:10:/ok/;visibility/7/0/0/0/0/1/1:1:9/ok/not-in-flight",
		5:  "15 " + repeated + ";" + repeated + ";" + stored,
		6:  "16 settle/7/0/0/0/0/0/1:0/ok/;receive/9/0/0/0/0/1/10:10:/ok/aa:1:1",
		7:  "26 move-task/9/0/0/0/0/1/1:ee:1000:1/ok/;move-task/9/0/0/0/0/1/1:ff:0:0/task-running/",
		8:  "27 move-task/9/0/0/0/0/0/3::0:0/ok/;move-task/9/0/0/0/0/1/4::0:0/ok/ee:0:0",
		9:  "1026 move-task/9/0/0/0/0/0/3::0:0/ok/aside:1:1",
		10: "1027 transfer/7/0/0/0/0/1/9.0+1:aa::0:0:/ok/;settle/9/0/0/0/0/0/1:0/ok/;move-task/9/0/0/0/0/0/3::0:0/ok/",
		11: "1028 move-task/9/0/0/0/0/1/4::0:0/ok/ee:1:1;move-task/9/0/0/0/0/1/2:ee:0:0/no-such-task/;receive/7/0/0/0/0/1/10:10:/ok/aa:3:1+aside:2:2",
		12: "1029 settle/7/0/0/0/0/0/2:1/ok/;receive/7/0/0/0/0/1/10:10:/ok/aside:3:2",
		13: "1030 drop/9/0/0/0/0/0/2:0:1000000:0:at-least-once:0:0:5000/ok/;settle/7/0/0/0/0/0/3:1/ok/",
	}, map[string]wrong{
		"received too often":                    {3, "receive/7/0/0/0/0/1/10:10:/ok/bb:2:1+aa:1:2"},
		"set aside too early":                   {3, "receive/7/0/0/0/0/1/10:10:/ok/aside:1:1+aside:2:2"},
		"set aside while hidden":                {2, "receive/7/0/0/0/0/1/1:10:/ok/aa:1:1;receive/7/0/0/0/0/1/1:10:/ok/bb:2:1+aside:1:1"},
		"neither received nor set aside":        {3, "receive/7/0/0/0/0/1/10:10:/ok/"},
		"numbered anew":                         {11, "move-task/9/0/0/0/0/1/4::0:0/ok/ee:1:1;receive/7/0/0/0/0/1/10:10:/ok/aa:3:1+aside:1:2"},
		"hidden though set aside":               {4, "visibility/7/0/0/0/0/1/1:1:9/ok/ok"},
		"received though set aside":             {4, "receive/7/0/0/0/0/1/10:10:/ok/aa:1:2"},
		"another message moves":                 {5, "transfer/9/0/0/0/0/1/7.0+1:bb::2:1:arn/ok/"},
		"its count is forgotten":                {5, "transfer/9/0/0/0/0/1/7.0+1:aa::2:0:arn/ok/"},
		"its age is forgotten":                  {5, "transfer/9/0/0/0/0/1/7.0+1:aa::15:1:arn/ok/"},
		"its source is forgotten":               {5, "transfer/9/0/0/0/0/1/7.0+1:aa::2:1:/ok/"},
		"stored in two partitions":              {5, stored + ";configure/9/1/0/0/0/0/1:0:1000000:0:at-least-once:0:0/ok/;transfer/9/1/0/0/0/1/7.0+1:aa::2:1:arn/ok/"},
		"settled though nobody stored it":       {5, "expire/9/0/0/0/0/0//ok/"},
		"stored twice":                          {6, "settle/7/0/0/0/0/0/1:0/ok/;receive/9/0/0/0/0/1/10:10:/ok/aa:1:1+aa:2:1"},
		"two tasks at once":                     {7, "move-task/9/0/0/0/0/1/1:ee:1000:1/ok/;move-task/9/0/0/0/0/1/1:ff:0:0/ok/"},
		"faster than its rate":                  {8, "move-task/9/0/0/0/0/0/3::0:0/ok/aside:1:1"},
		"a task that is not listed":             {8, "move-task/9/0/0/0/0/1/4::0:0/ok/"},
		"moved, and not counted":                {11, "move-task/9/0/0/0/0/1/4::0:0/ok/ee:1:0"},
		"ended, and runs":                       {11, "move-task/9/0/0/0/0/1/2:ee:0:0/ok/"},
		"moved by a task that has ended":        {11, "receive/7/0/0/0/0/1/10:10:/ok/aa:3:1+aside:2:2;move-task/9/0/0/0/0/0/3::0:0/ok/aside:2:1"},
		"given back, and still out of sight":    {12, "settle/7/0/0/0/0/0/2:1/ok/;receive/7/0/0/0/0/1/10:10:/ok/"},
		"a settle that a dropped queue refuses": {13, "drop/7/0/0/0/0/0//ok/;settle/7/0/0/0/0/0/3:1/ok/"},
	})
}

func TestNaiveQueueKnowsDelays(t *testing.T) {
	requireAudited(t, []string{
		0: "1 configure/7/0/0/0/0/0/1:1:1000000:0:exactly-once:0:50/ok/",
		1: "2 send/7/0/0/0/0/1/aa:g:d:50/ok/aa:1:0:ok",
		2: "3 configure/7/0/0/0/0/0/2:1:1000000:0:exactly-once:0:9/ok/;receive/7/0/0/0/0/2/10:0:/ok/",
		3: "11 receive/7/0/0/0/0/2/10:100:/ok/aa:1:1",
		4: "12 configure/7/0/0/0/0/0/3:1:1000000:0:exactly-once:0:0/ok/;receive/7/0/0/0/0/3/10:0:/ok/",
	}, map[string]struct {
		index    int
		commands string
	}{
		"too early": {2, "configure/7/0/0/0/0/0/2:1:1000000:0:exactly-once:0:9/ok/;receive/7/0/0/0/0/2/10:0:/ok/aa:1:1"},
		"too late":  {3, "receive/7/0/0/0/0/2/10:100:/ok/"},
		"in flight": {4, "configure/7/0/0/0/0/0/3:1:1000000:0:exactly-once:0:0/ok/;receive/7/0/0/0/0/3/10:0:/ok/aa:1:2"},
	})
}

func BenchmarkAudit(b *testing.B) {
	var entries []Applied
	var h []Operation
	for seed := uint64(1); len(h) < 100_000; seed += 7 {
		w, part := auditedSeed(seed)
		for _, e := range w.entries {
			e.Group = fmt.Sprintf("%d %s", seed, e.Group)
			entries = append(entries, e)
		}
		h = append(h, part...)
	}
	h = renumbered(h[:100_000:100_000])
	b.Run(fmt.Sprintf("%d operations, %d entries", len(h), len(entries)), func(b *testing.B) {
		for b.Loop() {
			Audit(entries, h)
		}
	})
}
