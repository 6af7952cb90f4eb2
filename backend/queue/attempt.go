package queue

import (
	"cmp"
	"fmt"
)

// A consumer of a FIFO queue whose receive got no answer may repeat it with the same attempt ID (SQS:
// ReceiveRequestAttemptId). It gets the same messages with the same handles, and their visibility timeout starts
// again; without that, it would have to wait until its groups are unlocked by the timeout. This is the user's own
// means against a lost answer; sessions (session.go) are chasqui's between its frontends and backends.

// attempt is one receive with an attempt ID that delivered something.
type attempt struct {
	id string
	// receivedMs is the time of the first receive; AttemptMs later the attempt is forgotten.
	receivedMs int64
	// visibleAtMs is the deadline that the receive, or its latest repeat, gave its messages.
	visibleAtMs int64
	delivered   []Handle
}

func compareAttempts(a, b *attempt) int {
	return cmp.Or(cmp.Compare(a.receivedMs, b.receivedMs), cmp.Compare(a.id, b.id))
}

// repeatAttempt answers r with the messages of the attempt it repeats, or returns nil if there is none, or if one
// of them has been deleted, has become visible, or had its visibility changed: then r is a receive like any other.
func (p *partition) repeatAttempt(r *Receive) *Result {
	receivedMs, ok := p.attemptTimes[r.AttemptID]
	if r.AttemptID == "" || !ok {
		return nil
	}
	a, ok := p.attempts.Get(attempt{id: r.AttemptID, receivedMs: receivedMs})
	if !ok {
		panic(fmt.Sprintf("partition %v: attempt %q of %d ms is indexed but not stored", p.id, r.AttemptID, receivedMs))
	}
	messages := p.stillHeld(&a)
	if messages == nil {
		p.forgetAttempt(a)
		return nil
	}
	a.visibleAtMs = p.advancedMs + r.VisibilityMs
	p.addAttempt(a)
	result := &Result{Messages: make([]Message, len(messages))}
	for i, m := range messages {
		extended := m
		extended.visibleAtMs = a.visibleAtMs
		p.change(m, extended)
		result.Messages[i] = extended.delivery()
	}
	return result
}

// stillHeld returns the messages of a if all of them are in flight just as a left them, nil otherwise.
func (p *partition) stillHeld(a *attempt) []message {
	messages := make([]message, 0, len(a.delivered))
	for _, handle := range a.delivered {
		m, ok := p.get(handle.Seq)
		if !ok || m.receives != handle.Receive || m.visibleAtMs != a.visibleAtMs || !m.hidden(p.advancedMs) {
			return nil
		}
		messages = append(messages, m)
	}
	return messages
}

// rememberAttempt stores what r has delivered under its attempt ID, if it has one.
func (p *partition) rememberAttempt(r *Receive, result *Result) {
	if r.AttemptID == "" || len(result.Messages) == 0 || p.settings.Delivery == AtMostOnce {
		return // nothing to give again, or nothing left of it
	}
	a := attempt{id: r.AttemptID, receivedMs: p.advancedMs, visibleAtMs: p.advancedMs + r.VisibilityMs}
	for i := range result.Messages {
		a.delivered = append(a.delivered, result.Messages[i].Handle())
	}
	p.addAttempt(a)
}

func (p *partition) hasAttempt(id string) bool {
	_, ok := p.attemptTimes[id]
	return ok
}

func (p *partition) addAttempt(a attempt) {
	p.attempts.ReplaceOrInsert(a)
	p.attemptTimes[a.id] = a.receivedMs
}

func (p *partition) forgetAttempt(a attempt) {
	p.attempts.Delete(a)
	delete(p.attemptTimes, a.id)
}

// expireAttempts forgets the attempts that are AttemptMs old.
func (p *partition) expireAttempts() {
	for {
		oldest, ok := p.attempts.Min()
		if !ok || oldest.receivedMs+AttemptMs > p.advancedMs {
			return
		}
		p.forgetAttempt(oldest)
	}
}
