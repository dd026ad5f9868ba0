package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// A Front is a stage on its way in all of its databases. Each cohort goes to every database before the next cohort goes to any: the
// canary tables of all, one database after the other, each verified and watched before the next.
type Front struct {
	Databases []*Advance
}

// Run begins the stage, or goes on with it. Nothing is changed anywhere unless every database may go; the first fault stops all, and
// the *StoppedError says where each database stands. What was applied elsewhere stays: it is isolated, and was watched. Errors are
// Advance.Run's.
func (f *Front) Run(ctx context.Context) error {
	if len(f.Databases) == 1 {
		return f.Databases[0].Run(ctx)
	}
	for _, a := range f.Databases {
		if err := a.finish(ctx); err != nil {
			return f.stopped(err, len(a.Target.cohorts()))
		}
	}
	at, err := f.ready(ctx)
	if err != nil || at == nil {
		return err
	}
	cohorts := f.Databases[0].Target.cohorts()
	for n, a := range f.Databases {
		if at[n] == 0 {
			continue
		}
		if err := a.settle(ctx); err != nil {
			return f.stopped(err, len(cohorts))
		}
	}
	for i := range cohorts {
		for n, a := range f.Databases {
			if at[n] > i {
				continue
			}
			if err := a.cohort(ctx, i, cohorts); err != nil {
				return f.stopped(err, len(cohorts))
			}
		}
	}
	if err := f.deploy(ctx); err != nil {
		return f.stopped(err, len(cohorts))
	}
	return nil
}

// ready looks whether every database may go, has them observed where that is asked for, and measures the time before. at is how many
// cohorts each has applied already; nil: the stage goes no further today.
func (f *Front) ready(ctx context.Context) (at []int, err error) {
	s, err := Replay(f.Databases[0].Log.Entries())
	if err != nil {
		return nil, err
	}
	var left []*Advance
	for _, a := range f.Databases {
		t := a.Target
		st := s.stage(t.Stage.Name)
		switch {
		case st.out():
			at = append(at, len(t.cohorts()))
			continue
		case st.Returned.IsZero():
			at = append(at, st.Cohorts)
		default:
			at = append(at, 0)
		}
		left = append(left, a)
		if err := a.look(ctx); err != nil {
			return nil, err
		}
	}
	if err := f.decide(ctx, left); err != nil {
		return nil, err
	}
	if len(left) == 0 {
		return nil, &RefusedError{Reason: ReasonOrder, Why: f.name() + " is applied already"}
	}
	if waits, err := f.observe(ctx, at); err != nil || waits {
		return nil, err
	}
	for n, a := range f.Databases {
		if at[n] == 0 && a.Baseline != nil {
			if err := a.Baseline(ctx); err != nil {
				return nil, fmt.Errorf("measuring the time before in %s: %w", a.Target.Stage.Name, err)
			}
		}
	}
	return at, nil
}

// decide refuses the stage where any of the databases is red, and says so of each that is: signatures are over the facts of all, so
// that one which is not as it was signed makes the others red too.
func (f *Front) decide(ctx context.Context, left []*Advance) error {
	var red *RefusedError
	for _, a := range left {
		_, err := a.decide(ctx)
		var refusal *RefusedError
		switch {
		case errors.As(err, &refusal) && red == nil:
			red = refusal
		case errors.As(err, &refusal):
			red.Why += "; " + refusal.Why
			if refusal.Reason != ReasonExpired {
				red.Reason = refusal.Reason
			}
		case err != nil:
			return err
		}
	}
	if red == nil {
		return nil
	}
	return red
}

// observe has every database that is not begun observed, where that is asked for and not behind it.
func (f *Front) observe(ctx context.Context, at []int) (waits bool, err error) {
	for n, a := range f.Databases {
		if at[n] > 0 {
			continue
		}
		s, err := Replay(a.Log.Entries())
		if err != nil {
			return false, err
		}
		installed, err := a.observe(ctx, s)
		if err != nil {
			return false, err
		}
		waits = waits || installed
	}
	return waits, nil
}

// deploy runs the hooks once for all. Where the code goes back, it has gone back for every database.
func (f *Front) deploy(ctx context.Context) error {
	first := f.Databases[0]
	err := first.deploy(ctx)
	if err == nil {
		return f.out(ctx)
	}
	var stopped *StoppedError
	if errors.As(err, &stopped) {
		for _, a := range f.Databases[1:] {
			for _, r := range stopped.Returns {
				if kept := a.Log.Append(ctx, a.Clock.Now(), ledger.KindReturned, a.Target.Stage.Name, r); kept != nil {
					return errors.Join(err, kept)
				}
			}
		}
	}
	return err
}

// out writes down that the stage is out in every database.
func (f *Front) out(ctx context.Context) error {
	for _, a := range f.Databases {
		p := Progress{Tables: []string{}, By: a.By}
		if err := a.Log.Append(ctx, a.Clock.Now(), ledger.KindOut, a.Target.Stage.Name, p); err != nil {
			return err
		}
	}
	return nil
}

// stopped adds to what stopped the stage where each database stands.
func (f *Front) stopped(err error, cohorts int) error {
	s, broken := Replay(f.Databases[0].Log.Entries())
	if broken != nil {
		return errors.Join(err, broken)
	}
	var stands []string
	for _, a := range f.Databases {
		st := s.stage(a.Target.Stage.Name)
		stands = append(stands, fmt.Sprintf("%s is %s with %d of %d cohorts", a.Target.Stage.Name, st.status(*a.Target.Stage, a.Clock.Now()).State, st.Cohorts, cohorts))
	}
	var stopped *StoppedError
	if errors.As(err, &stopped) {
		stopped.Stands = stands
		return stopped
	}
	return fmt.Errorf("%w; %s", err, strings.Join(stands, "; "))
}

func (f *Front) name() string { return f.Databases[0].Target.Stage.Group() }
