package attack

import (
	"errors"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// The SQLSTATEs that the room decides on.
const (
	insufficientPrivilege = "42501"
	notNullViolation      = "23502"
	foreignKeyViolation   = "23503"
	uniqueViolation       = "23505"
	checkViolation        = "23514"
	exclusionViolation    = "23P01"
	withCheckOption       = "44000"
	raisedException       = "P0001"
	undefinedSetting      = "42704"
	lockNotAvailable      = "55P03"
	queryCanceled         = "57014"
	featureNotSupported   = "0A000"
	divisionByZero        = "22012"
)

// state returns the SQLSTATE in err's chain, or "".
func state(err error) string { return pg.SQLState(err) }

// refused reports whether the database answered no: by privilege, by policy, by a view's check option, by a context it could
// not read, or by code that raised. None of them hands out or changes a row.
func refused(err error) bool {
	if errors.As(err, new(*preparationError)) {
		return false
	}
	switch c := state(err); c {
	case insufficientPrivilege, withCheckOption, raisedException, undefinedSetting, "P0002", "P0003", "P0004":
		return true
	default:
		return len(c) == 5 && c[:2] == "22" // data exceptions: the context did not parse
	}
}

// timedOut reports whether the statement was ended by a limit of ours.
func timedOut(err error) bool {
	c := state(err)
	return c == lockNotAvailable || c == queryCanceled
}

// A preparationError is a failure of what the attack does around a probe, from outside or to become somebody: a refusal there
// says nothing of the stranger.
type preparationError struct{ err error }

// Error is the cause's text.
func (e *preparationError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *preparationError) Unwrap() error { return e.err }

// preparing marks an error, if there is one, as one of preparation.
func preparing(err error) error {
	if err == nil {
		return nil
	}
	return &preparationError{err}
}
