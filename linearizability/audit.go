package linearizability

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The rules of Audit.
const (
	// AppliedResult is broken if a replica answered a command as no correct queue may in that state.
	AppliedResult Rule = "applied-result"
	// AppliedAnswer is broken if a client got an answer that no applied command gave, or not in that time.
	AppliedAnswer Rule = "applied-answer"
)

// AuditRules returns the rules that Audit applies.
func AuditRules() []Rule { return []Rule{AppliedResult, AppliedAnswer} }

// Audit is the judge that sees inside: it is given every entry that the replicas of the queues' partitions applied, each once and in
// any order, and the clients' history. A naive queue (naive.go, naivemoves.go) is led through the entries and must agree with each result; then
// each answer in the history must be one that was given by a command that was applied during the operation. It finds what
// clients can hardly see: an answer from the wrong state that happens to look right. Entries must be complete from the first on.
//
// The clock of Applied.Seen and that of the history must be the same.
func Audit(entries []Applied, h []Operation) Verdict {
	c := newChecker(h, Options{})
	c.verdict.Checked = map[Rule]int{AppliedResult: 0, AppliedAnswer: 0}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Applied) int { return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Index, b.Index)) })
	a := &audit{checker: c, sent: map[string]sentEvidence{}, delivered: map[delivered][]int64{}, deleted: map[string][]int64{}, kept: map[place]keptMessage{}}
	slots := map[string]*naiveSlot{}
	lost := map[string]bool{} // partitions that the naive queue can no longer follow
	parsed := make([][]appliedCommand, len(entries))
	moves := newNaiveMoves()
	for i := range entries {
		e := &entries[i]
		commands, err := parseCommands(e.Commands)
		if err != nil {
			c.judged(AppliedResult)
			a.result(e, "%v", err)
			continue
		}
		parsed[i] = commands
		for k := range commands {
			if err := moves.note(e.Seen, &commands[k]); err != nil {
				a.result(e, "%v", err)
			}
		}
	}
	for i, commands := range parsed {
		e := &entries[i]
		slot := slots[e.Group]
		if slot == nil {
			slot = newNaiveSlot(moves)
			slots[e.Group] = slot
		}
		slot.seen = e.Seen
		for k := range commands {
			command := &commands[k]
			if at := e.Group + " " + command.partition; !lost[at] {
				c.judged(AppliedResult)
				if err := slot.apply(e.AtMs, command); err != nil {
					lost[at] = true
					a.result(e, "a %s on partition %s: %v", command.kind, command.partition, err)
				}
			}
			a.note(e, command)
		}
	}
	for i := range h {
		a.answers(&h[i])
	}
	c.sort()
	return c.verdict
}

// audit is one Audit, with what the applied commands did by message.
type audit struct {
	*checker
	sent      map[string]sentEvidence
	delivered map[delivered][]int64 // when
	deleted   map[string][]int64    // when a delete was accepted
	kept      map[place]keptMessage
}

// keptMessage is a message that was stored, and how often it had been received in other queues before.
type keptMessage struct {
	id      string
	earlier uint64
}

// sentEvidence is what was answered to a send.
type sentEvidence struct {
	seq  uint64
	seen []int64
}

// delivered is the receive of a message that its receive count names.
type delivered struct {
	id    string
	count int
}

// place is where a message is stored.
type place struct {
	partition string
	seq       uint64
}

func (a *audit) result(e *Applied, format string, args ...any) {
	a.verdict.Found[AppliedResult]++
	if a.verdict.Found[AppliedResult] <= ViolationsMax {
		a.verdict.Violations = append(a.verdict.Violations, Violation{
			Rule: AppliedResult, Operations: []int{}, At: e.Seen,
			Text: fmt.Sprintf("entry %d of %s, applied at %s: ", e.Index, e.Group, at(e.Seen)) + fmt.Sprintf(format, args...),
		})
	}
}

// note keeps what a command did.
func (a *audit) note(e *Applied, c *appliedCommand) {
	switch c.kind {
	case "send":
		for _, m := range c.out {
			if m.code == "ok" {
				evidence := a.sent[m.id]
				evidence.seq, evidence.seen = m.seq, append(evidence.seen, e.Seen)
				a.sent[m.id] = evidence
				a.kept[place{c.partition, m.seq}] = keptMessage{id: m.id}
			}
		}
	case "transfer":
		for _, m := range c.stored {
			a.kept[place{c.partition, m.seq}] = keptMessage{m.id, m.receive}
		}
	case "receive":
		for _, m := range c.out {
			key := delivered{m.id, int(m.receive + a.kept[place{c.partition, m.seq}].earlier)}
			a.delivered[key] = append(a.delivered[key], e.Seen)
		}
	case "delete":
		for i, handle := range c.handles {
			if i < len(c.codes) && c.codes[i] == "ok" {
				id := a.kept[place{c.partition, handle.seq}].id
				a.deleted[id] = append(a.deleted[id], e.Seen)
			}
		}
	}
}

// answers checks one operation's answer.
func (a *audit) answers(op *Operation) {
	if op.Outcome != OK {
		return
	}
	during := func(moments []int64) bool {
		return slices.ContainsFunc(moments, func(seen int64) bool { return op.Call <= seen && seen <= op.Return })
	}
	switch op.Kind {
	case Send:
		a.judged(AppliedAnswer)
		evidence, ok := a.sent[plainID(op.MessageID)]
		switch {
		case !ok || !during(evidence.seen):
			a.broken(AppliedAnswer, []int{op.ID}, "the send of %q was answered with message %s, and no replica applied such a send between %s and %s",
				op.Body, op.MessageID, at(op.Call), at(op.Return))
		case op.SequenceNumber != "" && canonicalNumber(op.SequenceNumber) != fmt.Sprint(evidence.seq):
			a.broken(AppliedAnswer, []int{op.ID}, "the send of %q was answered with sequence number %s, applied was %d", op.Body, op.SequenceNumber, evidence.seq)
		}
	case Receive:
		for i := range op.Messages {
			m := &op.Messages[i]
			if m.ReceiveCount == 0 {
				continue
			}
			a.judged(AppliedAnswer)
			if !during(a.delivered[delivered{plainID(m.MessageID), m.ReceiveCount}]) {
				a.broken(AppliedAnswer, []int{op.ID}, "a receive was answered with message %s, receive count %d, and no replica applied that between %s and %s",
					m.MessageID, m.ReceiveCount, at(op.Call), at(op.Return))
			}
		}
	case Delete:
		if op.MessageID == "" {
			return
		}
		a.judged(AppliedAnswer)
		if !during(a.deleted[plainID(op.MessageID)]) {
			a.broken(AppliedAnswer, []int{op.ID}, "the delete of message %s was accepted, and no replica applied one between %s and %s",
				op.MessageID, at(op.Call), at(op.Return))
		}
	}
}

// plainID is a MessageID as replicas write it.
func plainID(id string) string { return strings.ReplaceAll(id, "-", "") }
