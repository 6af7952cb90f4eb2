package frontend

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"chasqui/backend/queue"
	"chasqui/frontend/protocol"
	"chasqui/metadata"
	"chasqui/metadata/catalog"
)

// Message move tasks. A task lives in the partitions of its source queue, each of which has a part of it and of its
// rate (backend/queue/task.go); its handle names the queue and the task.

// Limits of move tasks, SQS's.
const (
	maxMovesPerSecond = 500
	maxTasksListed    = 10
	maxTaskHandle     = 1024
)

// taskHandle is the JSON document whose base64 text is a TaskHandle.
type taskHandle struct {
	TaskID    string `json:"taskId"`
	SourceARN string `json:"sourceArn"`
}

// startMessageMoveTask answers StartMessageMoveTask.
func (s *Server) startMessageMoveTask(ctx context.Context, c *caller, q *protocol.StartMessageMoveTaskRequest) (protocol.Response, error) {
	if q.SourceARN == "" {
		return nil, missingParameter("SourceArn")
	}
	source, err := s.queueByARN(ctx, c, q.SourceARN, "SourceArn")
	if err != nil {
		return nil, err
	}
	rate, err := checkRange(q.MaxPerSecond, 0, 1, maxMovesPerSecond, "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500, if provided.")
	if err != nil {
		return nil, err
	}
	sources, _, err := s.catalog.ListSources(ctx, source.Account, q.SourceARN, "", 1)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, invalidParameterText("Source queue must be configured as a Dead Letter Queue.")
	}
	target, err := s.moveTarget(ctx, c, source, q.DestinationARN)
	if err != nil {
		return nil, err
	}
	tasks, err := s.moveTasks(ctx, source)
	if err != nil {
		return nil, err
	}
	if len(tasks) > 0 && tasks[0].Status == queue.TaskRunningStatus {
		return nil, errTaskRunning
	}
	id := queue.TaskID(s.newMessageID())
	// One partition after the other: two that start at the same time meet at the first.
	for partition := range source.Slots {
		task := &queue.MoveTask{Operation: queue.TaskStart, ID: id, Target: target, RateMilli: uint32(rate) * 1000 / uint32(len(source.Slots))}
		result, err := s.command(ctx, source, partition, &queue.Command{Kind: queue.KindMoveTask, MoveTask: task}, 0)
		if err != nil {
			return nil, err
		}
		if result.Code == queue.TaskRunning {
			return nil, errTaskRunning
		}
	}
	return &protocol.StartMessageMoveTaskResponse{TaskHandle: handleOf(id, q.SourceARN)}, nil
}

// queueByARN finds the queue that a parameter names. Only queues of the caller's own can be meant.
func (s *Server) queueByARN(ctx context.Context, c *caller, arn, parameter string) (*catalog.Queue, error) {
	target, ok := queue.ParseARN(arn)
	if !ok || target.Account != c.account || !validQueueName(target.Name) || arn != c.queueARN(target.Account, target.Name) {
		return nil, noSuchResource(parameter)
	}
	record, err := s.catalog.GetQueue(ctx, target.Account, target.Name)
	if errors.Is(err, metadata.ErrNoSuchQueue) {
		return nil, noSuchResource(parameter)
	}
	return record, err
}

// moveTarget returns where the messages of a task move: zero for the queue that each came from.
func (s *Server) moveTarget(ctx context.Context, c *caller, source *catalog.Queue, arn string) (queue.Target, error) {
	if arn == "" {
		return queue.Target{}, nil
	}
	record, err := s.queueByARN(ctx, c, arn, "DestinationArn")
	switch {
	case err != nil:
		return queue.Target{}, err
	case record.ID == source.ID:
		return queue.Target{}, invalidParameterText("Source queue arn and destination queue arn cannot be the same.")
	case record.FIFO != source.FIFO:
		return queue.Target{}, invalidParameterText("Source queue and destination queue must be of the same type.")
	}
	return queue.Target{Account: record.Account, Name: record.Name}, nil
}

// cancelMessageMoveTask answers CancelMessageMoveTask.
func (s *Server) cancelMessageMoveTask(ctx context.Context, c *caller, q *protocol.CancelMessageMoveTaskRequest) (protocol.Response, error) {
	if q.TaskHandle == "" {
		return nil, missingParameter("TaskHandle")
	}
	id, arn, ok := parseTaskHandle(q.TaskHandle)
	if !ok {
		return nil, invalidParameterText("Value for parameter TaskHandle is invalid.")
	}
	source, err := s.queueByARN(ctx, c, arn, "SourceArn")
	if err != nil {
		return nil, err
	}
	cancelled := false
	for partition := range source.Slots {
		cancel := &queue.MoveTask{Operation: queue.TaskCancel, ID: id}
		result, err := s.command(ctx, source, partition, &queue.Command{Kind: queue.KindMoveTask, MoveTask: cancel}, 0)
		if err != nil {
			return nil, err
		}
		cancelled = cancelled || result.Code == queue.OK
	}
	tasks, err := s.moveTasks(ctx, source)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(tasks, func(t queue.TaskState) bool { return t.ID == id })
	switch {
	case at < 0:
		return nil, errNoSuchTask
	case !cancelled:
		return nil, unsupported("Only running tasks can be cancelled.")
	}
	return &protocol.CancelMessageMoveTaskResponse{Moved: int64(tasks[at].Moved)}, nil
}

