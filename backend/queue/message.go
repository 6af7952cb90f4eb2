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

// content is what a producer sent. It is immutable.
type content struct {
	messageID [16]byte
	// data is body, attributes and system attributes, in this order, in one allocation of exactly their size.
	data                       []byte
	bodyBytes, attributesBytes int
	senderID, group, dedupID   string
	// origin is nil for a message that has been in no other queue.
	origin *origin
}

// newContent copies what it needs out of s, so that the log entry s was decoded from can be released. senderID is a
// string equal to s.SenderID that the content may share with others.
func newContent(s *Send, senderID string) *content {
	data := make([]byte, 0, len(s.Body)+len(s.Attributes)+len(s.SystemAttributes))
	data = append(data, s.Body...)
	data = append(data, s.Attributes...)
	data = append(data, s.SystemAttributes...)
	return &content{
		messageID: s.MessageID, data: data, bodyBytes: len(s.Body), attributesBytes: len(s.Attributes),
		senderID: senderID, group: s.Group, dedupID: s.DedupID,
	}
}

func (c *content) body() []byte { return part(c.data, 0, c.bodyBytes) }

func (c *content) attributes() []byte {
	return part(c.data, c.bodyBytes, c.bodyBytes+c.attributesBytes)
}

func (c *content) systemAttributes() []byte {
	return part(c.data, c.bodyBytes+c.attributesBytes, len(c.data))
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
	delivered := Message{
		MessageID: m.content.messageID, Seq: m.seq, Receive: m.receives,
		Body: m.content.body(), Attributes: m.content.attributes(), SystemAttributes: m.content.systemAttributes(),
		SenderID: m.content.senderID, Group: m.content.group, DedupID: m.content.dedupID,
		SentMs: m.originalSentMs(), FirstReceiveMs: m.firstReceiveMs, EarlierReceives: m.earlierReceives(),
	}
	if m.content.origin != nil {
		delivered.SourceARN = m.content.origin.sourceARN
	}
	return delivered
}
