package metadata

import (
	"context"
	"fmt"
	"time"

	"chasqui/metadata/catalog"
	"chasqui/metadata/codec"
	"chasqui/node/rpc"

	"github.com/vmihailenco/msgpack/v5"
)

// DeleteRequest describes a deletion.
type DeleteRequest struct {
	Account, Name string
	// Force deletes a queue that is protected.
	Force bool
	// Final makes the deletion one that cannot be undone.
	Final bool
}

// DeleteQueue is Delete for a queue that is not protected, and not for ever.
func (c *Client) DeleteQueue(ctx context.Context, account, name string) (*catalog.Queue, error) {
	return c.Delete(ctx, DeleteRequest{Account: account, Name: name})
}

// Delete removes a queue and returns its last record, with the version of the deletion and the time for which the queue
// can be restored. The caller then closes or drops its partitions. Errors: ErrNoSuchQueue, ErrProtected,
// ErrInvalidRequest, ErrUnavailable, ErrUnknownOutcome.
func (c *Client) Delete(ctx context.Context, request DeleteRequest) (*catalog.Queue, error) {
	command := catalog.Command{Kind: catalog.KindDeleteQueue, Account: request.Account, Name: request.Name}
	command.Deletion.Force = request.Force
	if !request.Final {
		command.Deletion.RestoreMs = catalog.RestoreMax.Milliseconds() // the service shortens it to what it is set to
	}
	return c.change(ctx, "delete", &command)
}

// RestoreQueue brings a deleted queue back and returns its record: the one that was deleted last, or the one with
// queueID if that is not 0. The caller then tells its partitions. Errors: ErrNotRestorable, ErrNameTaken, ErrLimitReached,
// ErrInvalidRequest, ErrUnavailable, ErrUnknownOutcome.
func (c *Client) RestoreQueue(ctx context.Context, account, name string, queueID uint64) (*catalog.Queue, error) {
	return c.change(ctx, "restore", &catalog.Command{
		Kind: catalog.KindRestoreQueue, Account: account, Name: name, Deletion: catalog.Deletion{QueueID: queueID},
	})
}

// DeletedQueue is a queue that can be restored.
type DeletedQueue struct {
	ID   uint64
	Name string
	// Deleted and Until are when it was deleted and until when it can be restored, in the service's time.
	Deleted, Until time.Time
}

// RestorableQueues returns the deleted queues of an account that can be restored and whose names begin with prefix, in
// the order of their names, up to ListLimitMax. The read is linearizable. Error: ErrUnavailable.
func (c *Client) RestorableQueues(ctx context.Context, account, prefix string) ([]DeletedQueue, error) {
	request := listRequest{account: account, prefix: prefix, limit: ListLimitMax}
	body, err := c.askLeader(ctx, methodListDeleted, rpc.Encode(&request))
	if err != nil {
		return nil, fmt.Errorf("list deleted queues of %s: %w", account, err)
	}
	var answer deletedAnswer
	if err := rpc.Decode(body, &answer); err != nil {
		return nil, fmt.Errorf("list deleted queues of %s: %w", account, c.unreadable(methodListDeleted, err))
	}
	return answer, nil
}

func (s *Server) listDeleted(ctx context.Context, body []byte) ([]byte, error) {
	var request listRequest
	if err := rpc.Decode(body, &request); err != nil {
		return nil, badRequest(err)
	}
	if err := s.barrier(ctx); err != nil {
		return nil, err
	}
	var answer deletedAnswer
	s.machine.read(func(c *catalog.Catalog) {
		for _, t := range c.Restorable(request.account, request.prefix, request.limit) {
			answer = append(answer, DeletedQueue{
				ID: t.Queue.ID, Name: t.Queue.Name,
				Deleted: time.UnixMilli(t.DeletedMs), Until: time.UnixMilli(t.RestorableUntilMs()),
			})
		}
	})
	return rpc.Encode(&answer), nil
}

// deletedAnswer holds deleted queues in order.
type deletedAnswer []DeletedQueue

const deletedFields = 4

func (l *deletedAnswer) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	w.Fields(len(*l))
	for _, q := range *l {
		w.Fields(deletedFields)
		w.Uint(q.ID)
		w.String(q.Name)
		w.Int(q.Deleted.UnixMilli())
		w.Int(q.Until.UnixMilli())
	}
	return w.Err()
}

func (l *deletedAnswer) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	*l = make(deletedAnswer, r.List(ListLimitMax))
	for i := range *l {
		r.Fields(deletedFields)
		q := &(*l)[i]
		q.ID = r.Uint()
		q.Name = r.String(catalog.NameBytesMax)
		q.Deleted = time.UnixMilli(r.Int())
		q.Until = time.UnixMilli(r.Int())
	}
	return r.Err()
}
