package workload

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"chasqui/linearizability"
	"chasqui/metadata"

	"github.com/stretchr/testify/require"
)

func TestDrawnPlans(t *testing.T) {
	var rate float64
	seen := map[string]int{}
	const plans = 300
	for seed := range uint64(plans) {
		plan := Draw(rand.New(rand.NewPCG(seed, 0)), DefaultRate)
		require.NoError(t, plan.Validate())
		require.Equal(t, plan, Draw(rand.New(rand.NewPCG(seed, 0)), DefaultRate))
		text, err := json.Marshal(plan)
		require.NoError(t, err)
		var again Plan
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, plan, again)
		note := func(name string, seenIt bool) {
			if seenIt {
				seen[name]++
			}
		}
		var fifo, exempt, partitions bool
		for _, q := range plan.Queues {
			fifo, exempt, partitions = fifo || q.FIFO(), exempt || q.Exempt, partitions || q.Partitions > 1
		}
		note("fifo", fifo)
		note("exempt", exempt)
		note("partitions", partitions)
		var moves, poison, delivery bool
		for _, q := range plan.Queues {
			moves, poison, delivery = moves || q.DeadLetter != "", poison || q.Poison > 0, delivery || q.Delivery != ""
		}
		note("dead letters", moves)
		note("poison", poison)
		note("delivery", delivery)
		note("movers", len(plan.Movers) > 0)
		var forget, late, resend, purge, marked bool
		for _, p := range plan.Producers {
			rate += p.Rate / plans
			resend, marked = resend || p.Resend > 0, marked || p.Marked > 0
		}
		for _, c := range plan.Consumers {
			forget, late = forget || c.Forget > 0, late || c.Late > 0
		}
		for _, k := range plan.Keepers {
			purge = purge || k.Purge > 0
		}
		note("marked", marked)
		note("forget", forget)
		note("late", late)
		note("resend", resend)
		note("purge", purge)
	}
	require.InDelta(t, DefaultRate*producingShare, rate, 1)
	for _, name := range []string{"fifo", "exempt", "partitions", "forget", "late", "resend", "purge", "dead letters", "poison", "delivery", "movers", "marked"} {
		require.Greater(t, seen[name], plans/5, name)
		require.Less(t, seen[name], plans, name)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	for want, change := range map[string]func(p *Plan){
		`queue 1: name "q" is empty or taken`:                          func(p *Plan) { p.Queues = append(p.Queues, p.Queues[0]) },
		"queue q: visibility timeout is 0 s, must be at least 1":       func(p *Plan) { p.Queues[0].VisibilitySeconds = 0 },
		"queue q: nobody consumes it":                                  func(p *Plan) { p.Consumers = nil },
		`queue q: dead-letter queue "r" is no other queue of the kind`: func(p *Plan) { p.Queues[0].DeadLetter, p.Queues[0].MaxReceives = "r", 1 },
		"queue q: messages move after 0 receives":                      func(p *Plan) { *p = movingPlan(); p.Queues[0].MaxReceives = 0 },
		"queue q: messages of exempt queues":                           func(p *Plan) { *p = movingPlan(); p.Queues[0].Delivery = linearizability.DeliveredAtMostOnce },
		"queue q: a share is 3, must be 0 to 1":                        func(p *Plan) { p.Queues[0].Poison = 3 },
		`mover 0: "q" is no dead-letter queue`:                         func(p *Plan) { *p = movingPlan(); p.Movers[0].Queue = "q" },
		`mover 0: nothing can move to queue "x"`:                       func(p *Plan) { *p = movingPlan(); p.Movers[0].Target = "x" },
		"mover 0: acts every 0 ms":                                     func(p *Plan) { *p = movingPlan(); p.Movers[0].EveryMs = 0 },
		"mover 0: moves 501 messages a second":                         func(p *Plan) { *p = movingPlan(); p.Movers[0].Rate = 501 },
		`producer 0: there is no queue "r"`:                            func(p *Plan) { p.Producers[0].Queue = "r" },
		"producer 0: rate is 0, must be above 0":                       func(p *Plan) { p.Producers[0].Rate = 0 },
		"producer 0: batches of up to 11 messages, must be 1 to 10":    func(p *Plan) { p.Producers[0].BatchMax = 11 },
		"producer 0: bodies of 20 to 10 bytes":                         func(p *Plan) { p.Producers[0].BodyBytesMax = 10 },
		"producer 0: a share is 2, must be 0 to 1":                     func(p *Plan) { p.Producers[0].Delay = 2 },
		"consumer 0: receives of 0 messages, must be 1 to 10":          func(p *Plan) { p.Consumers[0].Max = 0 },
		"consumer 0: long polls of 21 s, must be 0 to 20":              func(p *Plan) { p.Consumers[0].WaitSeconds = 21 },
		"consumer 0: extends to 0 s, must be at least 1":               func(p *Plan) { p.Consumers[0].Extend = 0.1 },
		"consumer 0: shares add up to 1.5, must be at most 1":          func(p *Plan) { p.Consumers[0].Forget, p.Consumers[0].Late = 0.5, 1 },
		"keeper 0: acts every 0 ms, must be at least 1":                func(p *Plan) { p.Keepers[0].EveryMs = 0 },
		"keeper 0: empties queue q, which is not exempt":               func(p *Plan) { p.Keepers[0].Purge = 0.1 },
		"keeper 0: shares add up to 1.5, must be at most 1":            func(p *Plan) { p.Queues[0].Exempt = true; p.Keepers[0].Change, p.Keepers[0].Purge = 1, 0.5 },
		`administrator 0: there is no queue "r"`:                       func(p *Plan) { p.Administrators = []Administrator{{Queue: "r", EveryMs: 1, AwayMs: 1}} },
		`administrator 0: queue "dead" is exempt, delivers at most`: func(p *Plan) {
			*p = movingPlan()
			p.Administrators = []Administrator{{Queue: "dead", EveryMs: 1, AwayMs: 1}}
		},
		"administrator 0: acts every 1 ms and restores after 0 ms":     func(p *Plan) { p.Administrators = []Administrator{{Queue: "q", EveryMs: 1}} },
		"administrator 0: a share is 2, must be 0 to 1":                func(p *Plan) { p.Administrators = []Administrator{{Queue: "q", EveryMs: 1, AwayMs: 1, Again: 2}} },
		"producer 0: 0 message groups, must be at least 1":             func(p *Plan) { *p = fifoPlan(); p.Producers[0].Groups = 0 },
		"producer 0: messages of a FIFO queue cannot have a delay of ": func(p *Plan) { *p = fifoPlan(); p.Producers[0].Delay = 0.1 },
	} {
		plan := standardPlan()
		require.NoError(t, plan.Validate())
		change(&plan)
		require.ErrorContains(t, plan.Validate(), want)
	}
}

