package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chasqui/backend/leader"
	"chasqui/backend/queue"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
)

// Records tells where queues live; *metadata.Cache is one.
type Records interface {
	// Queue returns a record, perhaps not the newest one; metadata.ErrNoSuchQueue is certain.
	Queue(ctx context.Context, account, name string) (*catalog.Queue, error)
	// Invalidate drops a record of a version below olderThan.
	Invalidate(account, name string, olderThan uint64)
}

// Doer carries out commands on partitions; *Client is one.
type Doer interface {
	Do(ctx context.Context, slot uint16, command *queue.Command, wait time.Duration) (*queue.Result, error)
}

// Redriver transfers messages to the queues that they move to.
type Redriver struct {
	records Records
	backend Doer
}

var _ leader.Carrier = (*Redriver)(nil)

// NewRedriver returns a Redriver.
func NewRedriver(records Records, backend Doer) *Redriver {
	return &Redriver{records: records, backend: backend}
}

const (
	// transferBytesMax bounds the bodies and attributes of one transfer, but for its first message.
	transferBytesMax = 1 << 20
	// transferRepeats bounds how often a transfer is repeated because the target partition knows another version of its
	// queue's settings.
	transferRepeats = 5
)

var errTargetChanges = errors.New("the target queue changes too fast")

// Carry implements leader.Carrier.
func (r *Redriver) Carry(ctx context.Context, messages []queue.Outgoing) (through uint64, returned bool, err error) {
	target := messages[0].Target
	for range transferRepeats {
		record, err := r.records.Queue(ctx, target.Account, target.Name)
		if errors.Is(err, metadata.ErrNoSuchQueue) {
			return lastOf(messages, func(m *queue.Outgoing) bool { return m.Target == target }), true, nil
		}
		if err != nil {
			return 0, false, fmt.Errorf("look up queue %s: %w", target.Name, err)
		}
		partition := targetPartition(record, &messages[0])
		size := 0
		through := lastOf(messages, func(m *queue.Outgoing) bool {
			size += len(m.Moved.Body) + len(m.Moved.Attributes) + len(m.Moved.SystemAttributes)
			return m.Target == target && targetPartition(record, m) == partition && (m.Moved.Number == messages[0].Moved.Number || size <= transferBytesMax)
		})
		transfer := &queue.Transfer{Origin: messages[0].Partition}
		for i := range messages {
			if messages[i].Moved.Number <= through {
				transfer.Messages = append(transfer.Messages, messages[i].Moved)
			}
		}
		code, err := r.do(ctx, record, partition, &queue.Command{Kind: queue.KindTransfer, Transfer: transfer})
		switch {
		case err != nil:
			return 0, false, err
		case code == queue.OK:
			return through, false, nil
		case code == queue.NeedSettings:
			if _, err := r.do(ctx, record, partition, &queue.Command{Kind: queue.KindConfigure, Settings: SettingsOf(record)}); err != nil {
				return 0, false, err
			}
		case code == queue.StaleSettings, code == queue.QueueDropped:
			r.records.Invalidate(target.Account, target.Name, record.Version+1)
		default:
			return 0, false, fmt.Errorf("transfer to queue %s: %v", target.Name, code)
		}
	}
	return 0, false, fmt.Errorf("transfer to queue %s: %w", target.Name, errTargetChanges)
}

func (r *Redriver) do(ctx context.Context, record *catalog.Queue, partition int, command *queue.Command) (queue.Code, error) {
	command.Partition = queue.PartitionID{Queue: record.ID, Partition: uint16(partition)}
	command.SettingsVersion = record.Version
	result, err := r.backend.Do(ctx, record.Slots[partition], command, 0)
	if err != nil {
		return 0, fmt.Errorf("%v on partition %v: %w", command.Kind, command.Partition, err)
	}
	return result.Code, nil
}

// lastOf returns the number of the last of the messages from the front for which belongs holds.
func lastOf(messages []queue.Outgoing, belongs func(*queue.Outgoing) bool) uint64 {
	last := uint64(0)
	for i := range messages {
		if !belongs(&messages[i]) {
			break
		}
		last = messages[i].Moved.Number
	}
	return last
}

// targetPartition returns where a message arrives: with its group on a FIFO queue, else by turns.
func targetPartition(record *catalog.Queue, m *queue.Outgoing) int {
	if record.FIFO {
		return GroupPartition(record, m.Moved.Group)
	}
	return int(m.Moved.Number % uint64(len(record.Slots)))
}
