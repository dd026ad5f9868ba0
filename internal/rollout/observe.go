package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/impact"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

var observed = Collector{Name: "observed", How: "the counts of the mode that refuses nothing", Holds: time.Hour, Collect: collectObserved}

// An observing is the body of the entry that the mode was installed, or taken away.
type observing struct {
	By       string        `json:"by"`
	For      time.Duration `json:"for"`
	Evidence attest.Digest `json:"evidence,omitempty"` // the plan that installs it, and takes it away
	Ended    bool          `json:"ended,omitempty"`    // it was taken away
	Quiet    bool          `json:"quiet,omitempty"`    // and had counted nothing that would be refused
}

// collectObserved reads what observing has counted. Where it was not begun, or begins anew, nothing speaks against beginning.
func collectObserved(ctx context.Context, t *Target) Finding {
	if t.State == nil || t.State.stage(t.Stage.Name).Observing.IsZero() {
		if t.State != nil && !t.State.stage(t.Stage.Name).Observed.IsZero() {
			return known(true, "over", "it was observed, and nothing was counted that would be refused, until "+t.State.stage(t.Stage.Name).Observed.Format(time.RFC3339))
		}
		return known(true, "not asked for", "the stage does not begin with the mode that refuses nothing")
	}
	m, err := t.model(ctx)
	if err != nil {
		return unknown("the target could not be asked: %v", err)
	}
	return t.query(ctx, func(conn *pgx.Conn) Finding {
		s, err := impact.ReadStatus(ctx, conn, m)
		switch {
		case err != nil:
			return unknown("the counts could not be read: %v", err)
		case len(s.Reset) > 0:
			return unknown("the counts of %d tables began anew", len(s.Reset))
		case s.Summary.Tables == 0:
			return unknown("the mode that refuses nothing was taken away by other hands: advance --observe begins it anew")
		}
		f := known(s.Summary.Statements == 0, fmt.Sprintf("%d statements", s.Summary.Statements),
			fmt.Sprintf("%d tables were observed: %d statements named no tenant, at most %d rows of others were met", s.Summary.Tables, s.Summary.Statements, s.Summary.Rows))
		f.Raw = s
		return f
	})
}

// observing ends an observation whose time is over and that counted nothing that would be refused, or that is to begin anew: it is taken away
// before anything else is looked at, since it changes the tables that the plan is compared with. One that is under way, or that counted
// something, refuses.
func (a *Advance) observing(ctx context.Context, s *State) error {
	t := a.Target
	st := s.stage(t.Stage.Name)
	if st.Observing.IsZero() {
		return nil
	}
	if a.Observe == 0 {
		if err := a.quiet(ctx, st); err != nil {
			return err
		}
	}
	watch, err := s.observation(ctx, a.Log, t.Stage.Name)
	if err != nil {
		return err
	}
	if _, err := apply.Rollback(ctx, apply.Options{Plan: watch, Connect: t.Connect, Holder: a.By, Progress: a.Progress}); err != nil {
		return err
	}
	return a.Log.Append(ctx, a.Clock.Now(), ledger.KindObserving, t.Stage.Name, observing{By: a.By, Ended: true, Quiet: a.Observe == 0})
}

// quiet refuses an observation that is not over, or that counted what would be refused. One that was found quiet after its end, by a run that
// was killed then, is not asked again.
func (a *Advance) quiet(ctx context.Context, st *StageState) error {
	t := a.Target
	until := st.Observing.Add(st.ObserveFor)
	if a.Clock.Now().Before(until) {
		return &RefusedError{Reason: ReasonObserving, Why: fmt.Sprintf("%s is observed for %s", t.Stage.Name, st.ObserveFor), Next: until}
	}
	if f, ok := t.State.Fact(t.Stage.Name, observed.Name); ok && f.Outcome == Pass && !f.At.Before(until) {
		return nil
	}
	t.snapshot = nil
	facts, err := t.Collect(ctx, a.Log, observed.Name)
	if err != nil {
		return err
	}
	if f := facts[0]; f.Outcome != Pass {
		return &RefusedError{Reason: ReasonObserving, Why: f.Why + ": mend what asks without a tenant, and begin anew with advance --observe"}
	}
	return nil
}

// observe installs the mode that refuses nothing where the stage or the operator asks for it and it is not behind it. done says that the stage
// goes no further today.
func (a *Advance) observe(ctx context.Context, s *State) (done bool, err error) {
	st := s.stage(a.Target.Stage.Name)
	length := cmp.Or(a.Observe, a.Target.Stage.Observe)
	underWay := !st.Begun.IsZero() && st.Returned.IsZero()
	if length == 0 || underWay || a.Observe == 0 && !st.Observed.IsZero() {
		return false, nil
	}
	return true, a.install(ctx, length)
}

// install puts the stage under observation. It is written down before, so that what was killed can be taken away.
func (a *Advance) install(ctx context.Context, length time.Duration) error {
	t := a.Target
	m, err := t.model(ctx)
	if err != nil {
		return err
	}
	watch, _, err := impact.Observe(m, t.Plan)
	var conflict *impact.ConflictError
	if errors.As(err, &conflict) {
		return &RefusedError{Reason: ReasonObserving, Why: conflict.Error()}
	}
	if err != nil {
		return err
	}
	raw, err := json.Marshal(watch)
	if err != nil {
		return fmt.Errorf("keeping the observation: %w", err)
	}
	digest, err := a.Log.Keep(ctx, raw)
	if err != nil {
		return err
	}
	if err := a.Log.Append(ctx, a.Clock.Now(), ledger.KindObserving, t.Stage.Name, observing{By: a.By, For: length, Evidence: digest}); err != nil {
		return err
	}
	_, err = apply.Run(ctx, apply.Options{Plan: watch, Connect: t.Connect, Holder: a.By, Progress: a.Progress, Fingerprint: catalog.FingerprintsOf})
	return err
}

// observation reads the plan by which the stage was put under observation.
func (s *State) observation(ctx context.Context, l *ledger.Log, stage string) (*plan.Plan, error) {
	for i := len(l.Entries()) - 1; i >= 0; i-- {
		e := l.Entries()[i]
		if e.Kind != ledger.KindObserving || e.Stage != stage {
			continue
		}
		var o observing
		if err := json.Unmarshal(e.Body, &o); err != nil {
			return nil, fmt.Errorf("reading the observation: %w", err)
		}
		if o.Ended {
			continue
		}
		raw, err := l.Store().Evidence(ctx, o.Evidence)
		if err != nil {
			return nil, fmt.Errorf("reading the observation: %w", err)
		}
		var p plan.Plan
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, fmt.Errorf("reading the observation: %w", err)
		}
		return &p, nil
	}
	return nil, errors.New("reading the observation: there is none")
}
