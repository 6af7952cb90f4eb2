package workload

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"chasqui/linearizability"
)

// phase is what the threads of a run are about.
type phase int

const (
	producing phase = iota // everybody works
	draining               // consumers empty the queues
	over                   // every thread ends after its present operation
)

// Options say where a plan is carried out.
type Options struct {
	// Env returns the client host of a number from 0 to Hosts-1. It is called by Start, once for each thread.
	Env func(clientHost int) Env
	// Hosts is the number of client hosts that the threads are spread over, at least 1.
	Hosts int
	// Endpoint is the name of the cluster's endpoint, looked up by Env and used as Host of the requests.
	Endpoint string
	// Console returns the console of the plan's i-th administrator. It may be nil if the plan has none.
	Console func(administrator int) Console
	// Plan is what is to be done. It must not be changed while the run goes on.
	Plan Plan
	// Recorder takes down the history.
	Recorder Recorder
}

// Run is a plan being carried out. Its methods may be called at any time, by the threads' own scheduler too: they do
// not block.
type Run struct {
	options  Options
	recorder Recorder

	mu        sync.Mutex // guards the fields below; nothing blocks while it is held
	now       phase
	done      bool // drained, once and for all
	batches   int
	producers int // producers that have not ended
	movers    int // movers that have not ended
	threads   int // threads that have not ended
	// creating counts, by queue, the threads that have not yet heard that it is there; kept says that queues are not deleted any more
	// by administrators.
	creating   map[string]int
	kept       bool
	ledgers    map[string]*ledger
	origins    map[string][]string // by queue: those that its messages may have been sent to
	counts     map[Count]int       // with Number 0
	total      Stats
	violations []string
}

// violationsMax bounds the violations that are kept; a service that violates often is judged by the first ones.
const violationsMax = 100

// Start begins to carry out a plan. An error means that the options or the plan cannot be so, and nothing was started.
func Start(options Options) (*Run, error) {
	if options.Hosts < 1 {
		return nil, fmt.Errorf("%d client hosts, must be at least 1", options.Hosts)
	}
	if err := options.Plan.Validate(); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if len(options.Plan.Administrators) > 0 && options.Console == nil {
		return nil, errors.New("the plan has administrators, and there are no consoles for them")
	}
	r := &Run{options: options, recorder: options.Recorder, ledgers: make(map[string]*ledger), origins: make(map[string][]string), counts: make(map[Count]int), creating: make(map[string]int)}
	plan := &r.options.Plan
	for i := range plan.Queues {
		q := &plan.Queues[i]
		// What a queue delivers at most once is lost with an answer.
		r.ledgers[q.Name] = newLedger(q.Exempt || q.once())
		r.origins[q.Name] = plan.origins(q.Name)
	}
	r.producers, r.movers = len(plan.Producers), len(plan.Movers)
	r.threads = len(plan.Producers) + len(plan.Consumers) + len(plan.Keepers) + len(plan.Movers) + len(plan.Administrators)
	for _, queue := range plan.users() {
		r.creating[queue]++
	}
	next := 0
	start := func(name, queue string, loop func(t *thread)) {
		r.start(next%options.Hosts, name, plan.queue(queue), loop)
		next++
	}
	for i := range plan.Producers {
		p := producer{Producer: &plan.Producers[i]}
		start(ProducerName(i), p.Queue, func(t *thread) {
			defer r.ended(&r.producers)
			p.run(t)
		})
	}
	for i := range plan.Consumers {
		c := consumer{Consumer: &plan.Consumers[i]}
		start(fmt.Sprintf("consumer-%d", i), c.Queue, func(t *thread) {
			t.drains = true
			c.run(t)
		})
	}
	for i := range plan.Keepers {
		k := keeper{Keeper: &plan.Keepers[i], number: i, alone: true, late: make(map[int]bool)}
		for j := range plan.Keepers {
			k.alone = k.alone && (i == j || plan.Keepers[j].Queue != k.Queue)
		}
		start(fmt.Sprintf("keeper-%d", i), k.Queue, k.run)
	}
	for i := range plan.Movers {
		m := mover{Mover: &plan.Movers[i]}
		start(fmt.Sprintf("mover-%d", i), m.Queue, func(t *thread) {
			defer r.ended(&r.movers)
			t.drains = true
			m.run(t)
		})
	}
	for i := range plan.Administrators {
		a := administrator{Administrator: &plan.Administrators[i], console: options.Console(i)}
		start(fmt.Sprintf("administrator-%d", i), a.Queue, func(t *thread) {
			t.drains = true
			a.run(t)
		})
	}
	return r, nil
}

// ProducerName is what histories call the plan's i-th producer.
func ProducerName(i int) string { return fmt.Sprintf("producer-%d", i) }

// startSpread is the mean time after which threads begin, so that they do not all begin at once.
const startSpread = 200 * time.Millisecond

// start starts one thread.
func (r *Run) start(host int, name string, queue *Queue, loop func(t *thread)) {
	env := r.options.Env(host)
	random := env.Random("workload/" + name)
	t := &thread{run: r, env: env, random: random, name: name, queue: queue, client: newClient(env, random, r.options.Endpoint)}
	t.mortal = queue.Exempt || r.options.Plan.administered(queue.Name)
	env.Go(name, func() {
		defer r.ended(&r.threads)
		defer t.client.close()
		env.Sleep(t.jitter(startSpread))
		loop(t)
	})
}

