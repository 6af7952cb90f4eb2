package workload

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chasqui/linearizability"
)

// Plan is what the users of a cluster are to do: which queues there are and who works on them. It is a plain JSON
// value. Its threads create the queues themselves, each the one it uses, so that creations race.
type Plan struct {
	Queues    []Queue    `json:"queues"`
	Producers []Producer `json:"producers"`
	Consumers []Consumer `json:"consumers"`
	Keepers   []Keeper   `json:"keepers,omitempty"`
	Movers    []Mover    `json:"movers,omitempty"`
	// Administrators need a console each (Options.Console).
	Administrators []Administrator `json:"administrators,omitempty"`
}

// Queue is a queue with the attributes that it is created with.
type Queue struct {
	// Name ends in ".fifo" if it is a FIFO queue.
	Name string `json:"name"`
	// VisibilitySeconds is the visibility timeout, 1 to 43200.
	VisibilitySeconds int `json:"visibilitySeconds"`
	// DelaySeconds is the delay of messages that do not have their own, 0 to 900.
	DelaySeconds int `json:"delaySeconds,omitempty"`
	// Partitions is the number of parts the queue's data is split into, 1 to 64; 0 means 1.
	Partitions int `json:"partitions,omitempty"`
	// ContentBased makes a FIFO queue use a body's hash as deduplication id.
	ContentBased bool `json:"contentBased,omitempty"`
	// DedupPerGroup makes deduplication ids of a FIFO queue count within their message group only.
	DedupPerGroup bool `json:"dedupPerGroup,omitempty"`
	// Exempt means that nothing is owed of the queue in the end: it may be purged, deleted and made anew. It is drained
	// like the others, unless it is gone.
	Exempt bool `json:"exempt,omitempty"`
	// DeadLetter is the queue, of the plan and of the same kind, that messages move to after MaxReceives receives, 1 to 1000.
	DeadLetter  string `json:"deadLetter,omitempty"`
	MaxReceives int    `json:"maxReceives,omitempty"`
	// Poison is the share of messages that no consumer deletes while messages are produced.
	Poison float64 `json:"poison,omitempty"`
	// Delivery is how often messages are delivered if that is not what SQS does.
	Delivery linearizability.Delivery `json:"delivery,omitempty"`
}

// FIFO tells whether it is a FIFO queue.
func (q *Queue) FIFO() bool { return strings.HasSuffix(q.Name, ".fifo") }

// exact tells whether the queue deduplicates.
func (q *Queue) exact() bool { return q.FIFO() || q.Delivery == linearizability.DeliveredExactlyOnce }

// once tells whether a receive removes what it delivers.
func (q *Queue) once() bool { return q.Delivery == linearizability.DeliveredAtMostOnce }

// arn names a queue of the clients' account.
func arn(queue string) string { return "arn:aws:sqs:" + region + ":" + account + ":" + queue }

// attributes returns what CreateQueue is asked for.
func (q *Queue) attributes() map[string]string {
	attributes := map[string]string{"VisibilityTimeout": strconv.Itoa(q.VisibilitySeconds)}
	if q.DelaySeconds > 0 {
		attributes["DelaySeconds"] = strconv.Itoa(q.DelaySeconds)
	}
	if q.Partitions > 1 {
		attributes["ChasquiPartitions"] = strconv.Itoa(q.Partitions)
	}
	if q.DeadLetter != "" { // in the form in which it is read
		attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn(q.DeadLetter), q.MaxReceives)
	}
	switch q.Delivery {
	case linearizability.DeliveredAtMostOnce:
		attributes["ChasquiDelivery"] = "atMostOnce"
	case linearizability.DeliveredExactlyOnce:
		attributes["ChasquiDelivery"] = "exactlyOnce"
	}
	if q.FIFO() {
		attributes["FifoQueue"] = "true"
		if q.ContentBased {
			attributes["ContentBasedDeduplication"] = "true"
		}
		if q.DedupPerGroup {
			attributes["DeduplicationScope"] = "messageGroup"
		}
	}
	return attributes
}

