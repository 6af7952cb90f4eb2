package protocol

// Empty is the answer of the actions that have no result.
type Empty struct{}

// QueueURLResponse is the answer of CreateQueue and GetQueueUrl.
type QueueURLResponse struct{ QueueURL string }

// ListQueuesResponse is the answer of ListQueues. NextToken is empty after the last page.
type ListQueuesResponse struct {
	QueueURLs []string
	NextToken string
}

// ListDeadLetterSourceQueuesResponse is the answer of ListDeadLetterSourceQueues.
type ListDeadLetterSourceQueuesResponse struct {
	QueueURLs []string
	NextToken string
}

// AttributesResponse is the answer of GetQueueAttributes.
type AttributesResponse struct{ Attributes []Pair }

// TagsResponse is the answer of ListQueueTags.
type TagsResponse struct{ Tags []Pair }

// SentMessage is what the producer of an accepted message learns of it.
type SentMessage struct {
	// ID is the entry's, in a batch.
	ID                     string
	MessageID              MessageID
	BodyDigest             Digest
	AttributesDigest       Optional[Digest]
	SystemAttributesDigest Optional[Digest]
	// SequenceNumber is set on FIFO queues. It is written with 20 digits.
	SequenceNumber Optional[uint64]
}

// SendMessageResponse is the answer of SendMessage.
type SendMessageResponse struct{ Sent SentMessage }

// SendMessageBatchResponse is the answer of SendMessageBatch.
type SendMessageBatchResponse struct {
	Successful []SentMessage
	Failed     []FailedEntry
}

// FailedEntry is an entry of a batch that was refused while others may have been accepted.
type FailedEntry struct {
	ID    string
	Fault Fault
}

// ReceivedMessage is a message as its consumer gets it.
type ReceivedMessage struct {
	MessageID     MessageID
	ReceiptHandle string
	Body          []byte
	BodyDigest    Digest
	// SystemAttributes are the ones asked for, for example SentTimestamp.
	SystemAttributes []Pair
	// Attributes are the ones asked for; AttributesDigest covers these and is absent if there are none.
	Attributes       []MessageAttribute
	AttributesDigest Optional[Digest]
}

// ReceiveMessageResponse is the answer of ReceiveMessage.
type ReceiveMessageResponse struct{ Messages []ReceivedMessage }

// BatchResult is how the entries of a batch ended. Successful holds entry ids.
type BatchResult struct {
	Successful []string
	Failed     []FailedEntry
}

// DeleteMessageBatchResponse is the answer of DeleteMessageBatch.
type DeleteMessageBatchResponse struct{ BatchResult }

// ChangeMessageVisibilityBatchResponse is the answer of ChangeMessageVisibilityBatch.
type ChangeMessageVisibilityBatchResponse struct{ BatchResult }

// StartMessageMoveTaskResponse is the answer of StartMessageMoveTask.
type StartMessageMoveTaskResponse struct{ TaskHandle string }

// CancelMessageMoveTaskResponse is the answer of CancelMessageMoveTask.
type CancelMessageMoveTaskResponse struct{ Moved int64 }

// MoveTask is a message move task as ListMessageMoveTasks shows it. Empty texts are left out.
type MoveTask struct {
	TaskHandle, Status, SourceARN, DestinationARN, FailureReason string
	MaxPerSecond, ToMove                                         Optional[int64]
	Moved                                                        int64
	// StartedMs is when it was started, in ms since 1970.
	StartedMs int64
}

// ListMessageMoveTasksResponse is the answer of ListMessageMoveTasks.
type ListMessageMoveTasksResponse struct{ Tasks []MoveTask }

// MessageID is a message's identity, a random (version 4) UUID.
type MessageID [16]byte

// AppendText appends the canonical form, 36 characters, to dst.
func (id MessageID) AppendText(dst []byte) []byte {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&0xf])
	}
	return dst
}

// String returns the canonical form.
func (id MessageID) String() string { return string(id.AppendText(nil)) }

// NewMessageID makes a version 4 UUID of 16 random bytes (RFC 9562, section 5.4).
func NewMessageID(random [16]byte) MessageID {
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	return random
}

const hexDigits = "0123456789abcdef"
