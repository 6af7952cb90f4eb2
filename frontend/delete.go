package frontend

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"chasqui/backend/queue"
	"chasqui/frontend/protocol"
	"chasqui/metadata/catalog"
)

// handled is an entry of a request that names messages by their receipt handles.
type handled struct {
	id, receiptHandle string
	visibilityMs      int64
	// partition is where the message is, or noPartition if the entry is refused without asking.
	partition int
	handle    queue.Handle
	// err is why the entry is refused; nil if it was done.
	err error
}

const noPartition = -1

// deleteMessage answers DeleteMessage.
func (s *Server) deleteMessage(ctx context.Context, c *caller, q *protocol.DeleteMessageRequest) (protocol.Response, error) {
	if q.Entry.ReceiptHandle == "" {
		return nil, missingParameter("ReceiptHandle")
	}
	return s.one(ctx, c, q.QueueURL, queue.KindDelete, handled{receiptHandle: q.Entry.ReceiptHandle})
}

// changeMessageVisibility answers ChangeMessageVisibility.
func (s *Server) changeMessageVisibility(ctx context.Context, c *caller, q *protocol.ChangeMessageVisibilityRequest) (protocol.Response, error) {
	if q.Entry.ReceiptHandle == "" {
		return nil, missingParameter("ReceiptHandle")
	}
	if !q.Entry.VisibilityTimeout.Set {
		return nil, missingParameter("VisibilityTimeout")
	}
	return s.one(ctx, c, q.QueueURL, queue.KindVisibility, visibilityEntry(&q.Entry))
}

// one carries out an action on a single message.
func (s *Server) one(ctx context.Context, c *caller, queueURL string, kind queue.Kind, entry handled) (protocol.Response, error) {
	err := s.withQueue(ctx, c, queueURL, func(record *catalog.Queue) error {
		entries := []handled{entry}
		if err := s.handle(ctx, record, kind, entries); err != nil {
			return err
		}
		return entries[0].err
	})
	if err != nil {
		return nil, err
	}
	return protocol.Empty{}, nil
}

// deleteMessageBatch answers DeleteMessageBatch.
func (s *Server) deleteMessageBatch(ctx context.Context, c *caller, q *protocol.DeleteMessageBatchRequest) (protocol.Response, error) {
	entries := make([]handled, len(q.Entries))
	for i := range q.Entries {
		entries[i] = handled{id: q.Entries[i].ID, receiptHandle: q.Entries[i].ReceiptHandle}
	}
	result, err := s.many(ctx, c, q.QueueURL, "DeleteMessageBatch", queue.KindDelete, entries)
	if err != nil {
		return nil, err
	}
	return &protocol.DeleteMessageBatchResponse{BatchResult: *result}, nil
}

// changeMessageVisibilityBatch answers ChangeMessageVisibilityBatch.
func (s *Server) changeMessageVisibilityBatch(ctx context.Context, c *caller, q *protocol.ChangeMessageVisibilityBatchRequest) (protocol.Response, error) {
	entries := make([]handled, len(q.Entries))
	for i := range q.Entries {
		entries[i] = visibilityEntry(&q.Entries[i])
		if !q.Entries[i].VisibilityTimeout.Set {
			// Real clients have sent this: their SDK took a timeout of 0 for none.
			entries[i].err = missingParameter("ChangeMessageVisibilityBatchRequestEntry." + strconv.Itoa(i+1) + ".VisibilityTimeout")
		}
	}
	result, err := s.many(ctx, c, q.QueueURL, "ChangeMessageVisibilityBatch", queue.KindVisibility, entries)
	if err != nil {
		return nil, err
	}
	return &protocol.ChangeMessageVisibilityBatchResponse{BatchResult: *result}, nil
}

