package frontend

import (
	"context"
	"time"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
)

// Catalog is the metadata service as actions on queues need it: reads and changes that every frontend sees at once.
type Catalog interface {
	CreateQueue(ctx context.Context, request metadata.CreateRequest) (*catalog.Queue, error)
	GetQueue(ctx context.Context, account, name string) (*catalog.Queue, error)
	// ListQueues returns up to limit names after the given one in order, and the name to go on after, "" at the end.
	ListQueues(ctx context.Context, account, prefix, after string, limit int) (names []string, next string, err error)
	// ListSources is ListQueues for the queues whose dead-letter queue is the one with an ARN.
	ListSources(ctx context.Context, account, arn, after string, limit int) (names []string, next string, err error)
	SetAttributes(ctx context.Context, request metadata.SetRequest) (*catalog.Queue, error)
	// DeleteQueue returns the last record, whose partitions the caller drops.
	DeleteQueue(ctx context.Context, account, name string) (*catalog.Queue, error)
	MarkPurged(ctx context.Context, account, name string) (*catalog.Queue, error)
}

// Records is the cache of queue records that message actions use.
type Records interface {
	// Queue returns a record, perhaps not the newest one.
	Queue(ctx context.Context, account, name string) (*catalog.Queue, error)
	// Store gives the cache a record that has just come from the Catalog.
	Store(record *catalog.Queue)
	// Invalidate drops a record of a version below olderThan, so that the next Queue asks the Catalog.
	Invalidate(account, name string, olderThan uint64)
	// Refresh asks the metadata service for the topology; an error means that it cannot be reached.
	Refresh(ctx context.Context) error
}

// Backend carries out commands on partitions.
type Backend interface {
	// Do carries out a command and waits up to wait for a receive to find something. It keeps nothing of the command
	// after it has returned. With
	// any error but backend.ErrUnavailable the command may have taken effect. It sets the command's session fields.
	Do(ctx context.Context, slot uint16, command *queue.Command, wait time.Duration) (*queue.Result, error)
	// Wait blocks until a receive of most messages is worth trying (true) or the wait is over (false), also when ctx
	// is. A change of the queue's settings from version counts as worth it. Nothing is received by waiting.
	Wait(ctx context.Context, slot uint16, partition queue.PartitionID, version uint64, most int, wait time.Duration) (bool, error)
	// Stats counts a partition's messages.
	Stats(ctx context.Context, slot uint16, partition queue.PartitionID) (queue.Stats, error)
}

var (
	_ Catalog = (*metadata.Client)(nil)
	_ Records = (*metadata.Cache)(nil)
	_ Backend = (*backend.Client)(nil)
)
