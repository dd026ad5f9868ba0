package ringfence

import "errors"

// Refusal is the error of everything that is refused. Its text is generic: it never carries another tenant's id, nor tells
// whether that tenant exists. What is known stands in Event, for the trail.
type Refusal struct {
	Event Event
	cause error
}

// Refuse makes the error for an event, with the error that caused it where there is one.
func Refuse(e Event, cause error) *Refusal { return &Refusal{Event: e, cause: cause} }

// Error returns a text that is safe to show to whoever was refused.
func (r *Refusal) Error() string { return "refused: " + string(r.Event.Type) }

// Unwrap returns the cause. It may name what the client must not see: for logs, not for answers.
func (r *Refusal) Unwrap() error { return r.cause }

// RefusalOf returns the Refusal in an error's chain, and whether there is one.
func RefusalOf(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	return r, ok
}
