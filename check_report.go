package ringfence

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// CheckReport is what Check found.
type CheckReport struct {
	// Role is the role that statements run as, and Login the one that logged in.
	Role, Login string
	// Faults put the role above row security, or set the context for whole sessions: nothing is served while there is one.
	// Each says what to run.
	Faults []string
	// Doubts are roles that the session could become and that row security does not hold, and foreign policies. They are
	// recorded; under Strict nothing is served.
	Doubts []string
	// Fingerprint is a hash of the policies. It belongs to the server's major version.
	Fingerprint string
	// Expected tells whether the fingerprint is one of Config.Fingerprints.
	Expected Answer
	// At is when it was asked.
	At time.Time
}

// Answer has three values: what was not asked is neither yes nor no.
type Answer int

// The answers.
const (
	Unknown Answer = iota
	Yes
	No
)

// becomes are the doubts of the role.
func (r *CheckReport) becomes() []string {
	if r.Expected == No {
		return r.Doubts[:len(r.Doubts)-1] // the policies' doubt is the last
	}
	return r.Doubts
}

// verdict is the error of serving under a report: nil where it may.
func (p *Pool) verdict(r *CheckReport) error {
	why := r.Faults
	if p.cfg.Strictness == Strict {
		why = append(slices.Clip(why), r.Doubts...)
	}
	if len(why) == 0 {
		return nil
	}
	kind := RoleForbidden
	if len(r.Faults) == 0 && len(r.becomes()) == 0 {
		kind = PolicyForeign
	}
	return Refuse(Event{Type: kind, Detail: map[string]string{"role": r.Role}}, errors.New(strings.Join(why, "; ")))
}

// serving is the verdict of the last check.
func (p *Pool) serving(context.Context) error {
	r := p.state.Load()
	if len(r.Faults) == 0 && len(r.Doubts) == 0 {
		return nil
	}
	return p.verdict(r)
}
