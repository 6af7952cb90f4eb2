package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chasqui/chaos/proxy"
	"chasqui/frontend/balancer"
	"chasqui/linearizability"
	"chasqui/node"
	"chasqui/node/real"
	"chasqui/node/real/supervisor"
	"chasqui/sim"
	"chasqui/sim/witness"
	"chasqui/sim/workload"
)

// Options are where and with what a plan is carried out.
type Options struct {
	// Binary is the built chasqui.
	Binary string
	// Dir is an empty folder for data and logs.
	Dir string
	// Progress, if not nil, is told in a line what goes on.
	Progress func(text string)
}

// The rules that only runs of real processes judge.
const (
	// RuleRefused: a backend with a data folder that another has replaced must not serve.
	RuleRefused = "old-folder-refused"
	// RuleStops: a process that is asked to stop must end in order and in time.
	RuleStops = "stops-in-order"
)

const (
	// startTimeout bounds the first start of the cluster.
	startTimeout = 90 * time.Second
	// proofTime is Plan.Proof of plans that are drawn.
	proofTime = 15 * time.Second
	// emptyTime is how much longer it may take until the clients know that the queues are empty.
	emptyTime = 45 * time.Second
	// settleTime is for the last comparisons of states after everything has drained.
	settleTime = 5 * time.Second
	// threadsTimeout is how long client threads may take to end: a long poll and its tries.
	threadsTimeout = 2 * time.Minute
	// momentsMax bounds the lines of the story; the rest is counted.
	momentsMax = 20_000
	// clockBound is how far the machine's wall clock, which the processes go by, may be from its monotonic one, which the
	// history goes by: somebody may set it in the course of a run, a little at a time.
	clockBound = 50 * time.Millisecond
)

// run is one run under way.
type run struct {
	plan        *Plan
	options     Options
	dir         string
	layout      layout
	network     *proxy.Network
	host        node.Host
	children    *supervisor.Supervisor
	environment []string // of all processes, on top of this one's
	startedAt   time.Time
	recorder    *linearizability.Recorder
	work        *workload.Run
	ctx         context.Context
	cancel      context.CancelFunc
	followUntil chan struct{}
	healedAt    time.Duration // when the last fault had ended

	threads sync.WaitGroup // of clients
	steps   sync.WaitGroup // of faults that take several
	later   sync.WaitGroup // everything else
	folders sync.Mutex     // held while data folders are moved
	stood   atomic.Int64   // nanoseconds that the machine stood still

	mu       sync.Mutex // guards the fields below and the members
	members  []*member  // the list itself does not change
	over     bool
	failure  error // of the suite itself
	result   *sim.Result
	witness  *witness.Witness
	lineAt   time.Duration // when the log line was written that is looked at, 0 for none
	actives  []*active
	holders  []string          // of the virtual IP, the latest last
	routes   map[string]string // which balancer each client follows
	injected map[sim.FaultKind]int
	happened map[sim.FaultKind]int
	checked  map[string]int
	exits    int
}

// Run carries out a plan. An error means that the suite failed; what the product did wrong is in the result.
func Run(ctx context.Context, plan *Plan, options Options) (*Result, error) {
	r := &run{
		plan: plan, options: options, result: &sim.Result{Scenario: &plan.Scenario, Real: true, Sorts: ownKinds},
		routes: map[string]string{}, injected: map[sim.FaultKind]int{}, happened: map[sim.FaultKind]int{}, checked: map[string]int{},
		followUntil: make(chan struct{}), environment: []string{"GORACE=halt_on_error=1"}, startedAt: time.Now(),
	}
	if r.options.Progress == nil {
		r.options.Progress = func(string) {}
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	defer r.cancel()
	r.witness = witness.New(reports{r})
	if err := r.prepare(); err != nil {
		return nil, err
	}
	err := r.phases()
	stopErr := r.stopAll()
	r.mu.Lock()
	failure := r.failure
	r.mu.Unlock()
	if err := errors.Join(failure, err, stopErr); err != nil {
		return nil, err
	}
	if err := r.judge(); err != nil {
		return nil, err
	}
	return &Result{Result: r.result, Stood: time.Duration(r.stood.Load())}, nil
}

// Result is what a run has shown.
type Result struct {
	*sim.Result
	// Stood is how long the machine stood still: it was suspended, or had other work. What had to happen in time was given that
	// time again.
	Stood time.Duration
}

// prepare makes folders, finds a free network and starts the proxies.
func (r *run) prepare() error {
	dir, err := filepath.Abs(r.options.Dir)
	if err != nil {
		return fmt.Errorf("find the folder: %w", err)
	}
	if r.options.Binary, err = filepath.Abs(r.options.Binary); err != nil {
		return fmt.Errorf("find the binary: %w", err)
	}
	r.dir = dir
	for _, folder := range []string{logsFolder, lostFolder} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return fmt.Errorf("make folders: %w", err)
		}
	}
	r.members = newMembers(dir)
	// The supervisor logs every end of a child, which the story does as well.
	if r.host, err = real.New(real.Options{Name: "chaos", LogLevel: slog.LevelError, LogOutput: io.Discard}); err != nil {
		return err
	}
	cfg := supervisor.DefaultConfig()
	cfg.StopTimeout, cfg.Changed = stopTimeout, r.changed
	if r.children, err = supervisor.New(r.host, cfg); err != nil {
		return err
	}
	return r.findNetwork()
}

