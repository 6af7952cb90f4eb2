package queue

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMeter(t *testing.T) {
	type interval struct {
		untilMs  int64
		inFlight int
	}
	for name, test := range map[string]struct {
		passed         []interval
		window, before int64
	}{
		"nothing":                   {nil, 0, 0},
		"within a window":           {[]interval{{1000, 3}}, 3000, 0},
		"up to its end":             {[]interval{{59_999, 2}, {60_000, 2}}, 0, 120_000},
		"into the next":             {[]interval{{50_000, 1}, {70_000, 2}}, 20_000, 70_000},
		"a window passed over":      {[]interval{{10_000, 9}, {130_000, 2}}, 20_000, 120_000},
		"idle for two":              {[]interval{{10_000, 9}, {180_001, 0}}, 0, 0},
		"time that is past already": {[]interval{{1000, 1}, {500, 100}, {1000, 100}}, 1000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var once, inParts meter
			for _, i := range test.passed {
				once.pass(i.untilMs, i.inFlight)
				for at := inParts.atMs; at < i.untilMs; at += 7777 {
					inParts.pass(at, i.inFlight)
				}
				inParts.pass(i.untilMs, i.inFlight)
			}
			require.Equal(t, []int64{test.window, test.before}, []int64{once.window, once.before})
			require.Equal(t, once, inParts)
		})
	}
}

// tenants is a standard queue with messages of several groups.
type tenants struct {
	*limitTest
	nowMs   int64
	handles map[string][]Handle // of messages in flight, by group
}

func newTenants(t *testing.T) *tenants {
	return &tenants{limitTest: newLimitTest(t, false), nowMs: 1, handles: map[string][]Handle{}}
}

func (q *tenants) send(group string, count int) {
	q.Helper()
	for range count {
		require.Equal(q, OK, q.apply(q.nowMs, Command{Kind: KindSend, Sends: []Send{{Group: group}}}).Code)
	}
}

// receive receives count messages in one go, or several if they are more than a receive may have, and returns how many of
// each group in a row they were.
func (q *tenants) receive(count int) string {
	q.Helper()
	var groups []string
	for count > 0 {
		n := min(count, MaxBatch)
		count -= n
		for _, m := range q.apply(q.nowMs, Command{Kind: KindReceive, Receive: &Receive{Max: n, VisibilityMs: 600_000}}).Messages {
			q.handles[m.Group] = append(q.handles[m.Group], m.Handle())
			groups = append(groups, m.Group)
		}
	}
	text := ""
	for len(groups) > 0 {
		n := slices.IndexFunc(groups, func(g string) bool { return g != groups[0] })
		if n < 0 {
			n = len(groups)
		}
		text += fmt.Sprintf("%d%s ", n, groups[0])
		groups = groups[n:]
	}
	return text
}

// finish deletes count messages of a group that are in flight.
func (q *tenants) finish(group string, count int) {
	q.Helper()
	for range count {
		handle := q.handles[group][0]
		q.handles[group] = q.handles[group][1:]
		require.Equal(q, []Code{OK}, q.apply(q.nowMs, Command{Kind: KindDelete, Deletes: []Handle{handle}}).Codes)
	}
}

// The thresholds, each met and missed by one. The clock stands still except where it says so: then nothing has taken
// processing time, and only the numbers in flight count.
func TestNoisyTenants(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(q *tenants)
		want string
	}{
		"29 in flight are no crowd": {func(q *tenants) {
			q.send("a", 40)
			q.receive(29)
			q.send("b", 1)
		}, "10a "},
		"30 in flight are one": {func(q *tenants) {
			q.send("a", 40)
			q.receive(30)
			q.send("b", 1)
		}, "1b 9a "},
		"a tenth of all in flight is no crowd": {func(q *tenants) {
			q.send("", 270)
			q.send("a", 40)
			q.receive(300)
			q.send("b", 1)
		}, "10a "},
		"more than a tenth is": {func(q *tenants) {
			q.send("", 269)
			q.send("a", 41)
			q.receive(299)
			q.send("b", 1)
		}, "1b 9a "},
		"messages without a group are quiet": {func(q *tenants) {
			q.send("a", 40)
			q.receive(30)
			q.send("", 2)
			q.send("b", 1)
			q.send("", 1)
		}, "2 1b 1 6a "},
		"quiet ones come in the order in which they became visible": {func(q *tenants) {
			q.send("a", 40)
			q.receive(30)
			for _, group := range []string{"b", "c", "b", "d", "c", "b"} {
				q.send(group, 1)
			}
		}, "1b 1c 1b 1d 1c 1b 4a "},
		"of noisy ones that with the fewest in flight": {func(q *tenants) {
			q.send("a", 33)
			q.send("b", 33)
			q.receive(66)
			q.finish("b", 3)
			q.send("a", 20)
			q.send("b", 20)
		}, "3b 1a 1b 1a 1b 1a 1b 1a "},
		"one message for a second is all of the processing time": {func(q *tenants) {
			q.send("a", 40)
			q.receive(1)
			q.nowMs += 1000
			q.send("b", 1)
		}, "1b 9a "},
		"also when it is over": {func(q *tenants) {
			q.send("a", 40)
			q.receive(1)
			q.nowMs += 1000
			q.finish("a", 1)
			q.send("b", 1)
		}, "1b 9a "},
		"but not for ever": {func(q *tenants) {
			q.send("a", 40)
			q.receive(1)
			q.nowMs += 1000
			q.finish("a", 1)
			q.nowMs += 2 * loadWindowMs
			q.send("b", 1)
		}, "10a "},
		"nor when the tenant was away": {func(q *tenants) {
			q.send("a", 1)
			q.receive(1)
			q.nowMs += 1000
			q.finish("a", 1)
			q.send("a", 10)
			q.send("b", 1)
		}, "10a "},
		"a tenth of the processing time is not noisy": {func(q *tenants) {
			q.send("a", 1)
			q.send("", 9)
			q.receive(10)
			q.nowMs += 1000
			q.send("a", 10)
			q.send("b", 1)
		}, "10a "},
		"more than a tenth is noisy": {func(q *tenants) {
			q.send("a", 1)
			q.send("", 8)
			q.receive(9)
			q.nowMs += 1000
			q.send("a", 10)
			q.send("b", 1)
		}, "1b 9a "},
	} {
		t.Run(name, func(t *testing.T) {
			q := newTenants(t)
			test.do(q)
			require.Equal(t, test.want, q.receive(MaxBatch))
			checkIndexes(t, q.machine)
		})
	}
}

