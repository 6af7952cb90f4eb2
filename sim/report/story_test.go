package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chasqui/linearizability"
	"chasqui/sim"
	"chasqui/sim/world"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden stories anew")

// storyLinesMax is the promise of Story.
const storyLinesMax = 25

// crashed is a run whose program ends itself, in words with line breaks.
func crashed() *sim.Result {
	r := deposed()
	r.Story = append(r.Story, moment(13*time.Second, "exit", "backend-1 ends itself with code 2: goroutine 1 [running]:", "backend-1"))
	r.Violations = []sim.Violation{{Rule: "unexpected-exit", Text: "backend-1 ended itself with code 2: panic: index 3 is after 2\n\ngoroutine 1 [running]:\n\tmain.main()", AtMs: 13000}}
	return r
}

// lost is a run in which an acknowledged message never comes, and its queue therefore never drains.
func lost() *sim.Result {
	r := deposed()
	r.History = r.History[:3]
	r.Violations = []sim.Violation{
		{Rule: "drains", AtMs: 31000, Text: "1m0s after the faults ended, queues mail are not drained; 1 acknowledged messages were never received; " +
			"{Queue:mail MessageID:m-0001 Token:producer-1/1.0 Operation:0}"},
		{Rule: "lost", Text: "message m-0001 (producer-1/1.0) was acknowledged by mail at 4.030 s and never received, though the queue was drained", Operations: []int{0}},
	}
	return r
}

// copied is a run in which one send became three messages, each received and deleted.
func copied() *sim.Result {
	r := deposed()
	r.History = []linearizability.Operation{{ID: 0, Client: "producer-1", Kind: linearizability.Send, Queue: "mail", Call: int64(9 * time.Second),
		Return: int64(13 * time.Second), Outcome: linearizability.OK, Body: "producer-1/2.0", MessageID: "copy-1", Tries: 2}}
	for i, id := range []string{"copy-1", "copy-2", "copy-3"} {
		begin := int64(14*time.Second) + int64(i)*int64(time.Second)
		op := linearizability.Operation{ID: 2*i + 1, Client: "consumer-1", Kind: linearizability.Receive, Queue: "mail", Call: begin, Return: begin + int64(20*ms),
			Outcome: linearizability.OK, Messages: []linearizability.Message{{MessageID: id, Body: "producer-1/2.0", Handle: "h-" + id, ReceiveCount: 1}}}
		done := linearizability.Operation{ID: 2*i + 2, Client: "consumer-1", Kind: linearizability.Delete, Queue: "mail", Call: op.Return, Return: op.Return + int64(10*ms),
			Outcome: linearizability.OK, MessageID: id, Handle: "h-" + id}
		r.History = append(r.History, op, done)
	}
	r.Violations = []sim.Violation{{Rule: "duplicate-send", Operations: []int{0, 3},
		Text: `"producer-1/2.0" was sent to mail in 2 request(s) and became 3 messages, copy-1 and copy-2 among them`}}
	return r
}

// repeated is a run that differs from its repetition.
func repeated() *sim.Result {
	r := deposed()
	r.Violations = nil
	r.Difference = &world.Difference{Index: 812, Earlier: world.Record{At: 5_000_000_000, Kind: world.TracePacket, A: 1, B: 2, C: 3}}
	return r
}

// passed is a run in which nothing broke and nothing happened.
func passed() *sim.Result {
	r := deposed()
	r.Violations, r.Story, r.Scenario.Faults = nil, boots(), nil
	return r
}

func TestStoriesAreAsTheyWere(t *testing.T) {
	for name, r := range map[string]*sim.Result{"deposed": deposed(), "crashed": crashed(), "copied": copied(), "lost": lost(), "repeated": repeated(), "passed": passed()} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			require.NoError(t, Story(&got, r, "make sim SEED=42"))
			path := filepath.Join("testdata", name+".md")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(got.String()), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got.String())
			require.LessOrEqual(t, strings.Count(got.String(), "\n"), storyLinesMax)
		})
	}
}

func TestAStoryOfMuchFitsOnAScreen(t *testing.T) {
	r := busy(2000)
	for i := range r.Violations {
		r.Violations[i].Text += strings.Repeat("\nanother line", 500)
	}
	var got strings.Builder
	require.NoError(t, Story(&got, r, "make sim\nSEED=1"))
	require.LessOrEqual(t, strings.Count(got.String(), "\n"), storyLinesMax)
	for line := range strings.Lines(got.String()) {
		require.Less(t, len(line), 2000, line)
	}
	require.Contains(t, got.String(), "## Replay: `make sim SEED=1`\n")
}

