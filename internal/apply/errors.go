package apply

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/english"
)

// ErrLeaseHeld is in the chain of the error with which a second operator is turned away. The error is a *LeaseError.
var ErrLeaseHeld = errors.New("another run holds the lease")

// ErrLeaseLost is in the chain of the error of a run whose lease another run has taken; nothing is written after it.
var ErrLeaseLost = errors.New("the lease was taken by another run")

// ErrRefused is in the chain of every error that refuses to begin: preflight, stale plans, questions not answered and
// held leases. The command line gives exit 4 for it.
var ErrRefused = errors.New("refused")

// A LeaseError says who holds the lease.
type LeaseError struct {
	Holder  string
	Run     string
	PID     int32     // of the holder's connection
	Expires time.Time // by the server's clock, unless renewed
}

func (e *LeaseError) Error() string {
	return fmt.Sprintf("taking the lease: %v: %s, run %s, backend %d, until %s unless renewed",
		ErrLeaseHeld, e.Holder, e.Run, e.PID, e.Expires.UTC().Format(time.RFC3339))
}

// Hint says what to do next.
func (e *LeaseError) Hint() string {
	return "Wait for the other run to end; if its process is gone, the lease can be taken as soon as its connection is."
}

// Is matches ErrLeaseHeld and ErrRefused.
func (e *LeaseError) Is(target error) bool { return target == ErrLeaseHeld || target == ErrRefused }

// A StaleObject is an object that is neither as the plan expects it before a step nor as the step leaves it.
type StaleObject struct {
	Object string `json:"object"`
	Step   string `json:"step"` // the first step that meets it
	Why    string `json:"why"`
}

// A StaleError says that the database changed since the plan was made, by other hands.
type StaleError struct{ Objects []StaleObject }

func (e *StaleError) Error() string {
	parts := make([]string, len(e.Objects))
	for i, o := range e.Objects {
		parts[i] = fmt.Sprintf("%s (%s, step %s)", o.Object, o.Why, o.Step)
	}
	return "comparing the database with the plan: changed since it was planned: " + strings.Join(parts, ", ")
}

// Hint says what to do next.
func (e *StaleError) Hint() string { return "Make a new plan and have it reviewed." }

// Is matches ErrRefused.
func (e *StaleError) Is(target error) bool { return target == ErrRefused }

// A PreflightError says why the run may not begin here.
type PreflightError struct{ Refused []Check }

func (e *PreflightError) Error() string {
	parts := make([]string, len(e.Refused))
	for i, c := range e.Refused {
		parts[i] = c.Detail
	}
	return "checking the target: " + strings.Join(parts, "; ")
}

// Hint gives the hints of all refusals, a line each.
func (e *PreflightError) Hint() string {
	var hints []string
	for _, c := range e.Refused {
		if c.Hint != "" {
			hints = append(hints, c.Hint)
		}
	}
	return strings.Join(hints, "\n")
}

// Is matches ErrRefused.
func (e *PreflightError) Is(target error) bool { return target == ErrRefused }

// A HeldError says that waiting for others was given up. The step changed nothing.
type HeldError struct {
	Why      string
	Tries    int
	Waited   time.Duration
	Blockers []Blocker
	Leftover string // an index that a stopped build left, repaired at the next start; "" for none
	Err      error
}

func (e *HeldError) Error() string {
	text := fmt.Sprintf("held after %s in %s: %s", english.Count(e.Tries, "try"), e.Waited.Round(time.Millisecond), e.Why)
	for _, b := range e.Blockers {
		text += "; " + b.String()
	}
	if e.Leftover != "" {
		text += "; the invalid index " + e.Leftover + " was left"
	}
	return text
}

// Unwrap gives the last attempt's error.
func (e *HeldError) Unwrap() error { return e.Err }

// Hint says what to do next.
func (e *HeldError) Hint() string {
	if len(e.Blockers) == 0 {
		return "Nothing was changed by this step. Start again; it resumes here."
	}
	return "Nothing was changed by this step. Let the sessions named end, or end them, and start again; it resumes here."
}

// A IndeterminateError says that the catalogue, the run log and memory do not agree on what happened.
type IndeterminateError struct{ Disagreements []string }

func (e *IndeterminateError) Error() string {
	return "reconciling with the database: " + strings.Join(e.Disagreements, "; ")
}

// Hint says what to do next.
func (e *IndeterminateError) Hint() string {
	return "Nothing is continued on such ground. Compare the steps named with the database, and make a new plan."
}

// A PartialError says how far a run came before a step did not get through.
type PartialError struct {
	Done   []StepResult // in place now
	Failed StepResult
	Of     int // steps in the plan
	Err    error
	Undo   string // "" for apply, "taking back" for rollback
}

func (e *PartialError) Error() string {
	doing := "applying"
	if e.Undo != "" {
		doing = e.Undo
	}
	return fmt.Sprintf("%s step %d of %d, %s on %s: %v", doing, e.Failed.Step, e.Of, e.Failed.Kind, e.Failed.Object, e.Err)
}

// Unwrap gives the cause.
func (e *PartialError) Unwrap() error { return e.Err }

// Hint gives the cause's hint, or how to go on.
func (e *PartialError) Hint() string {
	var h interface{ Hint() string }
	if errors.As(e.Err, &h) && h.Hint() != "" {
		return h.Hint()
	}
	return "What was done before this step stays. Mend the cause and start again; it resumes here."
}

// A Question is something that is only done when asked for by name.
type Question struct {
	Name   string `json:"name"` // for Options.Allow
	Step   string `json:"step"`
	Object string `json:"object"`
	Why    string `json:"why"`
}

// An AskError holds what must be allowed by name first.
type AskError struct{ Questions []Question }

// Error names up to three objects of each reason.
func (e *AskError) Error() string {
	var reasons []string
	objects := make(map[string][]string)
	for _, q := range e.Questions {
		if objects[q.Why] == nil {
			reasons = append(reasons, q.Why)
		}
		objects[q.Why] = append(objects[q.Why], q.Object)
	}
	parts := make([]string, len(reasons))
	for i, why := range reasons {
		named, more := objects[why], ""
		if len(named) > 3 {
			named, more = named[:3], fmt.Sprintf(" and %d more", len(named)-3)
		}
		parts[i] = strings.Join(named, ", ") + more + " " + why
	}
	return "asking before taking back: " + strings.Join(parts, "; ")
}

// Hint says what to do next.
func (e *AskError) Hint() string {
	var names []string
	for _, q := range e.Questions {
		if !slices.Contains(names, q.Name) {
			names = append(names, q.Name)
		}
	}
	return "Allow by name what may be lost: " + strings.Join(names, ", ")
}

// Is matches ErrRefused.
func (e *AskError) Is(target error) bool { return target == ErrRefused }
