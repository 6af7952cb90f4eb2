package protocol

// Optional is a parameter that may be absent. Absent and zero differ in SQS: no VisibilityTimeout means the queue's,
// 0 means 0.
type Optional[T any] struct {
	Value T
	Set   bool
}

// Some returns a parameter that is there.
func Some[T any](value T) Optional[T] { return Optional[T]{Value: value, Set: true} }

// Pair is a queue attribute or a tag.
type Pair struct{ Name, Value string }

// CreateQueueRequest asks for a queue to exist. Attributes and tags are in the order in which they were sent.
type CreateQueueRequest struct {
	QueueName  string
	Attributes []Pair
	Tags       []Pair
}

// GetQueueURLRequest asks for a queue's URL by its name.
type GetQueueURLRequest struct {
	QueueName string
	// OwnerAccount is the queue's account; empty means the caller's.
	OwnerAccount string
}

// ListQueuesRequest asks for the URLs of an account's queues.
type ListQueuesRequest struct {
	Prefix     string
	MaxResults Optional[int64]
	NextToken  string
}

// GetQueueAttributesRequest asks for attributes of a queue.
type GetQueueAttributesRequest struct {
	QueueURL       string
	AttributeNames []string
}

// SetQueueAttributesRequest changes the given attributes of a queue.
type SetQueueAttributesRequest struct {
	QueueURL   string
	Attributes []Pair
}

// DeleteQueueRequest removes a queue and its messages.
type DeleteQueueRequest struct{ QueueURL string }

// PurgeQueueRequest removes a queue's messages.
type PurgeQueueRequest struct{ QueueURL string }

// ListQueueTagsRequest asks for a queue's tags.
type ListQueueTagsRequest struct{ QueueURL string }

// TagQueueRequest adds tags to a queue.
type TagQueueRequest struct {
	QueueURL string
	Tags     []Pair
}

// UntagQueueRequest removes tags from a queue.
type UntagQueueRequest struct {
	QueueURL string
	TagKeys  []string
}

// ListDeadLetterSourceQueuesRequest asks for the queues whose dead-letter queue this is.
type ListDeadLetterSourceQueuesRequest struct {
	QueueURL   string
	MaxResults Optional[int64]
	NextToken  string
}

// AddPermissionRequest adds a statement to a queue's policy: the accounts may use the actions.
type AddPermissionRequest struct {
	QueueURL, Label   string
	Accounts, Actions []string
}

// RemovePermissionRequest removes the statement with a label from a queue's policy.
type RemovePermissionRequest struct{ QueueURL, Label string }

// StartMessageMoveTaskRequest asks for the messages of a dead-letter queue to be moved.
type StartMessageMoveTaskRequest struct {
	// DestinationARN is empty for moving each message to the queue that it came from.
	SourceARN, DestinationARN string
	MaxPerSecond              Optional[int64]
}

// CancelMessageMoveTaskRequest stops a task.
type CancelMessageMoveTaskRequest struct{ TaskHandle string }

// ListMessageMoveTasksRequest asks for the latest tasks of a queue.
type ListMessageMoveTasksRequest struct {
	SourceARN  string
	MaxResults Optional[int64]
}

// OutgoingMessage is a message that a producer sends.
type OutgoingMessage struct {
	// ID names the message inside its batch; it is unused in a SendMessage.
	ID string
	// Body is the message itself: valid UTF-8, pointing into the request's body.
	Body             []byte
	DelaySeconds     Optional[int64]
	Attributes       []MessageAttribute
	SystemAttributes []MessageAttribute
	DeduplicationID  Optional[string]
	GroupID          Optional[string]
}

// SendMessageRequest sends one message.
type SendMessageRequest struct {
	QueueURL string
	Message  OutgoingMessage
}

// SendMessageBatchRequest sends up to ten messages.
type SendMessageBatchRequest struct {
	QueueURL string
	Entries  []OutgoingMessage
}

// ReceiveMessageRequest takes messages that are visible.
type ReceiveMessageRequest struct {
	QueueURL            string
	MaxNumberOfMessages Optional[int64]
	VisibilityTimeout   Optional[int64]
	WaitTimeSeconds     Optional[int64]
	// SystemAttributeNames is the union of AttributeNames (the older parameter) and MessageSystemAttributeNames.
	SystemAttributeNames  []string
	MessageAttributeNames []string
	AttemptID             Optional[string]
}

// DeleteEntry names a message to be deleted. ID is only used in a batch.
type DeleteEntry struct{ ID, ReceiptHandle string }

// DeleteMessageRequest deletes one message.
type DeleteMessageRequest struct {
	QueueURL string
	Entry    DeleteEntry
}

// DeleteMessageBatchRequest deletes up to ten messages.
type DeleteMessageBatchRequest struct {
	QueueURL string
	Entries  []DeleteEntry
}

// VisibilityEntry names a message and when it becomes visible again. ID is only used in a batch.
type VisibilityEntry struct {
	ID, ReceiptHandle string
	VisibilityTimeout Optional[int64]
}

// ChangeMessageVisibilityRequest changes when one message becomes visible again.
type ChangeMessageVisibilityRequest struct {
	QueueURL string
	Entry    VisibilityEntry
}

// ChangeMessageVisibilityBatchRequest changes when up to ten messages become visible again.
type ChangeMessageVisibilityBatchRequest struct {
	QueueURL string
	Entries  []VisibilityEntry
}
