package workload

import (
	"fmt"
	"math/rand/v2"
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
// with its producers and consumers, up to two keepers, and in half of the plans one more queue that is purged, deleted
// and made anew. Every kind of behaviour is off in some plans. rate is about how many requests per second all threads
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
	q := Queue{Name: name, Exempt: exempt, VisibilitySeconds: d.pick(1, 2, 2, 3, 5, 10, 30), Partitions: d.pick(1, 1, 1, 1, 2, 4)}
	if d.chance(0.15) {
		q.DelaySeconds = 1 + d.random.IntN(3)
	}
	if q.FIFO() {
		q.ContentBased = d.chance(0.3)
		// Partitions of a queue do not know each other's deduplication ids; a group has its one partition.
		q.DedupPerGroup = q.Partitions > 1 || d.chance(0.3)
	}
	d.plan.Queues = append(d.plan.Queues, q)
	for range 1 + d.random.IntN(3) {
		d.producer(&q)
	}
	for range 1 + d.random.IntN(3) {
		d.consumer(&q)
	}
	for range d.pick(0, 1, 2, 2) {
		d.keeper(&q)
	}
	if exempt && len(d.plan.Keepers) == 0 {
		d.keeper(&q)
	}
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
	if q.FIFO() {
		p.Groups = d.pick(1, 2, 3, 8)
		p.Resend = d.perhaps(0.6, 0.2)
	} else {
		if p.Delay = d.perhaps(0.4, 0.3); p.Delay > 0 {
			p.DelaySecondsMax = d.pick(1, 2, 5)
		}
		p.Groups = len(d.plan.Producers) % 2 * tenants
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
