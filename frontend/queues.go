package frontend

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/frontend/protocol"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
)

// maxListed is the most queues of one ListQueues.
const maxListed = 1000

// createQueue answers CreateQueue. The catalog decides whether an existing queue is the one that is asked for.
// Partitions learn of the queue with the first command that reaches them.
func (s *Server) createQueue(ctx context.Context, c *caller, q *protocol.CreateQueueRequest) (protocol.Response, error) {
	if q.QueueName == "" {
		return nil, missingParameter("QueueName")
	}
	fifo, err := checkNewName(q)
	if err != nil {
		return nil, err
	}
	patch, err := parseAttributes(q.Attributes, fifo)
	if err != nil {
		return nil, err
	}
	if err := s.checkRedriveTarget(ctx, c, q.QueueName, fifo, &patch); err != nil {
		return nil, err
	}
	tags, err := checkTags(q.QueueName, q.Tags)
	if err != nil {
		return nil, err
	}
	request := metadata.CreateRequest{Account: c.account, Name: q.QueueName, Attributes: patch.Values, Given: patch.Given, Tags: tags}
	// A Host's Random never fails.
	_, _ = s.host.Random.Read(request.ReceiptKey[:])
	record, err := s.catalog.CreateQueue(ctx, request)
	if err != nil {
		return nil, renamed(err)
	}
	s.records.Store(record)
	return &protocol.QueueURLResponse{QueueURL: c.queueURL(record.Account, record.Name)}, nil
}

// checkNewName checks a queue's name, which shows whether it is a FIFO queue, against its attributes.
func checkNewName(q *protocol.CreateQueueRequest) (fifo bool, err error) {
	for _, attribute := range q.Attributes {
		if attribute.Name == "FifoQueue" {
			fifo = strings.EqualFold(attribute.Value, "true")
		}
	}
	switch {
	case fifo && (!strings.HasSuffix(q.QueueName, fifoSuffix) || !validQueueName(q.QueueName)):
		return false, errInvalidFifoName
	case !fifo && (strings.HasSuffix(q.QueueName, fifoSuffix) || !validQueueName(q.QueueName)):
		return false, errInvalidQueueName
	}
	return fifo, nil
}

// checkRedriveTarget checks that the dead-letter queue a patch names is there and of the same kind.
func (s *Server) checkRedriveTarget(ctx context.Context, c *caller, name string, fifo bool, patch *catalog.Patch) error {
	if !slices.Contains(patch.Given, "RedrivePolicy") || patch.Values.RedrivePolicy == "" {
		return nil
	}
	target, err := redriveTarget(patch.Values.RedrivePolicy)
	if err != nil {
		return err
	}
	refuse := func(reason string) error {
		return invalidParameter(patch.Values.RedrivePolicy, "RedrivePolicy", reason)
	}
	account, targetName, ok := strings.Cut(strings.TrimPrefix(target, "arn:aws:sqs:"+c.region+":"), ":")
	if !ok || account != c.account || !validQueueName(targetName) {
		return refuse("Dead letter target must be in same region and account.")
	}
	if targetName == name {
		return refuse("Dead letter target cannot be the queue itself.")
	}
	record, err := s.catalog.GetQueue(ctx, account, targetName)
	switch {
	case errors.Is(err, metadata.ErrNoSuchQueue):
		return refuse("Dead letter target does not exist.")
	case err != nil:
		return fmt.Errorf("look up the dead-letter queue: %w", err)
	case record.FIFO != fifo:
		return refuse("Dead-letter queue must be same type of queue as the source.")
	case !allowsRedrive(record.Attributes.RedriveAllowPolicy, c.queueARN(c.account, name)):
		return refuse("The dead-letter queue does not allow this queue as its source.")
	}
	return nil
}

