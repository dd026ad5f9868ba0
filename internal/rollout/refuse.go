package rollout

import (
	"fmt"
	"time"
)

// A Reason says why a stage may not go on.
type Reason string

// The reasons.
const (
	ReasonWindow    Reason = "window"    // outside of the stage's window
	ReasonPlan      Reason = "plan"      // the plan's directory holds another plan than the one that was signed
	ReasonDecision  Reason = "decision"  // red
	ReasonExpired   Reason = "expired"   // red only since something was true once
	ReasonOrder     Reason = "order"     // another stage comes first, or this one is done
	ReasonObserving Reason = "observing" // what was observed would be refused
	ReasonStopped   Reason = "stopped"   // a signal stopped it
	ReasonClosed    Reason = "closed"
)

// A RefusedError says why a stage was not advanced. Nothing was changed by what was refused.
type RefusedError struct {
	Reason   Reason
	Why      string
	Next     time.Time // when it may be tried again, where that is known
	Decision *Decision // of ReasonDecision and ReasonExpired
}

func (e *RefusedError) Error() string {
	if e.Next.IsZero() {
		return "advancing: " + e.Why
	}
	return fmt.Sprintf("advancing: %s; next %s", e.Why, e.Next.UTC().Format(time.RFC3339))
}

// Hint says what to do next.
func (e *RefusedError) Hint() string {
	switch e.Reason {
	case ReasonPlan:
		return "a changed plan is another rollout: ringfence rollout new"
	case ReasonDecision, ReasonExpired:
		return "ringfence rollout check lists what is missing"
	}
	return ""
}