// Producer is a thread that sends.
type Producer struct {
	Queue string `json:"queue"`
	// Rate is the mean number of requests per second while the cluster keeps up, above 0. Gaps are exponential.
	Rate float64 `json:"rate"`
	// BatchMax bounds the messages of one request, 1 to 10; each request draws from 1 on. 1 never uses batches.
	BatchMax int `json:"batchMax"`
	// BodyBytesMin and BodyBytesMax bound the size of bodies, 20 to 1,048,576.
	BodyBytesMin int `json:"bodyBytesMin"`
	BodyBytesMax int `json:"bodyBytesMax"`
	// Large is the share of requests that send one body of 100 KiB.
	Large float64 `json:"large,omitempty"`
	// Delay is the share of messages, on standard queues, with a delay of their own, 0 to DelaySecondsMax.
	Delay           float64 `json:"delay,omitempty"`
	DelaySecondsMax int     `json:"delaySecondsMax,omitempty"`
	// Groups is the number of message groups: on a FIFO queue at least 1, on a standard one, where they are tenants, 0 if
	// messages have none. Producers of a queue share them, and half of all messages go to the first one.
	Groups int `json:"groups,omitempty"`
	// Resend is the share of messages, on FIFO queues, that carry the deduplication id of an earlier one.
	Resend float64 `json:"resend,omitempty"`
	// Marked is the share of messages with a message attribute.
	Marked float64 `json:"marked,omitempty"`
}

// Consumer is a thread that receives and mostly deletes. Shares are of the messages received, 0 to 1, and add up to at
// most 1; the rest is deleted in good time.
type Consumer struct {
	Queue string `json:"queue"`
	// Max is the number of messages asked for, 1 to 10.
	Max int `json:"max"`
	// WaitSeconds is the length of its long polls, 0 to 20.
	WaitSeconds int `json:"waitSeconds"`
	// VisibilitySeconds is the visibility timeout it asks for; 0 leaves it to the queue.
	VisibilitySeconds int `json:"visibilitySeconds,omitempty"`
	// ThinkMs is the mean time that the work on what was received takes.
	ThinkMs int `json:"thinkMs"`
	// BatchDelete makes it delete all messages of a receive with one request.
	BatchDelete bool `json:"batchDelete,omitempty"`
	// Forget is the share of messages that are left to become visible again.
	Forget float64 `json:"forget,omitempty"`
	// Release is the share of messages handed back at once, by a visibility timeout of 0.
	Release float64 `json:"release,omitempty"`
	// Extend is the share of messages whose visibility timeout is set to ExtendSeconds (1 to 43200), and which are
	// then worked on once more, and deleted or left.
	Extend        float64 `json:"extend,omitempty"`
	ExtendSeconds int     `json:"extendSeconds,omitempty"`
	// Late is the share of messages that are deleted only after their visibility timeout is over.
	Late float64 `json:"late,omitempty"`
	// Again is the share of deletes that are repeated.
	Again float64 `json:"again,omitempty"`
	// Stray is the share of receives after which it tries to delete a message of another queue with a handle that it got,
	// which must be refused. It is not among the shares that add up.
	Stray float64 `json:"stray,omitempty"`
}

// Keeper is a thread that looks after a queue. The shares are of its actions, 0 to 1, and add up to at most 1; the rest
// reads the queue's attributes.
type Keeper struct {
	Queue string `json:"queue"`
	// EveryMs is the mean time between two actions, above 0.
	EveryMs int `json:"everyMs"`
	// Change sets an attribute that no other thread depends on to a value that nobody else sets.
	Change float64 `json:"change,omitempty"`
	// Purge empties the queue, which must be Exempt.
	Purge float64 `json:"purge,omitempty"`
	// Replace deletes the queue, which must be Exempt, and makes it anew under its name.
	Replace float64 `json:"replace,omitempty"`
}

