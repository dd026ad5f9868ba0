package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/secret"
)

// An Advance is one stage on its way.
type Advance struct {
	Target *Target
	Log    *ledger.Log
	People *attest.Approvers
	Clock  Clock
	By     string // who advances, for the record
	// Observe begins with the mode that refuses nothing for that long, whatever the stage asks for, or begins it anew; 0: as the stage asks.
	Observe time.Duration
	// Settle watches what was applied for a while and returns what it saw that stops; nil: nothing is looked at between cohorts.
	Settle func(ctx context.Context, d time.Duration) ([]Signal, error)
	// Baseline keeps a sample of the time before, which what comes after is compared with; nil: none is kept.
	Baseline func(context.Context) error
	// Alarm is told what stopped it, so that people are called; nil: nobody is.
	Alarm    func(ctx context.Context, signals []Signal, returned []Return) error
	Progress func(apply.Event)
}

// fresh are the facts that are found out again at the moment at which a stage begins: what was true at the time of the signatures
// may not be true now.
var fresh = []*Collector{&drift, &identity, &serverClock, &transactions, &replicas, &load, &secrets, &documents, &earlierVerified, &earlierSoaked, &backupAge, &applicationPath, &observed}

// Run begins the stage, or goes on with it: the window, the bytes, the facts that pass quickly and the decision are looked at in that
// moment, against the live database; then the cohorts are applied one after the other, each verified and watched before the next.
//
// Errors: *RefusedError (nothing was changed), *StoppedError (a step or a signal stopped it, and what was taken back), and the
// errors of package apply, in a *StoppedError.
func (a *Advance) Run(ctx context.Context) error {
	if err := a.finish(ctx); err != nil {
		return err
	}
	s, err := a.may(ctx)
	if err != nil {
		return err
	}
	t := a.Target
	if done, err := a.observe(ctx, s); err != nil || done {
		return err
	}
	st := s.stage(t.Stage.Name)
	from := st.Cohorts
	if !st.Returned.IsZero() {
		from = 0
	}
	if from == 0 && a.Baseline != nil {
		if err := a.Baseline(ctx); err != nil {
			return fmt.Errorf("measuring the time before: %w", err)
		}
	}
	if from > 0 { // by a run that was killed, maybe before it had watched it
		if err := a.settle(ctx); err != nil {
			return err
		}
	}
	cohorts := t.cohorts()
	for i := from; i < len(cohorts); i++ {
		if err := a.cohort(ctx, i, cohorts); err != nil {
			return err
		}
	}
	return (&Front{[]*Advance{a}}).deploy(ctx)
}

// finish does what a run left undone that was killed while the stage was being taken back. The stage is then stopped, as it was.
func (a *Advance) finish(ctx context.Context) error {
	returned, err := a.Target.Finish(ctx, a.Log, a.By, a.Alarm)
	if len(returned) > 0 {
		return &StoppedError{Err: err, Returns: returned}
	}
	return err
}

// may refuses what may not be.
func (a *Advance) may(ctx context.Context) (*State, error) {
	if err := a.look(ctx); err != nil {
		return nil, err
	}
	return a.decide(ctx)
}

// look refuses what no fact could allow, ends an observation whose time is over, and finds the fresh facts out.
func (a *Advance) look(ctx context.Context) error {
	if err := a.open(ctx); err != nil {
		return err
	}
	t := a.Target
	var err error
	if t.State, err = Replay(a.Log.Entries()); err != nil {
		return err
	}
	var names []string
	for _, c := range fresh {
		if c.Name != applicationPath.Name || t.AppDial != nil || t.PoolerDial != nil {
			names = append(names, c.Name)
		}
	}
	if len(t.Earlier) == 0 {
		names = slices.DeleteFunc(names, func(n string) bool { return n == earlierVerified.Name || n == earlierSoaked.Name })
	}
	if !t.hasHook("backup_age") {
		names = slices.DeleteFunc(names, func(n string) bool { return n == backupAge.Name })
	}
	t.snapshot = nil
	_, err = t.Collect(ctx, a.Log, names...)
	return err
}

// open refuses a rollout that is closed, a stage that is applied or observed, a window that is shut, and another plan.
func (a *Advance) open(ctx context.Context) error {
	t := a.Target
	s, err := Replay(a.Log.Entries())
	if err != nil {
		return err
	}
	t.State = s
	if s.Closed {
		return &RefusedError{Reason: ReasonClosed, Why: "the rollout is closed"}
	}
	if s.stage(t.Stage.Name).out() {
		return &RefusedError{Reason: ReasonOrder, Why: t.Stage.Name + " is applied already"}
	}
	open, next, err := t.Stage.Window.Open(a.Clock.Now())
	if err != nil {
		return err
	}
	if !open {
		return &RefusedError{Reason: ReasonWindow, Why: "the window of " + t.Stage.Name + " is shut", Next: next}
	}
	if err := t.samePlan(); err != nil {
		return err
	}
	return a.observing(ctx, s)
}

