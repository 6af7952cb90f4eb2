package protocol

// Action is one operation of the API.
type Action struct {
	// Name is the operation's name on the wire, for example "SendMessage".
	Name string
	// NewRequest returns an empty request of the action. It is nil for actions that exist in SQS but not here.
	NewRequest func() Request
	// Priority says what is refused first when there is too much to do.
	Priority Priority
}

// Priority orders actions for overload: the lowest is refused first. Deleting comes last, since it is what makes the
// load smaller.
type Priority uint8

// The priorities, in the order in which they are given up.
const (
	PriorityAdministration Priority = iota
	PrioritySend
	PriorityReceive
	PriorityDelete
)

// actions is the table of all operations of the API, by name.
var actions = actionsByName([]Action{
	{"CreateQueue", func() Request { return new(CreateQueueRequest) }, PriorityAdministration},
	{"GetQueueUrl", func() Request { return new(GetQueueURLRequest) }, PriorityAdministration},
	{"ListQueues", func() Request { return new(ListQueuesRequest) }, PriorityAdministration},
	{"GetQueueAttributes", func() Request { return new(GetQueueAttributesRequest) }, PriorityAdministration},
	{"SetQueueAttributes", func() Request { return new(SetQueueAttributesRequest) }, PriorityAdministration},
	{"DeleteQueue", func() Request { return new(DeleteQueueRequest) }, PriorityAdministration},
	{"PurgeQueue", func() Request { return new(PurgeQueueRequest) }, PriorityAdministration},
	{"ListQueueTags", func() Request { return new(ListQueueTagsRequest) }, PriorityAdministration},
	{"TagQueue", func() Request { return new(TagQueueRequest) }, PriorityAdministration},
	{"UntagQueue", func() Request { return new(UntagQueueRequest) }, PriorityAdministration},

	{"SendMessage", func() Request { return new(SendMessageRequest) }, PrioritySend},
	{"SendMessageBatch", func() Request { return new(SendMessageBatchRequest) }, PrioritySend},
	{"ReceiveMessage", func() Request { return new(ReceiveMessageRequest) }, PriorityReceive},
	{"DeleteMessage", func() Request { return new(DeleteMessageRequest) }, PriorityDelete},
	{"DeleteMessageBatch", func() Request { return new(DeleteMessageBatchRequest) }, PriorityDelete},
	{"ChangeMessageVisibility", func() Request { return new(ChangeMessageVisibilityRequest) }, PriorityDelete},
	{"ChangeMessageVisibilityBatch", func() Request { return new(ChangeMessageVisibilityBatchRequest) }, PriorityDelete},

	{"AddPermission", nil, PriorityAdministration},
	{"CancelMessageMoveTask", nil, PriorityAdministration},
	{"ListDeadLetterSourceQueues", nil, PriorityAdministration},
	{"ListMessageMoveTasks", nil, PriorityAdministration},
	{"RemovePermission", nil, PriorityAdministration},
	{"StartMessageMoveTask", nil, PriorityAdministration},
})

func actionsByName(list []Action) map[string]*Action {
	byName := make(map[string]*Action, len(list))
	for i := range list {
		byName[list[i].Name] = &list[i]
	}
	return byName
}

// ActionNamed returns the action with this name, or false if the API has none.
func ActionNamed(name string) (*Action, bool) {
	action, ok := actions[name]
	return action, ok
}

// targetPrefix stands before the action's name in the X-Amz-Target header.
const targetPrefix = "AmazonSQS."

// TargetAction returns the name of the action that an X-Amz-Target header asks for; false if the header is missing or
// names another service.
func TargetAction(target string) (string, bool) {
	if len(target) <= len(targetPrefix) || target[:len(targetPrefix)] != targetPrefix {
		return "", false
	}
	return target[len(targetPrefix):], true
}