// Mover is a thread that starts message move tasks of a dead-letter queue, and looks at them. The shares are of its actions while a
// task runs, 0 to 1; the rest lists the tasks.
type Mover struct {
	Queue string `json:"queue"`
	// Target is the queue, of the plan and of the same kind, that messages move to; where each came from if it is empty.
	Target string `json:"target,omitempty"`
	// EveryMs is the mean time between two actions, above 0.
	EveryMs int `json:"everyMs"`
	// Rate is how many messages a second a task moves at most, 1 to 500; 0 is no limit.
	Rate int `json:"rate,omitempty"`
	// Cancel cancels the task.
	Cancel float64 `json:"cancel,omitempty"`
}

// Administrator is a thread that deletes a queue while it is in use, and has it restored. No request that makes a queue may be
// under way then that could make another of the name: it waits for the threads that use the queue, and names must not be free
// again for a minute after a deletion. The shares are from 0 to 1.
type Administrator struct {
	// Queue is not exempt, delivers more than once, and no message moves from or to it.
	Queue string `json:"queue"`
	// EveryMs is the mean time between two actions, above 0.
	EveryMs int `json:"everyMs"`
	// Delete is the share of actions that delete the queue. The rest looks whether it is there.
	Delete float64 `json:"delete"`
	// AwayMs is the mean time between a deletion and the beginning of the restoration, above 0.
	AwayMs int `json:"awayMs"`
	// Again is the share of restorations that are repeated at once, and must be refused.
	Again float64 `json:"again,omitempty"`
	// Impatient is the share of restorations that are killed if they take long.
	Impatient float64 `json:"impatient,omitempty"`
}

// The least and largest bodies, in bytes: room for a token and its checksum, and SQS's limit.
const (
	bodyBytesLeast = 20
	bodyBytesMost  = 1 << 20
	largeBodyBytes = 100 << 10
)

// Validate returns an error that names the first thing that cannot be so.
func (p *Plan) Validate() error {
	consumed := make(map[string]bool)
	for i := range p.Consumers {
		consumed[p.Consumers[i].Queue] = true
	}
	names := make(map[string]bool)
	for i := range p.Queues {
		q := &p.Queues[i]
		switch {
		case names[q.Name] || q.Name == "":
			return fmt.Errorf("queue %d: name %q is empty or taken", i, q.Name)
		case q.VisibilitySeconds < 1:
			return fmt.Errorf("queue %s: visibility timeout is %d s, must be at least 1", q.Name, q.VisibilitySeconds)
		case !consumed[q.Name]:
			return fmt.Errorf("queue %s: nobody consumes it", q.Name)
		}
		names[q.Name] = true
	}
	for i := range p.Queues {
		if err := p.Queues[i].validate(p.queue(p.Queues[i].DeadLetter)); err != nil {
			return fmt.Errorf("queue %s: %w", p.Queues[i].Name, err)
		}
	}
	for i := range p.Producers {
		if err := p.Producers[i].validate(p.queue(p.Producers[i].Queue)); err != nil {
			return fmt.Errorf("producer %d: %w", i, err)
		}
	}
	for i := range p.Consumers {
		if err := p.Consumers[i].validate(p.queue(p.Consumers[i].Queue)); err != nil {
			return fmt.Errorf("consumer %d: %w", i, err)
		}
	}
	for i := range p.Keepers {
		if err := p.Keepers[i].validate(p.queue(p.Keepers[i].Queue)); err != nil {
			return fmt.Errorf("keeper %d: %w", i, err)
		}
	}
	for i := range p.Movers {
		if err := p.Movers[i].validate(p); err != nil {
			return fmt.Errorf("mover %d: %w", i, err)
		}
	}
	for i := range p.Administrators {
		if err := p.Administrators[i].validate(p); err != nil {
			return fmt.Errorf("administrator %d: %w", i, err)
		}
	}
	return nil
}

// queue returns a queue of the plan, nil if there is none of that name.
func (p *Plan) queue(name string) *Queue {
	for i := range p.Queues {
		if p.Queues[i].Name == name {
			return &p.Queues[i]
		}
	}
	return nil
}

