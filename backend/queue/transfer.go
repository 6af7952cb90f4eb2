package queue

// Transfer stores messages that another partition has set aside; see redrive.go.
type Transfer struct {
	// Origin is the partition that the messages come from.
	Origin PartitionID
	// Messages are some of its moves in the order of their numbers.
	Messages []Moved
}

// Moved is a message as it arrives in another queue.
type Moved struct {
	Send
	// Number is the number of the move at the origin. It is at least 1 and grows with every move of the origin.
	Number uint64
	// SourceARN names the queue whose dead-letter queue the message arrives in. Without it, the message is as good as sent
	// here.
	SourceARN string
	// SentMs is when the producer sent the message, and Receives how often it was received in all queues before this.
	SentMs   int64
	Receives uint32
}

// origin is what a message has kept of its time in other queues.
type origin struct {
	sentMs    int64
	receives  uint32
	sourceARN string
}

// arrival is what a partition remembers of the moves that came from one origin.
type arrival struct {
	// number is that of the latest; atMs is when it came.
	number uint64
	atMs   int64
}

// transfer stores the messages that have not arrived before. They are visible at once: the queue's delay is for
// producers. They do not take part in deduplication: what a producer may send once may well have moved twice.
func (p *partition) transfer(t *Transfer) *Result {
	p.forgetArrivals()
	last, known := p.arrivals[t.Origin]
	if !known && len(p.arrivals) >= MaxOrigins {
		return &Result{Code: Overloaded}
	}
	for i := range t.Messages {
		if p.settings.FIFO && t.Messages[i].Group == "" {
			return &Result{Code: BadCommand}
		}
	}
	for i := range t.Messages {
		m := &t.Messages[i]
		if m.Number <= last.number {
			continue
		}
		p.lastSeq++
		c := &content{}
		c.set(&m.Send, p.shareSender(m.SenderID))
		if m.SourceARN != "" {
			c.origin = &origin{sentMs: m.SentMs, receives: m.Receives, sourceARN: m.SourceARN}
		}
		p.claim(c, p.lastSeq)
		p.add(message{seq: p.lastSeq, sentMs: p.advancedMs, visibleAtMs: p.advancedMs, content: c})
		last.number = m.Number
	}
	last.atMs = p.advancedMs
	p.arrivals[t.Origin] = last
	return &Result{}
}

// forgetArrivals forgets origins from which nothing has come for so long that every message they held then is past its
// retention: none of their moves can come again.
func (p *partition) forgetArrivals() {
	for id, a := range p.arrivals {
		if a.atMs+2*MaxRetentionMs <= p.advancedMs {
			delete(p.arrivals, id)
		}
	}
}

// originalSentMs is when the producer sent the message, to whichever queue.
func (m *message) originalSentMs() int64 {
	if m.content.origin != nil {
		return m.content.origin.sentMs
	}
	return m.sentMs
}

// earlierReceives is how often the message was received in other queues.
func (m *message) earlierReceives() uint32 {
	if m.content.origin != nil {
		return m.content.origin.receives
	}
	return 0
}
