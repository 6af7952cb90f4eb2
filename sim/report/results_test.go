package report

import (
	"fmt"
	"math/rand/v2"
	"time"

	"chasqui/linearizability"
	"chasqui/sim"
	"chasqui/sim/workload"
)

// Results to report on, made by hand.

const ms = time.Millisecond

func moment(at time.Duration, kind, text string, hosts ...string) sim.Moment {
	return sim.Moment{At: at, Kind: kind, Text: text, Hosts: hosts}
}

var clusterHosts = []string{
	"metadata-1", "metadata-2", "metadata-3", "backend-1", "backend-2", "backend-3", "frontend-1", "frontend-2", "balancer-1", "balancer-2", "client-1", "client-2",
}

func scenario(seed uint64) *sim.Scenario {
	return &sim.Scenario{
		Seed:     seed,
		Topology: sim.Topology{Balancers: 2, Frontends: 2, Metadata: 3, Backends: 3, Clients: 2, Zones: 3, Slots: 2},
		Workload: workload.Plan{
			Queues:    []workload.Queue{{Name: "orders.fifo", VisibilitySeconds: 5}, {Name: "mail", VisibilitySeconds: 5}},
			Producers: []workload.Producer{{Queue: "orders.fifo"}, {Queue: "mail"}},
			Consumers: []workload.Consumer{{Queue: "orders.fifo"}, {Queue: "mail"}},
		},
		FaultyPhase: 20 * time.Second, Recovery: 60 * time.Second,
	}
}

func boots() []sim.Moment {
	var story []sim.Moment
	for i, name := range clusterHosts[:10] {
		story = append(story, moment(time.Duration(i*20)*ms, "boot", name+" starts (1)", name))
	}
	return story
}

// deposed is a run in which a leader that was cut off hands a message out that its successor had deleted.
func deposed() *sim.Result {
	s := scenario(42)
	s.Faults = []sim.Fault{
		{At: 3 * time.Second, Kind: sim.SlowDisk, For: 2 * time.Second, On: []string{"backend-3"}, Arg: 8},
		{At: 8 * time.Second, Kind: sim.Cut, For: 4 * time.Second, On: []string{"leader:slot-1"}, And: []string{"backend-1", "backend-3", "metadata-1"}},
		{At: 9 * time.Second, Kind: sim.Kill, On: []string{"frontend-2"}},
		{At: 14 * time.Second, Kind: sim.Power, For: 3 * time.Second, On: []string{"metadata-2"}},
		{At: 16 * time.Second, Kind: sim.Power, On: []string{"balancer-2"}, Stays: true},
	}
	story := append(boots(),
		moment(350*ms, "vip", "balancer-1 holds the virtual IP", "balancer-1"),
		moment(700*ms, "leads", "metadata-1 leads metadata in term 2", "metadata-1"),
		moment(900*ms, "leads", "backend-1 leads slot-0 in term 2", "backend-1"),
		moment(950*ms, "leads", "backend-2 leads slot-1 in term 2", "backend-2"),
		moment(3*time.Second, "fault", s.Faults[0].String(), "backend-3"),
		moment(5*time.Second, "lift", "end of "+s.Faults[0].String(), "backend-3"),
		moment(8*time.Second, "fault", s.Faults[1].String()+" = backend-2", "backend-2"),
		moment(8600*ms, "log", "backend-1: level=WARN msg=\"heartbeat timeout reached\" group=slot-1", "backend-1"),
		moment(8900*ms, "leads", "backend-3 leads slot-1 in term 3", "backend-3"),
		moment(9*time.Second, "fault", s.Faults[2].String(), "frontend-2"),
		moment(9*time.Second, "crash", "frontend-2 is killed", "frontend-2"),
		moment(10*time.Second, "boot", "frontend-2 starts (2)", "frontend-2"),
		moment(12*time.Second, "lift", "end of "+s.Faults[1].String(), "backend-2"),
		moment(14*time.Second, "fault", s.Faults[3].String(), "metadata-2"),
		moment(14*time.Second, "crash", "metadata-2 loses power", "metadata-2"),
		moment(16*time.Second, "fault", s.Faults[4].String(), "balancer-2"),
		moment(16*time.Second, "crash", "balancer-2 loses power", "balancer-2"),
		moment(17*time.Second, "lift", "end of "+s.Faults[3].String(), "metadata-2"),
		moment(17*time.Second, "boot", "metadata-2 starts (2)", "metadata-2"),
		moment(20*time.Second, "phase", "the faults end; what stays: "+s.Faults[4].String()),
	)
	at := func(d time.Duration) int64 { return int64(d) }
	received := func(handle string, count int) []linearizability.Message {
		return []linearizability.Message{{MessageID: "m-7f3a", Body: "producer-0/3.0", Handle: handle, Group: "g1", SequenceNumber: "3", ReceiveCount: count}}
	}
	return &sim.Result{
		Scenario: s, Hosts: clusterHosts, Hash: 0xfeedface, Events: 123456, VirtualTime: 31 * time.Second, RecoveredAfter: 6 * time.Second, Story: story,
		History: []linearizability.Operation{
			{ID: 0, Client: "producer-1", Kind: linearizability.Send, Queue: "mail", Call: at(4 * time.Second), Return: at(4030 * ms),
				Outcome: linearizability.OK, Body: "producer-1/1.0", MessageID: "m-0001"},
			{ID: 1, Client: "producer-0", Kind: linearizability.Send, Queue: "orders.fifo", Call: at(7 * time.Second), Return: at(7041 * ms),
				Outcome: linearizability.OK, Body: "producer-0/3.0", Group: "g1", DeduplicationID: "id-3", MessageID: "m-7f3a", SequenceNumber: "3"},
			{ID: 2, Client: "producer-0", Kind: linearizability.Send, Queue: "orders.fifo", Call: at(8100 * ms), Return: at(11200 * ms),
				Outcome: linearizability.Unknown, Error: "no answer", Body: "producer-0/4.0", Group: "g1", DeduplicationID: "id-4", Tries: 3},
			{ID: 3, Client: "consumer-0", Kind: linearizability.Receive, Queue: "orders.fifo", Call: at(9100 * ms), Return: at(9180 * ms),
				Outcome: linearizability.OK, Max: 10, WaitSeconds: 1, Messages: received("h-1", 1)},
			{ID: 4, Client: "consumer-0", Kind: linearizability.Delete, Queue: "orders.fifo", Call: at(9500 * ms), Return: at(9560 * ms),
				Outcome: linearizability.OK, Handle: "h-1", MessageID: "m-7f3a"},
			{ID: 5, Client: "consumer-1", Kind: linearizability.Receive, Queue: "mail", Call: at(10 * time.Second), Return: at(10500 * ms),
				Outcome: linearizability.Failed, Error: "ThrottlingException", Max: 10},
			{ID: 6, Client: "consumer-0", Kind: linearizability.Receive, Queue: "orders.fifo", Call: at(10900 * ms), Return: at(10950 * ms),
				Outcome: linearizability.OK, Max: 10, WaitSeconds: 1, Messages: received("h-2", 1)},
		},
		Violations: []sim.Violation{{
			Rule:       "deleted-returns-fifo",
			Text:       "message m-7f3a (producer-0/3.0) was deleted from orders.fifo by 9.560 s, and the receive at 10.900 s still got it",
			Operations: []int{4, 6},
		}},
		Checked: []sim.RuleCount{{Rule: "deleted-returns-fifo", Number: 1}, {Rule: "lost", Number: 0}},
	}
}

