package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// producer sends messages until production stops.
type producer struct {
	*Producer
	requests int
	earlier  []origin // FIFO: messages whose deduplication ids may be used again
}

// origin is what a message that is to count as a duplicate needs of the first one.
type origin struct {
	group, dedupID string
}

// earlierMax bounds the messages a producer remembers. Those it forgets are chosen at random, so that in a long run
// some are older than the five minutes of deduplication.
const earlierMax = 32

// hotGroup is the share of messages that go to the first message group; otherGroup that of the duplicates that go to
// another group than the first one.
const (
	hotGroup   = 0.5
	otherGroup = 0.2
)

func (p *producer) run(t *thread) {
	if !t.createQueue() {
		return
	}
	for {
		t.env.Sleep(t.exponential(time.Duration(float64(time.Second) / p.Rate)))
		if !t.working() {
			return
		}
		t.send(p.batch(t))
	}
}

// batch makes the messages of one request.
func (p *producer) batch(t *thread) []outgoing {
	p.requests++
	if t.chance(p.Large) {
		return []outgoing{p.message(t, 0, largeBodyBytes)}
	}
	messages := make([]outgoing, 1+t.random.IntN(p.BatchMax))
	for i := range messages {
		messages[i] = p.message(t, i, p.BodyBytesMin+t.random.IntN(p.BodyBytesMax-p.BodyBytesMin+1))
	}
	return messages
}

func (p *producer) message(t *thread, place, bytes int) outgoing {
	m := outgoing{token: fmt.Sprintf("%s/%d.%d", t.name, p.requests, place)}
	if t.chance(p.Marked) {
		m.token += markedSuffix
	}
	m.body = newBody(m.token, bytes, t.random)
	if t.queue.exact() {
		p.order(t, &m)
	} else {
		m.group = p.group(t)
	}
	if !t.queue.FIFO() && t.chance(p.Delay) {
		delay := t.random.IntN(p.DelaySecondsMax + 1)
		m.delay = &delay
	}
	return m
}

// order gives a message its group, if the producer has any, and its deduplication id: those of an earlier message, or its own. Bodies
// are unique in the run, so on a queue with content-based deduplication a duplicate names the hash of the first one.
func (p *producer) order(t *thread, m *outgoing) {
	if len(p.earlier) > 0 && t.chance(p.Resend) {
		first := p.earlier[t.random.IntN(len(p.earlier))]
		m.group, m.dedupID, m.explicit = first.group, first.dedupID, true
		if t.chance(otherGroup) {
			m.group = p.group(t)
		}
		return
	}
	m.group = p.group(t)
	if t.queue.ContentBased {
		sum := sha256.Sum256([]byte(m.body))
		m.dedupID = hex.EncodeToString(sum[:])
	} else {
		m.dedupID, m.explicit = "id-"+m.token, true
	}
	first := origin{group: m.group, dedupID: m.dedupID}
	if len(p.earlier) < earlierMax {
		p.earlier = append(p.earlier, first)
	} else {
		p.earlier[t.random.IntN(earlierMax)] = first
	}
}

func (p *producer) group(t *thread) string {
	if p.Groups == 0 {
		return ""
	}
	group := 0
	if !t.chance(hotGroup) {
		group = t.random.IntN(p.Groups)
	}
	return fmt.Sprintf("group-%d", group)
}
