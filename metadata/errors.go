package metadata

import (
	"errors"
	"fmt"

	"chasqui/metadata/catalog"
)

// Errors of Client and Cache; test with errors.Is. All but ErrUnknownOutcome mean that nothing was changed.
var (
	// ErrNoSuchQueue means that no queue has the name.
	ErrNoSuchQueue = errors.New("no such queue")
	// ErrQueueExists means that a queue of the name has other attributes; the error is a *QueueExistsError.
	ErrQueueExists = errors.New("queue exists with other attributes")
	// ErrDeletedRecently means that a queue of the name was deleted less than the cool-down (60 s) ago.
	ErrDeletedRecently = errors.New("a queue of this name was deleted recently")
	// ErrPurgeInProgress means that the queue was purged less than the cool-down (60 s) ago.
	ErrPurgeInProgress = errors.New("the queue was purged recently")
	// ErrInvalidAttribute means that an attribute cannot have the value; the error is an *InvalidAttributeError.
	ErrInvalidAttribute = errors.New("invalid attribute value")
	// ErrConflict means that the queue's record is no longer of the version that the change was made for.
	ErrConflict = errors.New("the queue was changed by somebody else")
	// ErrTooManyTags means that the queue would have more than catalog.TagsMax tags.
	ErrTooManyTags = errors.New("too many tags")
	// ErrProtected means that the queue is protected against deletion, and the deletion was not forced.
	ErrProtected = errors.New("the queue is protected against deletion")
	// ErrNotRestorable means that no deleted queue of the name can be restored.
	ErrNotRestorable = errors.New("no queue to restore")
	// ErrNameTaken means that a queue cannot be restored because another has its name.
	ErrNameTaken = errors.New("a queue of this name exists")
	// ErrLimitReached means that the catalog is full.
	ErrLimitReached = errors.New("limit of the metadata service reached")
	// ErrInvalidRequest means that the request can never succeed: a mistake of the caller.
	ErrInvalidRequest = errors.New("invalid metadata request")
	// ErrUnavailable means that the service could not be asked within the time there was, and nothing was changed.
	ErrUnavailable = errors.New("metadata service is unavailable")
	// ErrUnknownOutcome means that the change was sent and no answer came in time: it may or may not take effect.
	ErrUnknownOutcome = errors.New("outcome of the metadata change is unknown")
	// ErrRefused means that the metadata service refuses this backend host: its id is registered with another data
	// folder.
	ErrRefused = errors.New("refused by the metadata service")
)

// QueueExistsError says in which attribute an existing queue differs from the one to be created. It is
// ErrQueueExists.
type QueueExistsError struct{ Attribute string }

// Error names the attribute.
func (e *QueueExistsError) Error() string {
	return fmt.Sprintf("queue exists with a different value for attribute %s", e.Attribute)
}

// Is makes errors.Is(err, ErrQueueExists) hold.
func (e *QueueExistsError) Is(target error) bool { return target == ErrQueueExists }

// InvalidAttributeError says which attribute cannot have the value given, and why. It is ErrInvalidAttribute.
type InvalidAttributeError struct{ Attribute, Reason string }

// Error names the attribute and the reason.
func (e *InvalidAttributeError) Error() string {
	return fmt.Sprintf("invalid value for attribute %s: %s", e.Attribute, e.Reason)
}

// Is makes errors.Is(err, ErrInvalidAttribute) hold.
func (e *InvalidAttributeError) Is(target error) bool { return target == ErrInvalidAttribute }

// resultError says what a result means to a client.
func resultError(r *catalog.Result) error {
	switch r.Code {
	case catalog.OK:
		return nil
	case catalog.Protected:
		return ErrProtected
	case catalog.NotRestorable:
		return fmt.Errorf("%w: %s", ErrNotRestorable, r.Detail)
	case catalog.QueueExists:
		if r.Attribute == "" {
			return fmt.Errorf("%w: %s", ErrNameTaken, r.Detail)
		}
		return &QueueExistsError{Attribute: r.Attribute}
	case catalog.NoSuchQueue:
		return ErrNoSuchQueue
	case catalog.DeletedRecently:
		return ErrDeletedRecently
	case catalog.PurgeInProgress:
		return ErrPurgeInProgress
	case catalog.InvalidAttribute:
		return &InvalidAttributeError{Attribute: r.Attribute, Reason: r.Detail}
	case catalog.TooManyTags:
		return ErrTooManyTags
	case catalog.Conflict:
		return ErrConflict
	case catalog.NotReady:
		return fmt.Errorf("%w: %s", ErrUnavailable, r.Detail)
	case catalog.LimitReached:
		return fmt.Errorf("%w: %s", ErrLimitReached, r.Detail)
	default:
		return fmt.Errorf("%w: %s: %s", ErrInvalidRequest, r.Code, r.Detail)
	}
}
