package frontend

import (
	"strconv"

	"chasqui/frontend/protocol"
	"chasqui/metadata/catalog"
)

// Limits of the message actions, all of them SQS's.
const (
	// maxBatchEntries is the most entries of a batch.
	maxBatchEntries = 10
	// maxBatchBytes bounds the sum of the messages of a batch; a queue's smaller limit holds for each message.
	maxBatchBytes = 1 << 20
	// maxEntryIDBytes bounds a batch entry's id.
	maxEntryIDBytes = 80
	// maxDelaySeconds bounds the delay of a message.
	maxDelaySeconds = 900
	// maxVisibilitySeconds bounds a visibility timeout: 12 hours.
	maxVisibilitySeconds = 43200
	// maxReceived is the most messages of one receive.
	maxReceived = 10
	// maxWaitSeconds bounds a long poll.
	maxWaitSeconds = 20
	// maxIDBytes bounds message group, deduplication and receive attempt ids.
	maxIDBytes = 128
	// maxTraceBytes bounds the trace header that travels with a message. Real ones have about a hundred bytes.
	maxTraceBytes = 4096
)

// traceAttribute is the only message system attribute that a producer can set.
const traceAttribute = "AWSTraceHeader"

// checkEntryIDs checks the shape of a batch: the number of entries and their ids. Nothing of the batch is done if it
// fails.
func checkEntryIDs(action string, count int, id func(int) string) error {
	if count == 0 {
		return emptyBatch(action)
	}
	if count > maxBatchEntries {
		return tooManyEntries(count)
	}
	for i := range count {
		text := id(i)
		if text == "" || len(text) > maxEntryIDBytes || !onlyBytes(text, isWordByte) {
			return errInvalidEntryID
		}
		for earlier := range i {
			if id(earlier) == text {
				return entryIDRepeated(text)
			}
		}
	}
	return nil
}

// messageSize returns how much a message counts towards the size limits, in bytes. System attributes do not count.
func messageSize(m *protocol.OutgoingMessage) int {
	return len(m.Body) + protocol.AttributesSize(m.Attributes)
}

// checkMessage checks one message against the rules of the API and of its queue, except for its size, which is worded
// differently in a batch.
func checkMessage(record *catalog.Queue, m *protocol.OutgoingMessage) error {
	if len(m.Body) == 0 {
		return missingParameter("MessageBody")
	}
	if !protocol.ValidText(m.Body) {
		return errInvalidContents
	}
	if err := protocol.CheckAttributes(m.Attributes); err != nil {
		return err
	}
	if err := checkSystemAttributes(m.SystemAttributes); err != nil {
		return err
	}
	if delay := m.DelaySeconds; delay.Set && (delay.Value < 0 || delay.Value > maxDelaySeconds) {
		return invalidParameter(strconv.FormatInt(delay.Value, 10), "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
	}
	if err := checkID(m.GroupID, "MessageGroupId"); err != nil {
		return err
	}
	if err := checkID(m.DeduplicationID, "MessageDeduplicationId"); err != nil {
		return err
	}
	if record.FIFO {
		return checkFifoMessage(record, m)
	}
	if record.Attributes.Delivery == catalog.DeliverExactlyOnce {
		if !m.DeduplicationID.Set {
			return errNeedsDeduplication
		}
		return nil
	}
	if m.DeduplicationID.Set {
		return invalidParameter(m.DeduplicationID.Value, "MessageDeduplicationId",
			"The request includes a parameter that is not valid for this queue type.")
	}
	return nil
}

func checkFifoMessage(record *catalog.Queue, m *protocol.OutgoingMessage) error {
	if !m.GroupID.Set {
		return missingParameter("MessageGroupId")
	}
	if !m.DeduplicationID.Set && !record.Attributes.ContentBasedDeduplication {
		return errNoDeduplication
	}
	if m.DelaySeconds.Value > 0 {
		return invalidParameter(strconv.FormatInt(m.DelaySeconds.Value, 10), "DelaySeconds",
			"The request include parameter that is not valid for this queue type.")
	}
	return nil
}

func checkSystemAttributes(attributes []protocol.MessageAttribute) error {
	for i := range attributes {
		if attributes[i].Name != traceAttribute {
			return invalidParameterText("Message system attribute name '" + attributes[i].Name + "' is invalid.")
		}
		if attributes[i].DataType != "String" || len(attributes[i].Value) == 0 {
			return invalidParameterText("Message system attribute '" + traceAttribute +
				"' must contain a non-empty value of type 'String'.")
		}
		if len(attributes[i].Value) > maxTraceBytes {
			return invalidParameterText("Message system attribute '" + traceAttribute + "' must be at most " +
				strconv.Itoa(maxTraceBytes) + " bytes long.")
		}
	}
	return protocol.CheckAttributes(attributes)
}

// checkID checks a message group, deduplication or receive attempt id.
func checkID(id protocol.Optional[string], parameter string) error {
	if !id.Set || id.Value != "" && len(id.Value) <= maxIDBytes && onlyBytes(id.Value, isIDByte) {
		return nil
	}
	return invalidParameter(id.Value, parameter, parameter+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
}

// isIDByte reports whether c is a letter, digit or punctuation mark of ASCII.
func isIDByte(c byte) bool { return c > ' ' && c < 0x7f }

// tooLarge words the refusal of a message above the queue's MaximumMessageSize.
func tooLarge(record *catalog.Queue, prefix string) error {
	return invalidParameterText(prefix + " Reason: Message must be shorter than " +
		strconv.Itoa(record.Attributes.MaximumMessageSize) + " bytes.")
}

// checkRange checks an optional number and returns what it means: its value, or otherwise if absent.
func checkRange(given protocol.Optional[int64], otherwise int, least, most int64, parameter, reason string) (int64, error) {
	if !given.Set {
		return int64(otherwise), nil
	}
	if given.Value < least || given.Value > most {
		return 0, invalidParameter(strconv.FormatInt(given.Value, 10), parameter, reason)
	}
	return given.Value, nil
}
