package linearizability

import (
	"fmt"
	"slices"
	"time"
)

// Rule is the name of one promise, as package linearizability lists them.
type Rule string

// The rules; the package comment says what each demands.
const (
	MalformedHistory     Rule = "malformed-history"
	Lost                 Rule = "lost"
	Invented             Rule = "invented"
	Corrupted            Rule = "corrupted"
	Response             Rule = "response"
	HandleReuse          Rule = "handle-reuse"
	SharedMessageID      Rule = "message-id"
	PurgedReturns        Rule = "purged-returns"
	Delay                Rule = "delay"
	ReceiveCount         Rule = "receive-count"
	DeadLetter           Rule = "dead-letter"
	MovedAltered         Rule = "moved-altered"
	MovedTwice           Rule = "moved-twice"
	MovedOrder           Rule = "moved-order"
	MoveRate             Rule = "move-rate"
	MoveTaskState        Rule = "move-task"
	AtMostOnce           Rule = "at-most-once"
	EmptyLongPoll        Rule = "empty-long-poll"
	DeletedServes        Rule = "deleted-serves"
	RestoredMissing      Rule = "restored-missing"
	DuplicateSend        Rule = "duplicate-send"
	HoldOverlap          Rule = "hold-overlap"
	DeletedReturns       Rule = "deleted-returns"
	DuplicateSendFIFO    Rule = "duplicate-send-fifo"
	Deduplication        Rule = "dedup"
	Sequence             Rule = "sequence"
	SequenceOrder        Rule = "sequence-order"
	FIFOOrder            Rule = "fifo-order"
	FIFOHoldOverlap      Rule = "fifo-hold-overlap"
	DeletedReturnsFIFO   Rule = "deleted-returns-fifo"
	ExpiredHandleDeletes Rule = "expired-handle-deletes"
)

// Rules returns all rules in the order of the package comment.
func Rules() []Rule {
	return append(historyRules(), PorcupineFIFO, PorcupineStandard, PorcupineMetadata, UndecidedWindows, LayersDisagree)
}

// historyRules are the rules over whole histories, which Check applies.
func historyRules() []Rule {
	return []Rule{
		MalformedHistory, Lost, Invented, Corrupted, Response, HandleReuse, SharedMessageID, PurgedReturns, Delay, ReceiveCount,
		DeadLetter, MovedAltered, MovedTwice, MovedOrder, MoveRate, MoveTaskState, AtMostOnce, EmptyLongPoll, DeletedServes, RestoredMissing,
		DuplicateSend, HoldOverlap, DeletedReturns, DuplicateSendFIFO, Deduplication, Sequence, SequenceOrder, FIFOOrder, FIFOHoldOverlap, DeletedReturnsFIFO, ExpiredHandleDeletes,
	}
}

// ViolationsMax is how many violations of one rule a Verdict describes. All are counted.
const ViolationsMax = 100

// Options is what must be known of a run besides its history. The zero value fits a run with perfect clocks whose queues
// were all created in it, and that ended at any moment.
type Options struct {
	// ClockBound is how far, at any time of the run, any clock of the service was from the recorder's. It is at least 0.
	ClockBound time.Duration
	// Drained says that the run ended well: after the last fault was healed, consumers received and deleted until every
	// queue (dead-letter queues too) had been empty for longer than the longest delay and visibility timeout in use.
	Drained bool
	// StrictStandard holds standard queues to what chasqui promises beyond SQS: duplicate-send, hold-overlap, deleted-returns.
	StrictStandard bool
	// StrictMetadata holds what exists and its attributes to what chasqui promises beyond SQS, where changes may take a minute
	// to be seen: porcupine-metadata, deleted-serves, restored-missing.
	StrictMetadata bool
	// Disturbed are the times in which faults may keep a host from knowing that another took over. A long poll that
	// overlaps one of them may come back empty.
	Disturbed []Span
	// Queues says of a queue, by name, what its CreateQueue and SetAttributes operations do not show. They are taken
	// into account too: where values change during a run, the most lenient one counts.
	Queues map[string]Queue
}

// Span is a span of time, both ends included, in nanoseconds since the beginning of the run.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Queue is the settings of a queue that the rules need. Visibility timeouts are recorded with each receive; where a queue's
// own may change during a run, receives must ask for one, or nobody knows which they got.
type Queue struct {
	// Delay is the attribute DelaySeconds. A standard queue's is recorded with each send.
	Delay time.Duration
	// Retention is the attribute MessageRetentionPeriod; 0 is the default of four days.
	Retention time.Duration
	// DeduplicatesPerGroup is DeduplicationScope=messageGroup.
	DeduplicatesPerGroup bool
	// Partitions is how many partitions the queue has; 0 is one. Long polls are judged on queues of one partition only.
	Partitions int
	// DeadLetter is the name of the dead-letter queue, if any, and MaxReceives how often a message is received before
	// it moves there. They are the same during the whole run.
	DeadLetter  string
	MaxReceives int
	// MovesTo names the queues to which message move tasks move this one's messages.
	MovesTo []string
	// Delivery is how often messages are delivered where that is not what SQS does. It never changes.
	Delivery Delivery
	// Undrained excepts the queue from Options.Drained.
	Undrained bool
	// Restored says that whoever deletes the queue has it restored, and that nobody can make another of its name meanwhile: names
	// are not free soon enough. So its deletion removes no message, and there is one queue of the name in the whole run.
	Restored bool
}

// Delivery is how often a queue delivers a message.
type Delivery string

