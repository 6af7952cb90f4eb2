package linearizability

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// refWorld runs clients against reference queues over a network that loses and delays, and with clocks that are wrong
// by up to the bound. It is one loop over events in order of time.
type refWorld struct {
	rng      *rand.Rand
	recorder *Recorder
	bound    int64
	queues   []*refQueue

	now    int64
	events []refEvent
	added  int
	skew   int64
	// faults says whether the network misbehaves.
	faults bool
	bodies int
	// producing is until when producers send.
	producing int64
	// draining says that consumers delete whatever they get.
	draining bool
	// late counts requests on their way.
	late int
	// entries are what the queues applied.
	entries []Applied
}

type refEvent struct {
	at     int64
	number int
	do     func()
}

func (w *refWorld) after(d int64, do func()) {
	w.added++
	e := refEvent{w.now + d, w.added, do}
	at, _ := slices.BinarySearchFunc(w.events, e, func(a, b refEvent) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.number, a.number))
	})
	w.events = slices.Insert(w.events, at, e) // the next event is the last of the list
}

func (w *refWorld) run() {
	for len(w.events) > 0 {
		e := w.events[len(w.events)-1]
		w.events = w.events[:len(w.events)-1]
		w.now = e.at
		e.do()
	}
}

func (w *refWorld) chance(percent int) bool { return w.rng.IntN(100) < percent }

func (w *refWorld) between(low, high time.Duration) int64 {
	return int64(low) + w.rng.Int64N(int64(high-low))
}

// service is what the clock of the host that leads just now shows.
func (w *refWorld) service() int64 {
	if w.bound > 0 && w.chance(5) {
		w.skew = w.rng.Int64N(2*w.bound+1) - w.bound
	}
	return max(0, w.now+w.skew)
}

// request makes up to tries requests for the operations (one, or the entries of a batch) until one is answered. apply does
// the work at the service and calls answer once with what to write into the operations; done is called when the client knows
// or gives up.
func (w *refWorld) request(operations []Operation, tries int, patience int64, apply func(answer func(fill func(i int, op *Operation))), done func()) {
	var ids []int
	if len(operations) == 1 {
		ids = []int{w.recorder.Begin(operations[0])}
	} else {
		ids = w.recorder.BeginBatch(operations)
	}
	open, made := true, 0
	end := func(fill func(i int, op *Operation)) {
		open = false
		for i, id := range ids {
			w.recorder.End(id, func(op *Operation) {
				if made > 1 {
					op.Tries = made
				}
				fill(i, op)
			})
		}
		done()
	}
	var attempt func()
	attempt = func() {
		made++
		mine := made
		latency := w.between(time.Millisecond, 40*time.Millisecond)
		if w.faults && w.chance(4) {
			latency = w.between(time.Second, 15*time.Second)
		}
		if !w.faults || !w.chance(4) {
			w.late++
			w.after(latency, func() {
				w.late--
				apply(func(fill func(i int, op *Operation)) {
					if w.faults && w.chance(6) {
						return
					}
					w.after(w.between(time.Millisecond, 40*time.Millisecond), func() {
						if open && mine == made {
							end(fill)
						}
					})
				})
			})
		}
		w.after(patience, func() {
			switch {
			case !open || mine != made: // answered, or somebody else's turn
			case made < tries:
				attempt()
			default:
				end(func(_ int, op *Operation) { op.Outcome = Unknown })
			}
		})
	}
	attempt()
}

func (w *refWorld) tries() int { return 1 + w.rng.IntN(2)*w.rng.IntN(3) }

const refPatience = int64(2 * time.Second)

// produce is a producer: it sends, perhaps in batches, repeats what it does not know of, and reuses deduplication IDs.
func (w *refWorld) produce(name string, q *refQueue) {
	if w.now > w.producing {
		return
	}
	next := func() { w.after(w.between(50*time.Millisecond, 4*time.Second), func() { w.produce(name, q) }) }
	var entries []Operation
	for range 1 + w.rng.IntN(2)*w.rng.IntN(4) {
		w.bodies++
		op := Operation{Client: name, Kind: Send, Queue: q.name, Body: fmt.Sprintf("b%d", w.bodies)}
		if q.fifo {
			op.Group = fmt.Sprintf("g%d", w.rng.IntN(3))
		}
		if q.exact {
			op.DeduplicationID = fmt.Sprintf("d%d", w.bodies)
			if w.chance(20) {
				op.DeduplicationID = fmt.Sprintf("reused%d", w.rng.IntN(4))
			}
		} else if w.chance(20) {
			op.DelaySeconds = 1 + w.rng.IntN(9)
		}
		entries = append(entries, op)
	}
	w.send(q, entries, next, 3)
}

