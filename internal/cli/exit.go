package cli

import (
	"errors"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// The exit codes of the contract. An exit code is a property of the error that a verb returns.
const (
	exitClean        = 0
	exitCouldNotRun  = 1
	exitUsage        = 2
	exitFound        = 3
	exitRefused      = 4
	exitUnknown      = 5
	exitExpired      = 6
	exitBadSignature = 7
	exitContradicted = 8
)

// exitNames are the words that the JSON error carries for each code.
var exitNames = map[int]string{
	exitCouldNotRun: "could_not_run", exitUsage: "usage", exitFound: "found", exitRefused: "refused", exitUnknown: "unknown",
	exitExpired: "expired", exitBadSignature: "bad_signature", exitContradicted: "contradicted",
}

// An exitError is an error with its exit code and what a person can do next. An empty message is an outcome, not a failure:
// the document on stdout says it all (findings at or above the threshold).
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Hint returns what to do next.
func (e *exitError) Hint() string { return e.hint }

// outcome ends a verb with code and without a message.
func outcome(code int) error {
	if code == exitClean {
		return nil
	}
	return &exitError{code: code}
}

// judged keeps a verb from ending well where nothing was judged: err is what it ends with otherwise.
func judged(m *tenancy.Model, err error) error {
	why, flag := m.Unjudged()
	if err != nil || why == "" {
		return err
	}
	return &exitError{code: exitUnknown, err: errors.New(why), hint: "name it by " + flag + ", or in ringfence.yaml (ringfence init writes one)"}
}

// usage is an error in how the command was called.
func usage(err error, hint string) error { return &exitError{code: exitUsage, err: err, hint: hint} }

// refused is an error by which Ringfence declines to act.
func refused(err error, hint string) error {
	return &exitError{code: exitRefused, err: err, hint: hint}
}

// exitCode returns the code of err; an error that carries none could not run.
func exitCode(err error) int {
	if err == nil {
		return exitClean
	}
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exitCouldNotRun
}

// hintOf returns the hint of err or of the first error it wraps that has one, and "" where there is none.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		return h.Hint()
	}
	return pg.Hint(err)
}
