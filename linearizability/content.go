package linearizability

import "slices"

// Is every answer complete and true: was what is received sent, and is it what was sent?

// checkContent applies invented, corrupted, response, handle-reuse and message-id.
func (c *checker) checkContent(q *queue) {
	for _, op := range q.receives {
		c.checkResponse(op)
	}
	for _, op := range q.unnamed {
		c.judged(Response)
		c.broken(Response, []int{op.ID}, "the send of %q at %s was acknowledged without a MessageID", op.Body, at(op.Call))
	}
	for _, m := range q.messages {
		c.checkAnswers(m)
		for _, r := range m.receipts {
			c.checkHandle(r)
			c.checkBody(r)
			c.checkSent(r)
		}
	}
}

// checkResponse checks the form of one receive's answer.
func (c *checker) checkResponse(op *Operation) {
	c.judged(Response)
	if op.Max > 0 && len(op.Messages) > op.Max {
		c.broken(Response, []int{op.ID}, "the receive at %s asked for at most %d messages and got %d", at(op.Call), op.Max, len(op.Messages))
	}
	ids := make([]string, len(op.Messages))
	for i := range op.Messages {
		ids[i] = op.Messages[i].MessageID
		if ids[i] == "" || op.Messages[i].Handle == "" {
			c.broken(Response, []int{op.ID}, "the receive at %s got a message without a MessageID or a receipt handle", at(op.Call))
		}
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			c.broken(Response, []int{op.ID}, "the receive at %s got message %s twice in one answer", at(op.Call), ids[i])
		}
	}
}

// checkAnswers checks the sends that were answered with one MessageID.
func (c *checker) checkAnswers(m *message) {
	for i, op := range m.answers {
		c.judged(Response)
		if m.queue.fifo && op.SequenceNumber == "" {
			c.broken(Response, []int{op.ID}, "the send of %q at %s was answered without a sequence number", op.Body, at(op.Call))
		}
		if i == 0 {
			continue
		}
		c.judged(SharedMessageID)
		if first := m.answers[0]; !m.queue.exact || m.queue.widestKey(op) != m.queue.widestKey(first) {
			c.broken(SharedMessageID, []int{first.ID, op.ID}, "the sends of %q at %s and of %q at %s are different messages and were both answered with MessageID %s",
				first.Body, at(first.Call), op.Body, at(op.Call), m.id)
		}
	}
}

// checkHandle checks that a handle is new, or was given out again to a repeat of a receive attempt.
func (c *checker) checkHandle(r *receipt) {
	if r.out.Handle == "" {
		return
	}
	c.judged(HandleReuse)
	first := r.message.queue.handles[r.out.Handle]
	if first == r || (first.message == r.message && first.op.AttemptID != "" && first.op.AttemptID == r.op.AttemptID) {
		return
	}
	c.broken(HandleReuse, []int{first.op.ID, r.op.ID}, "the receives at %s and %s gave out the same receipt handle, for %s and %s",
		at(first.op.Call), at(r.op.Call), first.message.title(), r.message.title())
}

// checkBody checks that a received message was sent, and carries what was sent.
func (c *checker) checkBody(r *receipt) {
	m := r.message
	c.judged(Invented)
	c.judged(Corrupted)
	sends := m.queue.sendsOf(r.out.Body)
	switch {
	case r.out.DamagedBody:
		c.broken(Corrupted, r.ids(m.answers), "%s was received at %s with a body or digest that is not what was sent", m.title(), at(r.op.Return))
		return
	case len(sends) == 0 && len(m.answers) > 0:
		c.broken(Corrupted, r.ids(m.answers), "%s, sent as %q, was received at %s with the body %q, which nobody sent to the queue",
			m.title(), m.answers[0].Body, at(r.op.Return), r.out.Body)
		return
	case len(sends) == 0:
		c.broken(Invented, r.ids(nil), "%s was received from %s at %s, but nobody sent %q there", m.title(), m.queue.name, at(r.op.Return), r.out.Body)
		return
	}
	var before []*Operation
	for _, op := range sends {
		if op.possible() && op.Call <= r.op.Return {
			before = append(before, op)
		}
	}
	if len(before) == 0 {
		if !sends[0].possible() {
			c.broken(Invented, r.ids(sends), "%q was received at %s although its send at %s was refused (%s)",
				r.out.Body, at(r.op.Return), at(sends[0].Call), sends[0].Error)
			return
		}
		c.broken(Invented, r.ids(sends), "%q was received at %s, before it was sent at %s", r.out.Body, at(r.op.Return), at(sends[0].Call))
		return
	}
	if len(m.answers) > 0 && !slices.ContainsFunc(before, m.mayCarry) {
		c.broken(Corrupted, r.ids(m.answers, before), "%s was sent as %q and received at %s with the body of another message, %q",
			m.title(), m.answers[0].Body, at(r.op.Return), r.out.Body)
		return
	}
	if group := r.out.Group; group != "" && !slices.ContainsFunc(before, func(op *Operation) bool { return op.Group == group }) {
		c.broken(Corrupted, r.ids(before), "%q was sent to group %q and received at %s in group %q", r.out.Body, before[0].Group, at(r.op.Return), group)
	}
}

// mayCarry reports whether m may have been stored by the send op, as the sends that were answered with m's id tell.
func (m *message) mayCarry(op *Operation) bool {
	if op.Call > m.bornBy {
		return false // it can only have been taken for a repeat
	}
	return slices.ContainsFunc(m.answers, func(answer *Operation) bool {
		return op.Body == answer.Body || (m.queue.exact && m.queue.widestKey(op) == m.queue.widestKey(answer))
	})
}

// checkSent checks that the time of sending stays the same.
func (c *checker) checkSent(r *receipt) {
	first := r.message.receipts[0]
	if first == r || first.out.SentMs == 0 || r.out.SentMs == 0 {
		return
	}
	c.judged(Corrupted)
	if first.out.SentMs != r.out.SentMs {
		c.broken(Corrupted, []int{first.op.ID, r.op.ID}, "%s was sent at %d ms according to the receive at %s and at %d ms according to that at %s",
			r.message.title(), first.out.SentMs, at(first.op.Return), r.out.SentMs, at(r.op.Return))
	}
}

// shownMax is how many of several operations of the same kind a violation names.
const shownMax = 5

// ids returns the ids of the receive and of the first of the given operations.
func (r *receipt) ids(lists ...[]*Operation) []int { return append(idsOf(lists...), r.op.ID) }

// idsOf returns the ids of the first operations of each list.
func idsOf(lists ...[]*Operation) []int {
	var ids []int
	for _, list := range lists {
		for _, op := range list[:min(shownMax, len(list))] {
			ids = append(ids, op.ID)
		}
	}
	return ids
}

// title names a message for people.
func (m *message) title() string {
	switch {
	case m.body != "":
		return "message " + m.id + " (" + m.body + ")"
	case len(m.answers) > 0:
		return "message " + m.id + " (" + m.answers[0].Body + ")"
	}
	return "message " + m.id
}
