package frontend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"chasqui/backend"
	"chasqui/frontend/protocol"
	"chasqui/metadata"
)

// errorKind is one row of the API's error catalogue: how an error is called in either protocol, its HTTP status, and
// whether the request is at fault or the service.
type errorKind struct {
	jsonType  string
	queryCode string
	status    int
	sender    bool
}

// The error catalogue (SQS-API.md, section 2). Nothing outside this file names an error code.
var (
	kindQueueDoesNotExist     = &errorKind{"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400, true}
	kindQueueNameExists       = &errorKind{"QueueNameExists", "QueueAlreadyExists", 400, true}
	kindQueueDeletedRecently  = &errorKind{"QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400, true}
	kindPurgeInProgress       = &errorKind{"PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403, true}
	kindInvalidParameter      = &errorKind{"InvalidParameterValueException", "InvalidParameterValue", 400, true}
	kindMissingParameter      = &errorKind{"MissingRequiredParameterException", "MissingParameter", 400, true}
	kindInvalidAttributeName  = &errorKind{"InvalidAttributeName", "InvalidAttributeName", 400, true}
	kindInvalidAttributeValue = &errorKind{"InvalidAttributeValue", "InvalidAttributeValue", 400, true}
	kindInvalidContents       = &errorKind{"InvalidMessageContents", "InvalidMessageContents", 400, true}
	kindReceiptHandleInvalid  = &errorKind{"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404, true}
	kindOverLimit             = &errorKind{"OverLimit", "OverLimit", 403, true}
	kindEmptyBatch            = &errorKind{"EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400, true}
	kindTooManyEntries        = &errorKind{"TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, true}
	kindIDsNotDistinct        = &errorKind{"BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400, true}
	kindInvalidEntryID        = &errorKind{"InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400, true}
	kindBatchTooLong          = &errorKind{"BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400, true}
	kindAccessDenied          = &errorKind{"AccessDeniedException", "AccessDenied", 403, true}
	kindUnsupported           = &errorKind{"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400, true}
	kindNoSuchResource        = &errorKind{"ResourceNotFoundException", "ResourceNotFoundException", 404, true}
	kindInvalidAction         = &errorKind{"InvalidAction", "InvalidAction", 400, true}
	kindUnknownOperation      = &errorKind{"UnknownOperationException", "UnknownOperationException", 404, true}
	kindSerialization         = &errorKind{"SerializationException", "MalformedInput", 400, true}
	kindBodyTooLarge          = &errorKind{"RequestEntityTooLarge", "RequestEntityTooLarge", 413, true}
	kindUnavailable           = &errorKind{"ServiceUnavailable", "ServiceUnavailable", 503, false}
	kindInternalFailure       = &errorKind{"InternalFailure", "InternalFailure", 500, false}
)

// apiError is an error in the words of the API.
type apiError struct {
	kind    *errorKind
	message string
}

// Error returns the error's type and message.
func (e *apiError) Error() string { return e.kind.jsonType + ": " + e.message }

// fault returns the error as the client sees it.
func (e *apiError) fault() protocol.Fault {
	f := protocol.Fault{Type: e.kind.jsonType, Code: e.kind.queryCode, Message: e.message,
		Sender: e.kind.sender, Status: e.kind.status}
	if e.kind == kindQueueDoesNotExist {
		f.QueryMessage = noQueueInQuery
	}
	return f
}

// noQueueInQuery is what the Query protocol says of a missing queue. It is the only message that differs.
const noQueueInQuery = "The specified queue does not exist for this wsdl version."

// Errors that need no details.
var (
	errQueueDoesNotExist = &apiError{kindQueueDoesNotExist, "The specified queue does not exist."}
	errDeletedRecently   = &apiError{kindQueueDeletedRecently,
		"You must wait 60 seconds after deleting a queue before you can create another with the same name."}
	errInvalidQueueName = &apiError{kindInvalidParameter,
		"Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"}
	errInvalidFifoName = &apiError{kindInvalidParameter, "The name of a FIFO queue can only include alphanumeric " +
		"characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length."}
	errTwoEncryptions = &apiError{kindInvalidAttributeName, "You can use one type of server-side encryption (SSE) at " +
		"one time. You can either enable KMS SSE or SQS SSE."}
	errInvalidContents = &apiError{kindInvalidContents, protocol.InvalidCharacters}
	errNoDeduplication = &apiError{kindInvalidParameter, "The queue should either have ContentBasedDeduplication " +
		"enabled or MessageDeduplicationId provided explicitly"}
	errNeedsDeduplication = &apiError{kindInvalidParameter, "The queue delivers exactly once (" + deliveryAttribute + "): every message " +
		"needs a MessageDeduplicationId."}
	errInvalidEntryID = &apiError{kindInvalidEntryID, "A batch entry id can only contain alphanumeric characters, " +
		"hyphens and underscores. It can be at most 80 letters long."}
	errOverLimit = &apiError{kindOverLimit, "Too many messages are in flight in this queue: receive fewer or delete " +
		"those that are done."}
	errNoDeleteQueue = &apiError{kindAccessDenied, "DeleteQueue is switched off here (--no-delete-queue). An administrator " +
		"deletes queues with: chasqui queue delete --admin"}
	errProtected = &apiError{kindAccessDenied, "The queue is protected against deletion. Set its attribute " + protectionAttribute +
		" to false first, or let an administrator run: chasqui queue delete --admin --force"}
	errTooManyQueues    = &apiError{kindOverLimit, "There are as many queues as this service allows."}
	errUnknownOperation = &apiError{kindUnknownOperation, "The request names no action of this service."}
	errBodyTooLarge     = &apiError{kindBodyTooLarge,
		"The request body is longer than " + strconv.Itoa(protocol.MaxBodyBytes) + " bytes."}
	errBodyUnreadable = &apiError{kindSerialization, "The request body ended too early."}
	errOverloaded     = &apiError{kindUnavailable, "The service has more requests than it can answer. Try again."}
	errUnavailable    = &apiError{kindUnavailable,
		"The service could not complete the request in time; it may or may not have taken effect. Try again."}
	errInternal = &apiError{kindInternalFailure, "The request could not be completed because of an internal error."}
)

// errQueueReplaced is met inside the frontend only: the cached record is of a queue that no longer exists. A queue of
// the same name may.
var errQueueReplaced = errors.New("queue was deleted")

// errPartlyDone is an errQueueReplaced of some partitions, when others had done their part of the request before the queue was
// deleted. "No such queue" would say that nothing was done, and a restored queue would show it.
var errPartlyDone = fmt.Errorf("a part of the request was done before: %w", errQueueReplaced)

func invalidParameter(value, parameter, reason string) error {
	return &apiError{kindInvalidParameter, "Value " + value + " for parameter " + parameter + " is invalid. Reason: " + reason}
}

// invalidParameterText is for the few messages that do not follow the pattern of invalidParameter.
func invalidParameterText(message string) error { return &apiError{kindInvalidParameter, message} }

func missingParameter(parameter string) error {
	return &apiError{kindMissingParameter, "The request must contain the parameter " + parameter + "."}
}

func unknownAttribute(name string) error {
	return &apiError{kindInvalidAttributeName, "Unknown Attribute " + name + "."}
}

func fifoOnlyAttribute(name string) error {
	return &apiError{kindInvalidAttributeName, "You can specify the " + name + " only when FifoQueue is set to true."}
}

func invalidAttributeValue(name, reason string) error {
	message := "Invalid value for the parameter " + name + "."
	if reason != "" {
		message += " Reason: " + reason
	}
	return &apiError{kindInvalidAttributeValue, message}
}

func queueNameExists(attribute string) error {
	return &apiError{kindQueueNameExists,
		"A queue already exists with the same name and a different value for attribute " + attribute}
}

func purgeInProgress(name string) error {
	return &apiError{kindPurgeInProgress, "Only one PurgeQueue operation on " + name + " is allowed every 60 seconds."}
}

func tooManyTags(name string) error {
	return &apiError{kindInvalidParameter, "Too many tags added for queue " + name + "."}
}

func receiptHandleInvalid(handle string) error {
	return &apiError{kindReceiptHandleInvalid, "The input receipt handle \"" + handle + "\" is not a valid receipt handle."}
}

func emptyBatch(action string) error {
	return &apiError{kindEmptyBatch, "There should be at least one " + action + "RequestEntry in the request."}
}

func tooManyEntries(count int) error {
	return &apiError{kindTooManyEntries, "Maximum number of entries per request are " + strconv.Itoa(maxBatchEntries) +
		". You have sent " + strconv.Itoa(count) + "."}
}

func entryIDRepeated(id string) error {
	return &apiError{kindIDsNotDistinct, "Id " + id + " repeated."}
}

func batchTooLong(size int) error {
	return &apiError{kindBatchTooLong, "Batch requests cannot be longer than " + strconv.Itoa(maxBatchBytes) +
		" bytes. You have sent " + strconv.Itoa(size) + " bytes."}
}

func unsupported(message string) error { return &apiError{kindUnsupported, message} }

func invalidAction(name string) error {
	return &apiError{kindInvalidAction, "The action " + name + " is not valid for this endpoint."}
}

// apiErrorOf turns any error into the API's words. Whatever leaves it open if the request took effect becomes
// ServiceUnavailable, which clients repeat.
func apiErrorOf(err error) *apiError {
	var known *apiError
	var decode *protocol.DecodeError
	var attribute *protocol.AttributeError
	var exists *metadata.QueueExistsError
	var invalid *metadata.InvalidAttributeError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &decode):
		return &apiError{kindSerialization, decode.Reason}
	case errors.As(err, &attribute) && attribute.Unsupported:
		return &apiError{kindUnsupported, attribute.Reason}
	case errors.As(err, &attribute):
		return &apiError{kindInvalidParameter, attribute.Reason}
	case errors.Is(err, errPartlyDone):
		return errUnavailable
	case errors.Is(err, metadata.ErrNoSuchQueue), errors.Is(err, errQueueReplaced):
		return errQueueDoesNotExist
	case errors.As(err, &exists):
		return &apiError{kindQueueNameExists, queueNameExists(exists.Attribute).(*apiError).message}
	case errors.As(err, &invalid):
		return &apiError{kindInvalidAttributeValue, "Invalid value for the parameter " + invalid.Attribute + ". Reason: " + invalid.Reason}
	case errors.Is(err, metadata.ErrProtected):
		return errProtected
	case errors.Is(err, metadata.ErrDeletedRecently):
		return errDeletedRecently
	case errors.Is(err, metadata.ErrLimitReached):
		return errTooManyQueues
	case errors.Is(err, metadata.ErrUnavailable), errors.Is(err, metadata.ErrUnknownOutcome),
		errors.Is(err, backend.ErrUnavailable), errors.Is(err, backend.ErrUnknownOutcome),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errUnavailable
	default:
		return errInternal
	}
}

// retryAfterSeconds is what a refused client is told to wait.
const retryAfterSeconds = "1"

// writeErrorHeaders writes what a client learns of an error besides the body.
func writeErrorHeaders(header http.Header, codec protocol.Codec, fault *protocol.Fault) {
	if codec == (protocol.JSON{}) {
		// Applications that were written against the Query protocol compare its codes.
		side := ";Receiver"
		if fault.Sender {
			side = ";Sender"
		}
		header["x-amzn-query-error"] = []string{fault.Code + side}
	}
	if fault.Status == http.StatusServiceUnavailable {
		header["Retry-After"] = []string{retryAfterSeconds}
	}
}
