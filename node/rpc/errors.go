package rpc

import (
	"errors"
	"fmt"
)

// Outcomes of a call that brought no answer; test with errors.Is. Exactly one of the two is in the chain of every
// error that Call and Go give and that is not a [RemoteError].
var (
	// ErrNotSent means that no handler has seen the request or will: the dial was refused, a limit was reached, the
	// context was over, or the connection broke before the first byte of the request was handed to the kernel.
	ErrNotSent = errors.New("request not sent")
	// ErrUnknown means that the request may have been handled, or may yet be, and no answer came: the connection was
	// lost after sending, or the deadline passed. It must not be treated as "not done".
	ErrUnknown = errors.New("outcome unknown")
)

// Causes found behind ErrNotSent and ErrUnknown.
var (
	// ErrOverloaded means that a limit of Config stopped the request. It only ever comes with ErrNotSent.
	ErrOverloaded = errors.New("connection overloaded")
	// ErrClosed means that this side's Client or Server was closed, or the connection dropped on request.
	ErrClosed = errors.New("closed")
)

// Causes for which a connection is ended. They are seen in logs and behind ErrNotSent and ErrUnknown.
var (
	errForeignPeer = errors.New("peer does not speak chasqui rpc")
	errVersion     = errors.New("peer speaks another version of chasqui rpc")
	errBadFrame    = errors.New("bad frame")
	errSilent      = errors.New("peer is silent")
	errWriteStall  = errors.New("peer does not read")
	errIdle        = errors.New("connection not used")
	errDialTimeout = errors.New("no connection within the dial timeout")
	errBackoff     = errors.New("waiting before the next dial")
)

// Code says how a handler refused a call. Codes from 100 on belong to the service that answers.
type Code uint16

// Codes that have the same meaning for every service.
const (
	// CodeInternal is any error that has no code of its own.
	CodeInternal Code = 1
	// CodeNotLeader means the call was not carried out because another host leads. The message is "hostID address"
	// of the leader, or empty if it is not known.
	CodeNotLeader Code = 2
	// CodeOverloaded means the call was not carried out because a limit was reached.
	CodeOverloaded Code = 3
	// CodeExpired means the call was not carried out because its deadline had passed.
	CodeExpired Code = 4
	// CodeUnknownMethod means the server has no handler for the method.
	CodeUnknownMethod Code = 5
	// CodeBadRequest means the body did not decode or broke a rule.
	CodeBadRequest Code = 6
	// CodeNotFound means the thing named does not exist.
	CodeNotFound Code = 7
	// CodeUnknownOutcome means the handler cannot tell whether it was carried out; treat it like ErrUnknown.
	CodeUnknownOutcome Code = 8
	// CodeUnavailable means the call was not carried out because the service cannot serve at this time.
	CodeUnavailable Code = 9
	// CodeConflict means the call contradicts the state it met.
	CodeConflict Code = 10
)

// RemoteError is a handler's answer other than a body. Find it with errors.As.
type RemoteError struct {
	Code    Code
	Message string // at most MaxErrorMessageBytes travel
}

// Error names the code and the message.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("remote error %d: %s", e.Code, e.Message)
}

// errorf makes a RemoteError with a formatted message.
func errorf(code Code, format string, arguments ...any) *RemoteError {
	return &RemoteError{Code: code, Message: fmt.Sprintf(format, arguments...)}
}
