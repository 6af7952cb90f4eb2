package frontend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/frontend/protocol"
	"chasqui/metadata/catalog"
)

// sendMessage answers SendMessage.
func (s *Server) sendMessage(ctx context.Context, c *caller, q *protocol.SendMessageRequest) (protocol.Response, error) {
	if len(q.Message.Body) == 0 {
		return nil, missingParameter("MessageBody")
	}
	response := new(protocol.SendMessageResponse)
	err := s.withSendQueue(ctx, c, q.QueueURL, func(record *catalog.Queue) error {
		if err := checkMessage(record, &q.Message); err != nil {
			return err
		}
		if messageSize(&q.Message) > record.Attributes.MaximumMessageSize {
			return tooLarge(record, "One or more parameters are invalid.")
		}
		entries := [1]outgoing{{message: &q.Message}}
		if err := s.send(ctx, c, record, entries[:]); err != nil {
			return err
		}
		response.Sent = entries[0].sent
		return nil
	})
	if err != nil {
		return nil, err
	}
	return response, nil
}

// sendMessageBatch answers SendMessageBatch. What is wrong with the batch refuses it as a whole; what is wrong with an
// entry refuses that entry.
func (s *Server) sendMessageBatch(ctx context.Context, c *caller, q *protocol.SendMessageBatchRequest) (protocol.Response, error) {
	var response *protocol.SendMessageBatchResponse
	err := s.withSendQueue(ctx, c, q.QueueURL, func(record *catalog.Queue) error {
		response = &protocol.SendMessageBatchResponse{}
		if err := checkSendBatch(record, q.Entries); err != nil {
			return err
		}
		entries := make([]outgoing, 0, len(q.Entries))
		for i := range q.Entries {
			m := &q.Entries[i]
			err := checkMessage(record, m)
			if err == nil && messageSize(m) > record.Attributes.MaximumMessageSize {
				err = tooLarge(record, "One or more parameters cannot be validated.")
			}
			if err != nil {
				response.Failed = append(response.Failed, protocol.FailedEntry{ID: m.ID, Fault: apiErrorOf(err).fault()})
				continue
			}
			entries = append(entries, outgoing{message: m})
		}
		if len(entries) == 0 {
			return nil
		}
		if err := s.send(ctx, c, record, entries); err != nil {
			return err
		}
		response.Successful = make([]protocol.SentMessage, len(entries))
		for i := range entries {
			response.Successful[i] = entries[i].sent
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return response, nil
}

// checkSendBatch checks what refuses a batch as a whole.
func checkSendBatch(record *catalog.Queue, entries []protocol.OutgoingMessage) error {
	if err := checkEntryIDs("SendMessageBatch", len(entries), func(i int) string { return entries[i].ID }); err != nil {
		return err
	}
	size := 0
	for i := range entries {
		size += messageSize(&entries[i])
	}
	if size > maxBatchBytes {
		return batchTooLong(size)
	}
	if !record.FIFO {
		return nil
	}
	for i := range entries {
		if !entries[i].GroupID.Set {
			// SQS calls this an invalid parameter in a batch, and a missing one otherwise.
			return invalidParameterText(missingParameter("MessageGroupId").(*apiError).message)
		}
		if !entries[i].DeduplicationID.Set && !record.Attributes.ContentBasedDeduplication {
			return errNoDeduplication
		}
	}
	return nil
}

// outgoing is a message on its way: what the producer gave, where it goes, and what the producer gets to know.
type outgoing struct {
	message   *protocol.OutgoingMessage
	partition int
	sent      protocol.SentMessage
}

// send stores valid messages and fills in what became of each. Messages of one partition are stored in their order, by
// one command. An error leaves open which partitions have stored theirs; when there are several, the queue deduplicates,
// and a repeat of the whole is told by its deduplication ids.
func (s *Server) send(ctx context.Context, c *caller, record *catalog.Queue, entries []outgoing) error {
	partitions := s.place(record, entries)
	random := make([]byte, 16*len(entries))
	// A Host's Random never fails.
	_, _ = s.host.Random.Read(random)
	for i := range entries {
		entries[i].sent.MessageID = protocol.NewMessageID([16]byte(random[16*i:]))
	}
	return s.onPartitions(partitions, func(partition int) error {
		command := queue.Command{Kind: queue.KindSend, Sends: make([]queue.Send, 0, len(entries))}
		for i := range entries {
			if entries[i].partition == partition {
				command.Sends = append(command.Sends, s.sendOf(c, record, &entries[i]))
			}
		}
		result, err := s.command(ctx, record, partition, &command, 0)
		if err != nil {
			return err
		}
		return settleSent(record, partition, entries, result)
	})
}

// place chooses the partition of each message and returns those chosen. A FIFO queue's message groups each live in one
// partition, and on a standard queue that delivers exactly once the messages with one deduplication id do. Otherwise any
// will do: a request's messages stay together, and requests take turns.
func (s *Server) place(record *catalog.Queue, entries []outgoing) []int {
	if len(record.Slots) == 1 {
		return []int{0}
	}
	exact := record.Attributes.Delivery == catalog.DeliverExactlyOnce
	if !record.FIFO && !exact {
		partition := int(s.sends.Add(1) % uint64(len(record.Slots)))
		for i := range entries {
			entries[i].partition = partition
		}
		return []int{partition}
	}
	var partitions []int
	for i := range entries {
		together := entries[i].message.GroupID.Value
		if !record.FIFO {
			together = entries[i].message.DeduplicationID.Value
		}
		entries[i].partition = backend.GroupPartition(record, together)
		if !slices.Contains(partitions, entries[i].partition) {
			partitions = append(partitions, entries[i].partition)
		}
	}
	return partitions
}

// sendOf makes the backend's form of a message, and the parts of the answer that do not depend on the backend.
func (s *Server) sendOf(c *caller, record *catalog.Queue, entry *outgoing) queue.Send {
	m := entry.message
	system := m.SystemAttributes
	if len(system) == 0 && c.trace != "" && len(c.trace) <= maxTraceBytes && protocol.ValidText(c.trace) {
		system = []protocol.MessageAttribute{{Name: traceAttribute, DataType: "String", Value: []byte(c.trace)}}
	}
	entry.sent = protocol.SentMessage{
		ID:                     m.ID,
		MessageID:              entry.sent.MessageID,
		BodyDigest:             protocol.BodyDigest(m.Body),
		AttributesDigest:       protocol.AttributesDigest(m.Attributes),
		SystemAttributesDigest: protocol.AttributesDigest(m.SystemAttributes),
	}
	send := queue.Send{
		MessageID:        entry.sent.MessageID,
		Body:             m.Body,
		Attributes:       protocol.EncodeAttributes(m.Attributes),
		SystemAttributes: protocol.EncodeAttributes(system),
		SenderID:         c.account,
		Group:            m.GroupID.Value,
		DedupID:          m.DeduplicationID.Value,
		DelayMs:          int64(record.Attributes.DelaySeconds) * 1000,
	}
	if !record.FIFO && m.DelaySeconds.Set {
		send.DelayMs = m.DelaySeconds.Value * 1000
	}
	if record.FIFO && !m.DeduplicationID.Set {
		sum := sha256.Sum256(m.Body)
		send.DedupID = hex.EncodeToString(sum[:])
	}
	return send
}

// settleSent takes the backend's answer over into the entries of one partition.
func settleSent(record *catalog.Queue, partition int, entries []outgoing, result *queue.Result) error {
	next := 0
	for i := range entries {
		entry := &entries[i]
		if entry.partition != partition {
			continue
		}
		if next == len(result.Sent) || result.Code != queue.OK {
			return fmt.Errorf("partition %d answered %v with %d of the sends", partition, result.Code, len(result.Sent))
		}
		sent := &result.Sent[next]
		next++
		if sent.Code != queue.OK {
			return fmt.Errorf("partition %d answered a valid send with %v", partition, sent.Code)
		}
		entry.sent.MessageID = sent.MessageID
		if record.FIFO {
			entry.sent.SequenceNumber = protocol.Some(sent.Seq)
		}
	}
	return nil
}
