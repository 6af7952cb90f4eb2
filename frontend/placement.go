package frontend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
)

// maxRepeats bounds how often one command is repeated because the frontend and the partition knew different versions
// of the queue. Twice is the most that one change of a queue causes; changes that come faster than we follow end in
// 503.
const maxRepeats = 5

// withQueue finds the queue that a request names and gives its record to use. If it turns out there that the queue was
// deleted, and one of the same name exists, or it was restored, use is called once more with that one.
func (s *Server) withQueue(ctx context.Context, c *caller, queueURL string, use func(*catalog.Queue) error) error {
	account, name, err := c.resolve(queueURL)
	if err != nil {
		return err
	}
	record, err := s.records.Queue(ctx, account, name)
	if err != nil {
		return fmt.Errorf("look up queue %s: %w", name, err)
	}
	replaced := use(record)
	if !errors.Is(replaced, errQueueReplaced) {
		return replaced
	}
	newer, err := s.reload(ctx, record)
	switch {
	case err == nil && newer.Version > record.Version:
		err = use(newer) // another queue of the name, or the same one, restored
	case err == nil:
		err = replaced
	}
	if errors.Is(replaced, errPartlyDone) && (errors.Is(err, errQueueReplaced) || errors.Is(err, metadata.ErrNoSuchQueue)) {
		return errPartlyDone
	}
	return err
}

// reload returns a record newer than the given one.
func (s *Server) reload(ctx context.Context, record *catalog.Queue) (*catalog.Queue, error) {
	s.records.Invalidate(record.Account, record.Name, record.Version+1)
	newer, err := s.records.Queue(ctx, record.Account, record.Name)
	if err != nil {
		return nil, fmt.Errorf("look up queue %s again: %w", record.Name, err)
	}
	return newer, nil
}

// command carries out a command on one partition of a queue. It settles differences of version first: a partition that
// does not know the queue's settings, or older ones, is told; if it knows newer ones, the record is loaded again. A
// refused command has changed nothing, so what follows is a new command, not a retry.
//
// Errors: errQueueReplaced if the queue has been deleted, errOverloaded if the slot refuses more, or the backend's.
func (s *Server) command(ctx context.Context, record *catalog.Queue, partition int, template *queue.Command, wait time.Duration) (*queue.Result, error) {
	for range maxRepeats {
		attempt := *template
		attempt.Partition = queue.PartitionID{Queue: record.ID, Partition: uint16(partition)}
		attempt.SettingsVersion = record.Version
		result, err := s.backend.Do(ctx, record.Slots[partition], &attempt, wait)
		if err != nil {
			return nil, fmt.Errorf("%v on partition %v: %w", attempt.Kind, attempt.Partition, err)
		}
		switch result.Code {
		case queue.NeedSettings:
			configure := queue.Command{Kind: queue.KindConfigure, Settings: backend.SettingsOf(record)}
			if template.Kind == queue.KindConfigure {
				return nil, fmt.Errorf("partition %v asks for settings when given them", attempt.Partition)
			}
			if _, err := s.command(ctx, record, partition, &configure, 0); err != nil {
				return nil, err
			}
		case queue.StaleSettings:
			if template.Kind == queue.KindConfigure || template.Kind == queue.KindDrop {
				// The partition knows newer settings than these, or that the queue was restored: so much the better.
				return result, nil
			}
			newer, err := s.reload(ctx, record)
			if err != nil {
				return nil, err
			}
			if newer.ID != record.ID {
				return nil, errQueueReplaced
			}
			record = newer
		case queue.QueueDropped:
			return nil, errQueueReplaced
		case queue.Overloaded:
			return nil, errOverloaded
		case queue.StaleSession:
			// The command was refused because its session is over: the next attempt has another.
		case queue.BadCommand:
			return nil, fmt.Errorf("partition %v finds the %v command bad", attempt.Partition, attempt.Kind)
		default:
			return result, nil
		}
	}
	return nil, fmt.Errorf("queue %s changes too fast: %w", record.Name, errUnavailable)
}

// onPartitions calls do for each of the partitions, at the same time if there are several, and waits for all. It
// returns the error of the first partition that has another than errQueueReplaced; if there is none, that one if all partitions
// have it, and errPartlyDone if some do. Panics become errors.
func (s *Server) onPartitions(partitions []int, do func(partition int) error) error {
	if len(partitions) == 1 {
		return do(partitions[0])
	}
	failures := make([]error, len(partitions))
	done := make(chan struct{}, len(partitions))
	for i, partition := range partitions {
		started := s.tasks.Go("partition", func(context.Context) {
			defer func() { done <- struct{}{} }()
			defer recoverInto(&failures[i])
			failures[i] = do(partition)
		})
		if !started {
			failures[i] = errUnavailable
			done <- struct{}{}
		}
	}
	for range partitions {
		<-done
	}
	replaced := 0
	for _, err := range failures {
		switch {
		case errors.Is(err, errQueueReplaced):
			replaced++
		case err != nil:
			return err
		}
	}
	switch replaced {
	case 0:
		return nil
	case len(partitions):
		return errQueueReplaced
	default:
		return errPartlyDone
	}
}

// everyPartition carries out the same command on all partitions of a queue.
func (s *Server) everyPartition(ctx context.Context, record *catalog.Queue, template *queue.Command) error {
	return s.onPartitions(allPartitions(record), func(partition int) error {
		_, err := s.command(ctx, record, partition, template, 0)
		return err
	})
}

func allPartitions(record *catalog.Queue) []int {
	partitions := make([]int, len(record.Slots))
	for i := range partitions {
		partitions[i] = i
	}
	return partitions
}
