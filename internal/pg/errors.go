package pg

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Error is what every function of this package that can be answered by the
// person at the keyboard returns. Hint says what to do next. Neither the text
// nor the hint ever holds a password.
type Error struct {
	// Doing is a gerund phrase: "connecting to db.example:5432".
	Doing string
	// Hint is one sentence in the imperative; it may be empty.
	Hint string
	// Err is the cause; its text is part of Error's text.
	Err error
}

// Error gives the phrase and the cause; the hint is for the reporter to print.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Doing
	}
	return e.Doing + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint gives the hint of the first Error in err's chain, or "".
func Hint(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// ServerError gives the server's error in err's chain, or nil where the error
// did not come from a server: the connection failed instead.
func ServerError(err error) *pgconn.PgError {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// SQLState gives the five-character code of the server's error in err's chain,
// or "" where the error did not come from a server. Decisions are taken on
// this, never on an error's text, which is translated and changes.
func SQLState(err error) string {
	if e := ServerError(err); e != nil {
		return e.Code
	}
	return ""
}

// Cause is what a person has to know of an error: where the server gave one, its own words and state, without the way to it, which is
// nobody's who reads a log.
func Cause(err error) string {
	if e := ServerError(err); e != nil {
		return fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.Code)
	}
	return err.Error()
}
