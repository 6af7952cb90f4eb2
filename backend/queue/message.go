package queue

import "cmp"

// message is one stored message: its state, and a pointer to its content. It is a value that lives in the partition's
// set; a change of state replaces it there. Because the set copies its pages when a snapshot shares them, and content
// is never written after its creation, no snapshot ever sees a change.
type message struct {
	seq uint64
	// sentMs is the time of the send. It does not decrease as seq grows, so the oldest message is the first.
	sentMs int64
	// visibleAtMs is the time from which on the message is visible. Before it, the message is in flight if it was ever
	// received, and delayed otherwise.
	visibleAtMs int64
	// firstReceiveMs and lastReceiveMs are 0 until the first receive.
	firstReceiveMs, lastReceiveMs int64
	receives                      uint32
	// move is the number of the message's move to another queue, 0 unless it is set aside for one.
	move    uint64
	content *content
}

func compareMessages(a, b *message) int { return cmp.Compare(a.seq, b.seq) }

// content is what a producer sent. What others can see of it is immutable.
type content struct {
	messageID                [16]byte
	body                     []byte
	senderID, group, dedupID string
	// attributes is nil for a message without any.
	attributes *attributes
	// origin is nil for a message that has been in no other queue.
	origin *origin
	// extent is where the bytes are part of a log entry's memory; nil if they are memory of the content's own. See region.go.
	extent *extent
}

// attributes are a message's attributes and system attributes, as encoded by the frontend.
type attributes struct {
	attributes, system []byte
}

// set takes what s has, and the memory of its bytes with it. senderID is a string equal to s.SenderID that the content may
// share with others.
func (c *content) set(s *Send, senderID string) {
	*c = content{messageID: s.MessageID, body: s.Body, senderID: senderID, group: s.Group, dedupID: s.DedupID}
	if len(s.Attributes)+len(s.SystemAttributes) > 0 {
		c.attributes = &attributes{s.Attributes, s.SystemAttributes}
	}
}

// separate gives the content's bytes memory of their own: one allocation of exactly their size.
func (c *content) separate() {
	data := make([]byte, 0, c.size())
	own := func(b []byte) []byte {
		from := len(data)
		data = append(data, b...)
		return part(data, from, len(data))
	}
	c.body = own(c.body)
	if c.attributes != nil {
		c.attributes = &attributes{own(c.attributes.attributes), own(c.attributes.system)}
	}
	c.extent = nil
}

// size is how many bytes the body and the attributes have.
func (c *content) size() int {
	size := len(c.body)
	if c.attributes != nil {
		size += len(c.attributes.attributes) + len(c.attributes.system)
	}
	return size
}

// encodedAttributes returns the attributes and the system attributes; what is empty is nil.
func (c *content) encodedAttributes() (message, system []byte) {
	if c.attributes == nil {
		return nil, nil
	}
	return c.attributes.attributes, c.attributes.system
}

// part returns data[from:to], nil if that is empty. Its capacity ends with it, so that an append cannot write into
// what follows.
func part(data []byte, from, to int) []byte {
	if from == to {
		return nil
	}
	return data[from:to:to]
}

// hidden reports whether the message is not visible at nowMs.
func (m *message) hidden(nowMs int64) bool { return m.visibleAtMs > nowMs }

// place is where the message stands in an index by time.
func (m *message) place() place {
	return place{visibleAtMs: m.visibleAtMs, seq: m.seq, delayed: m.receives == 0, grouped: m.content.group != ""}
}

// delivery is the message as its latest receiver gets it.
func (m *message) delivery() Message {
	attributes, system := m.content.encodedAttributes()
	delivered := Message{
		MessageID: m.content.messageID, Seq: m.seq, Receive: m.receives,
		Body: m.content.body, Attributes: attributes, SystemAttributes: system,
		SenderID: m.content.senderID, Group: m.content.group, DedupID: m.content.dedupID,
		SentMs: m.originalSentMs(), FirstReceiveMs: m.firstReceiveMs, EarlierReceives: m.earlierReceives(),
	}
	if m.content.origin != nil {
		delivered.SourceARN = m.content.origin.sourceARN
	}
	return delivered
}
