package catalog

import (
	"fmt"
	"maps"
)

// createQueue makes a queue, or finds it. Creation is idempotent as in SQS (SQS-API.md 3.1): an existing queue is
// returned unless an attribute that the command gives differs from the present one. Tags and attributes that are
// not given never matter for an existing queue.
func (c *Catalog) createQueue(command *Command) *Result {
	if q, ok := c.Queue(command.Account, command.Name); ok {
		if name := command.Patch.firstDifference(&q.Attributes); name != "" {
			return &Result{Code: QueueExists, Attribute: name}
		}
		return &Result{Queue: q}
	}
	if t := c.lastDeleted(command.Account, command.Name); t != nil && c.nowMs < t.DeletedMs+command.CooldownMs {
		return &Result{Code: DeletedRecently}
	}
	fifo := command.Patch.gives(attributeNameFifoQueue) && command.Patch.Values.FifoQueue
	attributes := command.Patch.applyTo(DefaultAttributes(fifo))
	if name, reason := attributes.check(); name != "" {
		return &Result{Code: InvalidAttribute, Attribute: name, Detail: reason}
	}
	if c.queues.Len() >= QueuesMax {
		return &Result{Code: LimitReached, Detail: fmt.Sprintf("the catalog holds %d queues, its limit", QueuesMax)}
	}
	if len(c.assignment) == 0 {
		return &Result{Code: NotReady, Detail: "no slots are assigned yet: not enough backend hosts have registered"}
	}
	c.lastQueueID++
	q := &Queue{
		ID:            c.lastQueueID,
		Account:       command.Account,
		Name:          command.Name,
		Attributes:    attributes,
		Tags:          command.Tags,
		CreatedMs:     c.nowMs,
		ModifiedMs:    c.nowMs,
		Version:       c.nextVersion(),
		FIFO:          attributes.FifoQueue,
		DedupPerGroup: attributes.DeduplicationScope == ScopeMessageGroup,
		Slots:         place(c.slotLoad, attributes.Partitions),
		ReceiptKey:    command.ReceiptKey,
	}
	c.queues.ReplaceOrInsert(q)
	c.addLoad(q.Slots, 1)
	return &Result{Queue: q}
}

// setAttributes changes the given attributes and tags and leaves the others.
func (c *Catalog) setAttributes(command *Command) *Result {
	q, ok := c.Queue(command.Account, command.Name)
	if !ok {
		return &Result{Code: NoSuchQueue}
	}
	patch := &command.Patch
	switch {
	case command.IfVersion != 0 && command.IfVersion != q.Version:
		return &Result{Code: Conflict, Detail: fmt.Sprintf("version %d is no longer the record's, which is %d", command.IfVersion, q.Version)}
	case patch.gives(attributeNameFifoQueue) && patch.Values.FifoQueue != q.FIFO:
		return &Result{Code: InvalidAttribute, Attribute: attributeNameFifoQueue, Detail: "Modifying queue type is not supported."}
	case patch.gives(attributeNamePartition) && patch.Values.Partitions != q.Attributes.Partitions:
		return &Result{Code: InvalidAttribute, Attribute: attributeNamePartition, Detail: "the number of partitions is fixed at creation"}
	case patch.gives(attributeNameDelivery) && patch.Values.Delivery != q.Attributes.Delivery:
		return &Result{Code: InvalidAttribute, Attribute: attributeNameDelivery, Detail: "how often messages are delivered is fixed at creation"}
	case !q.FIFO && patch.firstFifoOnly() != "":
		return &Result{Code: InvalidAttribute, Attribute: patch.firstFifoOnly(), Detail: "it can be specified only for a FIFO queue"}
	}
	next := *q
	next.Attributes = patch.applyTo(q.Attributes)
	if name, reason := next.Attributes.check(); name != "" {
		return &Result{Code: InvalidAttribute, Attribute: name, Detail: reason}
	}
	if next.Tags = changedTags(q.Tags, command); len(next.Tags) > TagsMax {
		return &Result{Code: TooManyTags}
	}
	if len(patch.Given) > 0 {
		next.ModifiedMs = c.nowMs
	}
	next.Version = c.nextVersion()
	c.queues.ReplaceOrInsert(&next)
	return &Result{Queue: &next}
}

// changedTags returns tags as the command changes them, without touching the map of the present record.
func changedTags(tags map[string]string, command *Command) map[string]string {
	if len(command.Tags) == 0 && len(command.RemoveTags) == 0 {
		return tags
	}
	next := make(map[string]string, len(tags)+len(command.Tags))
	maps.Copy(next, tags)
	for _, key := range command.RemoveTags {
		delete(next, key)
	}
	maps.Copy(next, command.Tags)
	if len(next) == 0 {
		return nil
	}
	return next
}

// markPurged notes that a queue is purged now. The purging itself is the backend's work.
func (c *Catalog) markPurged(command *Command) *Result {
	q, ok := c.Queue(command.Account, command.Name)
	if !ok {
		return &Result{Code: NoSuchQueue}
	}
	if q.PurgedMs != 0 && c.nowMs < q.PurgedMs+command.CooldownMs {
		return &Result{Code: PurgeInProgress}
	}
	next := *q
	next.PurgedMs = c.nowMs
	next.Version = c.nextVersion()
	c.queues.ReplaceOrInsert(&next)
	return &Result{Queue: &next}
}
