package linearizability

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// What a history says of each message, gathered for the models. It is found apart from the index of the rules (index.go), so that
// a mistake there does not make both layers blind.

// track is all operations about one message.
type track struct {
	id            string
	queue         *trackedQueue
	group, number string
	// answered are the sends that were answered with its id, receipts its known deliveries, deletes and changes what may
	// have taken effect with its handles. All in order of Call.
	answered []*Operation
	receipts []trackReceipt
	deletes  []*Operation
	changes  []*Operation

	// creators are the sends one of which stored it.
	creators []creator
	// bornFrom, bornBy and goneBy bound its life; goneBy is forever if it may still be there.
	bornFrom, bornBy, goneBy int64
	// from and to are the time in which something happens to it; to is forever if it may still be there.
	from, to int64
	steps    int
	holds    int
}

// trackReceipt is one delivery.
type trackReceipt struct {
	op  *Operation
	out *Message
}

// creator is a send that may have stored a message. sure says that the message was there when the send returned.
type creator struct {
	op   *Operation
	sure bool
}

// trackedQueue is one queue as the models see it.
type trackedQueue struct {
	name     string
	fifo     bool
	tracks   []*track
	byID     map[string]*track
	byHandle map[string]*track
	sends    map[string][]*Operation // that may have taken effect, by body
	keys     map[string][]*Operation // the same of FIFO queues, by deduplication ID
	clears   []*Operation            // purges and deletions that may have taken effect
	restored bool                    // deletions remove nothing
	delay    int64                   // of FIFO messages, at least
	keeps    int64                   // the shortest retention
	unjudged bool                    // its messages come or go by themselves, or it delivers them in a way that the models do not know
}

// tracksOf gathers the messages of all queues, in the order in which the history names them first.
func tracksOf(h []Operation, options *Options, slack int64) []*trackedQueue {
	var queues []*trackedQueue
	byName := map[string]*trackedQueue{}
	for i := range h {
		op := &h[i]
		q := byName[op.Queue]
		if q == nil {
			q = newTrackedQueue(op.Queue, options)
			byName[op.Queue], queues = q, append(queues, q)
		}
		if op.possible() {
			q.gather(op)
		}
	}
	for i := range h {
		if op := &h[i]; op.possible() && (op.Kind == Delete || op.Kind == ChangeVisibility) {
			byName[op.Queue].attach(op)
		}
	}
	for name := range options.Queues {
		for _, target := range append([]string{options.Queues[name].DeadLetter}, options.Queues[name].MovesTo...) {
			if q := byName[target]; q != nil {
				q.unjudged = true
			}
		}
	}
	for _, q := range queues {
		for _, t := range q.tracks {
			t.conclude(slack)
		}
	}
	return queues
}

func newTrackedQueue(name string, options *Options) *trackedQueue {
	q := &trackedQueue{
		name: name, fifo: isFIFO(name), delay: forever, keeps: int64(defaultRetention),
		byID: map[string]*track{}, byHandle: map[string]*track{}, sends: map[string][]*Operation{}, keys: map[string][]*Operation{},
	}
	if given, ok := options.Queues[name]; ok {
		q.delay, q.keeps = int64(given.Delay), int64(cmp.Or(given.Retention, defaultRetention))
		q.restored = given.Restored
		q.unjudged = given.DeadLetter != "" || len(given.MovesTo) > 0 || given.Delivery != DeliveredAtLeastOnce
	}
	return q
}

// gather takes in what an operation says by itself.
func (q *trackedQueue) gather(op *Operation) {
	switch op.Kind {
	case CreateQueue, SetAttributes:
		q.keeps = min(q.keeps, attributeSeconds(op, "MessageRetentionPeriod", int64(defaultRetention)))
		q.delay = min(q.delay, attributeSeconds(op, "DelaySeconds", 0))
		q.unjudged = q.unjudged || op.Attributes["RedrivePolicy"] != ""
	case PurgeQueue, DeleteQueue:
		if op.Kind == PurgeQueue || !q.restored {
			q.clears = append(q.clears, op)
		}
	case Send:
		q.sends[op.Body] = append(q.sends[op.Body], op)
		if q.fifo {
			key := keyOf(op, false)
			q.keys[key] = append(q.keys[key], op)
		}
		if op.Outcome == OK && op.MessageID != "" {
			t := q.track(op.MessageID)
			t.answered = append(t.answered, op)
		}
	case Receive:
		for i := range op.Messages {
			out := &op.Messages[i]
			t := q.track(out.MessageID)
			t.receipts = append(t.receipts, trackReceipt{op, out})
			q.byHandle[out.Handle] = t
		}
	}
}

// attributeSeconds is an attribute of an operation in nanoseconds; absent if it creates the queue without giving it, and
// forever if it does not touch it.
func attributeSeconds(op *Operation, name string, absent int64) int64 {
	n, err := strconv.ParseInt(op.Attributes[name], 10, 32)
	switch {
	case err == nil:
		return n * second
	case op.Kind == CreateQueue:
		return absent
	}
	return forever
}

func (q *trackedQueue) track(id string) *track {
	t := q.byID[id]
	if t == nil {
		t = &track{id: id, queue: q}
		q.byID[id], q.tracks = t, append(q.tracks, t)
	}
	return t
}

