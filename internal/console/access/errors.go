package access

import (
	"fmt"
	"time"
)

// Kind says what sort of refusal an Error is; errors.Is(err, access.Throttled)
// tests for it.
type Kind string

// The kinds of refusal.
const (
	Invalid         Kind = "invalid"         // the input is wrong
	Unauthenticated Kind = "unauthenticated" // no valid credential
	Forbidden       Kind = "forbidden"       // the caller lacks the permission
	NotFound        Kind = "not found"       // no such object
	Conflict        Kind = "conflict"        // not possible as things stand
	Throttled       Kind = "throttled"       // too many attempts: see RetryAfter
	CodeNeeded      Kind = "code needed"     // the password is right, the second factor is missing
	SetupNeeded     Kind = "setup needed"    // no superuser has a password yet
	Busy            Kind = "busy"            // too many passwords are being checked at once
)

// Error gives the kind's name.
func (k Kind) Error() string { return string(k) }

// Error is a refusal that a user may see. It holds no secret.
type Error struct {
	Kind       Kind
	Msg        string        // what is wrong, and why
	Hint       string        // what to do about it; may be empty
	RetryAfter time.Duration // of Throttled and Busy: when to try again
}

// Error gives the message.
func (e *Error) Error() string { return e.Msg }

// Unwrap gives the kind.
func (e *Error) Unwrap() error { return e.Kind }

func refuse(k Kind, hint, format string, args ...any) error {
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// wrong is the one answer to a wrong name, password or code, so that it does
// not tell which.
func wrong() error {
	return refuse(Unauthenticated, "check the name, the password and the code", "the sign-in is not valid")
}
