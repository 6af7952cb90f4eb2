package frontend

import (
	"context"
	"errors"

	"chasqui/backend"
	"chasqui/backend/queue"
	"chasqui/frontend/protocol"
	"chasqui/metadata/catalog"
)

// deleteQueue answers DeleteQueue, unless that is switched off. The catalog's word is the deletion. If a partition cannot
// be reached afterwards the answer is 503.
func (s *Server) deleteQueue(ctx context.Context, c *caller, q *protocol.DeleteQueueRequest) (protocol.Response, error) {
	if s.config.NoDeleteQueue {
		return nil, errNoDeleteQueue
	}
	account, name, err := c.resolve(q.QueueURL)
	if err != nil {
		return nil, err
	}
	record, err := s.catalog.DeleteQueue(ctx, account, name)
	if err != nil {
		return nil, err
	}
	if err := s.EndQueue(ctx, record); err != nil {
		return nil, err
	}
	return protocol.Empty{}, nil
}

// EndQueue tells all partitions of a queue that the catalog has deleted it; record is what that answered. Every frontend
// sees the deletion from then on, whatever it has cached, and long polls end. While the queue can be restored, the
// partitions keep their data. What comes of a queue that is restored before all were told does no harm: its version is above
// the deletion's.
func (s *Server) EndQueue(ctx context.Context, record *catalog.Queue) error {
	s.records.Invalidate(record.Account, record.Name, record.Version+1)
	drop := queue.Command{Kind: queue.KindDrop}
	if record.RestoreMs > 0 {
		drop.Keep = &queue.Keep{Settings: *backend.SettingsOf(record), KeepMs: record.RestoreMs + catalog.KeepMargin.Milliseconds()}
	}
	if err := s.everyPartition(ctx, record, &drop); err != nil && !errors.Is(err, errQueueReplaced) {
		return err
	}
	return nil
}

// ReopenQueue tells all partitions of a queue that the catalog has restored it; record is what that answered. The first
// command of the restored queue would tell a partition as well, but one that nobody used until then would drop its
// messages when the time to restore the queue, and the hour more, is over.
func (s *Server) ReopenQueue(ctx context.Context, record *catalog.Queue) error {
	configure := queue.Command{Kind: queue.KindConfigure, Settings: backend.SettingsOf(record)}
	if err := s.everyPartition(ctx, record, &configure); err != nil && !errors.Is(err, errQueueReplaced) {
		return err
	}
	return nil
}