func (q *Queue) validate(deadLetter *Queue) error {
	switch {
	case q.ContentBased && !q.FIFO():
		return errors.New("only a FIFO queue can be content-based")
	case q.DeadLetter == "" && q.MaxReceives == 0:
	case deadLetter == nil || deadLetter.FIFO() != q.FIFO() || deadLetter == q:
		return fmt.Errorf("dead-letter queue %q is no other queue of the kind", q.DeadLetter)
	case q.MaxReceives < 1 || q.MaxReceives > 1000:
		return fmt.Errorf("messages move after %d receives, must be 1 to 1000", q.MaxReceives)
	case q.Exempt || deadLetter.Exempt || q.once() || deadLetter.once():
		return fmt.Errorf("messages of exempt queues, and of those that deliver at most once, do not move")
	}
	return shares(q.Poison)
}

func (m *Mover) validate(p *Plan) error {
	switch target := p.queue(m.Target); {
	case p.queue(m.Queue) == nil || len(p.sources(m.Queue)) == 0:
		return fmt.Errorf("%q is no dead-letter queue", m.Queue)
	case m.Target != "" && (target == nil || target.FIFO() != p.queue(m.Queue).FIFO() || m.Target == m.Queue || target.Exempt || target.once()):
		return fmt.Errorf("nothing can move to queue %q", m.Target)
	case m.EveryMs < 1:
		return fmt.Errorf("acts every %d ms, must be at least 1", m.EveryMs)
	case m.Rate < 0 || m.Rate > 500:
		return fmt.Errorf("moves %d messages a second, must be 0 to 500", m.Rate)
	}
	return shares(m.Cancel)
}

func (a *Administrator) validate(p *Plan) error {
	switch queue := p.queue(a.Queue); {
	case queue == nil:
		return fmt.Errorf("there is no queue %q", a.Queue)
	case !p.stays(queue):
		return fmt.Errorf("queue %q is exempt, delivers at most once, or its messages move", a.Queue)
	case a.EveryMs < 1 || a.AwayMs < 1:
		return fmt.Errorf("acts every %d ms and restores after %d ms, both must be at least 1", a.EveryMs, a.AwayMs)
	}
	return shares(a.Delete, a.Again, a.Impatient)
}

// stays tells whether every message stays in the queue until a consumer deletes it.
func (p *Plan) stays(q *Queue) bool {
	moved := slices.ContainsFunc(p.Movers, func(m Mover) bool { return m.Target == q.Name })
	return !q.Exempt && !q.once() && q.DeadLetter == "" && len(p.sources(q.Name)) == 0 && !moved
}

// users returns the queue of every thread.
func (p *Plan) users() []string {
	var queues []string
	for i := range p.Producers {
		queues = append(queues, p.Producers[i].Queue)
	}
	for i := range p.Consumers {
		queues = append(queues, p.Consumers[i].Queue)
	}
	for i := range p.Keepers {
		queues = append(queues, p.Keepers[i].Queue)
	}
	for i := range p.Movers {
		queues = append(queues, p.Movers[i].Queue)
	}
	for i := range p.Administrators {
		queues = append(queues, p.Administrators[i].Queue)
	}
	return queues
}

// administered tells whether an administrator deletes the queue of that name, and restores it.
func (p *Plan) administered(name string) bool {
	return slices.ContainsFunc(p.Administrators, func(a Administrator) bool { return a.Queue == name })
}

// sources returns the names of the queues whose dead-letter queue a queue is.
func (p *Plan) sources(name string) []string {
	var names []string
	for i := range p.Queues {
		if p.Queues[i].DeadLetter == name && name != "" {
			names = append(names, p.Queues[i].Name)
		}
	}
	return names
}

// targets returns the names of the queues to which a mover's tasks move messages.
func (p *Plan) targets(m *Mover) []string {
	if m.Target != "" {
		return []string{m.Target}
	}
	return p.sources(m.Queue)
}

