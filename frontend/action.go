package frontend

import (
	"context"
	"fmt"

	"chasqui/frontend/protocol"
)

// perform carries out a request of any action, within the time that a request may take. A receive minds its own time,
// since it may wait.
func (s *Server) perform(ctx context.Context, c *caller, request protocol.Request) (protocol.Response, error) {
	if q, ok := request.(*protocol.ReceiveMessageRequest); ok {
		return s.receiveMessage(ctx, c, q)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.RequestTimeout)
	defer cancel()
	switch q := request.(type) {
	case *protocol.SendMessageRequest:
		return s.sendMessage(ctx, c, q)
	case *protocol.SendMessageBatchRequest:
		return s.sendMessageBatch(ctx, c, q)
	case *protocol.DeleteMessageRequest:
		return s.deleteMessage(ctx, c, q)
	case *protocol.DeleteMessageBatchRequest:
		return s.deleteMessageBatch(ctx, c, q)
	case *protocol.ChangeMessageVisibilityRequest:
		return s.changeMessageVisibility(ctx, c, q)
	case *protocol.ChangeMessageVisibilityBatchRequest:
		return s.changeMessageVisibilityBatch(ctx, c, q)
	case *protocol.CreateQueueRequest:
		return s.createQueue(ctx, c, q)
	case *protocol.GetQueueURLRequest:
		return s.getQueueURL(ctx, c, q)
	case *protocol.ListQueuesRequest:
		return s.listQueues(ctx, c, q)
	case *protocol.GetQueueAttributesRequest:
		return s.getQueueAttributes(ctx, c, q)
	case *protocol.SetQueueAttributesRequest:
		return s.setQueueAttributes(ctx, c, q)
	case *protocol.DeleteQueueRequest:
		return s.deleteQueue(ctx, c, q)
	case *protocol.PurgeQueueRequest:
		return s.purgeQueue(ctx, c, q)
	case *protocol.ListQueueTagsRequest:
		return s.listQueueTags(ctx, c, q)
	case *protocol.TagQueueRequest:
		return s.tagQueue(ctx, c, q)
	case *protocol.UntagQueueRequest:
		return s.untagQueue(ctx, c, q)
	case *protocol.ListDeadLetterSourceQueuesRequest:
		return s.listDeadLetterSourceQueues(ctx, c, q)
	case *protocol.AddPermissionRequest:
		return s.addPermission(ctx, c, q)
	case *protocol.RemovePermissionRequest:
		return s.removePermission(ctx, c, q)
	case *protocol.StartMessageMoveTaskRequest:
		return s.startMessageMoveTask(ctx, c, q)
	case *protocol.CancelMessageMoveTaskRequest:
		return s.cancelMessageMoveTask(ctx, c, q)
	case *protocol.ListMessageMoveTasksRequest:
		return s.listMessageMoveTasks(ctx, c, q)
	default:
		return nil, fmt.Errorf("no method answers a %T", request)
	}
}
