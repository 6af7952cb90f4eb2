package linearizability

import (
	"cmp"
	"strconv"
	"time"
)

// The index is what a history shows of each queue and each message, found in two passes over the operations: sends and
// receives first, then what names their messages.

// defaultRetention is MessageRetentionPeriod where nobody set it.
const defaultRetention = 4 * 24 * time.Hour

// queue is all that is known of one queue. The same name is the same queue, also after it was deleted and created again.
type queue struct {
	name string
	fifo bool
	// exact says that sends are deduplicated and outdated handles refused; once, that a receive removes.
	exact, once bool
	partitions  int
	// known says that Options or a CreateQueue gave the settings that follow; else they are the defaults at first.
	known bool
	// delayMin, delayMax and retentionMin bound the attributes over the whole run, in nanoseconds.
	delayMin, delayMax, retentionMin int64
	// perQueue and perGroup say which deduplication scopes the queue may have had.
	perQueue, perGroup bool

	// messages are in the order in which the history first names them.
	messages []*message
	// byID has them by id; where one may be in the queue more than once, by id and time of sending (stayKey).
	byID map[string]*message
	// bodies has all sends by body, also refused ones, and keys those to exact queues that may have taken effect by the widest
	// deduplication key. Both in order of Call.
	bodies map[string][]*Operation
	keys   map[string][]*Operation
	// unnamed are the acknowledged sends without a MessageID.
	unnamed []*Operation
	// handles has the first receipt of each handle.
	handles map[string]*receipt
	// receives are the answered ones, in order of Call.
	receives []*Operation
	// phantoms are the receives that nobody saw the result of, or not all of it: of unknown outcome, tried again, or
	// longer than what they took was held.
	phantoms counter
	// clears are the purges and deletions of the queue that may have taken effect; drops are the deletions among them;
	// purged are those that were acknowledged.
	clears, drops, purged spans

	// lineups are the message groups, once checkOrder has found them.
	lineups []*lineup

	// deadLetter is the queue to which messages move after maxReceives; sources are those that move theirs here.
	deadLetter  *queue
	maxReceives int
	sources     []*queue
	// movesTo are the queues that tasks move messages of this one to, and from all those whose messages come here, by tasks or as
	// dead letters. revisited says that one message may come here more than once: each time it is a message of its own here,
	// which has stayed since another time of sending.
	movesTo, from []*queue
	revisited     bool
	// stays has the messages by id alone, and early the acknowledged sends to a queue that is revisited until its messages are known.
	stays map[string][]*message
	early []*Operation
	// unseenMost is how many messages the receives among phantoms may have taken.
	unseenMost int
	// tasks are the operations on move tasks, in order of Call.
	tasks []*Operation
	// restored says that its deletions remove nothing. life are the operations that make, delete or restore the queue and may have
	// taken effect, and served all that were answered, or told that there is no such queue. Both in order of Call.
	restored     bool
	life, served []*Operation
}

// message is all that is known of one message.
type message struct {
	queue *queue
	id    string
	// answers are the sends that were answered with its id, receipts its known deliveries, deletes and changes the
	// operations on it that may have taken effect. All in order of Call.
	answers  []*Operation
	receipts []*receipt
	deletes  []*Operation
	changes  changes
	// sentMs is when it was sent, or came by a task, on the service's clock; 0 if nobody knows.
	sentMs int64
	// arrived says that it came from another queue.
	arrived bool
	lifetime
}

// receipt is one message of one answered receive.
type receipt struct {
	op      *Operation
	message *message
	out     *Message
	// repeats are the later receipts of the same handle.
	repeats []*receipt
}

// possible reports whether the operation may have had an effect.
func (op *Operation) possible() bool { return op.Outcome != Failed || op.Tries > 1 }

// settled reports whether everything that the operation did happened before it returned.
func (op *Operation) settled() bool { return op.Outcome == OK && op.Tries <= 1 }

