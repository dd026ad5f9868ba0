package rollout

import (
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
)

var observed = Collector{Name: "observed", How: "the counts of the mode that refuses nothing", Holds: time.Hour, Collect: collectObserved}

// An observing is the body of the entry that the mode was installed.
type observing struct {
	By       string        `json:"by"`
	Evidence attest.Digest `json:"evidence"` // the plan that installs it, and takes it away
}

// collectObserved reads what observing has counted. Where the stage does not ask for it, or has not begun it, nothing speaks against
// beginning.
func collectObserved(ctx context.Context, t *Target) Finding {
	if t.Stage.Observe == 0 || t.State == nil || t.State.stage(t.Stage.Name).Observing.IsZero() {
		return known(true, "not installed", "nothing is observed")
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
		}
		f := known(s.Summary.Statements == 0, fmt.Sprintf("%d statements", s.Summary.Statements),
			fmt.Sprintf("%d tables were observed: %d statements named no tenant, at most %d rows of others were met", s.Summary.Tables, s.Summary.Statements, s.Summary.Rows))
		f.Raw = s
		return f
	})
}

// observe installs the mode that refuses nothing where the stage asks for it, and takes it away when its time is over. done says that
// the stage goes no further today.
func (a *Advance) observe(ctx context.Context, s *State) (done bool, err error) {
	t := a.Target
	st := s.stage(t.Stage.Name)
	if t.Stage.Observe == 0 || !st.Begun.IsZero() && st.Returned.IsZero() {
		return false, nil
	}
	if st.Observing.IsZero() {
		return true, a.install(ctx)
	}
	if until := st.Observing.Add(t.Stage.Observe); a.Clock.Now().Before(until) {
		return false, &RefusedError{Reason: ReasonObserving, Why: fmt.Sprintf("%s is observed for %s", t.Stage.Name, t.Stage.Observe), Next: until}
	}
	watch, err := s.observation(ctx, a.Log, t.Stage.Name)
	if err != nil {
		return false, err
	}
	_, err = apply.Rollback(ctx, apply.Options{Plan: watch, Connect: t.Connect, Holder: a.By, Progress: a.Progress})
	return false, err
}

// install puts the stage under observation. It is written down before, so that what was killed can be taken away.
func (a *Advance) install(ctx context.Context) error {
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
	if err := a.Log.Append(ctx, a.Clock.Now(), KindObserving, t.Stage.Name, observing{a.By, digest}); err != nil {
		return err
	}
	_, err = apply.Run(ctx, apply.Options{Plan: watch, Connect: t.Connect, Holder: a.By, Progress: a.Progress, Fingerprint: catalog.FingerprintsOf})
	return err
}

// observation reads the plan by which the stage was put under observation.
func (s *State) observation(ctx context.Context, l *Log, stage string) (*plan.Plan, error) {
	for i := len(l.Entries()) - 1; i >= 0; i-- {
		e := l.Entries()[i]
		if e.Kind != KindObserving || e.Stage != stage {
			continue
		}
		var o observing
		if err := json.Unmarshal(e.Body, &o); err != nil {
			return nil, fmt.Errorf("reading the observation: %w", err)
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