// The networks 127.NET.0.0/16 that runs use, one each at a time.
const (
	netFirst = 100
	netCount = 100
)

// findNetwork starts the proxies on the first network that no other run uses.
func (r *run) findNetwork() error {
	var last error
	for i := range netCount {
		r.layout = layout{net: netFirst + (os.Getpid()+i)%netCount}
		r.network = proxy.New(r.layout.dialFrom())
		if last = r.layout.serve(r.network, r.routeVIP); last == nil {
			return nil
		}
		r.network.Close()
	}
	return fmt.Errorf("no network 127.%d.0.0/16 or after it can be used (Linux has all of 127.0.0.0/8): %w", netFirst, last)
}

// phases lets the run happen: start, faults, recovery, and a while to settle.
func (r *run) phases() error {
	r.later.Go(r.follow)
	r.later.Go(r.watchMachine)
	r.options.Progress(fmt.Sprintf("starting %d processes in %s", len(servers()), r.dir))
	for _, m := range r.members {
		if m.tail != nil {
			r.start(m)
		}
	}
	if err := r.awaitReady(); err != nil {
		return err
	}
	if err := r.startClients(); err != nil {
		return err
	}
	r.options.Progress(fmt.Sprintf("%d faults in %v", len(r.plan.Faults), r.plan.FaultyPhase))
	r.carryOut()
	if !r.sleepUntil(r.plan.FaultyPhase) {
		return r.ctx.Err()
	}
	r.heal()
	healed := r.now()
	r.healedAt = healed
	r.options.Progress("the faults are over: everything acknowledged must drain")
	stood := r.stood.Load() // what the machine takes from here on is given back
	r.within(healed, stood, r.plan.Proof, func() bool { return false })
	r.work.StopProducing()
	r.within(healed, stood, r.plan.Recovery, r.work.Drained)
	missing := r.work.Outstanding()
	if len(missing) == 0 && !r.work.Drained() {
		r.within(healed, stood, r.plan.Recovery+emptyTime, r.work.Drained)
	}
	r.result.RecoveredAfter = r.now() - healed
	r.judgeLiveness(missing, healed)
	r.sleepUntil(r.now() + settleTime)
	r.work.Stop()
	r.result.VirtualTime = r.now()
	return r.ctx.Err()
}

