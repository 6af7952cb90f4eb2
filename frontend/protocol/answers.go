package protocol

// answerWriter is what an answer is written with: one implementation for each protocol. Names are those of the JSON
// protocol; where a list or map has another name in the Query protocol, it comes second. Lists and maps that are
// empty are left out, as SQS does.
type answerWriter interface {
	text(name, value string)
	bytes(name string, value []byte)
	integer(name string, value int64)
	boolean(name string, value bool)
	digest(name string, value Digest)
	messageID(name string, id MessageID)
	sequence(name string, number uint64)
	texts(name, query string, values []string)
	// requiredTexts is texts for a list that is there even if it is empty.
	requiredTexts(name, query string, values []string)
	// pairs writes a map of texts. In the Query protocol its keys are called key.
	pairs(name, query, key string, values []Pair)
	messageAttributes(attributes []MessageAttribute)
	// A list of structures is beginList, for each beginItem, members and endItem, and endList.
	beginList(name, query string)
	endList()
	beginItem()
	endItem()
}

func (Empty) write(answerWriter) {}

func (a *QueueURLResponse) write(w answerWriter) { w.text("QueueUrl", a.QueueURL) }

func (a *ListQueuesResponse) write(w answerWriter) {
	optionalTextMember(w, "NextToken", a.NextToken)
	w.texts("QueueUrls", "QueueUrl", a.QueueURLs)
}

func (a *ListDeadLetterSourceQueuesResponse) write(w answerWriter) {
	optionalTextMember(w, "NextToken", a.NextToken)
	// The model says "queueUrls", and it is the only answer that does.
	w.requiredTexts("queueUrls", "QueueUrl", a.QueueURLs)
}

func (a *AttributesResponse) write(w answerWriter) {
	w.pairs("Attributes", "Attribute", "Name", a.Attributes)
}

func (a *TagsResponse) write(w answerWriter) { w.pairs("Tags", "Tag", "Key", a.Tags) }

func (a *SendMessageResponse) write(w answerWriter) { a.Sent.write(w) }

func (a *SendMessageBatchResponse) write(w answerWriter) {
	writeFailed(w, a.Failed)
	if len(a.Successful) == 0 {
		return
	}
	w.beginList("Successful", "SendMessageBatchResultEntry")
	for i := range a.Successful {
		w.beginItem()
		w.text("Id", a.Successful[i].ID)
		a.Successful[i].write(w)
		w.endItem()
	}
	w.endList()
}

// write writes all but the id.
func (m *SentMessage) write(w answerWriter) {
	if m.AttributesDigest.Set {
		w.digest("MD5OfMessageAttributes", m.AttributesDigest.Value)
	}
	w.digest("MD5OfMessageBody", m.BodyDigest)
	if m.SystemAttributesDigest.Set {
		w.digest("MD5OfMessageSystemAttributes", m.SystemAttributesDigest.Value)
	}
	w.messageID("MessageId", m.MessageID)
	if m.SequenceNumber.Set {
		w.sequence("SequenceNumber", m.SequenceNumber.Value)
	}
}

func writeFailed(w answerWriter, failed []FailedEntry) {
	if len(failed) == 0 {
		return
	}
	w.beginList("Failed", "BatchResultErrorEntry")
	for i := range failed {
		w.beginItem()
		w.text("Code", failed[i].Fault.Code)
		w.text("Id", failed[i].ID)
		w.text("Message", failed[i].Fault.Message)
		w.boolean("SenderFault", failed[i].Fault.Sender)
		w.endItem()
	}
	w.endList()
}

func (a *ReceiveMessageResponse) write(w answerWriter) {
	if len(a.Messages) == 0 {
		return
	}
	w.beginList("Messages", "Message")
	for i := range a.Messages {
		m := &a.Messages[i]
		w.beginItem()
		w.pairs("Attributes", "Attribute", "Name", m.SystemAttributes)
		w.bytes("Body", m.Body)
		w.digest("MD5OfBody", m.BodyDigest)
		if m.AttributesDigest.Set {
			w.digest("MD5OfMessageAttributes", m.AttributesDigest.Value)
		}
		w.messageAttributes(m.Attributes)
		w.messageID("MessageId", m.MessageID)
		w.text("ReceiptHandle", m.ReceiptHandle)
		w.endItem()
	}
	w.endList()
}

func (a *DeleteMessageBatchResponse) write(w answerWriter) {
	writeFailed(w, a.Failed)
	writeIDs(w, "DeleteMessageBatchResultEntry", a.Successful)
}

func (a *ChangeMessageVisibilityBatchResponse) write(w answerWriter) {
	writeFailed(w, a.Failed)
	writeIDs(w, "ChangeMessageVisibilityBatchResultEntry", a.Successful)
}

func writeIDs(w answerWriter, query string, ids []string) {
	if len(ids) == 0 {
		return
	}
	w.beginList("Successful", query)
	for _, id := range ids {
		w.beginItem()
		w.text("Id", id)
		w.endItem()
	}
	w.endList()
}

func (a *StartMessageMoveTaskResponse) write(w answerWriter) { w.text("TaskHandle", a.TaskHandle) }

func (a *CancelMessageMoveTaskResponse) write(w answerWriter) {
	w.integer("ApproximateNumberOfMessagesMoved", a.Moved)
}

func (a *ListMessageMoveTasksResponse) write(w answerWriter) {
	if len(a.Tasks) == 0 {
		return
	}
	w.beginList("Results", "ListMessageMoveTasksResultEntry")
	for i := range a.Tasks {
		t := &a.Tasks[i]
		w.beginItem()
		w.integer("ApproximateNumberOfMessagesMoved", t.Moved)
		if t.ToMove.Set {
			w.integer("ApproximateNumberOfMessagesToMove", t.ToMove.Value)
		}
		optionalTextMember(w, "DestinationArn", t.DestinationARN)
		optionalTextMember(w, "FailureReason", t.FailureReason)
		if t.MaxPerSecond.Set {
			w.integer("MaxNumberOfMessagesPerSecond", t.MaxPerSecond.Value)
		}
		w.text("SourceArn", t.SourceARN)
		w.integer("StartedTimestamp", t.StartedMs)
		w.text("Status", t.Status)
		optionalTextMember(w, "TaskHandle", t.TaskHandle)
		w.endItem()
	}
	w.endList()
}

// optionalTextMember writes text unless it is empty.
func optionalTextMember(w answerWriter, name, value string) {
	if value != "" {
		w.text(name, value)
	}
}