// send makes one request of sends; a FIFO send of unknown outcome is repeated as an operation of its own.
func (w *refWorld) send(q *refQueue, entries []Operation, next func(), again int) {
	known := false
	apply := func(answer func(func(int, *Operation))) {
		if q.deleted {
			answer(func(_ int, op *Operation) { known, op.Outcome, op.Error = true, Failed, codesMissing[0] })
			return
		}
		type sent struct{ id, number string }
		stored := make([]sent, len(entries))
		for i := range entries {
			stored[i].id, stored[i].number = q.send(w.service(), &entries[i])
			w.applySend(q, &entries[i], stored[i].id)
		}
		answer(func(i int, op *Operation) {
			known = true
			op.Outcome, op.MessageID, op.SequenceNumber = OK, stored[i].id, stored[i].number
		})
	}
	w.request(entries, w.tries(), refPatience, apply, func() {
		if q.exact && !known && again > 0 {
			w.after(w.between(time.Millisecond, time.Second), func() { w.send(q, entries, next, again-1) })
			return
		}
		next()
	})
}

// empty reports whether nothing is in any queue, or can move into one.
func (w *refWorld) empty() bool {
	return !slices.ContainsFunc(w.queues, func(q *refQueue) bool { return len(q.messages) > 0 })
}

// consume is a consumer: it polls, and does with its messages what consumers do, a crash included.
func (w *refWorld) consume(name string, q *refQueue) {
	if w.draining && w.empty() && w.late == 0 && w.now > w.producing+int64(60*time.Second) {
		return
	}
	next := func() { w.consume(name, q) }
	op := Operation{
		Client: name, Kind: Receive, Queue: q.name, Max: 1 + w.rng.IntN(4), VisibilitySeconds: q.visibilityTime, WaitSeconds: w.rng.IntN(5),
	}
	tries := w.tries()
	if w.draining {
		tries = 1
	}
	var got []Message
	apply := func(answer func(func(int, *Operation))) {
		deadline := w.now + int64(op.WaitSeconds)*second
		var look func()
		look = func() {
			if q.deleted {
				answer(func(_ int, op *Operation) { op.Outcome, op.Error = Failed, codesMissing[0] })
				return
			}
			messages := q.receive(w.service(), &op, w.rng)
			w.applyReceive(q, &op, messages)
			if len(messages) == 0 && w.now < deadline {
				w.after(min(deadline-w.now, int64(200*time.Millisecond)), look)
				return
			}
			answer(func(_ int, op *Operation) {
				got = messages
				op.Outcome, op.Messages = OK, messages
			})
		}
		look()
	}
	w.request([]Operation{op}, tries, int64(op.WaitSeconds)*second+refPatience, apply, func() { w.work(name, q, got, next) })
}

// work handles received messages one after the other.
func (w *refWorld) work(name string, q *refQueue, messages []Message, next func()) {
	if len(messages) == 0 {
		w.after(w.between(time.Millisecond, 3*time.Second), next)
		return
	}
	m := messages[0]
	rest := func() { w.work(name, q, messages[1:], next) }
	remove := Operation{Client: name, Kind: Delete, Queue: q.name, Handle: m.Handle, MessageID: m.MessageID}
	deleteIt := func() {
		w.request([]Operation{remove}, w.tries(), refPatience, func(answer func(func(int, *Operation))) {
			if q.deleted {
				answer(func(_ int, op *Operation) { op.Outcome, op.Error = Failed, codesMissing[0] })
				return
			}
			outcome := q.delete(w.service(), m.Handle)
			w.applyDelete(q, &m, outcome)
			answer(func(_ int, op *Operation) { op.Outcome = outcome })
		}, rest)
	}
	choice := w.rng.IntN(100)
	switch {
	case w.draining || choice < 60:
		deleteIt()
	case choice < 70: // the consumer crashes, and starts anew
		w.after(int64(5*time.Second), next)
	case choice < 85: // slow: its handle may have expired
		w.after(int64(q.visibilityTime)*second*int64(w.rng.IntN(25))/10, deleteIt)
	default:
		change := Operation{
			Client: name, Kind: ChangeVisibility, Queue: q.name, Handle: m.Handle, MessageID: m.MessageID, VisibilitySeconds: w.rng.IntN(3) * 6,
		}
		w.request([]Operation{change}, w.tries(), refPatience, func(answer func(func(int, *Operation))) {
			if q.deleted {
				answer(func(_ int, op *Operation) { op.Outcome, op.Error = Failed, codesMissing[0] })
				return
			}
			there, _ := q.find(m.Handle)
			outcome := q.change(w.service(), m.Handle, change.VisibilitySeconds)
			w.applyChange(q, &m, change.VisibilitySeconds, there != nil, outcome)
			answer(func(_ int, op *Operation) { op.Outcome = outcome })
		}, func() { w.after(w.between(0, 8*time.Second), deleteIt) })
	}
}

