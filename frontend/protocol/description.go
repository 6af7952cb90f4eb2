package protocol

// What each action is asked, in the words of both protocols. The table of actions refers to these, and the two codecs
// know of requests only what stands here.

var createQueue = parameters[CreateQueueRequest]{
	text("QueueName", func(q *CreateQueueRequest) *string { return &q.QueueName }),
	pairs("Attributes", "Attribute", "Name", func(q *CreateQueueRequest) *[]Pair { return &q.Attributes }),
	// The model says "tags", and it is the only action that does.
	pairs("tags", "Tag", "Key", func(q *CreateQueueRequest) *[]Pair { return &q.Tags }),
	pairs("Tags", "", "", func(q *CreateQueueRequest) *[]Pair { return &q.Tags }),
}

var getQueueURL = parameters[GetQueueURLRequest]{
	text("QueueName", func(q *GetQueueURLRequest) *string { return &q.QueueName }),
	text("QueueOwnerAWSAccountId", func(q *GetQueueURLRequest) *string { return &q.OwnerAccount }),
}

var listQueues = parameters[ListQueuesRequest]{
	text("QueueNamePrefix", func(q *ListQueuesRequest) *string { return &q.Prefix }),
	integer("MaxResults", func(q *ListQueuesRequest) *Optional[int64] { return &q.MaxResults }),
	text("NextToken", func(q *ListQueuesRequest) *string { return &q.NextToken }),
}

var listSourceQueues = parameters[ListDeadLetterSourceQueuesRequest]{
	text("QueueUrl", func(q *ListDeadLetterSourceQueuesRequest) *string { return &q.QueueURL }),
	integer("MaxResults", func(q *ListDeadLetterSourceQueuesRequest) *Optional[int64] { return &q.MaxResults }),
	text("NextToken", func(q *ListDeadLetterSourceQueuesRequest) *string { return &q.NextToken }),
}

var getQueueAttributes = parameters[GetQueueAttributesRequest]{
	text("QueueUrl", func(q *GetQueueAttributesRequest) *string { return &q.QueueURL }),
	texts("AttributeNames", "AttributeName", func(q *GetQueueAttributesRequest) *[]string { return &q.AttributeNames }),
}

var setQueueAttributes = parameters[SetQueueAttributesRequest]{
	text("QueueUrl", func(q *SetQueueAttributesRequest) *string { return &q.QueueURL }),
	pairs("Attributes", "Attribute", "Name", func(q *SetQueueAttributesRequest) *[]Pair { return &q.Attributes }),
}

var deleteQueue = parameters[DeleteQueueRequest]{
	text("QueueUrl", func(q *DeleteQueueRequest) *string { return &q.QueueURL }),
}

var purgeQueue = parameters[PurgeQueueRequest]{
	text("QueueUrl", func(q *PurgeQueueRequest) *string { return &q.QueueURL }),
}

var listQueueTags = parameters[ListQueueTagsRequest]{
	text("QueueUrl", func(q *ListQueueTagsRequest) *string { return &q.QueueURL }),
}

var tagQueue = parameters[TagQueueRequest]{
	text("QueueUrl", func(q *TagQueueRequest) *string { return &q.QueueURL }),
	pairs("Tags", "Tag", "Key", func(q *TagQueueRequest) *[]Pair { return &q.Tags }),
}

var untagQueue = parameters[UntagQueueRequest]{
	text("QueueUrl", func(q *UntagQueueRequest) *string { return &q.QueueURL }),
	texts("TagKeys", "TagKey", func(q *UntagQueueRequest) *[]string { return &q.TagKeys }),
}

var addPermission = parameters[AddPermissionRequest]{
	text("QueueUrl", func(q *AddPermissionRequest) *string { return &q.QueueURL }),
	text("Label", func(q *AddPermissionRequest) *string { return &q.Label }),
	texts("AWSAccountIds", "AWSAccountId", func(q *AddPermissionRequest) *[]string { return &q.Accounts }),
	texts("Actions", "ActionName", func(q *AddPermissionRequest) *[]string { return &q.Actions }),
}

var removePermission = parameters[RemovePermissionRequest]{
	text("QueueUrl", func(q *RemovePermissionRequest) *string { return &q.QueueURL }),
	text("Label", func(q *RemovePermissionRequest) *string { return &q.Label }),
}

var startMoveTask = parameters[StartMessageMoveTaskRequest]{
	text("SourceArn", func(q *StartMessageMoveTaskRequest) *string { return &q.SourceARN }),
	text("DestinationArn", func(q *StartMessageMoveTaskRequest) *string { return &q.DestinationARN }),
	integer("MaxNumberOfMessagesPerSecond", func(q *StartMessageMoveTaskRequest) *Optional[int64] { return &q.MaxPerSecond }),
}

var cancelMoveTask = parameters[CancelMessageMoveTaskRequest]{
	text("TaskHandle", func(q *CancelMessageMoveTaskRequest) *string { return &q.TaskHandle }),
}