// StopProducing ends the first phase: producers and keepers end, and consumers go on until nothing is left.
func (r *Run) StopProducing() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = max(r.now, draining)
	r.settle()
}

// KeepQueues ends the deletions by administrators. What is deleted is restored soon.
func (r *Run) KeepQueues() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = true
}

// created notes that a thread has heard that its queue is there.
func (r *Run) created(queue string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.creating[queue]--
}

// mayDelete tells whether an administrator may delete a queue: messages are produced, and all who use it know that it was made, so
// that nobody tries to make it once more.
func (r *Run) mayDelete(queue string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now == producing && !r.kept && r.creating[queue] == 0
}

// Stop ends the run, drained or not. Threads end after the operation that they are at.
func (r *Run) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = over
}

// Drained tells whether production has stopped, every message that was acknowledged has been received (but those of
// exempt queues), and nothing else is left in any queue. Once it is so, it stays so, and the threads end by themselves.
func (r *Run) Drained() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done
}

// settle ends the run if the queues are drained.
func (r *Run) settle() {
	if r.now != producing && r.producers == 0 && r.movers == 0 && len(r.undrained()) == 0 {
		r.now, r.done = over, true
	}
}

// Running returns the number of threads that have not ended.
func (r *Run) Running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.threads
}

// Outstanding returns the messages that were acknowledged and that nobody has received, in the order of their sends,
// without those of exempt queues.
func (r *Run) Outstanding() []Missing {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Missing
	for i := range r.options.Plan.Queues {
		for _, m := range r.ledgers[r.options.Plan.Queues[i].Name].missing {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b Missing) int { return cmp.Compare(a.Operation, b.Operation) })
	return list
}

// Undrained returns the names of the queues that keep Drained false: a message is missing, or they are not known to be
// empty.
func (r *Run) Undrained() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return nil // receives that were under way may have ended in doubt since
	}
	return r.undrained()
}

func (r *Run) undrained() []string {
	var names []string
	for i := range r.options.Plan.Queues {
		if q := &r.options.Plan.Queues[i]; !r.ledgers[q.Name].drained() {
			names = append(names, q.Name)
		}
	}
	return names
}

// Violations returns the answers so far that no correct service gives, whatever else happened: malformed ones, those
// with a digest of another body, batches with an entry missing. At most 100 are kept.
func (r *Run) Violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.violations)
}

// Count is the number of operations of one kind that had one outcome.
type Count struct {
	Kind    linearizability.Kind    `json:"kind"`
	Outcome linearizability.Outcome `json:"outcome"`
	Number  int                     `json:"number"`
}

// Stats are what a run has done so far.
type Stats struct {
	Operations  []Count `json:"operations"`  // ended ones, sorted by kind and outcome
	Requests    int     `json:"requests"`    // tries of all requests
	Retries     int     `json:"retries"`     // those that were not the first
	Connections int     `json:"connections"` // dialled
	Deliveries  int     `json:"deliveries"`  // messages received
	Again       int     `json:"again"`       // those of them that had been received before
	Violations  int     `json:"violations"`
}

// Number returns how many operations of a kind had an outcome.
func (s *Stats) Number(kind linearizability.Kind, outcome linearizability.Outcome) int {
	for _, c := range s.Operations {
		if c.Kind == kind && c.Outcome == outcome {
			return c.Number
		}
	}
	return 0
}

// Stats returns what the run has done so far.
func (r *Run) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.total
	for c, number := range r.counts {
		c.Number = number
		s.Operations = append(s.Operations, c)
	}
	slices.SortFunc(s.Operations, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Outcome, b.Outcome))
	})
	for _, l := range r.ledgers {
		s.Deliveries += l.deliveries
		s.Again += l.again
	}
	return s
}

// phase returns what the threads are to do.
func (r *Run) phase() phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// ended counts down threads.
func (r *Run) ended(threads *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*threads--
	r.settle()
}

func (r *Run) newBatch() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches++
	return r.batches
}

// note changes a queue's ledger.
func (r *Run) note(queue string, f func(l *ledger)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.ledgers[queue])
	r.settle()
}

// moved changes the ledgers of other queues after a receive from one: messages that came here are not missing there, and those that
// were received as often as they may be move on. inDoubt says that some may have been received without us being told.
func (r *Run) moved(q *Queue, messages []linearizability.Message, until time.Duration, inDoubt bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, origin := range r.origins[q.Name][1:] {
		for i := range messages {
			r.ledgers[origin].turnedUp(&messages[i])
		}
	}
	if q.DeadLetter == "" {
		return
	}
	target, by := r.ledgers[q.DeadLetter], until+r.moveSlack()
	for i := range messages {
		if messages[i].ReceiveCount >= q.MaxReceives {
			target.mayCome(&messages[i], by)
		}
	}
	if inDoubt {
		target.quiet(by)
	}
}

// moveSlack is how long a move may take. r.mu is held.
func (r *Run) moveSlack() time.Duration {
	if r.now == producing {
		return moveSlack
	}
	return moveSlackDrained
}

func (r *Run) count(kind linearizability.Kind, outcome linearizability.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[Count{Kind: kind, Outcome: outcome}]++
}

func (r *Run) requests(answer *reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total.Requests += answer.tries
	r.total.Retries += answer.tries - 1
	r.total.Connections += answer.dials
}

func (r *Run) violation(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total.Violations++
	if len(r.violations) < violationsMax {
		r.violations = append(r.violations, text)
	}
}