// busy is a run with many operations, hosts, faults and warnings, drawn from a seed.
func busy(operations int) *sim.Result {
	random := rand.New(rand.NewPCG(1, 2))
	s := sim.Draw(7)
	s.Seed, s.Topology.Backends, s.FaultyPhase = 18446744073709551615, 5, 30*time.Second
	s.Workload = workload.Plan{}
	for i := range 6 {
		queue := fmt.Sprintf("queue-%d", i%3)
		s.Workload.Queues = append(s.Workload.Queues, workload.Queue{Name: queue})
		s.Workload.Producers = append(s.Workload.Producers, workload.Producer{Queue: queue})
		s.Workload.Consumers = append(s.Workload.Consumers, workload.Consumer{Queue: queue})
	}
	hosts := []string{
		"metadata-1", "metadata-2", "metadata-3", "backend-1", "backend-2", "backend-3", "backend-4", "backend-5", "frontend-1", "frontend-2",
		"balancer-1", "balancer-2", "client-1", "client-2",
	}
	r := &sim.Result{Scenario: s, Hosts: hosts, VirtualTime: 60 * time.Second, RecoveredAfter: 20 * time.Second}
	s.Faults = []sim.Fault{
		{At: 4 * time.Second, Kind: sim.ZoneOutage, For: 3 * time.Second, Arg: 1},
		{At: 5 * time.Second, Kind: sim.Lag, For: 6 * time.Second, On: []string{"backend-1"}, Arg: 120},
		{At: 8 * time.Second, Kind: sim.CutOneWay, For: 5 * time.Second, On: []string{"backend-2", "metadata-3"}, And: []string{"backend-4", "frontend-1"}},
		{At: 11 * time.Second, Kind: sim.Pause, For: 2 * time.Second, On: []string{"backend-3"}},
		{At: 12 * time.Second, Kind: sim.HungDisk, For: 3 * time.Second, On: []string{"backend-3"}},
		{At: 15 * time.Second, Kind: sim.Ring, For: 4 * time.Second, On: []string{"backend-1", "backend-2", "backend-3", "backend-4", "backend-5"}},
		{At: 17 * time.Second, Kind: sim.NoPeer, For: 5 * time.Second},
		{At: 18 * time.Second, Kind: sim.WallJump, On: []string{"backend-5"}, Arg: -700},
		{At: 22 * time.Second, Kind: sim.Cut, For: 3 * time.Second, On: []string{"backend-1"}},
		{At: 24 * time.Second, Kind: sim.Clog, For: 2 * time.Second, On: []string{"client-1"}, And: []string{"balancer-1"}},
		{At: 26 * time.Second, Kind: sim.BitRot, On: []string{"backend-4"}},
	}
	for i, name := range hosts[:12] {
		r.Story = append(r.Story, moment(time.Duration(i*25)*ms, "boot", name+" starts (1)", name))
	}
	r.Story = append(r.Story, moment(400*ms, "vip", "balancer-1 holds the virtual IP", "balancer-1"))
	terms := map[int]int{}
	for at := 800 * ms; at < 30*time.Second; at += time.Duration(500+random.IntN(2500)) * ms {
		group := random.IntN(4)
		terms[group] += 1 + random.IntN(2)
		host := hosts[3+random.IntN(5)]
		r.Story = append(r.Story, moment(at, "leads", fmt.Sprintf("%s leads slot-%d in term %d", host, group, terms[group]+1), host))
	}
	r.Story = append(r.Story, moment(900*ms, "leads", "metadata-2 leads metadata in term 2", "metadata-2"))
	for i := range s.Faults {
		f := &s.Faults[i]
		r.Story = append(r.Story, moment(f.At, "fault", f.String(), f.On...))
		if f.For > 0 && f.Kind != sim.Pause {
			r.Story = append(r.Story, moment(f.At+f.For, "lift", "end of "+f.String(), f.On...))
		}
	}
	for _, at := range []time.Duration{7 * time.Second, 19 * time.Second, 28 * time.Second} {
		host := hosts[random.IntN(12)]
		r.Story = append(r.Story, moment(at, "crash", host+" loses power", host), moment(at+1500*ms, "boot", host+" starts (2)", host))
	}
	for range 300 {
		host := hosts[random.IntN(12)]
		r.Story = append(r.Story, moment(time.Duration(random.Int64N(int64(40*time.Second))), "log", host+": level=WARN msg=\"request not completed\" error=timeout", host))
	}
	r.History = busyHistory(random, operations)
	lost := r.History[operations/3]
	r.Violations = []sim.Violation{
		{Rule: "drains", Text: fmt.Sprintf("1m0s after the faults ended, queues queue-0 are not drained; {Queue:q MessageID:%s Token:x Operation:1}", lost.MessageID), AtMs: 50000},
		{Rule: "lost", Text: "message " + lost.MessageID + " (" + lost.Body + ") was acknowledged and never received, though the queue was drained", Operations: []int{lost.ID}},
		{Rule: "one-leader-per-term", Text: "backend-1 and backend-2 both led slot-1 in term 4", AtMs: 16500},
	}
	return r
}