// purge empties a queue once.
func (w *refWorld) purge(kind Kind, q *refQueue) {
	w.request([]Operation{{Client: "admin", Kind: kind, Queue: q.name}}, 1, refPatience, func(answer func(func(int, *Operation))) {
		q.clear(w.service())
		w.apply(q, "purge", "", "ok", "")
		if kind == DeleteQueue { // somebody makes it anew at the same moment, and begins with its numbers
			w.recorder.Begin(Operation{Client: "maker", Kind: CreateQueue, Queue: q.name})
			q.lastSeq = 0
		}
		answer(func(_ int, op *Operation) { op.Outcome = OK })
	}, func() {})
}

// refTask is a message move task, as the queue that it empties knows it.
type refTask struct {
	id      string
	to      *refQueue
	rate    int
	started int64
	moved   int
	ended   bool
}

// redrive starts a task, looks at it while it runs, perhaps cancels it, and starts another.
func (w *refWorld) redrive(q, to *refQueue, rate int) {
	if w.now > w.producing {
		return
	}
	w.bodies++
	id, started := fmt.Sprintf("task%d", w.bodies), false
	w.request([]Operation{{Client: "mover of " + q.name, Kind: StartMoveTask, Queue: q.name, Rate: rate}}, 1, refPatience, func(answer func(func(int, *Operation))) {
		q.advance(w.service())
		outcome, code := OK, "ok"
		if q.task != nil && !q.task.ended {
			outcome, code = Failed, "task-running"
		}
		w.apply(q, "move-task", fmt.Sprintf("1:%s:%d:1", id, rate*1000), code, "")
		if outcome == OK {
			q.task = &refTask{id: id, to: to, rate: rate, started: q.latest}
			w.stepTask(q, q.task)
		}
		answer(func(_ int, op *Operation) {
			started = outcome == OK
			if op.Outcome = outcome; started {
				op.Task = id
			}
		})
	}, func() {
		if started {
			w.watchTask(q, id, func() { w.redrive(q, to, rate) })
			return
		}
		w.after(w.between(time.Second, 4*time.Second), func() { w.redrive(q, to, rate) })
	})
}

// stepTask lets a task go on five times a second until nothing is left.
func (w *refWorld) stepTask(q *refQueue, t *refTask) {
	if t.ended {
		return
	}
	now := w.service()
	q.advance(now)
	most := 100
	if t.rate > 0 {
		most = int((q.latest-t.started)*int64(t.rate)/second) - t.moved
	}
	q.step(now, most, t.to)
	t.moved += len(q.asides)
	w.applyMoves(q, "move-task", "3::0:0", nil)
	t.ended = len(q.asides) == 0 && len(q.offered()) == 0
	w.after(int64(200*time.Millisecond), func() { w.stepTask(q, t) })
}

// watchTask lists the tasks, and perhaps cancels the one of the given id, until it does not run any more.
func (w *refWorld) watchTask(q *refQueue, id string, next func()) {
	client, runs := "mover of "+q.name, true
	again := func() {
		if runs {
			w.after(w.between(100*time.Millisecond, 2*time.Second), func() { w.watchTask(q, id, next) })
			return
		}
		w.after(w.between(time.Second, 4*time.Second), next)
	}
	if w.chance(10) {
		w.request([]Operation{{Client: client, Kind: CancelMoveTask, Queue: q.name, Task: id}}, 1, refPatience, func(answer func(func(int, *Operation))) {
			q.advance(w.service())
			outcome, code := OK, "ok"
			if q.task.ended || q.task.id != id {
				outcome, code = Failed, "no-such-task"
			}
			q.task.ended = q.task.ended || q.task.id == id
			w.apply(q, "move-task", "2:"+id+":0:0", code, "")
			answer(func(_ int, op *Operation) { op.Outcome, runs = outcome, false })
		}, again)
		return
	}
	w.request([]Operation{{Client: client, Kind: ListMoveTasks, Queue: q.name}}, 1, refPatience, func(answer func(func(int, *Operation))) {
		t := q.task
		task := MoveTask{Status: "COMPLETED", Moved: int64(t.moved), StartedMs: t.started / 1e6}
		if !t.ended {
			task.Status, task.Task = "RUNNING", t.id
		}
		answer(func(_ int, op *Operation) { op.Outcome, op.Tasks, runs = OK, []MoveTask{task}, task.Task == id })
	}, again)
}

// validHistory returns a history in which every promise was kept, and the options it is to be judged by.
func validHistory(seed uint64) ([]Operation, Options) {
	w, options := validWorld(seed)
	return w.recorder.History(), options
}