// decide refuses a stage that is red, and keeps the decision.
func (a *Advance) decide(ctx context.Context) (*State, error) {
	t := a.Target
	s, err := Replay(a.Log.Entries())
	if err != nil {
		return nil, err
	}
	d, err := s.Decide(t.Stage, a.People, a.Clock.Now())
	if err != nil {
		return nil, err
	}
	if !d.Green {
		reason := ReasonDecision
		if d.Stale {
			reason = ReasonExpired
		}
		return nil, &RefusedError{Reason: reason, Why: "the decision for " + t.Stage.Name + " is red: " + strings.Join(d.Missing(), "; "), Decision: d}
	}
	raw, err := json.Marshal(d.Document(&s.Rollout))
	if err != nil {
		return nil, fmt.Errorf("keeping the decision: %w", err)
	}
	_, err = a.Log.Keep(ctx, raw)
	return s, err
}

// samePlan refuses a directory whose plan is not the one of the rollout. What is applied is the log's own copy in any case.
func (t *Target) samePlan() error {
	text, err := bounded.ReadRegular(filepath.Join(t.PlanDir, plan.PlanFile), ledger.EvidenceLimit)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	if attest.DigestOf(text) != t.Rollout.Plan {
		return &RefusedError{Reason: ReasonPlan, Why: fmt.Sprintf("%s holds another plan than %s, which was signed", plan.PlanFile, string(t.Rollout.Plan)[:12])}
	}
	return nil
}

// cohorts are the tables by cohort; what the definition does not name comes last, and where it names none all are one.
func (t *Target) cohorts() [][]string {
	named := map[string]bool{}
	var out [][]string
	for _, c := range t.Stage.Cohorts {
		var tables []string
		for _, table := range c {
			if !named[table] && slices.ContainsFunc(t.Plan.Steps, func(s plan.Step) bool { return s.Table == table }) {
				named[table] = true
				tables = append(tables, table)
			}
		}
		if len(tables) > 0 {
			out = append(out, tables)
		}
	}
	rest := []string{}
	for _, s := range t.Plan.Steps {
		if s.Table != "" && !named[s.Table] {
			named[s.Table] = true
			rest = append(rest, s.Table)
		}
	}
	if len(rest) > 0 || len(out) == 0 {
		out = append(out, rest)
	}
	return out
}

// A StoppedError says that a stage was begun and did not get through, and what was taken back.
type StoppedError struct {
	Err     error
	Signals []Signal
	Returns []Return
	Stands  []string // where each database stands, where the stage has several
}

func (e *StoppedError) Error() string {
	var why []string
	for _, s := range e.Signals {
		why = append(why, s.Name+": "+s.Why)
	}
	if e.Err != nil {
		why = append(why, e.Err.Error())
	}
	text := "the stage was stopped: " + strings.Join(why, "; ")
	if len(e.Returns) > 0 {
		text += "; taken back: " + Words(e.Returns)
	}
	if len(e.Stands) > 0 {
		text += "; " + strings.Join(e.Stands, "; ")
	}
	return text
}

// Unwrap gives the cause.
func (e *StoppedError) Unwrap() error { return e.Err }

// cohort applies one cohort, verifies it, and watches it for a while.
func (a *Advance) cohort(ctx context.Context, i int, cohorts [][]string) error {
	t := a.Target
	p := Progress{Cohort: i + 1, Of: len(cohorts), Tables: some(cohorts[i]), By: a.By}
	if err := a.Log.Append(ctx, a.Clock.Now(), ledger.KindBegun, t.Stage.Name, p); err != nil {
		return err
	}
	o := apply.Options{Plan: t.Plan, Connect: t.Connect, Only: cohorts[i], Holder: a.By, Progress: a.Progress, Fingerprint: catalog.FingerprintsOf}
	began := time.Now()
	result, err := apply.Run(ctx, o)
	if errors.Is(err, apply.ErrLeaseHeld) || errors.Is(err, apply.ErrLeaseLost) { // it goes on there, and writes down what it does
		return &RefusedError{Reason: ReasonOrder, Why: "another run is under way in " + t.Stage.Name + ": " + err.Error()}
	}
	if err == nil {
		err = undone(ctx, o)
	}
	if err != nil {
		return a.failed(ctx, o, result, err, began)
	}
	p.Steps, p.Seconds = result.Count(apply.Did)+result.Count(apply.Adopted), time.Since(began).Seconds()
	if err := a.Log.Append(ctx, a.Clock.Now(), ledger.KindApplied, t.Stage.Name, p); err != nil {
		return err
	}
	return a.settle(ctx)
}

// settle watches what was applied for a while, and stops where it has to: what could not be written down stops, too.
func (a *Advance) settle(ctx context.Context) error {
	if a.Settle == nil || a.Target.Stage.Settle <= 0 {
		return nil
	}
	signals, err := a.Settle(ctx, a.Target.Stage.Settle)
	if halt := stops(signals, 2); len(halt) > 0 {
		return a.stop(ctx, halt, err)
	}
	return err
}