func standardPlan() Plan {
	return Plan{
		Queues:    []Queue{{Name: "q", VisibilitySeconds: 2}},
		Producers: []Producer{{Queue: "q", Rate: 10, BatchMax: 10, BodyBytesMin: 20, BodyBytesMax: 300, Delay: 0.1, DelaySecondsMax: 2}},
		Consumers: []Consumer{{Queue: "q", Max: 10, WaitSeconds: 5, ThinkMs: 50}},
		Keepers:   []Keeper{{Queue: "q", EveryMs: 1000, Change: 0.5}},
	}
}

// movingPlan has a dead-letter queue, whose messages are moved back.
func movingPlan() Plan {
	p := standardPlan()
	p.Queues[0].DeadLetter, p.Queues[0].MaxReceives, p.Queues[0].Poison = "dead", 2, 0.2
	p.Queues = append(p.Queues, Queue{Name: "dead", VisibilitySeconds: 2})
	p.Consumers = append(p.Consumers, Consumer{Queue: "dead", Max: 10, WaitSeconds: 5, ThinkMs: 500})
	p.Movers = []Mover{{Queue: "dead", EveryMs: 1000, Rate: 5, Cancel: 0.1}}
	return p
}

// TestDeadLettersMove runs a plan with a dead-letter queue and tasks, and wants each of what it is there for to happen.
func TestDeadLettersMove(t *testing.T) {
	plan := movingPlan()
	require.Equal(t, []string{"q", "dead"}, plan.origins("q"))
	require.Equal(t, []string{"dead", "q"}, plan.origins("dead"))
	plan.Producers[0].Marked = 0.5
	h := rehearse(t, 1, plan, 0.02)
	h.settled(t)
	checked := linearizability.Check(h.notes.operations, linearizability.Options{Drained: true, StrictStandard: true, Queues: plan.Described()}).Checked
	for _, rule := range []linearizability.Rule{linearizability.DeadLetter, linearizability.MovedAltered, linearizability.MovedTwice, linearizability.MoveRate, linearizability.MoveTaskState} {
		require.Greater(t, checked[rule], 10, rule)
	}
	stats := h.Stats()
	for _, kind := range []linearizability.Kind{linearizability.StartMoveTask, linearizability.ListMoveTasks, linearizability.CancelMoveTask} {
		require.Positive(t, stats.Number(kind, linearizability.OK), kind)
	}
}

// TestTheWordsOfARefusal: the clients know why a restoration is refused by what the command says. The simulator's scenario
// restored-queue meets the other sentences.
func TestTheWordsOfARefusal(t *testing.T) {
	require.Contains(t, metadata.ErrNotRestorable.Error(), saysNotRestorable)
}

// TestQueuesAreRestored runs plans whose queue is deleted and restored again and again.
func TestQueuesAreRestored(t *testing.T) {
	for _, plan := range []Plan{standardPlan(), fifoPlan()} {
		queue := plan.Queues[0].Name
		plan.Administrators = []Administrator{
			{Queue: queue, EveryMs: 1000, Delete: 0.8, AwayMs: 1000, Again: 0.3, Impatient: 0.2}, {Queue: queue, EveryMs: 3000, Delete: 0.5, AwayMs: 100},
		}
		require.True(t, plan.Described()[queue].Restored)
		h := rehearse(t, 1, plan, 0.05)
		h.settled(t)
		options := linearizability.Options{Drained: true, StrictStandard: true, StrictMetadata: true, Queues: plan.Described()}
		verdict := linearizability.Judge(h.notes.operations, options)
		require.Empty(t, verdict.Violations)
		require.Greater(t, verdict.Checked[linearizability.DeletedServes], 100)
		stats := h.Stats()
		require.Greater(t, stats.Number(linearizability.RestoreQueue, linearizability.OK), 10)
		require.Positive(t, stats.Number(linearizability.RestoreQueue, linearizability.Failed), "the name was taken")
		require.Positive(t, stats.Number(linearizability.RestoreQueue, linearizability.Unknown))
		require.Positive(t, stats.Number(linearizability.Send, linearizability.Failed), "the queue was away")
	}
}

func fifoPlan() Plan {
	return Plan{
		Queues:    []Queue{{Name: "q.fifo", VisibilitySeconds: 2, ContentBased: true}},
		Producers: []Producer{{Queue: "q.fifo", Rate: 10, BatchMax: 3, BodyBytesMin: 20, BodyBytesMax: 300, Groups: 3, Resend: 0.2}},
		Consumers: []Consumer{{Queue: "q.fifo", Max: 3, WaitSeconds: 5, ThinkMs: 50, Late: 0.1}},
	}
}
