package workload

import (
	"fmt"
	"math/rand/v2"

	"chasqui/linearizability"
)

// DefaultRate is the requests per second of all threads of a plan together that suit a simulated cluster.
const DefaultRate = 50

// The parts of the total rate that producers send at and that consumers' think times are chosen for. Keepers take what
// is left. Consumers can do more than they are asked to, and when they drain they do not think.
const (
	producingShare = 0.4
	consumingShare = 0.55
)

// Draw makes a plan at random: one to three standard queues and up to two FIFO queues (or the other way round), each
// with its producers and consumers and perhaps a dead-letter queue, up to two keepers, and in half of the plans one more queue that is purged, deleted
// and made anew. Some have one that delivers at most once, or a standard one that delivers exactly once. Every kind of behaviour is off in some plans. rate is about how many requests per second all threads
// make together.
func Draw(random *rand.Rand, rate float64) Plan {
	d := drawing{random: random}
	standard, fifo := 1+random.IntN(3), random.IntN(3)
	if d.chance(0.3) {
		standard, fifo = fifo, standard
	}
	for i := range standard {
		d.queue(fmt.Sprintf("standard-%d", i), false)
	}
	for i := range fifo {
		d.queue(fmt.Sprintf("ordered-%d.fifo", i), false)
	}
	if d.chance(0.5) {
		d.queue([]string{"exempt", "exempt.fifo"}[random.IntN(2)], true)
	}
	d.moves()
	if d.chance(deliveryChance) {
		name := []string{"once", "once.fifo"}[d.random.IntN(2)]
		d.delivered(name, linearizability.DeliveredAtMostOnce)
	}
	if d.chance(deliveryChance) {
		d.delivered("exact", linearizability.DeliveredExactlyOnce)
	}
	d.share(rate)
	return d.plan
}

// tenants is how many message groups there are on standard queues, for every second producer.
const tenants = 4

type drawing struct {
	random *rand.Rand
	plan   Plan
}

// chance is true with probability p.
func (d *drawing) chance(p float64) bool { return d.random.Float64() < p }

// perhaps returns a share of up to most, or 0.
func (d *drawing) perhaps(p, most float64) float64 {
	if !d.chance(p) {
		return 0
	}
	return percent(d.random.Float64() * most)
}

// percent keeps two digits: plans are read by people.
func percent(share float64) float64 { return float64(int(share*100+0.5)) / 100 }

func (d *drawing) pick(values ...int) int { return values[d.random.IntN(len(values))] }

// queue adds a queue and those who work on it.
func (d *drawing) queue(name string, exempt bool) {
	q := d.attributes(name)
	q.Exempt = exempt
	d.add(q)
	for range d.pick(0, 1, 2, 2) {
		d.keeper(&q)
	}
	if exempt && len(d.plan.Keepers) == 0 {
		d.keeper(&q)
	}
}

// attributes draws a queue's attributes.
func (d *drawing) attributes(name string) Queue {
	q := Queue{Name: name, VisibilitySeconds: d.pick(1, 2, 2, 3, 5, 10, 30), Partitions: d.pick(1, 1, 1, 1, 2, 4)}
	if d.chance(0.15) {
		q.DelaySeconds = 1 + d.random.IntN(3)
	}
	if q.FIFO() {
		q.ContentBased = d.chance(0.3)
		// Partitions of a queue do not know each other's deduplication ids; a group has its one partition.
		q.DedupPerGroup = q.Partitions > 1 || d.chance(0.3)
	}
	return q
}

// add adds a queue with its producers and consumers.
func (d *drawing) add(q Queue) {
	d.plan.Queues = append(d.plan.Queues, q)
	for range 1 + d.random.IntN(3) {
		d.producer(&q)
	}
	for range 1 + d.random.IntN(3) {
		d.consumer(&q)
	}
}

// delivered adds a queue with a delivery of its own.
func (d *drawing) delivered(name string, delivery linearizability.Delivery) {
	q := d.attributes(name)
	q.Delivery = delivery
	d.add(q)
}

// The share of plans in which queues have dead-letter queues, and in which there is a queue of another delivery; of queues with
// one; and of dead-letter queues whose messages are moved back, or on.
const (
	movesChance    = 0.5
	deliveryChance = 0.3
	deadChance     = 0.6
	moverChance    = 0.6
)

// moves gives dead-letter queues to some of the queues, to two of a kind perhaps the same one.
func (d *drawing) moves() {
	if !d.chance(movesChance) {
		return
	}
	var targets [2]*Queue // of standard and of FIFO queues
	for i := range d.plan.Queues {
		q := d.plan.Queues[i]
		if q.Exempt || !d.chance(deadChance) {
			continue
		}
		kind, name := 0, "dead-"+q.Name
		if q.FIFO() {
			kind = 1
		}
		if targets[kind] == nil || d.chance(0.5) {
			target := d.attributes(name)
			target.DelaySeconds = 0
			d.plan.Queues = append(d.plan.Queues, target)
			for range 1 + d.random.IntN(2) {
				d.consumer(&target)
			}
			targets[kind] = &target
		}
		q.DeadLetter, q.MaxReceives, q.Poison = targets[kind].Name, d.pick(1, 1, 2, 3, 5), float64(d.pick(2, 5, 10, 30))/100
		q.VisibilitySeconds = min(q.VisibilitySeconds, 3)
		d.plan.Queues[i] = q
	}
	for i := range d.plan.Queues {
		if q := &d.plan.Queues[i]; len(d.plan.sources(q.Name)) > 0 && d.chance(moverChance) {
			d.mover(q)
		}
	}
}

