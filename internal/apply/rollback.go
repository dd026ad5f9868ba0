package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// Rollback takes back, in reverse order, what the plan's runs did on this target, all of it or the tables of
// Options.Only. What was in place before the plan is left alone, and so is the run log.
//
// Errors are Run's. An *AskError names the columns that hold values written since the plan added them: they are dropped
// only when Options.Allow has their names. An *IndeterminateError says that a step is no longer as the plan left it.
func Rollback(ctx context.Context, opts Options) (*Result, error) {
	r, err := newRunner(opts, "rollback")
	if err != nil {
		return nil, err
	}
	r.doing = "taking back"
	r.chosen = func(i int) bool {
		if opts.Keep != nil && opts.Keep(&opts.Plan.Steps[i]) {
			return false
		}
		return len(opts.Only) == 0 || slices.Contains(opts.Only, opts.Plan.Steps[i].Table)
	}
	for i := range r.res.Steps {
		if !r.chosen(i) {
			r.res.Steps[i].Outcome = LeftOut
		}
	}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return r.res, err
	}
	if r.opts.DryRun {
		return r.res, r.dryRollback(ctx)
	}
	return r.res, r.underLease(ctx, r.rollbackAll)
}

func (r *runner) rollbackAll(ctx context.Context) error {
	var err error
	if r.hist, err = readHistory(ctx, r.watch, r.planID); err != nil {
		return err
	}
	if err := r.adopt(ctx); err != nil {
		return err
	}
	chosen, err := r.judgeRollback(ctx)
	if err != nil {
		return err
	}
	if err := r.ask(ctx, chosen); err != nil {
		return err
	}
	if r.known, err = digests(ctx, r.watch, r.allObjects()); err != nil {
		return err
	}
	return r.runUnits(ctx, undoUnits(r.opts.Plan, func(i int) bool { return chosen[i] }))
}

// judgeRollback decides, from the run log and the catalogue, what is to be taken back.
func (r *runner) judgeRollback(ctx context.Context) (chosen map[int]bool, err error) {
	chosen = map[int]bool{}
	var quarrels []string
	for i := range r.opts.Plan.Steps {
		if !r.chosen(i) {
			continue
		}
		s := &r.opts.Plan.Steps[i]
		st, res := r.hist.step(s.ID), &r.res.Steps[i]
		done, err := isDone(ctx, r.watch, s.Done)
		if !done && st.state == stateEffected && r.tableGone(ctx, s) {
			res.Outcome, res.Why = Gone, whyGone
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("asking whether step %d, %s on %s, is done: %w", i+1, s.Kind, s.Object, err)
		}
		ours := st.state == stateEffected || st.state != stateAlready && st.tried
		switch {
		case ours && s.NoUndo != "":
			res.Outcome, res.Why = NoNeed, s.NoUndo
		case ours && len(s.Undo) == 0:
			res.Outcome, res.Why = NoWayBack, "the plan has nothing that takes it back"
		case done && ours:
			chosen[i] = true
		case done:
			res.Outcome = NotOurs
		case st.state == stateUndone:
			res.Outcome = UndoneAgo
		case st.state == stateEffected && r.hist.opened[s.Table] > st.fence:
			res.Outcome, res.Why = UndoneAgo, "by an emergency return"
		case st.state == stateEffected:
			quarrels = append(quarrels, fmt.Sprintf("step %d, %s on %s: the run log says it was done, the catalogue says it is no longer as the plan left it", i+1, s.Kind, s.Object))
		case st.tried && runsOutside(s.Undo):
			chosen[i] = true // an attempt may have left an invalid index
		default:
			res.Outcome = NotDone
		}
	}
	if len(quarrels) > 0 {
		return nil, &IndeterminateError{Disagreements: quarrels}
	}
	return chosen, nil
}

// whyGone is told of steps whose table is no more: partitions are dropped as they age.
const whyGone = "the table is gone, and what the step did with it"

// tableGone reports whether the table that a step is about is no longer there. What cannot be asked is not gone.
func (r *runner) tableGone(ctx context.Context, s *plan.Step) bool {
	if s.Table == "" {
		return false
	}
	var gone bool
	err := r.watch.one(ctx, "SELECT pg_catalog.to_regclass($1) IS NULL", []any{s.Table}, &gone)
	return err == nil && gone
}

// dryRollback says what would be taken back.
func (r *runner) dryRollback(ctx context.Context) error {
	var logged bool
	if err := r.watch.one(ctx, "SELECT pg_catalog.to_regclass('ringfence.apply_step') IS NOT NULL", nil, &logged); err != nil {
		return fmt.Errorf("looking for the run log: %w", err)
	}
	if !logged {
		return errors.New("reading the run log: there is none here, so no run of any plan")
	}
	if err := inspectLog(ctx, r.watch); err != nil {
		return err
	}
	var err error
	if r.hist, err = readHistory(ctx, r.watch, r.planID); err != nil {
		return err
	}
	chosen, err := r.judgeRollback(ctx)
	if err != nil {
		return err
	}
	for i := range chosen {
		r.res.Steps[i].Outcome = WouldDo
	}
	return r.ask(ctx, chosen)
}
