package frontend

import (
	"context"
	"errors"
	"strings"

	"chasqui/metadata"
	"chasqui/metadata/catalog"
)

// withSendQueue is withQueue for messages on their way in. With Config.CreateQueues it creates a queue that does not
// exist, if it would be the caller's own. It is off by default: a mistyped name then makes a queue that nobody reads.
func (s *Server) withSendQueue(ctx context.Context, c *caller, queueURL string, use func(*catalog.Queue) error) error {
	err := s.withQueue(ctx, c, queueURL, use)
	if !s.config.CreateQueues || !errors.Is(err, metadata.ErrNoSuchQueue) {
		return err
	}
	account, name, resolveErr := c.resolve(queueURL)
	if resolveErr != nil || account != c.account {
		return err
	}
	request := metadata.CreateRequest{Account: account, Name: name}
	if strings.HasSuffix(name, fifoSuffix) {
		request.Given, request.Attributes.FifoQueue = []string{"FifoQueue"}, true
	}
	// A Host's Random never fails.
	_, _ = s.host.Random.Read(request.ReceiptKey[:])
	record, err := s.catalog.CreateQueue(ctx, request)
	if err != nil {
		return err
	}
	s.records.Store(record)
	return s.withQueue(ctx, c, queueURL, use)
}
