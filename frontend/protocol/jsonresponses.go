package protocol

// How each response is written as its JSON object. Empty collections are left out, as SQS does.

func (Empty) appendJSON(dst []byte) []byte { return dst }

func (a *QueueURLResponse) appendJSON(dst []byte) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	w.stringMember("QueueUrl", a.QueueURL)
	w.close('}')
	return w.dst
}

func (a *ListQueuesResponse) appendJSON(dst []byte) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	if a.NextToken != "" {
		w.stringMember("NextToken", a.NextToken)
	}
	if len(a.QueueURLs) > 0 {
		w.key("QueueUrls")
		w.open('[')
		for _, url := range a.QueueURLs {
			w.separate()
			w.dst = appendJSONString(w.dst, url)
		}
		w.close(']')
	}
	w.close('}')
	return w.dst
}

func (a *AttributesResponse) appendJSON(dst []byte) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	w.pairsMember("Attributes", a.Attributes)
	w.close('}')
	return w.dst
}

func (a *TagsResponse) appendJSON(dst []byte) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	w.pairsMember("Tags", a.Tags)
	w.close('}')
	return w.dst
}

func (a *SendMessageResponse) appendJSON(dst []byte) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	w.sentMembers(&a.Sent)
	w.close('}')
	return w.dst
}

func (a *SendMessageBatchResponse) appendJSON(dst []byte) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	w.failedMember(a.Failed)
	if len(a.Successful) > 0 {
		w.key("Successful")
		w.open('[')
		for i := range a.Successful {
			w.open('{')
			w.stringMember("Id", a.Successful[i].ID)
			w.sentMembers(&a.Successful[i])
			w.close('}')
		}
		w.close(']')
	}
	w.close('}')
	return w.dst
}

func (w *jsonWriter) sentMembers(sent *SentMessage) {
	if sent.AttributesDigest.Set {
		w.digestMember("MD5OfMessageAttributes", sent.AttributesDigest.Value)
	}
	w.digestMember("MD5OfMessageBody", sent.BodyDigest)
	if sent.SystemAttributesDigest.Set {
		w.digestMember("MD5OfMessageSystemAttributes", sent.SystemAttributesDigest.Value)
	}
	w.messageIDMember("MessageId", sent.MessageID)
	if sent.SequenceNumber.Set {
		w.sequenceMember("SequenceNumber", sent.SequenceNumber.Value)
	}
}

func (w *jsonWriter) failedMember(failed []FailedEntry) {
	if len(failed) == 0 {
		return
	}
	w.key("Failed")
	w.open('[')
	for i := range failed {
		w.open('{')
		w.stringMember("Code", failed[i].Fault.Code)
		w.stringMember("Id", failed[i].ID)
		w.stringMember("Message", failed[i].Fault.Message)
		w.boolMember("SenderFault", failed[i].Fault.Sender)
		w.close('}')
	}
	w.close(']')
}

func (a *ReceiveMessageResponse) appendJSON(dst []byte) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	if len(a.Messages) > 0 {
		w.key("Messages")
		w.open('[')
		for i := range a.Messages {
			w.receivedMessage(&a.Messages[i])
		}
		w.close(']')
	}
	w.close('}')
	return w.dst
}

func (w *jsonWriter) receivedMessage(m *ReceivedMessage) {
	w.open('{')
	w.pairsMember("Attributes", m.SystemAttributes)
	w.bytesMember("Body", m.Body)
	w.digestMember("MD5OfBody", m.BodyDigest)
	if m.AttributesDigest.Set {
		w.digestMember("MD5OfMessageAttributes", m.AttributesDigest.Value)
	}
	if len(m.Attributes) > 0 {
		w.key("MessageAttributes")
		w.open('{')
		for i := range m.Attributes {
			w.messageAttribute(&m.Attributes[i])
		}
		w.close('}')
	}
	w.messageIDMember("MessageId", m.MessageID)
	w.stringMember("ReceiptHandle", m.ReceiptHandle)
	w.close('}')
}

func (w *jsonWriter) messageAttribute(attribute *MessageAttribute) {
	w.separate()
	w.dst = appendJSONString(w.dst, attribute.Name)
	w.dst = append(w.dst, ':')
	w.comma = false
	w.open('{')
	if attribute.isBinary() {
		w.base64Member("BinaryValue", attribute.Value)
	}
	w.stringMember("DataType", attribute.DataType)
	if !attribute.isBinary() {
		w.bytesMember("StringValue", attribute.Value)
	}
	w.close('}')
}

func (a *BatchResponse) appendJSON(dst []byte) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	w.failedMember(a.Failed)
	if len(a.Successful) > 0 {
		w.key("Successful")
		w.open('[')
		for _, id := range a.Successful {
			w.open('{')
			w.stringMember("Id", id)
			w.close('}')
		}
		w.close(']')
	}
	w.close('}')
	return w.dst
}
