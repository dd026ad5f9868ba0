package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/clone"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var (
	rehearsalApply    = Collector{Name: "rehearsal_apply", How: "the plan is applied to an embedded copy and verified", Holds: 7 * day, Collect: collectRehearsalApply}
	rehearsalRollback = Collector{Name: "rehearsal_rollback", How: "the plan is taken back on the copy, catalogues are compared, and it is applied again", Holds: 7 * day, Collect: collectRehearsalRollback}
	isolation         = Collector{Name: "isolation", How: "ringfence prove --attack on the rehearsed copy", Holds: 24 * time.Hour, Collect: collectIsolation}
	negativeControl   = Collector{Name: "negative_control", How: "the same probes on an unprotected twin have to succeed", Holds: 24 * time.Hour, Collect: collectNegativeControl}
	applicationRights = Collector{Name: "application_rights", How: "attributes, memberships and ownership of the application's roles", Holds: 24 * time.Hour, Collect: collectApplicationRights}
)

// A rehearsal is the plan's whole way on a copy: applied, attacked, taken back, applied again.
type rehearsal struct {
	err      error // the copy could not be made
	applyErr error
	undoErr  error
	steps    []apply.StepResult
	applied  time.Duration
	undone   time.Duration
	changed  []string // objects that the way back did not restore
	model    *tenancy.Model
	verdict  harden.Verdict
	ladder   Ladder
	rungs    map[string]float64 // seconds of each rung
	climbErr error
	control  int // probes that the unprotected twin let through
	ctrlErr  error

	traced     []TracedStep
	explained  []Explained
	explainErr error
}

// rehearse runs once for all the facts that it gives.
func (t *Target) rehearse(ctx context.Context) *rehearsal {
	if t.rehearsed == nil {
		t.rehearsed = &rehearsal{}
		t.rehearsed.err = t.rehearsed.run(ctx, t)
	}
	return t.rehearsed
}

func (r *rehearsal) run(ctx context.Context, t *Target) (err error) {
	m, err := t.model(ctx)
	if err != nil {
		return err
	}
	c, err := clone.Make(ctx, clone.Source{DSN: t.DSN, Snapshot: m.Snapshot, Note: t.Note})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if err := forgetRuns(ctx, c); err != nil {
		return err
	}
	o := apply.Options{Plan: t.Plan, Connect: c.Connect}
	before := c.Snapshot.Fingerprints()
	began, tracing := time.Now(), o
	tracing.Trace = func(seen apply.Traced) { r.traced = append(r.traced, classify(t.Plan, seen)) }
	result, err := apply.Run(ctx, tracing)
	if r.applied, r.applyErr = time.Since(began), err; err != nil {
		return nil
	}
	r.steps = result.Steps
	if r.applyErr = undone(ctx, o); r.applyErr != nil {
		return nil
	}
	r.climbErr = r.climb(ctx, t, o, func(ctx context.Context) (harden.Verdict, error) {
		s, err := readClone(ctx, c)
		if err != nil {
			return harden.Verdict{}, err
		}
		after, err := tenancy.Infer(s, tenancy.Options{Config: t.Config})
		if err != nil {
			return harden.Verdict{}, err
		}
		return harden.Reason(after, t.Plan), nil
	})
	if r.climbErr != nil {
		return nil
	}
	began = time.Now()
	back := o
	back.Allow = dangers(t.Plan)
	_, r.undoErr = apply.Rollback(ctx, back)
	if r.undone = time.Since(began); r.undoErr != nil {
		return nil
	}
	if r.changed, err = r.differences(ctx, c, before); err != nil {
		return err
	}
	if _, r.undoErr = apply.Run(ctx, o); r.undoErr != nil {
		return nil
	}
	return r.attack(ctx, t, c)
}

// forgetRuns has the copy begin with a run log of its own: that of the source belongs to whoever applies there.
func forgetRuns(ctx context.Context, c *clone.Clone) error {
	conn, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, `DO $$
DECLARE t name;
BEGIN
  IF pg_catalog.to_regnamespace('ringfence') IS NULL THEN RETURN; END IF;
  ALTER SCHEMA ringfence OWNER TO CURRENT_USER;
  FOR t IN SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = 'ringfence'::pg_catalog.regnamespace AND relname LIKE 'apply\_%' AND relkind = 'r' LOOP
    EXECUTE pg_catalog.format('DROP TABLE ringfence.%I CASCADE', t);
  END LOOP;
END $$`)
	return err
}