// attach gives a delete or a change to its message.
func (q *trackedQueue) attach(op *Operation) {
	t := q.byHandle[op.Handle]
	switch {
	case t == nil: // a handle that nobody saw being given out
	case op.Kind == Delete:
		t.deletes = append(t.deletes, op)
	default:
		t.changes = append(t.changes, op)
	}
}

// conclude finds where the message comes from and how long it lived.
func (t *track) conclude(slack int64) {
	t.place()
	t.findCreators()
	t.bornFrom, t.bornBy, t.goneBy = forever, forever, forever
	for _, c := range t.creators {
		t.bornFrom = min(t.bornFrom, c.op.Call)
	}
	for _, op := range t.answered {
		t.bornBy = min(t.bornBy, op.Return)
	}
	for _, r := range t.receipts {
		t.bornBy = min(t.bornBy, r.op.Return)
	}
	for _, op := range t.deletes {
		if op.Outcome == OK {
			t.goneBy = min(t.goneBy, op.Return)
		}
	}
	for _, op := range t.queue.clears {
		if op.Outcome == OK && op.Call > t.bornBy {
			t.goneBy = min(t.goneBy, op.Return)
		}
	}
	t.bound()
}

// place finds the message's group and number. Where sources contradict each other it has none.
func (t *track) place() {
	var groups, numbers agreement
	for _, r := range t.receipts {
		groups.hear(r.out.Group)
		numbers.hear(canonicalNumber(r.out.SequenceNumber))
	}
	for _, op := range t.answered {
		numbers.hear(canonicalNumber(op.SequenceNumber))
		if len(t.receipts) == 0 {
			groups.hear(op.Group)
		}
	}
	t.group, t.number = groups.agreed(), numbers.agreed()
}

// findCreators lists the sends that may have stored the message: those that were answered with its id, and those of its
// body that nobody knows the whole effect of.
func (t *track) findCreators() {
	body, received := "", len(t.receipts) > 0
	if received {
		body = t.receipts[0].out.Body
	} else {
		body = t.answered[0].Body // it is answered or received, or it were not here
	}
	for _, op := range t.answered {
		if !t.queue.fifo || (op.Group == t.group && (op.Body == body || !received)) {
			t.creators = append(t.creators, creator{op, true})
		}
	}
	for _, op := range t.queue.sends[body] {
		if (!t.queue.fifo || op.Group == t.group) && !op.settled() && (op.Outcome != OK || op.MessageID != t.id) {
			t.creators = append(t.creators, creator{op, false})
		}
	}
	if !t.queue.fifo || received {
		return
	}
	for _, op := range t.queue.keys[keyOf(t.answered[0], false)] {
		if !op.settled() && op.MessageID != t.id {
			t.group = "" // it may be that one's message, with another body, in another group
		}
	}
}

// bound finds the time in which something happens to the message, and how many steps and holds it will take.
func (t *track) bound() {
	t.from, t.to = t.bornFrom, t.goneBy
	see := func(op *Operation) {
		t.from = min(t.from, op.Call)
		if op.Outcome == OK {
			t.to = max(t.to, op.Return)
		}
		t.steps++
	}
	for _, op := range t.answered {
		see(op)
	}
	for _, r := range t.receipts {
		see(r.op)
		t.steps++ // the end of the hold
		t.holds++
	}
	for _, op := range t.deletes {
		see(op)
	}
	for _, op := range t.changes {
		see(op)
		t.steps += 1 + op.requests() - 1
		t.holds += op.requests()
	}
	t.steps += len(t.creators)
	t.holds += len(t.creators)
}

// key is the deduplication ID that the message counts under within its group.
func (t *track) key() string {
	if len(t.creators) == 0 {
		return ""
	}
	return keyOf(t.creators[0].op, true)
}

// mayRepeat reports whether the deduplication ID of the message matters to the window: another send or message has it.
func (t *track) mayRepeat(rivals bitset) bool { return len(t.answered) > 1 || !rivals.empty() }

// forgetInterval is how long a deduplication ID counts, in nanoseconds, apart from the rules' own number.
const forgetInterval = int64(300 * time.Second)

// groupsOfTracks returns the messages of a FIFO queue by group, each in order of sequence numbers. Messages whose place is not
// certain are left out: what remains of a valid history without them is valid too. So are those that may have been stored
// before or after a deletion of the queue, for numbers begin again then.
func (q *trackedQueue) groupsOfTracks() [][]*track {
	type place struct {
		incarnation int
		group       string
	}
	index := map[place]int{}
	var groups [][]*track
	for _, t := range q.tracks {
		incarnation, ok := q.incarnationOf(t)
		if t.group == "" || t.number == "" || !ok {
			continue
		}
		at := place{incarnation, t.group}
		i, known := index[at]
		if !known {
			i = len(groups)
			index[at], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b *track) int { return compareNumbers(a.number, b.number) })
	}
	return groups
}

// incarnationOf returns how often the queue had been deleted when the message was stored; false if that is not certain.
func (q *trackedQueue) incarnationOf(t *track) (int, bool) {
	n := 0
	for _, op := range q.clears {
		if op.Kind != DeleteQueue {
			continue
		}
		reach := op.reach()
		switch {
		case reach.to < t.bornFrom:
			n++
		case reach.from <= t.bornBy:
			return 0, false
		}
	}
	return n, true
}
