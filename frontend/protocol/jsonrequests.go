package protocol

// How each request is read from its JSON object. Unknown members are skipped: clients are sometimes newer than we are.

func (q *CreateQueueRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueName":
			r.readString(&q.QueueName)
		case "Attributes":
			r.readPairs(&q.Attributes)
		case "tags", "Tags":
			// The model says "tags", and it is the only action that does.
			r.readPairs(&q.Tags)
		default:
			r.skip()
		}
	}
}

func (q *GetQueueURLRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueName":
			r.readString(&q.QueueName)
		case "QueueOwnerAWSAccountId":
			r.readString(&q.OwnerAccount)
		default:
			r.skip()
		}
	}
}

func (q *ListQueuesRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueNamePrefix":
			r.readString(&q.Prefix)
		case "MaxResults":
			r.readInteger(&q.MaxResults)
		case "NextToken":
			r.readString(&q.NextToken)
		default:
			r.skip()
		}
	}
}

func (q *GetQueueAttributesRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		case "AttributeNames":
			r.readStrings(&q.AttributeNames)
		default:
			r.skip()
		}
	}
}

func (q *SetQueueAttributesRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		case "Attributes":
			r.readPairs(&q.Attributes)
		default:
			r.skip()
		}
	}
}

func (q *DeleteQueueRequest) decodeJSON(r *jsonReader)   { r.readQueueURL(&q.QueueURL) }
func (q *PurgeQueueRequest) decodeJSON(r *jsonReader)    { r.readQueueURL(&q.QueueURL) }
func (q *ListQueueTagsRequest) decodeJSON(r *jsonReader) { r.readQueueURL(&q.QueueURL) }

// readQueueURL reads an object of which only the queue matters.
func (r *jsonReader) readQueueURL(into *string) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(into)
		default:
			r.skip()
		}
	}
}

func (q *TagQueueRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		case "Tags":
			r.readPairs(&q.Tags)
		default:
			r.skip()
		}
	}
}

func (q *UntagQueueRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		case "TagKeys":
			r.readStrings(&q.TagKeys)
		default:
			r.skip()
		}
	}
}

func (q *SendMessageRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		default:
			r.readMessageMember(&q.Message, o.name)
		}
	}
}

func (q *SendMessageBatchRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		case "Entries":
			q.Entries = make([]OutgoingMessage, 0, batchEntriesExpected)
			for a := r.array(); a.next(); {
				q.Entries = append(q.Entries, OutgoingMessage{})
				r.readBatchMessage(&q.Entries[len(q.Entries)-1])
			}
		default:
			r.skip()
		}
	}
}

// batchEntriesExpected is the room made for a batch's entries: the most that a valid batch has.
const batchEntriesExpected = 10

func (r *jsonReader) readBatchMessage(m *OutgoingMessage) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "Id":
			r.readString(&m.ID)
		default:
			r.readMessageMember(m, o.name)
		}
	}
}

// readMessageMember reads a member that SendMessage and the entries of a SendMessageBatch share.
func (r *jsonReader) readMessageMember(m *OutgoingMessage, name []byte) {
	switch string(name) {
	case "MessageBody":
		r.readBytes(&m.Body)
	case "DelaySeconds":
		r.readInteger(&m.DelaySeconds)
	case "MessageAttributes":
		r.readMessageAttributes(&m.Attributes)
	case "MessageSystemAttributes":
		r.readMessageAttributes(&m.SystemAttributes)
	case "MessageDeduplicationId":
		r.readOptionalString(&m.DeduplicationID)
	case "MessageGroupId":
		r.readOptionalString(&m.GroupID)
	default:
		r.skip()
	}
}

func (r *jsonReader) readMessageAttributes(into *[]MessageAttribute) {
	for o := r.object(); o.next(); {
		attribute := MessageAttribute{Name: string(o.name)}
		var text, binary []byte
		for member := r.object(); member.next(); {
			switch string(member.name) {
			case "DataType":
				r.readString(&attribute.DataType)
			case "StringValue":
				r.readBytes(&text)
			case "BinaryValue":
				r.readBase64(&binary)
			case "StringListValues", "BinaryListValues":
				list := r.array()
				for list.next() {
					r.skip()
				}
				attribute.List = attribute.List || list.count > 0
			default:
				r.skip()
			}
		}
		attribute.Value = text
		if attribute.isBinary() {
			attribute.Value = binary
		}
		*into = append(*into, attribute)
	}
	sortAttributes(*into)
}

func (q *ReceiveMessageRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		case "MaxNumberOfMessages":
			r.readInteger(&q.MaxNumberOfMessages)
		case "VisibilityTimeout":
			r.readInteger(&q.VisibilityTimeout)
		case "WaitTimeSeconds":
			r.readInteger(&q.WaitTimeSeconds)
		case "AttributeNames", "MessageSystemAttributeNames":
			r.readStrings(&q.SystemAttributeNames)
		case "MessageAttributeNames":
			r.readStrings(&q.MessageAttributeNames)
		case "ReceiveRequestAttemptId":
			r.readOptionalString(&q.AttemptID)
		default:
			r.skip()
		}
	}
}

func (q *DeleteMessageRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		default:
			r.readDeleteMember(&q.Entry, o.name)
		}
	}
}

func (q *DeleteMessageBatchRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		case "Entries":
			q.Entries = make([]DeleteEntry, 0, batchEntriesExpected)
			for a := r.array(); a.next(); {
				var entry DeleteEntry
				for member := r.object(); member.next(); {
					r.readDeleteMember(&entry, member.name)
				}
				q.Entries = append(q.Entries, entry)
			}
		default:
			r.skip()
		}
	}
}

func (r *jsonReader) readDeleteMember(entry *DeleteEntry, name []byte) {
	switch string(name) {
	case "Id":
		r.readString(&entry.ID)
	case "ReceiptHandle":
		r.readString(&entry.ReceiptHandle)
	default:
		r.skip()
	}
}

func (q *ChangeMessageVisibilityRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		default:
			r.readVisibilityMember(&q.Entry, o.name)
		}
	}
}

func (q *ChangeMessageVisibilityBatchRequest) decodeJSON(r *jsonReader) {
	for o := r.object(); o.next(); {
		switch string(o.name) {
		case "QueueUrl":
			r.readString(&q.QueueURL)
		case "Entries":
			q.Entries = make([]VisibilityEntry, 0, batchEntriesExpected)
			for a := r.array(); a.next(); {
				var entry VisibilityEntry
				for member := r.object(); member.next(); {
					r.readVisibilityMember(&entry, member.name)
				}
				q.Entries = append(q.Entries, entry)
			}
		default:
			r.skip()
		}
	}
}

func (r *jsonReader) readVisibilityMember(entry *VisibilityEntry, name []byte) {
	switch string(name) {
	case "Id":
		r.readString(&entry.ID)
	case "ReceiptHandle":
		r.readString(&entry.ReceiptHandle)
	case "VisibilityTimeout":
		r.readInteger(&entry.VisibilityTimeout)
	default:
		r.skip()
	}
}
