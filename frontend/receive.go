package frontend

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/frontend/protocol"
	"chasqui/metadata/catalog"
	"chasqui/node"
)

// receiveMessage answers ReceiveMessage.
func (s *Server) receiveMessage(ctx context.Context, c *caller, q *protocol.ReceiveMessageRequest) (protocol.Response, error) {
	response := new(protocol.ReceiveMessageResponse)
	err := s.withQueue(ctx, c, q.QueueURL, func(record *catalog.Queue) error {
		command, wait, err := receiveOf(record, q)
		if err != nil {
			return err
		}
		if wait > 0 {
			if !s.load.park() {
				return errOverloaded
			}
			defer s.load.unpark()
		}
		ctx, cancel := context.WithTimeout(ctx, wait+s.config.RequestTimeout)
		defer cancel()
		partition, result, err := s.receive(ctx, record, command, wait)
		if err != nil {
			return err
		}
		response.Messages, err = deliver(record, q, partition, result)
		return err
	})
	if err != nil {
		return nil, err
	}
	return response, nil
}

// receiveOf checks a request and returns the command it means, and how long to wait.
func receiveOf(record *catalog.Queue, q *protocol.ReceiveMessageRequest) (*queue.Command, time.Duration, error) {
	most, err := checkRange(q.MaxNumberOfMessages, 1, 1, maxReceived, "MaxNumberOfMessages",
		"Must be between 1 and 10, if provided.")
	if err != nil {
		return nil, 0, err
	}
	waitSeconds, err := checkRange(q.WaitTimeSeconds, record.Attributes.ReceiveMessageWaitTimeSeconds, 0, maxWaitSeconds,
		"WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
	if err != nil {
		return nil, 0, err
	}
	visibility, err := checkRange(q.VisibilityTimeout, record.Attributes.VisibilityTimeout, 0, maxVisibilitySeconds,
		"VisibilityTimeout", "Must be between 0 and 43200, if provided.")
	if err != nil {
		return nil, 0, err
	}
	receive := &queue.Receive{Max: int(most), VisibilityMs: visibility * 1000}
	if record.FIFO {
		if err := checkID(q.AttemptID, "ReceiveRequestAttemptId"); err != nil {
			return nil, 0, err
		}
		receive.AttemptID = q.AttemptID.Value
	}
	return &queue.Command{Kind: queue.KindReceive, Receive: receive}, time.Duration(waitSeconds) * time.Second, nil
}

// receive takes messages from one of the queue's partitions, waiting for some if there are none.
//
// On a queue of several partitions it tries each in turn. If all are empty it waits at all of them at once, without
// taking anything, until one has something, and tries again. So there is never more than one receive on its way:
// messages that a second one brought would be in flight with nobody to hand them to.
func (s *Server) receive(ctx context.Context, record *catalog.Queue, command *queue.Command, wait time.Duration) (int, *queue.Result, error) {
	if len(record.Slots) == 1 {
		result, err := s.receiveFrom(ctx, record, 0, command, wait, wait > 0)
		return 0, result, err
	}
	start := int(s.receives.Add(1) % uint64(len(record.Slots)))
	if command.Receive.AttemptID != "" {
		// A repeated receive must meet the partition that remembers the attempt before it takes from another.
		start = backend.GroupPartition(record, command.Receive.AttemptID)
	}
	began := s.host.Clock.Now()
	for {
		partition, result, err := s.sweep(ctx, record, command, start, wait > 0)
		if err != nil || len(result.Messages) > 0 {
			return partition, result, err
		}
		left := wait - node.Since(s.host.Clock, began)
		if left <= 0 {
			return partition, result, nil
		}
		// The sweep may have met newer settings. Waiting with older ones would end at once, again and again.
		newer, err := s.records.Queue(ctx, record.Account, record.Name)
		if err != nil {
			return 0, nil, fmt.Errorf("look up queue %s: %w", record.Name, err)
		}
		if newer.ID != record.ID {
			return 0, nil, errQueueReplaced
		}
		record = newer
		if err := s.waitAtAll(ctx, record, command.Receive.Max, left); err != nil {
			return 0, nil, err
		}
	}
}

// waitAtAll waits until a receive is worth trying at one of the partitions, or the time is over.
func (s *Server) waitAtAll(ctx context.Context, record *catalog.Queue, most int, left time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return s.onPartitions(allPartitions(record), func(partition int) error {
		id := queue.PartitionID{Queue: record.ID, Partition: uint16(partition)}
		found, err := s.backend.Wait(ctx, record.Slots[partition], id, record.Version, most, left)
		if found || err != nil {
			cancel() // one is enough: the others' waits end
		}
		if err != nil {
			return fmt.Errorf("wait at partition %v: %w", id, err)
		}
		return nil
	})
}

// sweep tries each partition once, without waiting, until one has messages.
func (s *Server) sweep(ctx context.Context, record *catalog.Queue, command *queue.Command, start int, patient bool) (int, *queue.Result, error) {
	partition := start
	var result *queue.Result
	for i := range record.Slots {
		partition = (start + i) % len(record.Slots)
		var err error
		result, err = s.receiveFrom(ctx, record, partition, command, 0, patient)
		if err != nil || len(result.Messages) > 0 {
			return partition, result, err
		}
	}
	return partition, result, nil
}

// receiveFrom takes messages from one partition. A queue with too many messages in flight is an error, but looks empty
// to a patient caller, one that would wait.
func (s *Server) receiveFrom(ctx context.Context, record *catalog.Queue, partition int, command *queue.Command, wait time.Duration, patient bool) (*queue.Result, error) {
	result, err := s.command(ctx, record, partition, command, wait)
	switch {
	case err != nil:
		return nil, err
	case result.Code == queue.OverLimit && patient:
		return &queue.Result{}, nil
	case result.Code == queue.OverLimit:
		return nil, errOverLimit
	case result.Code != queue.OK:
		return nil, fmt.Errorf("partition %d answered a receive with %v", partition, result.Code)
	}
	return result, nil
}

// deliver turns what a partition gave into the answer, with what was asked for of each message.
func deliver(record *catalog.Queue, q *protocol.ReceiveMessageRequest, partition int, result *queue.Result) ([]protocol.ReceivedMessage, error) {
	if len(result.Messages) == 0 {
		return nil, nil
	}
	receipts := receiptsOf(record)
	messages := make([]protocol.ReceivedMessage, len(result.Messages))
	for i := range result.Messages {
		m := &result.Messages[i]
		received := &messages[i]
		received.MessageID = m.MessageID
		received.ReceiptHandle = receipts.handle(partition, m.Handle())
		received.Body = m.Body
		received.BodyDigest = protocol.BodyDigest(m.Body)
		var err error
		if received.SystemAttributes, err = systemAttributes(record, q.SystemAttributeNames, m); err != nil {
			return nil, err
		}
		if len(q.MessageAttributeNames) == 0 || len(m.Attributes) == 0 {
			continue
		}
		attributes, err := protocol.DecodeAttributes(m.Attributes)
		if err != nil {
			return nil, fmt.Errorf("message %d of partition %d: %w", m.Seq, partition, err)
		}
		received.Attributes = slices.DeleteFunc(attributes, func(a protocol.MessageAttribute) bool {
			return !wanted(q.MessageAttributeNames, a.Name)
		})
		received.AttributesDigest = protocol.AttributesDigest(received.Attributes)
	}
	return messages, nil
}

// systemAttributes returns the system attributes of a message that were asked for. Unknown names are ignored.
func systemAttributes(record *catalog.Queue, names []string, m *queue.Message) ([]protocol.Pair, error) {
	if len(names) == 0 {
		return nil, nil
	}
	all := slices.Contains(names, "All")
	var pairs []protocol.Pair
	add := func(name, value string) {
		if value != "" && (all || slices.Contains(names, name)) {
			pairs = append(pairs, protocol.Pair{Name: name, Value: value})
		}
	}
	add("SenderId", m.SenderID)
	add("ApproximateFirstReceiveTimestamp", strconv.FormatInt(m.FirstReceiveMs, 10))
	add("ApproximateReceiveCount", strconv.FormatUint(uint64(m.EarlierReceives)+uint64(m.Receive), 10))
	add("SentTimestamp", strconv.FormatInt(m.SentMs, 10))
	add("MessageGroupId", m.Group)
	add("MessageDeduplicationId", m.DedupID) // which only queues that deduplicate take, and those that such messages move to
	add("DeadLetterQueueSourceArn", m.SourceARN)
	if record.FIFO {
		add("SequenceNumber", protocol.SequenceText(m.Seq))
	}
	system, err := protocol.DecodeAttributes(m.SystemAttributes)
	if err != nil {
		return nil, fmt.Errorf("system attributes of message %d: %w", m.Seq, err)
	}
	for i := range system {
		add(system[i].Name, string(system[i].Value))
	}
	return pairs, nil
}

// wanted reports whether one of the patterns selects an attribute: its name, "All", ".*", "*", or a prefix and ".*".
func wanted(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if pattern == name || pattern == "All" || pattern == "*" {
			return true
		}
		if prefix, ok := strings.CutSuffix(pattern, ".*"); ok && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