// stop takes back what severity 1 and latency ask for, and calls people. trouble is what went wrong meanwhile.
func (a *Advance) stop(ctx context.Context, signals []Signal, trouble error) error {
	returned, err := a.Target.Return(ctx, a.Log, signals, a.By)
	err = errors.Join(trouble, err)
	if a.Alarm != nil {
		err = errors.Join(err, a.Alarm(ctx, signals, returned))
	}
	return &StoppedError{Err: err, Signals: signals, Returns: returned}
}

// failed takes back what this cohort's run did after a step of it did not get through: the application was not deployed for it, and has
// to find the tables as they were. Indexes and columns stay, since dropping them is never done by itself; nobody is hindered by them.
func (a *Advance) failed(ctx context.Context, o apply.Options, result *apply.Result, cause error, began time.Time) error {
	t := a.Target
	did := map[string]bool{}
	if result != nil {
		for _, s := range result.Steps {
			if s.Outcome == apply.Did || s.Outcome == apply.Adopted {
				did[s.ID] = true
			}
		}
	}
	signal := Signal{At: a.Clock.Now(), Name: "step_failed", Severity: 2, Tables: o.Only, Why: secret.Redact(cause.Error())}
	if err := a.Log.Append(ctx, a.Clock.Now(), ledger.KindSignal, t.Stage.Name, signal); err != nil {
		return err
	}
	r := Return{Rung: "steps of the cohort", Tables: some(o.Only), Signal: signal.Name, Reason: signal.Why, By: a.By}
	back := o
	back.Keep = func(s *plan.Step) bool { return !did[s.ID] || stays[s.Kind] }
	var err error
	if len(did) > 0 {
		var undid *apply.Result
		if undid, err = apply.Rollback(ctx, back); err == nil {
			r.Left = fmt.Sprintf("%d steps taken back, %d stay that hinder nobody", undid.Count(apply.Undone), len(did)-undid.Count(apply.Undone))
		} else {
			r.Left = "the way back did not get through: " + secret.Redact(err.Error())
		}
	}
	r.At, r.Took = a.Clock.Now(), time.Since(began)
	err = errors.Join(cause, err, a.Log.Append(ctx, a.Clock.Now(), ledger.KindReturned, t.Stage.Name, r))
	if a.Alarm != nil {
		err = errors.Join(err, a.Alarm(ctx, []Signal{signal}, []Return{r}))
	}
	return &StoppedError{Err: err, Returns: []Return{r}}
}

// stays are the kinds of steps that no automatic return takes away: columns, indexes, constraints on data, and the record.
var stays = map[string]bool{"tenant_index": true, "partitioned_index": true, "unique_index": true, "repair_index": true, "tenant_column": true,
	"tenant_backfill": true, "updated_at_column": true, "updated_at_backfill": true, "trail_table": true, "trail_view": true, "trail_access": true,
	"foreign_key": true, "foreign_key_validate": true, "not_null_check": true, "not_null_validate": true, "not_null": true, "updated_at_function": true,
	"application_role": true}

// deployment are the hooks that bring the code out, in their order.
var deployment = []string{"deploy", "health", "smoke"}

// deploy runs the hooks deploy, health and smoke, where they are given. An application that does not come up goes back; the tables stay.
// That it begins is written down first: of two operators one is refused there.
func (a *Advance) deploy(ctx context.Context) error {
	t := a.Target
	if !slices.ContainsFunc(deployment, t.hasHook) {
		return nil
	}
	if err := a.Log.Append(ctx, a.Clock.Now(), ledger.KindDeploying, t.Stage.Name, Progress{Tables: []string{}, By: a.By}); err != nil {
		return err
	}
	for _, name := range deployment {
		run := t.Hook(ctx, name)
		if run == nil {
			continue
		}
		if err := t.keepRun(ctx, a.Log, name, run); err != nil {
			return err
		}
		if run.Exit == 0 {
			continue
		}
		signal := Signal{At: a.Clock.Now(), Name: name, Severity: 2, Tables: []string{}, Why: fmt.Sprintf("the hook %s ended with %d", name, run.Exit)}
		if err := a.Log.Append(ctx, a.Clock.Now(), ledger.KindSignal, t.Stage.Name, signal); err != nil {
			return err
		}
		returned, err := t.ReturnCode(ctx, a.Log, signal, a.By)
		if a.Alarm != nil {
			err = errors.Join(err, a.Alarm(ctx, []Signal{signal}, returned))
		}
		return &StoppedError{Err: err, Signals: []Signal{signal}, Returns: returned}
	}
	return nil
}

// keepRun writes what a hook gave as a fact with its evidence.
func (t *Target) keepRun(ctx context.Context, l *ledger.Log, name string, run *HookRun) error {
	raw, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping the evidence of the hook %s: %w", name, err)
	}
	c := Collector{Name: "hook_" + name, Holds: day}
	f := c.fact(t.Stage.Name, t.Now(), Fail, fmt.Sprintf("exit %d", run.Exit), "the hook "+name)
	if run.Exit == 0 {
		f.Outcome = Pass
	}
	f.Seconds = run.Seconds
	if f.Evidence, err = l.Keep(ctx, []byte(secret.Redact(string(raw)))); err != nil {
		return err
	}
	return l.Append(ctx, t.Now(), ledger.KindFact, t.Stage.Name, f)
}