// mover adds one who moves the messages of a dead-letter queue back or, perhaps, to another queue.
func (d *drawing) mover(q *Queue) {
	m := Mover{Queue: q.Name, EveryMs: 500 + d.random.IntN(2500), Rate: d.pick(0, 0, 1, 2, 10, 500), Cancel: d.perhaps(0.5, 0.3)}
	if d.chance(0.3) {
		for i := range d.plan.Queues {
			if other := &d.plan.Queues[i]; other.FIFO() == q.FIFO() && !other.Exempt && len(d.plan.sources(other.Name)) == 0 {
				m.Target = other.Name
			}
		}
	}
	d.plan.Movers = append(d.plan.Movers, m)
}

// The share of plans with administrators, of those in which two queues have some, and of queues with two of them.
const (
	administratorsChance = 0.4
	secondQueueChance    = 0.3
	secondChance         = 0.3
)

// DrawAdministrators gives administrators to one or two queues of a plan whose messages stay where they are, in some of the plans. It
// returns whether it did. Each needs a console, and names that are not free again for a minute after a deletion.
func DrawAdministrators(plan *Plan, random *rand.Rand) bool {
	d := drawing{random: random, plan: *plan}
	if !d.chance(administratorsChance) {
		return false
	}
	var fit []string
	for i := range plan.Queues {
		if plan.stays(&plan.Queues[i]) {
			fit = append(fit, plan.Queues[i].Name)
		}
	}
	random.Shuffle(len(fit), func(i, j int) { fit[i], fit[j] = fit[j], fit[i] })
	queues := 1
	if d.chance(secondQueueChance) {
		queues = 2
	}
	for _, name := range fit[:min(queues, len(fit))] {
		administrators := 1
		if d.chance(secondChance) {
			administrators = 2
		}
		for range administrators {
			d.plan.Administrators = append(d.plan.Administrators, Administrator{
				Queue: name, EveryMs: 1000 + random.IntN(4000), Delete: percent(0.3 + 0.6*random.Float64()), AwayMs: d.pick(100, 500, 1500, 4000),
				Again: d.perhaps(0.5, 0.4), Impatient: d.perhaps(0.5, 0.5),
			})
		}
	}
	*plan = d.plan
	return len(plan.Administrators) > 0
}

// keeper adds one of those who look after a queue. Several on one queue race: what one reads, another changes.
func (d *drawing) keeper(q *Queue) {
	k := Keeper{Queue: q.Name, EveryMs: 400 + d.random.IntN(3600), Change: d.perhaps(0.8, 0.5)}
	if q.Exempt {
		k.Purge = d.perhaps(0.6, 0.2)
		k.Replace = d.perhaps(0.7, 0.3)
	}
	d.plan.Keepers = append(d.plan.Keepers, k)
}

func (d *drawing) producer(q *Queue) {
	p := Producer{
		Queue:        q.Name,
		BatchMax:     d.pick(1, 1, 3, 10),
		BodyBytesMin: bodyBytesLeast,
		BodyBytesMax: d.pick(40, 200, 1<<10, 8<<10),
	}
	if d.chance(0.2) {
		p.Large = 0.01
	}
	p.Marked = d.perhaps(0.4, 0.5)
	if q.FIFO() {
		p.Groups = d.pick(1, 2, 3, 8)
	}
	if q.exact() {
		p.Resend = d.perhaps(0.6, 0.2)
	} else {
		p.Groups = len(d.plan.Producers) % 2 * tenants
	}
	if p.Delay = d.perhaps(0.4, 0.3); q.FIFO() {
		p.Delay = 0 // its messages have the queue's
	} else if p.Delay > 0 {
		p.DelaySecondsMax = d.pick(1, 2, 5)
	}
	d.plan.Producers = append(d.plan.Producers, p)
}

func (d *drawing) consumer(q *Queue) {
	c := Consumer{
		Queue:       q.Name,
		Max:         d.pick(1, 3, 10, 10),
		WaitSeconds: d.pick(0, 1, 2, 5, 20),
		BatchDelete: d.chance(0.6),
		Forget:      d.perhaps(0.5, 0.1),
		Release:     d.perhaps(0.4, 0.1),
		Extend:      d.perhaps(0.5, 0.15),
		Late:        d.perhaps(0.4, 0.05),
		Again:       d.perhaps(0.4, 0.1),
		Stray:       d.perhaps(0.3, 0.1),
	}
	if d.chance(0.4) {
		c.VisibilitySeconds = d.pick(1, 2, 5, 10, 30)
	}
	if c.Extend > 0 {
		c.ExtendSeconds = d.pick(1, 3, 10)
	}
	d.plan.Consumers = append(d.plan.Consumers, c)
}

// share gives the producers their rates and the consumers their think times.
func (d *drawing) share(rate float64) {
	weights := make([]float64, len(d.plan.Producers))
	var total float64
	for i := range weights {
		weights[i] = 0.2 + d.random.Float64()
		total += weights[i]
	}
	for i := range d.plan.Producers {
		d.plan.Producers[i].Rate = percent(max(0.01, rate*producingShare*weights[i]/total))
	}
	each := rate * consumingShare / float64(len(d.plan.Consumers))
	for i := range d.plan.Consumers {
		c := &d.plan.Consumers[i]
		requests := 2.0
		if !c.BatchDelete {
			requests = 1 + 0.6*float64(c.Max)
		}
		c.ThinkMs = int(min(1000*requests/each, thinkMsMost) * (0.3 + d.random.Float64()))
	}
}

// thinkMsMost bounds the mean work on what a receive brought, in milliseconds. Now and then it outlasts the shorter
// visibility timeouts.
const thinkMsMost = 1000