// dangers are all that a roll-back asks for by name: on a copy they harm nobody.
func dangers(p *plan.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, s.UndoDanger...)
	}
	return out
}

// undone returns an error where a step is not in place.
func undone(ctx context.Context, o apply.Options) error {
	steps, err := apply.Verify(ctx, o)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.Done == nil || !*s.Done {
			return fmt.Errorf("step %d, %s on %s, is not in place after it ran", s.Step, s.Kind, s.Object)
		}
	}
	return nil
}

func (r *rehearsal) differences(ctx context.Context, c *clone.Clone, before map[string]string) ([]string, error) {
	after, err := readClone(ctx, c)
	if err != nil {
		return nil, err
	}
	now, out := after.Fingerprints(), []string{}
	for identity, print := range before {
		if now[identity] != print {
			out = append(out, identity)
		}
	}
	for identity := range now {
		if _, was := before[identity]; !was {
			out = append(out, identity)
		}
	}
	slices.Sort(out)
	return out, nil
}

func readClone(ctx context.Context, c *clone.Clone) (*catalog.Snapshot, error) {
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return catalog.Read(ctx, conn, catalog.Options{})
}

// attack proves and probes the copy, and then the same copy without its protection: there the probes have to get through.
func (r *rehearsal) attack(ctx context.Context, t *Target, c *clone.Clone) error {
	s, err := readClone(ctx, c)
	if err != nil {
		return err
	}
	if r.model, err = tenancy.Infer(s, tenancy.Options{Config: t.Config}); err != nil {
		return err
	}
	conn, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	r.explained, r.explainErr = explain(ctx, conn, r.model)
	if r.verdict, err = harden.Attack(ctx, conn, r.model, t.Plan, nil, nil); err != nil {
		return err
	}
	r.control, r.ctrlErr = unprotected(ctx, conn, r.model, harden.Tables(t.Plan, r.model))
	return nil
}

// unprotected switches row security off on the copy's tables and counts the probes that get through.
func unprotected(ctx context.Context, conn *pgx.Conn, m *tenancy.Model, tables []string) (int, error) {
	for _, table := range tables {
		if _, err := conn.Exec(ctx, "ALTER TABLE "+table+" DISABLE ROW LEVEL SECURITY"); err != nil && pg.SQLState(err) != "42809" {
			return 0, err
		}
	}
	tried, err := attack.Run(ctx, attack.Options{Conn: conn, Model: m, Tables: tables, AllowWrites: true, Clone: true})
	if err != nil {
		return 0, err
	}
	leaked := map[string]bool{}
	for _, e := range tried.Entries {
		if e.Outcome == attack.Leaked && !e.Informational {
			leaked[e.Table] = true
		}
	}
	return len(leaked), nil
}

// Rehearsed is what a rehearsal measured: the evidence of rehearsal_apply.
type Rehearsed struct {
	Steps []StepTime         `json:"steps"`
	Rungs map[string]float64 `json:"rungs"` // seconds of each rung of the way back
	Back  float64            `json:"back"`  // seconds of the whole way back
	Roles map[string]string  `json:"roles"` // fingerprints of the target's roles: what they may do was judged as they were then
}

// A StepTime is how long one step took on the copy, and what it locked.
type StepTime struct {
	ID      string    `json:"id"`
	Step    string    `json:"step"`
	Seconds float64   `json:"seconds"`
	Lock    plan.Lock `json:"lock"`
}

