package workload

import (
	"time"

	"chasqui/linearizability"
)

// emptyPolls is how many long polls in a row must find a queue empty, at a time when nothing in it can be invisible.
const emptyPolls = 3

// unsettledSlack is how long after a client gave up, or was answered, the service may still begin to carry out a
// request or may differ from the client in measuring a timeout.
const unsettledSlack = 5 * time.Second

// Missing is a message whose send was acknowledged and which nobody has received.
type Missing struct {
	Queue     string `json:"queue"`
	MessageID string `json:"message"`
	Token     string `json:"token"`
	Operation int    `json:"operation"` // id of the send in the history
}

// ledger is what a queue owes its users.
//
// The rule for "drained" is exact in both directions. Nothing acknowledged is missing when every acknowledged message id,
// or the token sent under it, has been received. (A send that was told to be a duplicate is acknowledged with the id of
// the first one, whose token is another.) And nothing else is left in the queue when long polls come back empty after
// the last moment until which any message that we know of, or any that a request without an answer may have left behind,
// can be in flight or delayed.
type ledger struct {
	exempt    bool                // nothing is missing, whatever was acknowledged
	missing   map[string]Missing  // acknowledged and not received, by message id
	byToken   map[string]string   // the message ids of missing, by token
	gotIDs    map[string]struct{} // received, by message id
	gotTokens map[string]struct{} // received, by token
	held      map[string]hold     // received and not known to be deleted, by message id
	// coming are messages that may have moved away from another queue to this one, and until when they may be on their way.
	coming map[string]arriving
	// quietFrom is when nothing without an entry in held can be invisible any more.
	quietFrom time.Duration
	// empties counts long polls that began since then and found nothing.
	empties int
	// deliveries counts messages that came, and again those of them that had come before.
	deliveries, again int
}

// arriving is a message that may come from another queue.
type arriving struct {
	handle string // of its last receive there
	until  time.Duration
}

// moveSlack is how long after a message could have been received once more it may take to come to its dead-letter queue, or after
// a task's end to where that moved it: transfers that fail are repeated, and must find new leaders. Those are there when the
// queues are drained.
const (
	moveSlack        = 20 * time.Second
	moveSlackDrained = 10 * time.Second
)

// hold is the latest receive of a message.
type hold struct {
	handle string
	until  time.Duration // when it is visible again at the latest
}

func newLedger(exempt bool) *ledger {
	return &ledger{
		exempt: exempt, missing: make(map[string]Missing), byToken: make(map[string]string),
		gotIDs: make(map[string]struct{}), gotTokens: make(map[string]struct{}), held: make(map[string]hold), coming: make(map[string]arriving),
	}
}

// acknowledged notes a send. The message can be received from the given time on, or has been already.
func (l *ledger) acknowledged(m Missing, visible time.Duration) {
	_, gotID := l.gotIDs[m.MessageID]
	_, gotToken := l.gotTokens[m.Token]
	if _, known := l.missing[m.MessageID]; !known && !gotID && !gotToken && !l.exempt {
		l.missing[m.MessageID] = m
		l.byToken[m.Token] = m.MessageID
	}
	l.quiet(visible)
}

// unsettled notes something of which only the service knows whether it happened, and after which a message may be
// invisible until the given time.
func (l *ledger) unsettled(until time.Duration) { l.quiet(until + unsettledSlack) }

func (l *ledger) quiet(from time.Duration) {
	l.quietFrom = max(l.quietFrom, from)
	l.empties = 0
}

// received notes a message that came.
func (l *ledger) received(m *linearizability.Message, until time.Duration) {
	l.deliveries++
	if _, known := l.gotIDs[m.MessageID]; known {
		l.again++
	}
	l.turnedUp(m)
	delete(l.coming, m.MessageID)
	l.held[m.MessageID] = hold{handle: m.Handle, until: until}
	l.empties = 0
}

// turnedUp notes a message that came, here or from a queue that it moved to.
func (l *ledger) turnedUp(m *linearizability.Message) {
	l.gotIDs[m.MessageID] = struct{}{}
	l.gotTokens[m.Body] = struct{}{}
	l.found(m.MessageID)
	l.found(l.byToken[m.Body])
}

// mayCome notes a message that moves here, by the given time, when it is not deleted by its holder.
func (l *ledger) mayCome(m *linearizability.Message, until time.Duration) {
	l.coming[m.MessageID] = arriving{handle: m.Handle, until: until}
	l.empties = 0
}

// stays notes that a message was deleted and does not come.
func (l *ledger) stays(messageID, handle string) {
	if l.coming[messageID].handle == handle {
		delete(l.coming, messageID)
	}
}

// found takes a message off the missing ones. An unknown id changes nothing.
func (l *ledger) found(messageID string) {
	delete(l.byToken, l.missing[messageID].Token)
	delete(l.missing, messageID)
}

// changed notes a visibility timeout that was set, or may have been.
func (l *ledger) changed(messageID string, until time.Duration) {
	if h, ok := l.held[messageID]; ok {
		l.held[messageID] = hold{handle: h.handle, until: max(h.until, until)}
	}
	l.empties = 0
}

// deleted notes a delete. With the handle of an earlier receive it need not have had an effect.
func (l *ledger) deleted(messageID, handle string) {
	if l.held[messageID].handle == handle {
		delete(l.held, messageID)
	}
}

// empty notes a long poll that began at the given time and found nothing, or not even the queue.
func (l *ledger) empty(began time.Duration) {
	quiet := l.quietFrom
	for _, h := range l.held {
		quiet = max(quiet, h.until)
	}
	for _, c := range l.coming {
		quiet = max(quiet, c.until)
	}
	if began > quiet {
		l.empties++
	}
}

// drained tells whether nothing is left in the queue.
func (l *ledger) drained() bool { return len(l.missing) == 0 && l.empties >= emptyPolls }
