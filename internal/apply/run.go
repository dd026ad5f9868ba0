package apply

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// A runner is one run. Its sessions: watch reads, keeps the run log and looks at what work waits for; work runs steps; the
// lease has its own. All but the lease belong to the goroutine of the run.
type runner struct {
	opts   Options
	planID string
	id     string
	kind   string // of run: apply, rollback, emergency
	doing  string // for errors; "" is applying
	chosen func(int) bool

	watch *session
	work  *session
	lease *lease
	facts facts
	hist  *history
	known map[string]string // digest of each object as this run last left or found it
	res   *Result
	copy  *mirror
}

// Run applies a plan: finished steps are skipped, what a killed run left is adopted or repaired, and the rest is done in
// order. The Result is complete as far as the run came, with an error too.
//
// Errors: *PreflightError, *StaleError and *LeaseError refuse to begin (all match ErrRefused, nothing was changed);
// *PartialError says which step did not get through, and wraps a *HeldError where waiting was given up; an
// *IndeterminateError says that catalogue and run log disagree. ctx's end cancels the statement under way and waits for
// the server's answer. Two runs on one database exclude each other; Run itself may be called concurrently.
func Run(ctx context.Context, opts Options) (*Result, error) {
	r, err := newRunner(opts, "apply")
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return r.res, err
	}
	if r.opts.DryRun {
		return r.res, r.dryRun(ctx)
	}
	return r.res, r.underLease(ctx, r.applyAll)
}

func newRunner(opts Options, kind string) (*runner, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	planID, err := PlanID(opts.Plan)
	if err != nil {
		return nil, err
	}
	r := &runner{opts: opts, planID: planID, kind: kind, id: strings.ToLower(rand.Text()[:16]), res: &Result{Plan: planID}}
	r.chosen = func(i int) bool {
		table := opts.Plan.Steps[i].Table
		return len(opts.Only) == 0 || table == "" || slices.Contains(opts.Only, table)
	}
	for i := range opts.Plan.Steps {
		s := &opts.Plan.Steps[i]
		outcome := NotReached
		if !r.chosen(i) {
			outcome = LeftOut
		}
		r.res.Steps = append(r.res.Steps, StepResult{Step: i + 1, ID: s.ID, Kind: s.Kind, Object: s.Object, Table: s.Table, Outcome: outcome})
	}
	return r, nil
}

// open connects and runs preflight, which only reads.
func (r *runner) open(ctx context.Context) (err error) {
	if r.watch, err = openBook(ctx, r.opts.Connect, appName(r.id)+"/watch"); err != nil {
		return err
	}
	if path := pg.DetectPath(ctx, r.watch.conn); path.Path != pg.PathDirect {
		return notDirect(path)
	}
	r.facts, r.res.Preflight, err = preflight(ctx, r.watch, r.opts.Plan, r.chosen)
	return err
}

func (r *runner) close() {
	r.work.close()
	r.watch.close()
	r.copy.close()
}

// underLease prepares the run log, takes the lease, runs fn while it is renewed, and writes down how the run ended.
func (r *runner) underLease(ctx context.Context, fn func(context.Context) error) error {
	var err error
	if r.copy, err = openMirror(r.opts.Mirror); err != nil {
		return err
	}
	if err := ensureLog(ctx, r.watch); err != nil {
		return err
	}
	connect := func(ctx context.Context) (*session, error) {
		return openBook(ctx, r.opts.Connect, appName(r.id)+"/lease")
	}
	s, err := connect(ctx)
	if err != nil {
		return err
	}
	r.lease = &lease{run: r.id, holder: r.opts.Holder, policy: r.opts.Lease, connect: connect, s: s}
	if err := takeLease(ctx, r.lease); err != nil {
		s.close()
		return err
	}
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	r.lease.keep(ctx, lose)
	defer r.lease.release()
	return r.recorded(ctx, fn)
}

// recorded writes the run's row, runs fn, and gives the row its end.
func (r *runner) recorded(ctx context.Context, fn func(context.Context) error) error {
	const begin = `INSERT INTO ringfence.apply_run (run, plan, kind, holder, fence, state, started_at, database, system_identifier, server_version)
		VALUES ($1, $2, $3, $4, $5, 'running', pg_catalog.clock_timestamp(), $6, NULLIF($7, ''), $8)`
	err := r.watch.exec(ctx, begin, r.id, r.planID, r.kind, r.opts.Holder, r.lease.fence, r.facts.database, r.facts.system, r.facts.version)
	if err != nil {
		return fmt.Errorf("writing the run log: %w", err)
	}
	r.res.Run = r.id
	err = fn(ctx)
	state := "ended"
	switch {
	case errors.Is(err, ErrRefused):
		state = "refused"
	case errors.As(err, new(*HeldError)):
		state = "held"
	case errors.As(err, new(*IndeterminateError)):
		state = "indeterminate"
	case err != nil:
		state = "stopped"
	}
	booking, done := detached(ctx)
	defer done()
	if rerr := r.rewatch(booking); rerr != nil {
		return errors.Join(err, rerr)
	}
	const end = "UPDATE ringfence.apply_run SET state = $1, ended_at = pg_catalog.clock_timestamp() WHERE run = $2"
	if berr := r.watch.exec(booking, end, state, r.id); berr != nil {
		return errors.Join(err, fmt.Errorf("writing the run log: %w", berr))
	}
	return err
}

// rewatch opens the watching session anew where it was lost.
func (r *runner) rewatch(ctx context.Context) (err error) {
	if r.watch.alive() {
		return nil
	}
	r.watch, err = openBook(ctx, r.opts.Connect, appName(r.id)+"/watch")
	return err
}