// What a receive removes is never in flight, so nobody is noisy.
func TestAtMostOnceKnowsNoNoise(t *testing.T) {
	q := &tenants{limitTest: &limitTest{T: t, machine: NewMachine()}, nowMs: 1, handles: map[string][]Handle{}}
	q.apply(1, Command{Kind: KindConfigure, Settings: &Settings{Version: 1, RetentionMs: MaxRetentionMs, Delivery: AtMostOnce}})
	q.send("a", 100)
	q.receive(50)
	q.nowMs += 1000
	q.send("b", 1)
	require.Equal(t, "10a ", q.receive(MaxBatch))
	require.Zero(t, q.machine.partitions[PartitionID{Queue: 1}].loads.Len())
}

// TestQuietTenantsDoNotWait has consumers of a fixed capacity, a tenant with a backlog of minutes, and ten others that together
// need half of the capacity and each a twentieth. Whatever the capacity, their messages must not wait for more than the
// consumers' work at hand and for each other. The noisy one must get all that they leave: no receive may bring less than there is.
// The same messages without groups wait for the backlog, so the test would notice if nothing were fair.
func TestQuietTenantsDoNotWait(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := workshop{
			T: t, consumers: rapid.IntRange(1, 12).Draw(t, "consumers"), batch: rapid.SampledFrom([]int{1, 2, 5}).Draw(t, "batch"),
			together: rapid.Bool().Draw(t, "together"),
		}
		for range 10 {
			w.phases = append(w.phases, rapid.Int64Range(0, 999).Draw(t, "phase"))
		}
		boundMs := int64(2*workMs + workMs*len(w.phases)/(w.consumers*w.batch))
		fair := w.longestWait(true)
		require.LessOrEqual(t, fair, boundMs, "with groups")
		require.Greater(t, w.longestWait(false), boundMs, "without")
	})
}

// workMs is how long a consumer works on what one receive has brought.
const workMs = 1000

type workshop struct {
	*rapid.T
	consumers, batch int
	// together says that all consumers receive at the same times.
	together bool
	// phases are where in its period, in thousandths, each quiet tenant sends.
	phases []int64
}

// longestWait returns how long a message of a quiet tenant waits at most, in ms.
func (w *workshop) longestWait(grouped bool) int64 {
	const endMs = 20_000
	capacity := int64(w.consumers * w.batch) // messages a second
	machine, id := NewMachine(), PartitionID{Queue: 1}
	machine.ApplyCommand(0, configure(id, false))
	apply := func(nowMs int64, c Command) *Result {
		c.Partition, c.SettingsVersion = id, 1
		result := machine.ApplyCommand(nowMs, &c)
		require.Equal(w.T, OK, result.Code)
		return result
	}
	send := func(nowMs int64, group string, body byte) {
		s := Send{Body: []byte{body}}
		if grouped {
			s.Group = group
		}
		apply(nowMs, Command{Kind: KindSend, Sends: []Send{s}})
	}
	const noisy, quiet = 'n', 'q'
	for range capacity * endMs / workMs {
		send(0, "noisy", noisy)
	}
	held := make([][]Handle, w.consumers)
	periodMs, longestMs := 20_000/capacity, int64(0)
	for nowMs := range int64(endMs) {
		for tenant, phase := range w.phases {
			if nowMs < endMs-5000 && nowMs%periodMs == phase*periodMs/1000 {
				send(nowMs, fmt.Sprint("quiet", tenant), quiet)
			}
		}
		for consumer := range w.consumers {
			if offsetMs := workMs * consumer / w.consumers; !w.together && nowMs%workMs != int64(offsetMs) || w.together && nowMs%workMs != 0 {
				continue
			}
			if len(held[consumer]) > 0 {
				apply(nowMs, Command{Kind: KindDelete, Deletes: held[consumer]})
			}
			held[consumer] = nil
			stats, _ := machine.Stats(id, nowMs)
			result := apply(nowMs, Command{Kind: KindReceive, Receive: &Receive{Max: w.batch, VisibilityMs: 30_000}})
			require.Len(w.T, result.Messages, min(w.batch, stats.Visible))
			for _, m := range result.Messages {
				held[consumer] = append(held[consumer], m.Handle())
				if m.Body[0] == quiet {
					longestMs = max(longestMs, nowMs-m.SentMs)
				}
			}
		}
	}
	// What was never received has waited too.
	machine.partitions[id].messages.Ascend(func(m message) bool {
		if m.content.body[0] == quiet && m.receives == 0 {
			longestMs = max(longestMs, endMs-m.sentMs)
		}
		return true
	})
	return longestMs
}
