package workload

import (
	"time"

	"chasqui/linearizability"
)

// How consumers drain the queues: everything is deleted at once, and what fails is soon visible again.
const (
	drainMax               = 10
	drainWaitSeconds       = 2
	drainVisibilitySeconds = 3
)

// idlePause is the mean time that a consumer waits after a receive that failed, or one without a wait that found
// nothing.
const idlePause = 200 * time.Millisecond

// extendedDone is the share of receives whose extended messages are deleted in the end. The others are left, so that it
// shows if they come back before the time that was asked for.
const extendedDone = 0.5

// poisonReleased is the share of receives of poisonous messages that hand them back at once. The others leave them.
const poisonReleased = 0.5

// lateMax bounds the messages that a consumer keeps in order to delete them too late.
const lateMax = 20

// consumer receives and deletes until the queues are drained.
type consumer struct {
	*Consumer
	late []lateDelete
}

// lateDelete is a message whose handle will have expired when it is used.
type lateDelete struct {
	message received
	due     time.Duration
}

func (c *consumer) run(t *thread) {
	if !t.createQueue() {
		return
	}
	for t.working() {
		if t.run.phase() == draining {
			c.drain(t)
		} else {
			c.work(t)
		}
	}
}

// drain receives once and deletes what came.
func (c *consumer) drain(t *thread) {
	messages, outcome := t.receive(drainMax, drainWaitSeconds, drainVisibilitySeconds)
	switch {
	case len(messages) > 0:
		t.delete(messages)
	case outcome != linearizability.OK:
		t.env.Sleep(t.jitter(idlePause))
	}
}

// work receives once and does with each message what the dice say.
func (c *consumer) work(t *thread) {
	if !c.BatchDelete {
		for _, m := range c.due(t, lateMax) {
			t.delete([]received{m})
		}
	}
	messages, outcome := t.receive(c.Max, c.WaitSeconds, c.VisibilitySeconds)
	if len(messages) == 0 {
		if outcome != linearizability.OK || c.WaitSeconds == 0 {
			t.env.Sleep(t.jitter(idlePause))
		}
		return
	}
	if t.chance(c.Stray) {
		t.stray(messages[0])
	}
	c.think(t)
	var finished, released, extended []received
	for _, m := range messages {
		dice := t.random.Float64()
		switch {
		case poisonous(m.token, t.queue.Poison):
			if dice < poisonReleased {
				released = append(released, m)
			}
		case dice < c.Forget:
		case dice < c.Forget+c.Release:
			released = append(released, m)
		case dice < c.Forget+c.Release+c.Extend:
			extended = append(extended, m)
		case dice < c.Forget+c.Release+c.Extend+c.Late:
			c.keep(t, m)
		default:
			finished = append(finished, m)
		}
	}
	if len(released) > 0 {
		t.changeVisibility(released, 0)
	}
	if c.BatchDelete {
		finished = append(finished, c.due(t, batchMost-len(finished))...) // handles of two fates in one request
	}
	c.delete(t, finished)
	if len(extended) > 0 {
		t.changeVisibility(extended, c.ExtendSeconds)
		c.think(t)
		if t.chance(extendedDone) {
			c.delete(t, extended)
		}
	}
}

func (c *consumer) think(t *thread) {
	t.env.Sleep(t.exponential(time.Duration(c.ThinkMs) * time.Millisecond))
}

// delete deletes messages in the consumer's way, some of them twice.
func (c *consumer) delete(t *thread, messages []received) {
	if len(messages) == 0 {
		return
	}
	if c.BatchDelete {
		t.delete(messages)
	} else {
		for i := range messages {
			t.delete(messages[i : i+1])
		}
	}
	if t.chance(c.Again) {
		t.delete(messages[:1])
	}
}

// keep puts a message aside until its visibility timeout is over.
func (c *consumer) keep(t *thread, m received) {
	if len(c.late) == lateMax {
		return // forgotten: that happens too
	}
	visibilitySeconds := c.VisibilitySeconds
	if visibilitySeconds == 0 {
		visibilitySeconds = t.queue.VisibilitySeconds
	}
	c.late = append(c.late, lateDelete{message: m, due: t.env.Now() + seconds(visibilitySeconds)})
}

// batchMost is SQS's limit of a batch.
const batchMost = 10

// due takes up to most messages off those that were put aside and whose time is over. All of a consumer's timeouts are the
// same, so the first is due first.
func (c *consumer) due(t *thread, most int) []received {
	var due []received
	for len(c.late) > 0 && len(due) < most && c.late[0].due < t.env.Now() {
		due = append(due, c.late[0].message)
		c.late = c.late[1:]
	}
	return due
}