// The deliveries. FIFO queues are always at least exactly-once.
const (
	DeliveredAtLeastOnce Delivery = ""
	DeliveredAtMostOnce  Delivery = "at-most-once" // a receive removes
	DeliveredExactlyOnce Delivery = "exactly-once" // sends are deduplicated and outdated handles refused, as on FIFO queues
)

// Verdict is what Check or Judge found. It is the same for the same history and options, byte for byte.
type Verdict struct {
	// Violations are sorted by the time at which they became certain; at most ViolationsMax of each rule.
	Violations []Violation `json:"violations"`
	// Found is how many violations of each rule there are. Rules that held are missing.
	Found map[Rule]int `json:"found"`
	// Checked is how often each rule had something to judge. Every rule is there: one with 0 has shown nothing.
	Checked map[Rule]int `json:"checked"`
	// Undecided is how many windows porcupine gave up on. They are never taken for good ones.
	Undecided map[Rule]int `json:"undecided"`
}

// OK reports whether no promise was broken.
func (v *Verdict) OK() bool { return len(v.Found) == 0 }

// Violation is one broken promise.
type Violation struct {
	Rule Rule `json:"rule"`
	// Text says in plain words what happened, when, and to which message.
	Text string `json:"text"`
	// Operations are the ids of the operations that show it, in rising order.
	Operations []int `json:"operations"`
	// At is when it became certain, in nanoseconds since the beginning of the run, if no operation shows it.
	At int64 `json:"at,omitempty"`
}

// Check judges a history, which is in order of Call, by the rules over whole histories alone, without porcupine's models. It
// does not change the history. Judge does both.
func Check(h []Operation, options Options) Verdict {
	c := newChecker(h, options)
	c.checkRules(checks)
	c.sort()
	return c.verdict
}

func newChecker(h []Operation, options Options) *checker {
	c := &checker{
		history: h,
		options: options,
		slack:   2*int64(options.ClockBound) + int64(resolution),
		verdict: Verdict{Violations: []Violation{}, Found: map[Rule]int{}, Checked: map[Rule]int{}, Undecided: map[Rule]int{}},
	}
	for _, rule := range Rules() {
		c.verdict.Checked[rule] = 0
	}
	return c
}

// checkRules applies rules over whole histories.
func (c *checker) checkRules(checks []func(c *checker, q *queue)) {
	if !c.wellFormed() {
		return
	}
	c.index()
	for _, q := range c.queues {
		for _, check := range checks {
			check(c, q)
		}
	}
}

// checks apply the rules to one queue.
var checks = []func(c *checker, q *queue){
	(*checker).checkContent,
	(*checker).checkLoss,
	(*checker).checkDeduplication,
	(*checker).checkOrder,
	(*checker).checkHolds,
	(*checker).checkDeletes,
	(*checker).checkDelay,
	(*checker).checkCounts,
	(*checker).checkDeadLetters,
	(*checker).checkMoves,
	(*checker).checkTasks,
	(*checker).checkOnce,
	(*checker).checkPolls, // after checkOrder, whose message groups it needs
	(*checker).checkPresence,
}

// resolution is that of the service's time stamps: cutting them to whole milliseconds may shorten a timeout by one.
const resolution = time.Millisecond

// checker is one judgement.
type checker struct {
	history []Operation
	options Options
	// slack is by how many nanoseconds an interval that the service measured may differ from the recorder's.
	slack int64
	// end is when the history ended.
	end     int64
	queues  []*queue
	byName  map[string]*queue
	verdict Verdict
}

// wellFormed checks the history itself. Rules that judged a contradictory one would only confuse.
func (c *checker) wellFormed() bool {
	for i := range c.history {
		op := &c.history[i]
		c.judged(MalformedHistory)
		switch {
		case op.ID != i:
			c.broken(MalformedHistory, []int{i}, "operation %d of the history has id %d", i, op.ID)
		case op.Outcome != OK && op.Outcome != Failed && op.Outcome != Unknown:
			c.broken(MalformedHistory, []int{i}, "operation %d has outcome %q", i, op.Outcome)
		case op.Return < op.Call:
			c.broken(MalformedHistory, []int{i}, "operation %d returned at %s, before it was called at %s", i, at(op.Return), at(op.Call))
		case i > 0 && op.Call < c.history[i-1].Call:
			c.broken(MalformedHistory, []int{i - 1, i}, "operation %d was called at %s, before operation %d at %s", i, at(op.Call), i-1, at(c.history[i-1].Call))
		}
	}
	return c.verdict.OK()
}

// judged counts one application of a rule.
func (c *checker) judged(rule Rule) { c.verdict.Checked[rule]++ }

// broken reports a violation, shown by the operations of the given ids in any order.
func (c *checker) broken(rule Rule, operations []int, format string, args ...any) {
	c.verdict.Found[rule]++
	if c.verdict.Found[rule] > ViolationsMax {
		return
	}
	slices.Sort(operations)
	c.verdict.Violations = append(c.verdict.Violations, Violation{
		Rule: rule, Text: fmt.Sprintf(format, args...), Operations: slices.Compact(operations),
	})
}

// certainAt is when the last of a violation's operations had returned.
func (c *checker) certainAt(v Violation) int64 {
	latest := v.At
	for _, id := range v.Operations {
		latest = max(latest, c.history[id].Return)
	}
	return latest
}

// at writes a moment of the run.
func at(ns int64) string { return fmt.Sprintf("%.3f s", float64(ns)/float64(time.Second)) }
