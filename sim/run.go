package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"chasqui/linearizability"
	"chasqui/sim/wasi"
	"chasqui/sim/witness"
	"chasqui/sim/workload"
	"chasqui/sim/world"
)

// Options are what a run may be told besides its scenario. None of them changes what happens in it.
type Options struct {
	// Record keeps the trace's records in the Result. Expect compares the run with an earlier one's.
	Record bool
	Expect []world.Record
	// Log, if not nil, receives what the programs write.
	Log func(at time.Duration, host string, p []byte)
	// Stuck, if not nil, is called from a goroutine of its own when a program has not waited for a minute of real time:
	// nothing can stop it but the end of the process.
	Stuck func(seed uint64, host string)
	// interfere lets tests disturb a run.
	interfere func(w *world.World)
	// Progress, if not nil, is called now and then, from the goroutine of Run, with the virtual time.
	Progress func(at time.Duration)
}

// Moment is one line of a run's story.
type Moment struct {
	At    time.Duration `json:"at"`
	Hosts []string      `json:"hosts,omitempty"`
	// Kind is fault, lift, boot, crash, exit, operator, leads, follows, vip, log, phase or violation.
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// momentsMax bounds the moments that are kept; the rest is counted.
const momentsMax = 20_000

// run is one run under way.
type run struct {
	scenario *Scenario
	program  *wasi.Program
	options  Options
	world    *world.World
	members  []*member
	consoles []*console
	random   *rand.Rand // of faults
	recorder *linearizability.Recorder
	work     *workload.Run
	result   *Result

	active   []*activeFault
	cuts     map[[2]int]int // by indexes of the hosts: the faults that cut the link
	injected map[FaultKind]int
	happened map[FaultKind]int
	checked  map[string]int
	witness  *witness.Witness
	applied  map[place]int // the index in entries
	entries  []linearizability.Applied
	ticked   int64
	healed   bool
	over     bool
	stormy   bool
	// edgeQuietFrom is when no fault keeps balancers from noticing what frontends say any more, and edgeLast when the last
	// fault with an end that touched a balancer or frontend has ended.
	edgeQuietFrom, edgeLast time.Duration
}

const (
	// bootSpread is the time within which the hosts of a cluster are first started.
	bootSpread = 300 * time.Millisecond
	// proofTime is how long producers go on after the faults have ended, to show that sends work again.
	proofTime = 8 * time.Second
	// staleTime is how much longer they go on if a client's idea of who holds the virtual IP was stale: it asks again only
	// after five seconds without an answer (sim/world), and may first have to give up a connection.
	staleTime = 7 * time.Second
	// heldBack is how long after the faults answers may still arrive that were given before: cuts had held them back.
	heldBack = 3 * time.Second
	// emptyTime is how much longer it may take until the clients know that the queues are empty: a receive whose answer
	// was lost may hide messages for its visibility timeout.
	emptyTime = 45 * time.Second
	// settleTime is how long the world goes on after everything has drained, for the last comparisons of states.
	settleTime = 5 * time.Second
	// progressEvery is the virtual time between two reports of progress.
	progressEvery = time.Second
)

// Run carries out a scenario with a program. An error means that the simulator itself failed; what the simulated system
// did wrong is in the Result.
func Run(scenario *Scenario, program *wasi.Program, options Options) (*Result, error) {
	if err := scenario.Validate(); err != nil {
		return nil, err
	}
	r := &run{
		scenario: scenario, program: program, options: options, result: &Result{Scenario: scenario},
		cuts: map[[2]int]int{}, injected: map[FaultKind]int{}, happened: map[FaultKind]int{}, checked: map[string]int{},
		applied: map[place]int{},
	}
	r.witness = witness.New(observer{r})
	started := time.Now()
	r.buildWorld()
	defer r.world.Close()
	defer r.watch()()
	if options.Record {
		r.world.Trace().Record()
	}
	if options.interfere != nil {
		options.interfere(r.world)
	}
	if options.Expect != nil {
		r.world.Trace().Expect(options.Expect)
	}
	if err := r.startAll(); err != nil {
		return nil, err
	}
	if err := r.phases(); err != nil {
		return nil, fmt.Errorf("seed %d at %v: %w", scenario.Seed, r.world.Now(), err)
	}
	r.over = true
	r.world.Close()
	r.judge()
	r.result.RealTime = time.Since(started)
	return r.result, nil
}

// stuckAfter is the real time after which a program that has not waited is given up.
const stuckAfter = time.Minute

// watch has Stuck called if a program never waits, until the function that it returns is called.
func (r *run) watch() (end func()) {
	if r.options.Stuck == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(stuckAfter)
		defer ticker.Stop()
		var last uint64
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				host, resumes := r.world.Pulse()
				if host != nil && resumes == last {
					r.options.Stuck(r.scenario.Seed, host.Name())
				}
				last = resumes
			}
		}
	}()
	return func() { close(done) }
}

