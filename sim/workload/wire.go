package workload

// The requests and answers of the actions in use, as JSON 1.0 has them (SQS-API.md, sections 1.1 and 2.1).

type createRequest struct {
	QueueName  string
	Attributes map[string]string `json:",omitempty"`
}

type createAnswer struct {
	QueueURL string `json:"QueueUrl"`
}

type queueRequest struct {
	QueueURL string `json:"QueueUrl"`
}

type getAttributesRequest struct {
	QueueURL       string `json:"QueueUrl"`
	AttributeNames []string
}

type attributesAnswer struct {
	Attributes map[string]string
}

type setAttributesRequest struct {
	QueueURL   string `json:"QueueUrl"`
	Attributes map[string]string
}

type sendRequest struct {
	QueueURL string `json:"QueueUrl,omitempty"`
	ID       string `json:"Id,omitempty"` // in batches
	sendFields
}

type sendFields struct {
	MessageBody            string
	DelaySeconds           *int                      `json:",omitempty"`
	MessageGroupID         string                    `json:"MessageGroupId,omitempty"`
	MessageDeduplicationID string                    `json:"MessageDeduplicationId,omitempty"`
	MessageAttributes      map[string]attributeValue `json:",omitempty"`
}

type attributeValue struct {
	DataType    string
	StringValue string
}

type sentAnswer struct {
	ID               string `json:"Id"` // in batches
	MessageID        string `json:"MessageId"`
	BodyDigest       string `json:"MD5OfMessageBody"`
	AttributesDigest string `json:"MD5OfMessageAttributes"`
	SequenceNumber   string
}

type receiveRequest struct {
	QueueURL                    string   `json:"QueueUrl"`
	MaxNumberOfMessages         int      //
	WaitTimeSeconds             int      //
	VisibilityTimeout           *int     `json:",omitempty"`
	MessageSystemAttributeNames []string //
	MessageAttributeNames       []string //
}

type receiveAnswer struct {
	Messages []struct {
		MessageID         string `json:"MessageId"`
		ReceiptHandle     string
		Body              string
		BodyDigest        string `json:"MD5OfBody"`
		Attributes        map[string]string
		AttributesDigest  string `json:"MD5OfMessageAttributes"`
		MessageAttributes map[string]attributeValue
	}
}

// handleRequest is that of DeleteMessage and ChangeMessageVisibility, alone or as an entry of a batch.
type handleRequest struct {
	QueueURL          string `json:"QueueUrl,omitempty"`
	ID                string `json:"Id,omitempty"` // in batches
	ReceiptHandle     string
	VisibilityTimeout *int `json:",omitempty"`
}

type batchRequest[entry any] struct {
	QueueURL string `json:"QueueUrl"`
	Entries  []entry
}

// batchAnswer is that of every batch. Of the fields of a successful entry, only sends have more than the Id.
type batchAnswer struct {
	Successful []sentAnswer
	Failed     []failedAnswer
}

type failedAnswer struct {
	ID          string `json:"Id"`
	Code        string
	SenderFault bool
}

type startTaskRequest struct {
	SourceARN      string `json:"SourceArn"`
	DestinationARN string `json:"DestinationArn,omitempty"`
	MaxPerSecond   int    `json:"MaxNumberOfMessagesPerSecond,omitempty"`
}

type startTaskAnswer struct {
	TaskHandle string
}

type cancelTaskRequest struct {
	TaskHandle string
}

type listTasksRequest struct {
	SourceARN  string `json:"SourceArn"`
	MaxResults int
}

type listTasksAnswer struct {
	Results []struct {
		TaskHandle string
		Status     string
		Moved      int64 `json:"ApproximateNumberOfMessagesMoved"`
		StartedMs  int64 `json:"StartedTimestamp"`
	}
}