// awaitReady waits until every slot has a leader and the endpoint answers. From then on the run's time counts.
func (r *run) awaitReady() error {
	led := func() bool {
		for slot := range topology().Slots {
			if r.witness.Leader(witness.SlotGroup(slot)) == "" {
				return false
			}
		}
		return len(r.holders) > 0 && r.witness.Leader(witness.CatalogGroup) != ""
	}
	host, err := real.New(real.Options{Name: hostsOf(clientRole)[0], LocalAddress: r.layout.ip(hostsOf(clientRole)[0]), LogOutput: io.Discard})
	if err != nil {
		return err
	}
	defer host.Tasks.Stop()
	answers := func() bool {
		ctx, cancel := context.WithTimeout(r.ctx, time.Second)
		defer cancel()
		return balancer.Probe(ctx, host.Network, r.layout.endpoint()) == nil
	}
	for end := time.Now().Add(startTimeout); !r.await(time.Until(end), led) || !answers(); {
		if time.Now().After(end) || r.ctx.Err() != nil {
			return fmt.Errorf("the cluster does not start within %v; logs are in %s", startTimeout, filepath.Join(r.dir, logsFolder))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startedAt = time.Now()
	for i := range r.result.Story {
		r.result.Story[i].At = 0
	}
	return nil
}

func (r *run) startClients() error {
	r.recorder = linearizability.NewRecorder(func() int64 { return int64(r.now()) })
	var clients []workload.Env
	for _, name := range hostsOf(clientRole) {
		clients = append(clients, newClient(r, name))
	}
	var err error
	r.work, err = workload.Start(workload.Options{
		Env: func(host int) workload.Env { return clients[host] }, Hosts: len(clients), Endpoint: r.layout.endpoint(),
		Plan: r.plan.Workload, Recorder: r.recorder,
	})
	if err != nil {
		return fmt.Errorf("start the workload: %w", err)
	}
	return nil
}

// within waits until a condition holds, at most for a while from a time of the run on, not counting what the machine has stood
// still since stood was taken.
func (r *run) within(from time.Duration, stood int64, d time.Duration, condition func() bool) {
	for !condition() && r.ctx.Err() == nil && r.now()-time.Duration(r.stood.Load()-stood) < from+d {
		time.Sleep(looksEvery)
	}
}

const (
	// pulseEvery is how often the suite looks whether it runs, and stillAfter the pause that shows that the machine does not
	// give it time: a suspended virtual machine, or other work.
	pulseEvery = 100 * time.Millisecond
	stillAfter = time.Second
)

// watchMachine measures how long the machine stands still. Nobody can keep promises about time then.
func (r *run) watchMachine() {
	for last := time.Now(); r.ctx.Err() == nil; {
		time.Sleep(pulseEvery)
		if gap := time.Since(last); gap > stillAfter {
			r.stood.Add(int64(gap))
			r.mu.Lock()
			r.momentLocked("log", fmt.Sprintf("level=WARN the machine stood still for %v", gap.Round(time.Millisecond)))
			r.mu.Unlock()
		}
		last = time.Now()
	}
}

// stopAll ends clients, processes and proxies. Processes must end in order.
func (r *run) stopAll() error {
	if r.work != nil {
		r.work.Stop()
	}
	ended := make(chan struct{})
	go func() {
		r.threads.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-time.After(threadsTimeout):
		err = fmt.Errorf("client threads did not end within %v", threadsTimeout)
	}
	r.mu.Lock()
	left := slices.Clone(r.actives)
	r.mu.Unlock()
	for _, a := range left { // of a run that was given up
		r.lift(a)
	}
	r.steps.Wait() // a fault under way may move data folders
	r.mu.Lock()
	r.over = true
	shutdown := &active{silent: true}
	for _, m := range r.members {
		m.asked = shutdown
	}
	r.mu.Unlock()
	err = errors.Join(err, r.children.Stop())
	close(r.followUntil)
	r.cancel()
	r.later.Wait()
	r.network.Close()
	r.host.Tasks.Stop()
	return err
}

// now is the time of the run.
func (r *run) now() time.Duration { return time.Since(r.startedAt) }

// sleepUntil waits for a time of the run; false if the run is given up.
func (r *run) sleepUntil(at time.Duration) bool {
	select {
	case <-time.After(at - r.now()):
		return true
	case <-r.ctx.Done():
		return false
	}
}

// fail ends the run because the suite itself has failed.
func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failLocked(err)
}

func (r *run) failLocked(err error) {
	if r.failure == nil && !r.over {
		r.failure = err
		r.cancel()
	}
}

// happen notes that a fault has had an effect, once.
func (r *run) happen(a *active) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.happenLocked(a)
}

func (r *run) happenLocked(a *active) {
	if !a.silent && !a.happened {
		a.happened = true
		r.happened[a.Kind]++
	}
}

// momentLocked adds a line to the story, at the time of the log line that it comes from, if it does.
func (r *run) momentLocked(kind, text string, names ...string) {
	if len(r.result.Story) >= momentsMax {
		r.result.StoryCut++
		return
	}
	at := r.lineAt
	if at == 0 {
		at = r.now()
	}
	r.result.Story = append(r.result.Story, sim.Moment{At: at, Hosts: slices.Clone(names), Kind: kind, Text: text})
}

func (r *run) violate(rule, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violateLocked(rule, text)
}

func (r *run) violateLocked(rule, text string) {
	r.momentLocked("violation", rule+": "+text)
	r.result.Violations = append(r.result.Violations, sim.Violation{Rule: rule, Text: text, AtMs: r.now().Milliseconds()})
}