// listMessageMoveTasks answers ListMessageMoveTasks, the newest first.
func (s *Server) listMessageMoveTasks(ctx context.Context, c *caller, q *protocol.ListMessageMoveTasksRequest) (protocol.Response, error) {
	if q.SourceARN == "" {
		return nil, missingParameter("SourceArn")
	}
	source, err := s.queueByARN(ctx, c, q.SourceARN, "SourceArn")
	if err != nil {
		return nil, err
	}
	limit, err := checkRange(q.MaxResults, 1, 1, maxTasksListed, "MaxResults", "MaxResults must be between 1 and 10.")
	if err != nil {
		return nil, err
	}
	tasks, err := s.moveTasks(ctx, source)
	if err != nil {
		return nil, err
	}
	response := new(protocol.ListMessageMoveTasksResponse)
	for i := range tasks[:min(len(tasks), int(limit))] {
		t := &tasks[i]
		shown := protocol.MoveTask{SourceARN: q.SourceARN, Status: taskStatus[t.Status], FailureReason: t.Failure,
			Moved: int64(t.Moved), ToMove: protocol.Some(int64(t.ToMove)), StartedMs: t.StartedMs}
		if t.Status == queue.TaskRunningStatus {
			shown.TaskHandle = handleOf(t.ID, q.SourceARN)
		}
		if t.Target != (queue.Target{}) {
			shown.DestinationARN = c.queueARN(t.Target.Account, t.Target.Name)
		}
		if t.RateMilli > 0 {
			shown.MaxPerSecond = protocol.Some(int64(t.RateMilli+500) / 1000) // the partitions' parts were rounded down
		}
		response.Tasks = append(response.Tasks, shown)
	}
	return response, nil
}

var taskStatus = map[queue.TaskStatus]string{
	queue.TaskRunningStatus: "RUNNING", queue.TaskCompleted: "COMPLETED", queue.TaskCancelled: "CANCELLED", queue.TaskFailed: "FAILED",
}

// moveTasks returns the tasks of a queue, the newest first, each put together from its parts in the partitions.
func (s *Server) moveTasks(ctx context.Context, source *catalog.Queue) ([]queue.TaskState, error) {
	parts := make([][]queue.TaskState, len(source.Slots))
	err := s.onPartitions(allPartitions(source), func(partition int) error {
		list := &queue.Command{Kind: queue.KindMoveTask, MoveTask: &queue.MoveTask{Operation: queue.TaskList}}
		result, err := s.command(ctx, source, partition, list, 0)
		if err != nil {
			return err
		}
		if result.Code != queue.OK {
			return fmt.Errorf("partition %d answered a list of move tasks with %v", partition, result.Code)
		}
		parts[partition] = result.Tasks
		return nil
	})
	if err != nil {
		return nil, err
	}
	var tasks []queue.TaskState
	for _, list := range parts {
		for _, part := range list {
			at := slices.IndexFunc(tasks, func(t queue.TaskState) bool { return t.ID == part.ID })
			if at < 0 {
				tasks = append(tasks, part)
				continue
			}
			addPart(&tasks[at], &part)
		}
	}
	slices.SortStableFunc(tasks, func(a, b queue.TaskState) int {
		if a.StartedMs != b.StartedMs {
			return int(b.StartedMs - a.StartedMs)
		}
		return int(a.Status) - int(b.Status) // of two of one instant, the running one is the newer
	})
	return tasks, nil
}

// addPart adds a partition's part of a task. A task runs as long as one part runs, and has failed if one has failed.
func addPart(whole, part *queue.TaskState) {
	whole.Moved += part.Moved
	whole.ToMove += part.ToMove
	whole.RateMilli += part.RateMilli
	whole.StartedMs = min(whole.StartedMs, part.StartedMs)
	if whole.Failure == "" {
		whole.Failure = part.Failure
	}
	if whole.Status == queue.TaskRunningStatus || part.Status == queue.TaskRunningStatus {
		whole.Status = queue.TaskRunningStatus
		return
	}
	whole.Status = max(whole.Status, part.Status)
}

func handleOf(id queue.TaskID, sourceARN string) string {
	document, err := canonicalJSON(taskHandle{TaskID: protocol.MessageID(id).String(), SourceARN: sourceARN})
	if err != nil {
		panic("task handle: " + err.Error()) // two strings can always be encoded
	}
	return base64.StdEncoding.EncodeToString([]byte(document))
}

func parseTaskHandle(text string) (id queue.TaskID, sourceARN string, ok bool) {
	if len(text) > maxTaskHandle {
		return id, "", false
	}
	document, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return id, "", false
	}
	var handle taskHandle
	if json.Unmarshal(document, &handle) != nil || handle.SourceARN == "" {
		return id, "", false
	}
	digits := make([]byte, 0, 2*len(id))
	for i := range len(handle.TaskID) {
		if handle.TaskID[i] != '-' {
			digits = append(digits, handle.TaskID[i])
		}
	}
	if len(digits) != 2*len(id) {
		return id, "", false
	}
	_, err = hex.Decode(id[:], digits)
	return id, handle.SourceARN, err == nil
}

// Errors of move tasks.
var (
	errTaskRunning = &apiError{kindInvalidParameter, "There is already a task running. Only one active task is allowed for " +
		"a source queue arn at a given time."}
	errNoSuchTask = &apiError{kindNoSuchResource, "Task does not exist."}
)

func noSuchResource(parameter string) error {
	return &apiError{kindNoSuchResource, "The resource that you specified for the " + parameter + " parameter doesn't exist."}
}