// origins returns the names of the queues that messages of a queue may have been sent to, itself included.
func (p *Plan) origins(name string) []string {
	found := []string{name}
	add := func(name string) {
		if !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	for i := 0; i < len(found); i++ {
		for _, source := range p.sources(found[i]) {
			add(source)
		}
		for k := range p.Movers {
			if slices.Contains(p.targets(&p.Movers[k]), found[i]) {
				add(p.Movers[k].Queue)
			}
		}
	}
	return found
}

// Described returns what the rules for histories must know of the queues.
func (p *Plan) Described() map[string]linearizability.Queue {
	described := map[string]linearizability.Queue{}
	for _, q := range p.Queues {
		to := linearizability.Queue{
			Delay: seconds(q.DelaySeconds), Partitions: q.Partitions, DeduplicatesPerGroup: q.DedupPerGroup, Undrained: q.Exempt,
			DeadLetter: q.DeadLetter, MaxReceives: q.MaxReceives, Delivery: q.Delivery, Restored: p.administered(q.Name),
		}
		for i := range p.Movers {
			if p.Movers[i].Queue == q.Name {
				to.MovesTo = append(to.MovesTo, p.targets(&p.Movers[i])...)
			}
		}
		described[q.Name] = to
	}
	return described
}

func (p *Producer) validate(queue *Queue) error {
	switch {
	case queue == nil:
		return fmt.Errorf("there is no queue %q", p.Queue)
	case p.Rate <= 0:
		return fmt.Errorf("rate is %v, must be above 0", p.Rate)
	case p.BatchMax < 1 || p.BatchMax > 10:
		return fmt.Errorf("batches of up to %d messages, must be 1 to 10", p.BatchMax)
	case p.BodyBytesMin < bodyBytesLeast || p.BodyBytesMax < p.BodyBytesMin || p.BodyBytesMax*p.BatchMax > bodyBytesMost:
		return fmt.Errorf("bodies of %d to %d bytes, must be %d to %d in a batch", p.BodyBytesMin, p.BodyBytesMax, bodyBytesLeast, bodyBytesMost)
	case queue.FIFO() && p.Groups < 1:
		return fmt.Errorf("%d message groups, must be at least 1", p.Groups)
	case queue.FIFO() && p.Delay > 0:
		return fmt.Errorf("messages of a FIFO queue cannot have a delay of their own")
	}
	return shares(p.Large, p.Delay, p.Resend, p.Marked)
}

func (c *Consumer) validate(queue *Queue) error {
	switch {
	case queue == nil:
		return fmt.Errorf("there is no queue %q", c.Queue)
	case c.Max < 1 || c.Max > 10:
		return fmt.Errorf("receives of %d messages, must be 1 to 10", c.Max)
	case c.WaitSeconds < 0 || c.WaitSeconds > 20:
		return fmt.Errorf("long polls of %d s, must be 0 to 20", c.WaitSeconds)
	case c.Extend > 0 && c.ExtendSeconds < 1:
		return fmt.Errorf("extends to %d s, must be at least 1", c.ExtendSeconds)
	case c.Forget+c.Release+c.Extend+c.Late > 1:
		return fmt.Errorf("shares add up to %v, must be at most 1", c.Forget+c.Release+c.Extend+c.Late)
	}
	return shares(c.Forget, c.Release, c.Extend, c.Late, c.Again, c.Stray)
}

func (k *Keeper) validate(queue *Queue) error {
	switch {
	case queue == nil:
		return fmt.Errorf("there is no queue %q", k.Queue)
	case k.EveryMs < 1:
		return fmt.Errorf("acts every %d ms, must be at least 1", k.EveryMs)
	case (k.Purge > 0 || k.Replace > 0) && !queue.Exempt:
		return fmt.Errorf("empties queue %s, which is not exempt", k.Queue)
	case k.Change+k.Purge+k.Replace > 1:
		return fmt.Errorf("shares add up to %v, must be at most 1", k.Change+k.Purge+k.Replace)
	}
	return shares(k.Change, k.Purge, k.Replace)
}

func shares(shares ...float64) error {
	for _, share := range shares {
		if share < 0 || share > 1 {
			return fmt.Errorf("a share is %v, must be 0 to 1", share)
		}
	}
	return nil
}