// reach is the time in which the operation may have effects.
func (op *Operation) reach() span {
	if op.settled() {
		return span{op.Call, op.Return}
	}
	return span{op.Call, forever}
}

// requests is how many requests were sent for the operation.
func (op *Operation) requests() int { return max(1, op.Tries) }

// index builds c.queues.
func (c *checker) index() {
	c.byName = map[string]*queue{}
	c.connect()
	for i := range c.history {
		op := &c.history[i]
		c.end = max(c.end, op.Return)
		c.addFirst(c.queueNamed(op.Queue), op)
	}
	for _, q := range c.queues {
		q.tellStaysApart()
	}
	for i := range c.history {
		addSecond(c.byName[c.history[i].Queue], &c.history[i])
	}
	for _, q := range c.queues {
		if !q.known {
			q.delayMin, q.retentionMin, q.perQueue = 0, min(q.retentionMin, int64(defaultRetention)), true
		}
		q.phantoms.seal()
		q.clears.seal()
		q.drops.seal()
		q.purged.seal()
	}
	for _, q := range c.queues {
		for _, m := range q.messages {
			m.lifetime = c.lifetimeOf(m)
		}
	}
}

// queueNamed returns the queue, adding it if it is new.
func (c *checker) queueNamed(name string) *queue {
	if q := c.byName[name]; q != nil {
		return q
	}
	q := &queue{
		name: name, fifo: isFIFO(name), exact: isFIFO(name), partitions: 1, stays: map[string][]*message{},
		delayMin: forever, retentionMin: forever,
		byID: map[string]*message{}, bodies: map[string][]*Operation{}, keys: map[string][]*Operation{}, handles: map[string]*receipt{},
	}
	given, ok := c.options.Queues[name]
	if ok {
		q.known = true
		q.exact, q.once = q.fifo || given.Delivery == DeliveredExactlyOnce, given.Delivery == DeliveredAtMostOnce
		q.partitions, q.restored = max(1, given.Partitions), given.Restored
		q.delayMin, q.delayMax = int64(given.Delay), int64(given.Delay)
		q.retentionMin = int64(cmp.Or(given.Retention, defaultRetention))
		q.perGroup, q.perQueue = given.DeduplicatesPerGroup, !given.DeduplicatesPerGroup
	}
	c.byName[name] = q
	c.queues = append(c.queues, q)
	return q
}

func isFIFO(name string) bool { return len(name) > 5 && name[len(name)-5:] == ".fifo" }

// messageNamed returns the message with a key in byID, adding it if it is new.
func (q *queue) messageNamed(id, key string) *message {
	m := q.byID[key]
	if m == nil {
		m = &message{queue: q, id: id}
		q.byID[key] = m
		q.messages = append(q.messages, m)
		q.stays[id] = append(q.stays[id], m)
	}
	return m
}

// addFirst takes in what an operation says by itself.
func (c *checker) addFirst(q *queue, op *Operation) {
	q.addPresence(op)
	switch op.Kind {
	case CreateQueue, SetAttributes:
		q.addAttributes(op)
	case PurgeQueue, DeleteQueue:
		q.addClear(op)
	case Send:
		q.bodies[op.Body] = append(q.bodies[op.Body], op)
		switch {
		case op.Outcome != OK: // nobody knows the id
		case op.MessageID == "":
			q.unnamed = append(q.unnamed, op)
		case q.revisited:
			q.early = append(q.early, op)
		default:
			m := q.messageNamed(op.MessageID, op.MessageID)
			m.answers = append(m.answers, op)
		}
	case Receive:
		q.addReceive(op, c.outlivesItsHolds(op))
	case StartMoveTask, ListMoveTasks, CancelMoveTask:
		q.tasks = append(q.tasks, op)
	}
}