// getQueueURL answers GetQueueUrl.
func (s *Server) getQueueURL(ctx context.Context, c *caller, q *protocol.GetQueueURLRequest) (protocol.Response, error) {
	if q.QueueName == "" {
		return nil, missingParameter("QueueName")
	}
	account := c.account
	if q.OwnerAccount != "" {
		account = q.OwnerAccount
	}
	if !validQueueName(q.QueueName) || !isAccount(account) {
		return nil, errQueueDoesNotExist
	}
	record, err := s.catalog.GetQueue(ctx, account, q.QueueName)
	if err != nil {
		return nil, err
	}
	return &protocol.QueueURLResponse{QueueURL: c.queueURL(record.Account, record.Name)}, nil
}

// listQueues answers ListQueues. Only a caller who asked for pages gets a token for the next one; it is the name after
// which to go on, so that no state is kept.
func (s *Server) listQueues(ctx context.Context, c *caller, q *protocol.ListQueuesRequest) (protocol.Response, error) {
	limit, after, err := checkPage(q.MaxResults, q.NextToken)
	if err != nil {
		return nil, err
	}
	if len(q.Prefix) > maxQueueNameBytes {
		return &protocol.ListQueuesResponse{}, nil
	}
	names, next, err := s.catalog.ListQueues(ctx, c.account, q.Prefix, after, limit)
	if err != nil {
		return nil, err
	}
	return &protocol.ListQueuesResponse{QueueURLs: c.queueURLs(c.account, names), NextToken: nextToken(q.MaxResults, next)}, nil
}

// listDeadLetterSourceQueues answers ListDeadLetterSourceQueues.
func (s *Server) listDeadLetterSourceQueues(ctx context.Context, c *caller, q *protocol.ListDeadLetterSourceQueuesRequest) (protocol.Response, error) {
	account, name, err := c.resolve(q.QueueURL)
	if err != nil {
		return nil, err
	}
	if _, err := s.catalog.GetQueue(ctx, account, name); err != nil {
		return nil, err
	}
	limit, after, err := checkPage(q.MaxResults, q.NextToken)
	if err != nil {
		return nil, err
	}
	names, next, err := s.catalog.ListSources(ctx, account, c.queueARN(account, name), after, limit)
	if err != nil {
		return nil, err
	}
	return &protocol.ListDeadLetterSourceQueuesResponse{QueueURLs: c.queueURLs(account, names), NextToken: nextToken(q.MaxResults, next)}, nil
}

// checkPage returns what the parameters of a list mean: how many to list, and after which name.
func checkPage(maxResults protocol.Optional[int64], token string) (limit int, after string, err error) {
	most, err := checkRange(maxResults, maxListed, 1, maxListed, "MaxResults", "MaxResults must be between 1 and 1000.")
	if err != nil {
		return 0, "", err
	}
	name, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(name) > maxQueueNameBytes {
		return 0, "", invalidParameterText("Invalid or expired next token.")
	}
	return int(most), string(name), nil
}

// nextToken returns the token of the page that begins after a name, "" if there is none.
func nextToken(maxResults protocol.Optional[int64], next string) string {
	if next == "" || !maxResults.Set {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(next))
}

// purgeQueue answers PurgeQueue.
func (s *Server) purgeQueue(ctx context.Context, c *caller, q *protocol.PurgeQueueRequest) (protocol.Response, error) {
	account, name, err := c.resolve(q.QueueURL)
	if err != nil {
		return nil, err
	}
	record, err := s.catalog.MarkPurged(ctx, account, name)
	if errors.Is(err, metadata.ErrPurgeInProgress) {
		return nil, purgeInProgress(name)
	}
	if err != nil {
		return nil, err
	}
	s.records.Store(record)
	err = s.everyPartition(ctx, record, &queue.Command{Kind: queue.KindPurge})
	if errors.Is(err, errQueueReplaced) {
		// The catalog has it as purged. Some partitions may be, and others come back as they were if the queue is restored.
		return nil, errPartlyDone
	}
	if err != nil {
		return nil, err
	}
	return protocol.Empty{}, nil
}

