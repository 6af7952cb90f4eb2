package queue

import "strings"

// send stores the messages in order. The result has one entry per message.
func (p *partition) send(sends []Send) *Result {
	result := newSendResult(len(sends))
	contents := make([]content, len(sends)) // a message that is left keeps those of its batch, a few hundred bytes
	for i := range sends {
		result.Sent[i] = p.sendOne(&sends[i], &contents[i])
	}
	return result
}

// newSendResult returns a result with room for some messages, for a single one in the same allocation.
func newSendResult(messages int) *Result {
	if messages != 1 {
		return &Result{Sent: make([]Sent, messages)}
	}
	r := &struct {
		result Result
		sent   [1]Sent
	}{}
	r.result.Sent = r.sent[:]
	return &r.result
}

// sendOne stores a message, unless it is a duplicate, with its content at c.
func (p *partition) sendOne(s *Send, c *content) Sent {
	if !p.settings.exact() {
		return p.store(s, c)
	}
	if s.DedupID == "" || p.settings.FIFO && s.Group == "" {
		return Sent{MessageID: s.MessageID, Code: BadCommand}
	}
	key := p.dedupKey(s)
	if original, ok := p.findDedup(key); ok {
		return Sent{MessageID: original.messageID, Seq: original.seq, Duplicate: true}
	}
	sent := p.store(s, c)
	p.rememberDedup(key, sent)
	return sent
}

// store gives the message a sequence number and stores it, visible or delayed.
func (p *partition) store(s *Send, c *content) Sent {
	p.lastSeq++
	c.set(s, p.shareSender(s.SenderID))
	p.claim(c, p.lastSeq)
	p.add(message{seq: p.lastSeq, sentMs: p.advancedMs, visibleAtMs: p.advancedMs + s.DelayMs, content: c})
	return Sent{MessageID: s.MessageID, Seq: p.lastSeq}
}

// shareSender returns senderID as one string for a run of messages of the same sender, which is nearly all of a queue.
func (p *partition) shareSender(senderID string) string {
	if senderID != p.lastSender {
		p.lastSender = strings.Clone(senderID)
	}
	return p.lastSender
}