func TestEveryRuleHasWords(t *testing.T) {
	for _, rule := range linearizability.Rules() {
		require.NotEmpty(t, ruleWords[string(rule)], rule)
	}
	require.Contains(t, plain("new-rule"), "new-rule")
}

func TestMessagesAreJoinedByIDsAndBodies(t *testing.T) {
	history := []linearizability.Operation{
		{ID: 0, Kind: linearizability.Send, Body: "a", Outcome: linearizability.Unknown},
		{ID: 1, Kind: linearizability.Send, Body: "b", MessageID: "2"},
		{ID: 2, Kind: linearizability.Receive, Messages: []linearizability.Message{{MessageID: "1", Body: "a"}, {MessageID: "2", Body: "b"}}},
		{ID: 3, Kind: linearizability.Delete, MessageID: "1"},
		{ID: 4, Kind: linearizability.Receive, Messages: []linearizability.Message{{MessageID: "9", Body: "a"}}}, // a second copy
		{ID: 5, Kind: linearizability.Receive},
	}
	m := groupMessages(history)
	require.Len(t, m.all, 2)
	require.Equal(t, []int{0, 2, 3, 4}, m.all[0].operations)
	require.Equal(t, []string{"1", "9"}, m.all[0].ids)
	require.Equal(t, []int{1, 2}, m.all[1].operations)
	require.Equal(t, [][]int{{0}, {1}, {0, 1}, {0}, {0}, nil}, m.of)
}

func TestABreachIsAboutTheMessagesItNames(t *testing.T) {
	r := deposed()
	f := gather(r)
	require.Len(t, f.breaches, 1)
	require.Equal(t, []int{f.messages.named["m-7f3a"]}, f.breaches[0].messages)
	require.Equal(t, []int{1, 3, 4, 6}, f.shows(&f.breaches[0]))

	r.Violations[0].Text, r.Violations[0].Operations = "no names", []int{4, 6, 99, -1}
	f = gather(r)
	require.Equal(t, []int{4, 6}, f.breaches[0].operations, "operations that are not there are left out")
	require.Equal(t, []int{f.messages.named["m-7f3a"]}, f.breaches[0].messages, "what the operations have in common")
}

func TestADeposedLeaderMayBelieveInItselfWhileItIsCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(r *sim.Result)
		believed time.Duration
		known    bool
	}{
		"until the cut ends": {func(*sim.Result) {}, 12 * time.Second, false},
		"until it ends": {func(r *sim.Result) {
			r.Story = append(r.Story, moment(11*time.Second, "crash", "backend-2 is killed", "backend-2"), moment(15*time.Second, "crash", "backend-2 is killed", "backend-2"))
		}, 11 * time.Second, false},
		"until it says so": {func(r *sim.Result) {
			r.Story = append(r.Story, moment(12300*ms, "follows", "backend-2 no longer leads slot-1", "backend-2"))
		}, 12300 * ms, true},
		"not at all": {func(r *sim.Result) { r.Scenario.Faults[1].Kind = sim.Lag }, 8900 * ms, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := deposed()
			c.change(r)
			// What is changed in a fault is changed in the story that tells of it.
			for i := range r.Story {
				r.Story[i].Text = strings.Replace(r.Story[i].Text, "cut leader", string(r.Scenario.Faults[1].Kind)+" leader", 1)
			}
			f := gather(r)
			i := 2 // after the leaders of metadata and slot-0
			require.Equal(t, "slot-1", f.reigns[i].group)
			require.Equal(t, 8900*ms, f.reigns[i].to)
			require.Equal(t, c.believed, f.reigns[i].believed)
			require.Equal(t, c.known, f.reigns[i].known)
			require.Equal(t, "backend-3", f.hosts[f.reignAt("slot-1", 9*time.Second).host].name)
		})
	}
}

func TestSpansHaveTheirSides(t *testing.T) {
	f := gather(busy(10))
	find := func(kind sim.FaultKind) *span {
		for i := range f.spans {
			if f.spans[i].kind == kind {
				return &f.spans[i]
			}
		}
		t.Fatalf("there is no span of %s", kind)
		return nil
	}
	outage := find(sim.ZoneOutage)
	require.Equal(t, "metadata-2, backend-2, backend-5, frontend-2, balancer-2", f.names(outage.on))
	require.Equal(t, restAnd, outage.rest)
	require.Equal(t, 7*time.Second, outage.to)
	require.Equal(t, "balancer-1, balancer-2", f.names(find(sim.NoPeer).and))
	require.Equal(t, 13*time.Second, find(sim.Pause).to, "nothing lifts it")
	require.False(t, find(sim.WallJump).lasts())
	stays := gather(deposed())
	require.Equal(t, stays.end, stays.spans[4].to)
}