// startAll starts the cluster, the clients and the faults.
func (r *run) startAll() error {
	spread := r.world.Stream("boot")
	for _, m := range r.servers() {
		r.bootSoon(m, time.Duration(spread.Int64N(int64(bootSpread))))
	}
	r.recorder = linearizability.NewRecorder(r.tick)
	var clients []world.Native
	for _, m := range r.ofRole(roleClient) {
		clients = append(clients, m.host.BootNative())
	}
	var err error
	r.work, err = workload.Start(workload.Options{
		Env: func(host int) workload.Env { return clients[host] }, Hosts: len(clients), Endpoint: endpoint,
		Console: func(administrator int) workload.Console { return r.consoles[administrator] },
		Plan:    r.scenario.Workload, Recorder: r.recorder,
	})
	if err != nil {
		return fmt.Errorf("start the workload: %w", err)
	}
	for _, f := range r.scenario.Faults {
		if f.Kind != OldDisk {
			continue
		}
		r.world.At(time.Duration(f.Arg)*time.Millisecond, func() {
			for _, m := range r.resolve(f.On) {
				if m.disk != nil {
					m.image = m.disk.Image()
				}
			}
		})
	}
	r.scheduleFaults()
	r.watchTraffic()
	if r.options.Progress != nil {
		var report func()
		report = func() {
			r.options.Progress(r.world.Now())
			r.world.After(progressEvery, report)
		}
		report()
	}
	return nil
}

// tick is the recorder's clock: true time, but never the same twice, for what happens at one instant of the world still
// has an order.
func (r *run) tick() int64 {
	r.ticked = max(r.ticked+1, int64(r.world.Now()))
	return r.ticked
}

// phases lets the run happen: faults, then recovery, then a while to settle.
func (r *run) phases() error {
	s := r.scenario
	if err := r.world.Run(s.FaultyPhase, nil); err != nil {
		return err
	}
	r.heal()
	r.world.After(r.scenario.proofTime(), r.work.StopProducing)
	if err := r.world.Run(s.FaultyPhase+s.Recovery, r.work.Drained); err != nil {
		return err
	}
	missing := r.work.Outstanding()
	if len(missing) == 0 && !r.work.Drained() {
		if err := r.world.Run(r.world.Now()+emptyTime, r.work.Drained); err != nil {
			return err
		}
	}
	r.result.RecoveredAfter = r.world.Now() - s.FaultyPhase
	r.judgeLiveness(missing)
	if err := r.world.Run(r.world.Now()+settleTime, nil); err != nil {
		return err
	}
	r.judgeHolders()
	r.work.Stop()
	return nil
}

// proofTime is how long producers go on after the faults have ended.
func (s *Scenario) proofTime() time.Duration {
	if slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Kind == StaleVIP }) {
		return proofTime + staleTime
	}
	return proofTime
}

