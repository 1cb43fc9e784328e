package locket

import (
	"errors"
	"fmt"
)

// A Code says what kind of failure an [Error] is. Codes are stable: they appear
// in HTTP answers, in JSON output and behind exit statuses.
type Code string

// The codes. An error without one is CodeInternal.
const (
	CodeInvalid         Code = "invalid"         // the input is wrong; the message says where
	CodeNotFound        Code = "not_found"       // no such thing, or none this principal may know of
	CodeExists          Code = "exists"          // it is already there
	CodeConflict        Code = "conflict"        // it changed since the caller read it
	CodeUnauthenticated Code = "unauthenticated" // no credential, or one that opens nothing
	CodeExpired         Code = "expired"         // a grant that has ended: log in again
	CodeDenied          Code = "denied"          // known principal, not permitted
	CodePending         Code = "pending"         // not done yet: it waits for the owner; the message names the approval
	CodeTooLarge        Code = "too_large"       // beyond a limit that the message names
	CodeTooMany         Code = "too_many"        // too many requests or guesses; wait and retry
	CodeBusy            Code = "busy"            // somebody else holds the pod; retry
	CodeTampered        Code = "tampered"        // stored bytes are not what Locket wrote
	CodeRolledBack      Code = "rolled_back"     // the pod is older than it was when last seen
	CodeNewer           Code = "newer"           // written by a newer Locket
	CodeDiskFull        Code = "disk_full"       // the disk is full; the message says what was changed, mostly nothing
	CodeCancelled       Code = "cancelled"       // the caller went away or pressed Ctrl-C
	CodeUnsupported     Code = "unsupported"     // not possible here: system, format or mode
	CodeInternal        Code = "internal"        // a fault of Locket's
)

// An Error is the one error type that crosses a package border towards a user.
type Error struct {
	Code Code
	Op   string // what was being done, e.g. "items.create"; may be empty
	Msg  string // safe to show; says what was wrong and what to do next
	Err  error  // the cause; for the log only, never shown
}

// Error gives the operation and the safe message. The cause is not in it.
func (e *Error) Error() string {
	msg := e.Msg
	if msg == "" {
		msg = "internal error; the log says more"
	}
	if e.Op == "" {
		return msg
	}
	return e.Op + ": " + msg
}

// Unwrap returns the hidden cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an [Error] with a safe message. A cause is attached by [Error.Because].
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// Because attaches the hidden cause and returns e.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// CodeOf returns the code of the outermost [Error] in err's chain, "" for nil
// and CodeInternal for an error that has none.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// MessageOf returns what may be shown of err: the message of its outermost
// [Error], or a fixed sentence for an error that has none.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Error()
	}
	return (&Error{}).Error()
}