// outlivesItsHolds reports whether the service may have taken messages for a receive that its answer, which is there, does
// not have: it had to repeat the receive inside, at a host that took over, and by then the visibility timeout was over
// and they were somebody else's.
func (c *checker) outlivesItsHolds(op *Operation) bool {
	return op.Return-op.Call+c.slack >= int64(op.VisibilitySeconds)*second && c.disturbed(op)
}

func (q *queue) addReceive(op *Operation, outlives bool) {
	hidden := op.requests()
	if op.Outcome == OK {
		q.receives = append(q.receives, op)
		if !outlives {
			hidden--
		}
	}
	if op.possible() && hidden > 0 {
		q.phantoms.add(op.Call, hidden)
		q.unseenMost += hidden * op.Max
	}
	for i := range op.Messages {
		out := &op.Messages[i]
		m := q.messageNamed(out.MessageID, q.stayKey(out.MessageID, out.SentMs))
		m.sentMs = cmp.Or(m.sentMs, out.SentMs)
		r := &receipt{op: op, message: m, out: out}
		m.receipts = append(m.receipts, r)
		if first := q.handles[out.Handle]; first == nil {
			q.handles[out.Handle] = r
		} else {
			first.repeats = append(first.repeats, r)
		}
	}
}

// addAttributes widens the bounds on the queue's settings by what a creation or change may have set.
func (q *queue) addAttributes(op *Operation) {
	if !op.possible() {
		return
	}
	seconds := func(name string, absent time.Duration) (int64, bool) {
		n, err := strconv.ParseInt(op.Attributes[name], 10, 32)
		if err != nil { // absent, or what no service accepts
			return int64(absent), op.Kind == CreateQueue
		}
		return n * int64(time.Second), true
	}
	if delay, ok := seconds("DelaySeconds", 0); ok {
		q.delayMin, q.delayMax = min(q.delayMin, delay), max(q.delayMax, delay)
	}
	if retention, ok := seconds("MessageRetentionPeriod", defaultRetention); ok {
		q.retentionMin = min(q.retentionMin, retention)
	}
	if op.Kind == CreateQueue { // later changes of the scope change nothing (SQS-API.md 3.2)
		q.known = true
		perGroup := op.Attributes["DeduplicationScope"] == "messageGroup"
		q.perGroup, q.perQueue = q.perGroup || perGroup, q.perQueue || !perGroup
	}
}

func (q *queue) addClear(op *Operation) {
	if !op.possible() || q.restored && op.Kind == DeleteQueue {
		return
	}
	q.clears.add(op.reach())
	if op.Kind == DeleteQueue {
		q.drops.add(op.reach())
	}
	if op.Outcome == OK {
		q.purged.add(span{op.Call, op.Return})
	}
}

// addSecond takes in what an operation says of messages and settings that other operations show.
func addSecond(q *queue, op *Operation) {
	if !op.possible() {
		return
	}
	switch op.Kind {
	case Send:
		if q.exact {
			key := q.widestKey(op)
			q.keys[key] = append(q.keys[key], op)
		}
	case Delete, ChangeVisibility:
		m := q.byID[op.MessageID]
		if r := q.handles[op.Handle]; r != nil && (m == nil || q.revisited) {
			m = r.message
		}
		switch {
		case m == nil: // nobody ever saw the message
		case op.Kind == Delete:
			m.deletes = append(m.deletes, op)
		default:
			m.changes.add(op)
		}
	}
}

// widestKey is shared by all sends that the queue may take for repeats of one another.
func (q *queue) widestKey(op *Operation) string { return keyOf(op, q.perGroup && !q.perQueue) }

// surestKey is shared by sends that the queue must take for repeats of one another.
func (q *queue) surestKey(op *Operation) string { return keyOf(op, q.perGroup) }

func keyOf(op *Operation, perGroup bool) string {
	key := "id " + op.DeduplicationID
	if op.DeduplicationID == "" { // content-based: the token stands for the body
		key = "body " + op.Body
	}
	if perGroup {
		key += " group " + op.Group
	}
	return key
}