func collectRehearsalApply(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	switch {
	case r.err != nil:
		return unknown("the copy could not be made: %v", r.err)
	case r.applyErr != nil:
		return known(false, "", "the plan did not get through on the copy: "+r.applyErr.Error())
	}
	m, err := t.model(ctx)
	if err != nil {
		return unknown("the target's catalogue could not be read: %v", err)
	}
	times := Rehearsed{Steps: []StepTime{}, Rungs: r.rungs, Back: r.undone.Seconds(), Roles: roles(m.Snapshot)}
	for i, s := range r.steps {
		times.Steps = append(times.Steps, StepTime{s.ID, s.Kind + " " + s.Object, s.Took.Seconds(), t.Plan.Steps[i].Lock})
	}
	f := known(true, fmt.Sprintf("%d steps", len(r.steps)), "every step was applied and verified on a copy of the schema, which holds no rows")
	f.Raw, f.Seconds = times, r.applied.Seconds()
	return f
}

func collectRehearsalRollback(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	switch {
	case r.err != nil || r.applyErr != nil:
		return unknown("the plan was not applied on the copy")
	case r.undoErr != nil:
		return known(false, "", "the way back did not get through on the copy: "+r.undoErr.Error())
	case len(r.changed) > 0:
		return Finding{Outcome: Fail, Value: fmt.Sprintf("%d objects", len(r.changed)), Why: "the way back leaves " + strings.Join(r.changed[:min(3, len(r.changed))], ", "), Raw: r.changed}
	}
	f := known(true, "same catalogue", "taken back, the copy was as before, object by object; then it was applied again")
	f.Seconds = r.undone.Seconds()
	return f
}

func collectIsolation(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	if r.err != nil || r.model == nil {
		return unknown("the plan was not rehearsed to its end")
	}
	count := map[prove.Verdict]int{}
	accepted := 0
	open := slices.DeleteFunc(slices.Clone(r.verdict.Cells), func(c prove.Cell) bool {
		holds := c.Verdict == prove.Proved || c.Verdict == prove.Probed
		switch {
		case c.Kind != "isolation":
		case c.Accepted != nil && !holds:
			accepted++
		default:
			count[c.Verdict]++
		}
		return c.Kind != "isolation" || c.Accepted != nil || holds
	})
	value := fmt.Sprintf("%d ways proved closed, %d probed, %d leak, %d unproven; %d open on purpose, accepted by name in ringfence.yaml", count[prove.Proved], count[prove.Probed], count[prove.Leak], count[prove.Unproven], accepted)
	f := known(len(open) == 0 && len(r.verdict.Wrong) == 0, value, "every way to another tenant's row is closed, by logic and under attack")
	if len(open) > 0 {
		f.Why = fmt.Sprintf("%s on %s by %s: %s", open[0].Command, open[0].Relation, open[0].Role, open[0].Verdict)
	}
	f.Raw = r.verdict.Cells
	return f
}

func collectNegativeControl(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	switch {
	case r.err != nil || r.model == nil:
		return unknown("the plan was not rehearsed to its end")
	case r.ctrlErr != nil:
		return unknown("the unprotected twin could not be attacked: %v", r.ctrlErr)
	}
	return known(r.control > 0, fmt.Sprintf("%d tables", r.control), fmt.Sprintf("the probes are able to find a hole: without row security they get through on %d tables, partitions counted", r.control))
}

// collectApplicationRights judges the roles as they will be: on the copy, after the plan.
func collectApplicationRights(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	if r.err != nil || r.model == nil {
		return unknown("the plan was not rehearsed to its end")
	}
	if len(r.model.Applications()) == 0 {
		return unknown("no role is known to be the application's")
	}
	var bad []string
	for _, f := range audit.Run(audit.Read(r.model), audit.Rules(), t.Now()).Findings {
		if f.Role != "" && f.Accepted == nil && (f.Severity == audit.Critical || f.Severity == audit.High) {
			bad = append(bad, f.ID+" "+f.Role)
		}
	}
	slices.Sort(bad)
	bad = slices.Compact(bad)
	f := known(len(bad) == 0, strings.Join(r.model.Applications(), ", "), "no application role is above row security, or can come to be")
	if len(bad) > 0 {
		f.Why = strings.Join(bad, ", ")
	}
	return f
}

// roles gives the fingerprints of a target's roles.
func roles(s *catalog.Snapshot) map[string]string {
	all, out := s.Fingerprints(), map[string]string{}
	for i := range s.Roles {
		if print, ok := all["role "+s.Roles[i].Identity()]; ok {
			out[s.Roles[i].Name] = print
		}
	}
	return out
}