// busyHistory is what six producers and six consumers did in 50 seconds.
func busyHistory(random *rand.Rand, operations int) []linearizability.Operation {
	var history []linearizability.Operation
	var free [12]int64
	var sent []linearizability.Operation
	for i := range operations {
		thread := 0
		for k := range free {
			if free[k] < free[thread] {
				thread = k
			}
		}
		call := free[thread] + random.Int64N(int64(20*ms))
		op := linearizability.Operation{ID: i, Call: call, Return: call + int64(ms) + int64(random.ExpFloat64()*float64(15*ms)), Outcome: linearizability.OK,
			Queue: fmt.Sprintf("queue-%d", thread%3)}
		if p := random.Float64(); p < 0.03 {
			op.Outcome, op.Error, op.Return = linearizability.Unknown, "no answer", call+int64(900*ms)
		} else if p < 0.06 {
			op.Outcome, op.Error = linearizability.Failed, "OverLimit"
		}
		if thread < 6 || len(sent) == 0 {
			op.Client, op.Kind, op.Body = fmt.Sprintf("producer-%d", thread%6), linearizability.Send, fmt.Sprintf("producer-%d/%d.0", thread%6, i)
			if op.Outcome == linearizability.OK {
				op.MessageID = fmt.Sprintf("%08x-0000-4000-8000-%012x", random.Uint32(), i)
				sent = append(sent, op)
			}
		} else {
			about := sent[random.IntN(len(sent))]
			op.Client, op.Kind = fmt.Sprintf("consumer-%d", thread-6), linearizability.Receive
			switch n := random.IntN(3); {
			case n == 0:
				op.Kind, op.MessageID, op.Handle = linearizability.Delete, about.MessageID, fmt.Sprintf("handle-%d", i)
			case n == 1 && op.Outcome == linearizability.OK:
				op.Messages = []linearizability.Message{{MessageID: about.MessageID, Body: about.Body, Handle: fmt.Sprintf("handle-%d", i), ReceiveCount: 1}}
			}
		}
		free[thread] = op.Return
		history = append(history, op)
	}
	return history
}
