package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/secret"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Target is one stage's database and all that a collector may look at.
type Target struct {
	Rollout *Rollout
	Stage   *Stage
	State   *State
	// Connect opens the operator's direct connection; it may be called several times.
	Connect func(context.Context) (*pgx.Conn, error)
	DSN     string // as the operator gave it; secret
	// AppDial and PoolerDial open the application's own sessions; nil: not given.
	AppDial, PoolerDial func(context.Context) (*pgx.Conn, error)
	Config              *tenancy.Config
	Plan                *plan.Plan
	PlanDir             string
	Documents           []string // further files that go with the change
	Hooks               Hooks
	Prometheus          string // base URL; empty: not given
	Watch               WatchDefinition
	Earlier             []*Target // the databases of the stage before; none: not given
	Now                 func() time.Time
	Note                func(string)

	snapshot  *catalog.Snapshot
	rehearsed *rehearsal
	store     ledger.Store // of the log that Collect writes to
}

// A Finding is what a collector found: the outcome in a word, as a value and in a sentence, and the raw material.
type Finding struct {
	Outcome Outcome
	Value   string
	Why     string
	Raw     any // kept as JSON, under its digest
	Seconds float64
}

// known makes a finding of whether something holds.
func known(holds bool, value, why string) Finding {
	if holds {
		return Finding{Outcome: Pass, Value: value, Why: why}
	}
	return Finding{Outcome: Fail, Value: value, Why: why}
}

func unknown(why string, args ...any) Finding {
	for i, a := range args {
		if err, ok := a.(error); ok {
			args[i] = pg.Cause(err)
		}
	}
	return Finding{Outcome: Unknown, Why: fmt.Sprintf(why, args...)}
}

// Collect finds out the facts of the names (all that are not a person's word where none is given) and writes each to the log with its
// evidence. What cannot be found out is a fact too: an unknown one, with the reason.
func (t *Target) Collect(ctx context.Context, l *ledger.Log, names ...string) ([]Fact, error) {
	t.store = l.Store()
	var out []Fact
	for _, c := range Collectors() {
		if c.Attested || c.Collect == nil || len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		t.note("finding out: " + c.Name)
		began := t.Now()
		found := c.Collect(ctx, t)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		f := c.NewFact(t.Stage.Name, t.Now(), found.Outcome, found.Value, found.Why)
		f.Seconds = found.Seconds
		if f.Seconds == 0 {
			f.Seconds = t.Now().Sub(began).Seconds()
		}
		if found.Raw != nil {
			raw, err := json.MarshalIndent(found.Raw, "", "  ")
			if err != nil {
				return out, fmt.Errorf("keeping the evidence of %s: %w", c.Name, err)
			}
			if f.Evidence, err = l.Keep(ctx, []byte(secret.Redact(string(raw)))); err != nil {
				return out, err
			}
		}
		if err := l.Append(ctx, t.Now(), ledger.KindFact, t.Stage.Name, f); err != nil {
			return out, err
		}
		out = append(out, f)
	}
	return out, nil
}

// begun is when the stage was begun; zero: it was not.
func (t *Target) begun() time.Time {
	if t.State == nil {
		return time.Time{}
	}
	return t.State.stage(t.Stage.Name).Begun
}

func (t *Target) note(s string) {
	if t.Note != nil {
		t.Note(s)
	}
}

// query runs one read-only question on a connection of its own.
func (t *Target) query(ctx context.Context, fn func(*pgx.Conn) Finding) Finding {
	conn, err := t.Connect(ctx)
	if err != nil {
		return unknown("the target could not be asked: %v", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return fn(conn)
}

// model reads the target's catalogue, once, and what the application makes of it.
func (t *Target) model(ctx context.Context) (*tenancy.Model, error) {
	if t.snapshot == nil {
		conn, err := t.Connect(ctx)
		if err != nil {
			return nil, err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		if t.snapshot, err = catalog.Read(ctx, conn, catalog.Options{}); err != nil {
			return nil, err
		}
	}
	return tenancy.Infer(t.snapshot, tenancy.Options{Config: t.Config})
}
