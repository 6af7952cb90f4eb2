package linearizability

// lifetime is when a message certainly was, or may have been, in its queue. All times are the recorder's.
type lifetime struct {
	// creators are the sends one of which stored the message. Empty if no send in the history can have.
	creators []*Operation
	// The message was stored no earlier than bornFrom and no later than bornBy.
	bornFrom, bornBy int64
	// thereUntil is the last moment at which the message certainly is in its queue, given that it was stored: before the
	// first thing that may have removed it, or when it was received after all.
	thereUntil int64
	// goneBy is the first moment at which the message certainly is no more in its queue, or forever.
	goneBy int64
	// firstFrom is from when a message of a FIFO queue was certainly the first of its group, or forever: all that may have
	// stood before it were gone. It is set before long polls are judged.
	firstFrom int64
	// body is what the message carries, if known by its sends or receipts.
	body string
	// group and number are the message's group and sequence number, or empty if unknown or contradictory.
	group, number string
	// incarnation tells apart the queues of the same name that followed each other; it is -1 if the message cannot be
	// assigned to one.
	incarnation int
}

// lifetimeOf concludes what the operations show of m.
func (c *checker) lifetimeOf(m *message) lifetime {
	q := m.queue
	l := lifetime{bornBy: forever, goneBy: forever}
	for _, op := range m.answers {
		l.bornBy = min(l.bornBy, op.Return)
	}
	lastReceived, firstSeen := int64(-1), forever
	for _, r := range m.receipts {
		l.bornBy = min(l.bornBy, r.op.Return)
		lastReceived, firstSeen = max(lastReceived, r.op.Call), min(firstSeen, r.op.Return)
	}
	l.body, l.creators = m.origin(l.bornBy)
	if len(l.creators) > 0 {
		l.bornFrom = forever
	}
	for _, op := range l.creators {
		l.bornFrom = min(l.bornFrom, op.Call)
	}

	removable := min(q.clears.begin(l.bornFrom), l.bornFrom+q.retentionMin-c.slack)
	for _, op := range m.deletes {
		removable = min(removable, op.Call)
		if op.Outcome == OK {
			l.goneBy = min(l.goneBy, op.Return)
		}
	}
	if q.deadLetter != nil || len(q.movesTo) > 0 || q.once {
		removable = l.bornFrom // a receive that nobody saw, or a task, may have taken it away
	}
	if q.once {
		l.goneBy = min(l.goneBy, firstSeen)
	}
	l.thereUntil = max(removable, lastReceived)
	l.goneBy = min(l.goneBy, q.purged.over(l.bornBy))

	l.group, l.number = m.place(l.creators)
	l.incarnation = q.incarnation(l.bornFrom, l.bornBy)
	return l
}

// origin returns the message's body and the sends that may have stored it, for a message that was there at bornBy.
func (m *message) origin(bornBy int64) (string, []*Operation) {
	if !m.queue.exact && len(m.answers) > 0 {
		return m.answers[0].Body, m.answers[:1]
	}
	var body string
	var candidates []*Operation
	for _, r := range m.receipts {
		if candidates = m.queue.sendsOf(r.out.Body); len(candidates) > 0 && !r.out.DamagedBody {
			body = r.out.Body
			break
		}
	}
	if body == "" && len(m.answers) > 0 {
		candidates = m.queue.keys[m.queue.widestKey(m.answers[0])]
		if len(candidates) == 1 {
			body = candidates[0].Body
		}
	}
	var creators, others []*Operation
	for _, op := range candidates {
		switch {
		case !op.possible() || op.Call > bornBy:
		case op.settled() && op.MessageID != m.id: // it stored what it was answered with, or nothing
			others = append(others, op)
		default:
			creators = append(creators, op)
		}
	}
	if len(creators) == 0 {
		creators = others // so one of them was answered with the wrong id
	}
	return body, creators
}

// sendsOf returns the sends of a body to the queue or, if there are none, to one that its messages may have come from, also
// refused ones.
func (q *queue) sendsOf(body string) []*Operation {
	for _, origin := range q.origins() {
		if sends := origin.bodies[body]; len(sends) > 0 {
			return sends
		}
	}
	return nil
}

// place returns the message's group and sequence number as far as operations agree on them.
func (m *message) place(creators []*Operation) (group, number string) {
	var groups, numbers agreement
	for _, r := range m.receipts {
		groups.hear(r.out.Group)
		numbers.hear(canonicalNumber(r.out.SequenceNumber))
	}
	if groups.value == "" { // no receipt says it, so its sends must
		for _, op := range creators {
			groups.hear(op.Group)
		}
	}
	for _, op := range m.answers {
		numbers.hear(canonicalNumber(op.SequenceNumber))
	}
	return groups.agreed(), numbers.agreed()
}

// agreement is what several sources say of one thing; sources that say nothing do not count.
type agreement struct {
	value   string
	differs bool
}

func (a *agreement) hear(value string) {
	a.differs = a.differs || (value != "" && a.value != "" && value != a.value)
	if a.value == "" {
		a.value = value
	}
}

// agreed returns the value, or nothing if there is none or the sources differ.
func (a *agreement) agreed() string {
	if a.differs {
		return ""
	}
	return a.value
}

// incarnation returns how often the queue had been deleted when a message was born, or -1 if that is not certain.
func (q *queue) incarnation(bornFrom, bornBy int64) int {
	if q.drops.touch(bornFrom, bornBy) {
		return -1
	}
	return q.drops.endedBefore(bornFrom)
}