var listMoveTasks = parameters[ListMessageMoveTasksRequest]{
	text("SourceArn", func(q *ListMessageMoveTasksRequest) *string { return &q.SourceARN }),
	integer("MaxResults", func(q *ListMessageMoveTasksRequest) *Optional[int64] { return &q.MaxResults }),
}

// outgoingMessage are the parameters that SendMessage and the entries of a SendMessageBatch share.
var outgoingMessage = parameters[OutgoingMessage]{
	longText("MessageBody", func(m *OutgoingMessage) *[]byte { return &m.Body }),
	integer("DelaySeconds", func(m *OutgoingMessage) *Optional[int64] { return &m.DelaySeconds }),
	optionalText("MessageGroupId", func(m *OutgoingMessage) *Optional[string] { return &m.GroupID }),
	optionalText("MessageDeduplicationId", func(m *OutgoingMessage) *Optional[string] { return &m.DeduplicationID }),
	messageAttributes("MessageAttributes", "MessageAttribute", func(m *OutgoingMessage) *[]MessageAttribute { return &m.Attributes }),
	messageAttributes("MessageSystemAttributes", "MessageSystemAttribute", func(m *OutgoingMessage) *[]MessageAttribute { return &m.SystemAttributes }),
}

var sendMessage = within(func(q *SendMessageRequest) *OutgoingMessage { return &q.Message }, outgoingMessage,
	text("QueueUrl", func(q *SendMessageRequest) *string { return &q.QueueURL }))

var sendMessageBatch = parameters[SendMessageBatchRequest]{
	text("QueueUrl", func(q *SendMessageBatchRequest) *string { return &q.QueueURL }),
	entries("SendMessageBatchRequestEntry", func(q *SendMessageBatchRequest) *[]OutgoingMessage { return &q.Entries },
		append(parameters[OutgoingMessage]{text("Id", func(m *OutgoingMessage) *string { return &m.ID })}, outgoingMessage...)),
}

var receiveMessage = parameters[ReceiveMessageRequest]{
	text("QueueUrl", func(q *ReceiveMessageRequest) *string { return &q.QueueURL }),
	integer("MaxNumberOfMessages", func(q *ReceiveMessageRequest) *Optional[int64] { return &q.MaxNumberOfMessages }),
	integer("WaitTimeSeconds", func(q *ReceiveMessageRequest) *Optional[int64] { return &q.WaitTimeSeconds }),
	integer("VisibilityTimeout", func(q *ReceiveMessageRequest) *Optional[int64] { return &q.VisibilityTimeout }),
	texts("AttributeNames", "AttributeName", func(q *ReceiveMessageRequest) *[]string { return &q.SystemAttributeNames }),
	texts("MessageSystemAttributeNames", "MessageSystemAttributeName", func(q *ReceiveMessageRequest) *[]string { return &q.SystemAttributeNames }),
	texts("MessageAttributeNames", "MessageAttributeName", func(q *ReceiveMessageRequest) *[]string { return &q.MessageAttributeNames }),
	optionalText("ReceiveRequestAttemptId", func(q *ReceiveMessageRequest) *Optional[string] { return &q.AttemptID }),
}

// deleteEntry and visibilityEntry are what a single action and the entries of its batch form share.
var deleteEntry = parameters[DeleteEntry]{
	text("ReceiptHandle", func(e *DeleteEntry) *string { return &e.ReceiptHandle }),
}

var deleteMessage = within(func(q *DeleteMessageRequest) *DeleteEntry { return &q.Entry }, deleteEntry,
	text("QueueUrl", func(q *DeleteMessageRequest) *string { return &q.QueueURL }))

var deleteMessageBatch = parameters[DeleteMessageBatchRequest]{
	text("QueueUrl", func(q *DeleteMessageBatchRequest) *string { return &q.QueueURL }),
	entries("DeleteMessageBatchRequestEntry", func(q *DeleteMessageBatchRequest) *[]DeleteEntry { return &q.Entries },
		append(parameters[DeleteEntry]{text("Id", func(e *DeleteEntry) *string { return &e.ID })}, deleteEntry...)),
}

var visibilityEntry = parameters[VisibilityEntry]{
	text("ReceiptHandle", func(e *VisibilityEntry) *string { return &e.ReceiptHandle }),
	integer("VisibilityTimeout", func(e *VisibilityEntry) *Optional[int64] { return &e.VisibilityTimeout }),
}

var changeVisibility = within(func(q *ChangeMessageVisibilityRequest) *VisibilityEntry { return &q.Entry }, visibilityEntry,
	text("QueueUrl", func(q *ChangeMessageVisibilityRequest) *string { return &q.QueueURL }))

var changeVisibilityBatch = parameters[ChangeMessageVisibilityBatchRequest]{
	text("QueueUrl", func(q *ChangeMessageVisibilityBatchRequest) *string { return &q.QueueURL }),
	entries("ChangeMessageVisibilityBatchRequestEntry", func(q *ChangeMessageVisibilityBatchRequest) *[]VisibilityEntry { return &q.Entries },
		append(parameters[VisibilityEntry]{text("Id", func(e *VisibilityEntry) *string { return &e.ID })}, visibilityEntry...)),
}