// heal ends all faults but for those that stay.
func (r *run) heal() {
	var staying []string
	for _, a := range r.active {
		if a.Stays {
			staying = append(staying, a.String())
		}
	}
	r.moment(nil, "phase", "the faults end; what stays: "+orNone(staying))
	r.liftAll()
	r.work.KeepQueues()
	r.healed = true
	for _, m := range r.members {
		if r.scenario.Failpoints[m.plan.name] != "" {
			m.host.Crash(world.CrashKill) // its next program has none
		}
	}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// outstandingShown is how many missing messages a report names.
const outstandingShown = 5

// judgeLiveness checks, when the time for recovery is over, that the cluster works again.
func (r *run) judgeLiveness(missing []workload.Missing) {
	r.checked[RuleDrains]++
	if !r.work.Drained() {
		text := fmt.Sprintf("%v after the faults ended, queues %s are not drained; %d acknowledged messages were never received",
			r.result.RecoveredAfter, orNone(r.work.Undrained()), len(missing))
		for _, m := range missing[:min(len(missing), outstandingShown)] {
			text += fmt.Sprintf("; %+v", m)
		}
		r.violate(RuleDrains, text)
		return
	}
	r.judgeSends(r.recorder.History())
}

// judgeSends checks that sends to every queue succeed again, and those of every producer that tried when half of the time for
// it was over: one of two balancers or frontends may work, and its clients hide that those of the other get nothing. A queue
// whose producers have sent before, and happen to send nothing any more, shows nothing.
func (r *run) judgeSends(history []linearizability.Operation) {
	healed, allowed := r.scenario.FaultyPhase, r.scenario.proofTime()
	queues, served, refused := map[string]bool{}, map[string]bool{}, map[string]bool{}
	before, tried := map[string]bool{}, map[string]bool{} // by queue
	for _, op := range history {
		if op.Kind == linearizability.Send {
			before[op.Queue] = before[op.Queue] || op.Outcome == linearizability.OK
			tried[op.Queue] = tried[op.Queue] || op.Return > int64(healed)
		}
		switch {
		case op.Kind != linearizability.Send:
		case op.Outcome != linearizability.OK:
			refused[op.Client] = refused[op.Client] || op.Call > int64(healed+allowed/2)
		case op.Return > int64(healed):
			// A producer may begin just before the faults end, wait for an answer that is lost, and have no time for another message.
			again := op.Call > int64(healed) || op.Tries > 1 && op.Return > int64(healed+heldBack)
			queues[op.Queue] = queues[op.Queue] || again
			served[op.Client] = true
		}
	}
	for _, q := range r.scenario.Workload.Queues {
		if q.Exempt || !slices.ContainsFunc(r.scenario.Workload.Producers, func(p workload.Producer) bool { return p.Queue == q.Name }) {
			continue
		}
		r.checked[RuleSendsAgain]++
		if !queues[q.Name] && (tried[q.Name] || !before[q.Name]) {
			r.violate(RuleSendsAgain, fmt.Sprintf("no send to %s succeeded within %v after the faults ended", q.Name, allowed))
		}
		for i, p := range r.scenario.Workload.Producers {
			if name := workload.ProducerName(i); p.Queue == q.Name && refused[name] && !served[name] {
				r.violate(RuleSendsAgain, fmt.Sprintf("no send of %s to %s succeeded any more after the faults ended, not even one that began %v later",
					name, q.Name, allowed/2))
			}
		}
	}
}

// moment adds a line to the story.
func (r *run) moment(hosts []*member, kind, text string) {
	if len(r.result.Story) >= momentsMax {
		r.result.StoryCut++
		return
	}
	m := Moment{At: r.world.Now(), Kind: kind, Text: text}
	for _, h := range hosts {
		m.Hosts = append(m.Hosts, h.plan.name)
	}
	r.result.Story = append(r.result.Story, m)
}