// validWorld carries out a run in which every promise was kept.
func validWorld(seed uint64) (*refWorld, Options) {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := &refWorld{rng: rng, faults: seed%5 != 0, producing: int64(40 * time.Second)}
	w.bound = []int64{0, int64(100 * time.Millisecond), int64(2 * time.Second)}[seed%3]
	if seed%7 == 0 {
		w.producing = int64(8 * time.Minute) // so that deduplication IDs are forgotten
	}
	w.recorder = NewRecorder(func() int64 { return w.now })
	fresh := func(name string, visibility, delay int) *refQueue {
		q := &refQueue{name: name, fifo: isFIFO(name), exact: isFIFO(name), visibilityTime: visibility, delaySeconds: delay,
			accepted: map[string]refAccepted{}, numbered: map[int]bool{}, sent: map[string]int{}, id: len(w.queues) + 1}
		q.retention = int64(defaultRetention)
		w.queues = append(w.queues, q)
		return q
	}
	work, dead := fresh("work", 8, 0), fresh("dead", 5, 0)
	work.deadLetter, work.maxReceives = dead, 3
	fresh("plain", 12, 0)
	fresh("orders.fifo", 10, 0)
	fresh("later.fifo", 6, 4)
	jobs, deadJobs := fresh("jobs.fifo", 5, 0), fresh("dead-jobs.fifo", 5, 0)
	jobs.deadLetter, jobs.maxReceives = deadJobs, 2
	fresh("once", 5, 0).once = true
	fresh("exact", 5, 0).exact = true
	administered := seed%4 == 2 && seed%7 != 0
	if administered {
		fresh(kept, 8, 0)
		fresh(keptFIFO, 8, 0)
	}
	options := Options{
		ClockBound: time.Duration(w.bound), Drained: true, StrictStandard: true, StrictMetadata: true,
		Queues: map[string]Queue{
			"work":       {DeadLetter: "dead", MaxReceives: 3},
			"later.fifo": {Delay: 4 * time.Second},
			"jobs.fifo":  {DeadLetter: "dead-jobs.fifo", MaxReceives: 2},
			"once":       {Delivery: DeliveredAtMostOnce},
			"exact":      {Delivery: DeliveredExactlyOnce},
		},
	}
	if seed%11 == 0 { // messages expire, so nothing can be said to be lost
		work.retention = int64(70 * time.Second)
		options.Queues["work"] = Queue{DeadLetter: "dead", MaxReceives: 3, Retention: 70 * time.Second}
	}
	for i, q := range w.queues {
		if q != dead && q != deadJobs {
			w.after(int64(i), func() { w.produce("producer of "+q.name, q) })
		}
		consumers := 2
		if q == dead || q == deadJobs {
			consumers = 1 // so that something is left for tasks
		}
		for n := range consumers {
			name := fmt.Sprintf("consumer %d of %s", n, q.name)
			w.after(w.between(0, 10*time.Second), func() { w.consume(name, q) })
		}
	}
	if administered {
		for _, q := range w.queues[len(w.queues)-2:] {
			options.Queues[q.name] = Queue{Restored: true}
			w.after(w.between(time.Second, 4*time.Second), func() { w.administer(q) })
		}
		options.Queues[archive] = Queue{Restored: true}
	}
	if seed%2 == 1 { // tasks move dead letters to where they came from, and on to another queue
		options.Queues["dead"] = Queue{MovesTo: []string{"work"}}
		options.Queues["dead-jobs.fifo"] = Queue{MovesTo: []string{"jobs.fifo"}}
		for _, q := range []*refQueue{work, jobs} {
			rate := w.rng.IntN(4)
			w.after(w.between(5*time.Second, 20*time.Second), func() { w.redrive(q.deadLetter, q, rate) })
		}
	}
	if seed%4 == 0 {
		for i, q := range w.queues {
			if i == 3 && seed%9 == 0 || q.name == kept || q.name == keptFIFO {
				continue // it will be deleted, and what is not there cannot be purged
			}
			w.after(w.between(time.Second, 30*time.Second), func() { w.purge(PurgeQueue, q) })
		}
	}
	if seed%9 == 0 {
		w.after(w.between(time.Second, 30*time.Second), func() { w.purge(DeleteQueue, w.queues[3]) })
	}
	registers := []string{mortal, steady}
	if administered {
		registers = append(registers, archive)
	}
	for _, queue := range registers {
		record := &refRecord{restorable: queue == archive}
		for n := range 3 {
			name := fmt.Sprintf("operator %d of %s", n, queue)
			w.after(w.between(0, time.Second), func() { w.operate(name, queue, record) })
		}
	}
	w.after(w.producing, func() { w.faults, w.draining = false, true })
	w.run()
	return w, options
}
