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
		type sent struct{ id, number string }
		stored := make([]sent, len(entries))
		for i := range entries {
			stored[i].id, stored[i].number = q.send(w.service(), &entries[i])
			w.applySend(q, &entries[i], stored[i].id, stored[i].number)
		}
		answer(func(i int, op *Operation) {
			known = true
			op.Outcome, op.MessageID, op.SequenceNumber = OK, stored[i].id, stored[i].number
		})
	}
	w.request(entries, w.tries(), refPatience, apply, func() {
		if q.fifo && !known && again > 0 {
			w.after(w.between(time.Millisecond, time.Second), func() { w.send(q, entries, next, again-1) })
			return
		}
		next()
	})
}

// consume is a consumer: it polls, and does with its messages what consumers do, a crash included.
func (w *refWorld) consume(name string, q *refQueue) {
	if w.draining && len(q.messages) == 0 && w.late == 0 && w.now > w.producing+int64(60*time.Second) {
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
		if kind == DeleteQueue {
			q.lastSeq = 0
		}
		answer(func(_ int, op *Operation) { op.Outcome = OK })
	}, func() {})
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
		q := &refQueue{name: name, fifo: isFIFO(name), visibilityTime: visibility, delaySeconds: delay,
			accepted: map[string]refAccepted{}, numbered: map[int]bool{}, seqs: map[string]int{}}
		q.retention = int64(defaultRetention)
		w.queues = append(w.queues, q)
		return q
	}
	work, dead := fresh("work", 8, 0), fresh("dead", 5, 0)
	work.deadLetter, work.maxReceives = dead, 3
	fresh("plain", 12, 0)
	fresh("orders.fifo", 10, 0)
	fresh("later.fifo", 6, 4)
	options := Options{
		ClockBound: time.Duration(w.bound), Drained: true, StrictStandard: true, StrictMetadata: true,
		Queues: map[string]Queue{
			"work":       {DeadLetter: "dead", MaxReceives: 3},
			"later.fifo": {Delay: 4 * time.Second},
		},
	}
	if seed%11 == 0 { // messages expire, so nothing can be said to be lost
		work.retention = int64(70 * time.Second)
		options.Queues["work"] = Queue{DeadLetter: "dead", MaxReceives: 3, Retention: 70 * time.Second}
	}
	for i, q := range w.queues {
		if q != dead {
			w.after(int64(i), func() { w.produce("producer of "+q.name, q) })
		}
		for n := range 2 {
			name := fmt.Sprintf("consumer %d of %s", n, q.name)
			w.after(w.between(0, 10*time.Second), func() { w.consume(name, q) })
		}
	}
	if seed%4 == 0 {
		for i, q := range w.queues {
			if i == 3 && seed%9 == 0 {
				continue // it will be deleted, and what is not there cannot be purged
			}
			w.after(w.between(time.Second, 30*time.Second), func() { w.purge(PurgeQueue, q) })
		}
	}
	if seed%9 == 0 {
		w.after(w.between(time.Second, 30*time.Second), func() { w.purge(DeleteQueue, w.queues[3]) })
	}
	for _, queue := range []string{mortal, steady} {
		record := &refRecord{}
		for n := range 3 {
			name := fmt.Sprintf("operator %d of %s", n, queue)
			w.after(w.between(0, time.Second), func() { w.operate(name, queue, record) })
		}
	}
	w.after(w.producing, func() { w.faults, w.draining = false, true })
	w.run()
	return w, options
}