// visibilityEntry returns an entry, which is refused if its timeout is out of range.
func visibilityEntry(q *protocol.VisibilityEntry) handled {
	entry := handled{id: q.ID, receiptHandle: q.ReceiptHandle}
	seconds := q.VisibilityTimeout.Value
	if seconds < 0 || seconds > maxVisibilitySeconds {
		entry.err = invalidParameter(strconv.FormatInt(seconds, 10), "VisibilityTimeout", "Must be between 0 and 43200.")
		return entry
	}
	entry.visibilityMs = seconds * 1000
	return entry
}

// many carries out an action on the messages of a batch.
func (s *Server) many(ctx context.Context, c *caller, queueURL, action string, kind queue.Kind, given []handled) (*protocol.BatchResult, error) {
	response := new(protocol.BatchResult)
	err := s.withQueue(ctx, c, queueURL, func(record *catalog.Queue) error {
		if err := checkEntryIDs(action, len(given), func(i int) string { return given[i].id }); err != nil {
			return err
		}
		entries := slices.Clone(given)
		if err := s.handle(ctx, record, kind, entries); err != nil {
			return err
		}
		*response = protocol.BatchResult{}
		for i := range entries {
			if err := entries[i].err; err != nil {
				response.Failed = append(response.Failed, protocol.FailedEntry{ID: entries[i].id, Fault: apiErrorOf(err).fault()})
			} else {
				response.Successful = append(response.Successful, entries[i].id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return response, nil
}

// handle carries out a delete or a visibility change on every entry that has no error yet, with one command for each
// partition, and sets the errors of those that are refused. Its own error means that some may not have been done; both
// actions may be repeated.
func (s *Server) handle(ctx context.Context, record *catalog.Queue, kind queue.Kind, entries []handled) error {
	receipts := receiptsOf(record)
	var partitions []int
	for i := range entries {
		entry := &entries[i]
		if entry.err != nil {
			entry.partition = noPartition
			continue
		}
		var ok bool
		if entry.partition, entry.handle, ok = receipts.parse(entry.receiptHandle); !ok {
			entry.partition, entry.err = noPartition, receiptHandleInvalid(entry.receiptHandle)
			continue
		}
		if !slices.Contains(partitions, entry.partition) {
			partitions = append(partitions, entry.partition)
		}
	}
	if len(partitions) == 0 {
		return nil
	}
	return s.onPartitions(partitions, func(partition int) error {
		command := queue.Command{Kind: kind}
		var addressed []*handled
		for i := range entries {
			entry := &entries[i]
			if entry.partition != partition {
				continue // and do not touch it: another partition's command may be setting its error
			}
			addressed = append(addressed, entry)
			if kind == queue.KindDelete {
				command.Deletes = append(command.Deletes, entry.handle)
			} else {
				command.Changes = append(command.Changes, queue.VisibilityChange{Handle: entry.handle, VisibilityMs: entry.visibilityMs})
			}
		}
		result, err := s.command(ctx, record, partition, &command, 0)
		if err != nil {
			return err
		}
		if result.Code != queue.OK || len(result.Codes) != len(addressed) {
			return fmt.Errorf("partition %d answered %v with %d codes to a %v of %d", partition, result.Code, len(result.Codes), kind, len(addressed))
		}
		for i, entry := range addressed {
			entry.err = entryError(entry, result.Codes[i])
		}
		return nil
	})
}

// entryError words what a partition says of one entry.
func entryError(entry *handled, code queue.Code) error {
	switch code {
	case queue.OK:
		return nil
	case queue.HandleExpired:
		return invalidParameter(entry.receiptHandle, "ReceiptHandle", "The receipt handle has expired.")
	case queue.NotInFlight:
		return invalidParameter(entry.receiptHandle, "ReceiptHandle",
			"Message does not exist or is not available for visibility timeout change.")
	case queue.VisibilityTooLong:
		return invalidParameter(strconv.FormatInt(entry.visibilityMs/1000, 10), "VisibilityTimeout",
			"Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	default:
		return fmt.Errorf("partition %d answered an entry with %v", entry.partition, code)
	}
}