// getQueueAttributes answers GetQueueAttributes, from the catalog itself: clients poll until they see their change.
func (s *Server) getQueueAttributes(ctx context.Context, c *caller, q *protocol.GetQueueAttributesRequest) (protocol.Response, error) {
	account, name, err := c.resolve(q.QueueURL)
	if err != nil {
		return nil, err
	}
	record, err := s.catalog.GetQueue(ctx, account, name)
	if err != nil {
		return nil, err
	}
	for _, asked := range q.AttributeNames {
		if !isAttributeName(asked) {
			return nil, unknownAttribute(asked)
		}
	}
	v := view{record: record, arn: c.queueARN(account, name)}
	if slices.ContainsFunc(q.AttributeNames, needsStats) {
		if v.stats, err = s.stats(ctx, record); err != nil {
			return nil, err
		}
	}
	return &protocol.AttributesResponse{Attributes: v.show(q.AttributeNames)}, nil
}

// stats adds up the counts of a queue's partitions.
func (s *Server) stats(ctx context.Context, record *catalog.Queue) (queue.Stats, error) {
	counts := make([]queue.Stats, len(record.Slots))
	err := s.onPartitions(allPartitions(record), func(partition int) error {
		var err error
		id := queue.PartitionID{Queue: record.ID, Partition: uint16(partition)}
		if counts[partition], err = s.backend.Stats(ctx, record.Slots[partition], id); err != nil {
			return fmt.Errorf("count the messages of partition %v: %w", id, err)
		}
		return nil
	})
	var sum queue.Stats
	for _, count := range counts {
		sum.Visible += count.Visible
		sum.InFlight += count.InFlight
		sum.Delayed += count.Delayed
	}
	return sum, err
}

// setQueueAttributes answers SetQueueAttributes. Every partition is told before the answer, so that from then on no
// frontend can use the settings it has cached from before.
func (s *Server) setQueueAttributes(ctx context.Context, c *caller, q *protocol.SetQueueAttributesRequest) (protocol.Response, error) {
	account, name, err := c.resolve(q.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(q.Attributes) == 0 {
		return nil, missingParameter("Attribute.Name")
	}
	fifo := strings.HasSuffix(name, fifoSuffix)
	patch, err := parseChanges(q.Attributes, fifo)
	if err != nil {
		return nil, s.unlessMissing(ctx, account, name, err)
	}
	if err := s.checkRedriveTarget(ctx, c, name, fifo, &patch); err != nil {
		return nil, err
	}
	return s.change(ctx, metadata.SetRequest{Account: account, Name: name, Attributes: patch.Values, Given: patch.Given})
}

// unlessMissing returns what is wrong with a request, or that its queue does not exist: that is said first.
func (s *Server) unlessMissing(ctx context.Context, account, name string, wrong error) error {
	if _, err := s.catalog.GetQueue(ctx, account, name); err != nil {
		return err
	}
	return wrong
}

// change changes a queue's record and tells all its partitions.
func (s *Server) change(ctx context.Context, request metadata.SetRequest) (protocol.Response, error) {
	record, err := s.catalog.SetAttributes(ctx, request)
	if errors.Is(err, metadata.ErrTooManyTags) {
		return nil, tooManyTags(request.Name)
	}
	if err != nil {
		return nil, renamed(err)
	}
	s.records.Store(record)
	// The change is made. If the queue is deleted before all partitions know, it was deleted with this change, and may be
	// restored with it.
	err = s.everyPartition(ctx, record, &queue.Command{Kind: queue.KindConfigure, Settings: backend.SettingsOf(record)})
	if err != nil && !errors.Is(err, errQueueReplaced) {
		return nil, err
	}
	return protocol.Empty{}, nil
}

// renamed gives an attribute that has another name in the catalog the one that the API uses.
func renamed(err error) error {
	var exists *metadata.QueueExistsError
	var invalid *metadata.InvalidAttributeError
	switch {
	case errors.As(err, &exists):
		return queueNameExists(apiAttributeName(exists.Attribute))
	case errors.As(err, &invalid):
		return invalidAttributeValue(apiAttributeName(invalid.Attribute), invalid.Reason)
	}
	return err
}