// applyAll reconciles, then runs what is left.
func (r *runner) applyAll(ctx context.Context) error {
	pending, err := r.reconcile(ctx)
	if err != nil {
		return err
	}
	left := func(i int) bool { return pending[i] }
	units := doUnits(r.opts.Plan, left)
	for _, u := range units {
		for i := range u.tasks {
			t := &u.tasks[i]
			if st := r.hist.step(t.id); st.state == stateEffected && r.hist.opened[t.table] > st.fence {
				t.sql = again(&r.opts.Plan.Steps[t.index])
			}
		}
	}
	return r.runUnits(ctx, units)
}

// runUnits runs units in order and stops at the first that does not get through.
func (r *runner) runUnits(ctx context.Context, units []unit) error {
	for _, u := range units {
		first := &r.res.Steps[u.tasks[0].index]
		began := time.Now()
		for _, t := range u.tasks {
			r.emit(t, Event{Kind: EventBegin})
		}
		failed, err := r.runUnit(ctx, u)
		first.Took = time.Since(began)
		if err == nil {
			for _, t := range u.tasks {
				r.emit(t, Event{Kind: EventEnd, Outcome: r.res.Steps[t.index].Outcome})
			}
			continue
		}
		return r.partial(failed, err)
	}
	return nil
}

// runUnit checks that nobody else changed what the unit touches, and runs it. failed is the index of the step at fault.
func (r *runner) runUnit(ctx context.Context, u unit) (failed int, err error) {
	failed = u.tasks[0].index
	if err := r.rewatch(ctx); err != nil {
		return failed, err
	}
	if err := checkFence(ctx, r.watch, r.lease.fence); err != nil {
		return failed, err
	}
	if err := r.unchanged(ctx, u); err != nil {
		return failed, err
	}
	switch {
	case u.tasks[0].batch > 0:
		err = r.backfill(ctx, u.tasks[0])
	case u.concurrent:
		err = r.outside(ctx, u.tasks[0])
	default:
		err = r.transact(ctx, u)
	}
	var at *taskError
	if errors.As(err, &at) {
		failed, err = at.index, at.err
	}
	if err == nil {
		err = r.learnBeside(ctx, u)
	}
	return failed, err
}

// A taskError says which task of a unit an error belongs to.
type taskError struct {
	index int
	err   error
}

func (e *taskError) Error() string { return e.err.Error() }
func (e *taskError) Unwrap() error { return e.err }

// partial makes the error for a step that did not get through.
func (r *runner) partial(failed int, err error) error {
	st := &r.res.Steps[failed]
	st.Outcome, st.Why = Failed, err.Error()
	var held *HeldError
	if errors.As(err, &held) {
		st.Outcome, st.Blockers = Held, held.Blockers
	}
	p := &PartialError{Failed: *st, Of: len(r.res.Steps), Err: err, Undo: r.doing}
	for _, s := range r.res.Steps {
		switch s.Outcome {
		case Did, Already, Before, Adopted, Undone:
			p.Done = append(p.Done, s)
		}
	}
	r.opts.Progress(Event{Kind: EventEnd, Step: st.Step, Of: p.Of, ID: st.ID, What: st.Kind, Object: st.Object, Outcome: st.Outcome,
		Blockers: st.Blockers, Message: err.Error()})
	return p
}

// emit tells the caller about a task.
func (r *runner) emit(t task, e Event) {
	e.Step, e.Of, e.ID, e.What, e.Object = t.index+1, len(r.res.Steps), t.id, t.kind, t.object
	r.opts.Progress(e)
}

// row starts the run log's row of a task.
func (r *runner) row(t task, attempt int, state string) *logRow {
	return &logRow{Run: r.id, Plan: r.planID, Ordinal: t.index + 1, Step: t.id, Table: t.table, Direction: t.direction,
		Attempt: attempt, State: state, Fence: r.lease.fence}
}

// taskName is the application name of a task's attempt: whoever looks at pg_stat_activity sees which step it is.
func (r *runner) taskName(t task, attempt int) string {
	return fmt.Sprintf("%s/%d/%d", appName(r.id), t.index+1, attempt)
}

// worker gives the working session, anew where it was lost.
func (r *runner) worker(ctx context.Context) (*session, error) {
	if r.work.alive() {
		return r.work, nil
	}
	s, err := openSession(ctx, r.opts.Connect, appName(r.id)+"/work")
	if err != nil {
		return nil, err
	}
	r.work = s
	return s, nil
}

// dryRun says of every step whether it is done, and what would be.
func (r *runner) dryRun(ctx context.Context) error {
	var logged bool
	if err := r.watch.one(ctx, "SELECT pg_catalog.to_regclass('ringfence.apply_step') IS NOT NULL", nil, &logged); err != nil {
		return fmt.Errorf("looking for the run log: %w", err)
	}
	r.hist = &history{steps: map[string]*stepHistory{}, expected: map[string]string{}}
	if logged {
		if err := inspectLog(ctx, r.watch); err != nil {
			return err
		}
		var err error
		if r.hist, err = readHistory(ctx, r.watch, r.planID); err != nil {
			return err
		}
	}
	pending, err := r.judge(ctx)
	if err != nil {
		return err
	}
	for i := range pending {
		r.res.Steps[i].Outcome = WouldDo
		if s := r.opts.Plan.Steps[i]; s.Lock != plan.NoLock {
			if n, ok := parseRel(s.Table); ok {
				if r.res.Steps[i].Blockers, err = holders(ctx, r.watch, n, s.Lock, r.watch.pid); err != nil {
					return err
				}
			}
		}
	}
	return r.stale(ctx, pending)
}
