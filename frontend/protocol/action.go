package protocol

// Action is one operation of the API.
type Action struct {
	// Name is the operation's name on the wire, for example "SendMessage".
	Name string
	// Priority says what is refused first when there is too much to do.
	Priority Priority
	// Void actions answer nothing but that they were done.
	Void bool
	// NotOnQueue actions are not valid on the path of a queue.
	NotOnQueue bool

	newRequest func() Request
	readJSON   func(r *jsonReader, into Request)
	readForm   func(r *formReader, root *formNode, into Request)
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
var actions = actionsByName(
	action("CreateQueue", PriorityAdministration, createQueue).notOnQueue(),
	action("GetQueueUrl", PriorityAdministration, getQueueURL),
	action("ListQueues", PriorityAdministration, listQueues).notOnQueue(),
	action("ListDeadLetterSourceQueues", PriorityAdministration, listSourceQueues),
	action("GetQueueAttributes", PriorityAdministration, getQueueAttributes),
	action("SetQueueAttributes", PriorityAdministration, setQueueAttributes).void(),
	action("DeleteQueue", PriorityAdministration, deleteQueue).void(),
	action("PurgeQueue", PriorityAdministration, purgeQueue).void(),
	action("ListQueueTags", PriorityAdministration, listQueueTags),
	action("TagQueue", PriorityAdministration, tagQueue).void(),
	action("UntagQueue", PriorityAdministration, untagQueue).void(),
	action("AddPermission", PriorityAdministration, addPermission).void(),
	action("RemovePermission", PriorityAdministration, removePermission).void(),
	action("StartMessageMoveTask", PriorityAdministration, startMoveTask),
	action("CancelMessageMoveTask", PriorityAdministration, cancelMoveTask),
	action("ListMessageMoveTasks", PriorityAdministration, listMoveTasks),

	action("SendMessage", PrioritySend, sendMessage),
	action("SendMessageBatch", PrioritySend, sendMessageBatch),
	action("ReceiveMessage", PriorityReceive, receiveMessage),
	action("DeleteMessage", PriorityDelete, deleteMessage).void(),
	action("DeleteMessageBatch", PriorityDelete, deleteMessageBatch),
	action("ChangeMessageVisibility", PriorityDelete, changeVisibility).void(),
	action("ChangeMessageVisibilityBatch", PriorityDelete, changeVisibilityBatch),
)

// action makes a row whose requests are *T.
func action[T any](name string, priority Priority, list parameters[T]) *Action {
	return &Action{
		Name: name, Priority: priority,
		newRequest: func() Request { return new(T) },
		readJSON:   func(r *jsonReader, into Request) { list.readJSON(r, into.(*T)) },
		readForm:   func(r *formReader, root *formNode, into Request) { list.readForm(r, root, into.(*T)) },
	}
}

func (a *Action) void() *Action {
	a.Void = true
	return a
}

func (a *Action) notOnQueue() *Action {
	a.NotOnQueue = true
	return a
}

func actionsByName(list ...*Action) map[string]*Action {
	byName := make(map[string]*Action, len(list))
	for _, a := range list {
		byName[a.Name] = a
	}
	return byName
}

// ActionNamed returns the action with this name, or false if the API has none.
func ActionNamed(name string) (*Action, bool) {
	a, ok := actions[name]
	return a, ok
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
