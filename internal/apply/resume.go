package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// reconcile decides what is left to do from the catalogue and the run log, before anything else: it waits for what the
// server still builds for a killed run, skips what is done, and refuses where the database is not as the plan expects.
func (r *runner) reconcile(ctx context.Context) (pending map[int]bool, err error) {
	if r.hist, err = readHistory(ctx, r.watch, r.planID); err != nil {
		return nil, err
	}
	if err := r.adopt(ctx); err != nil {
		return nil, err
	}
	if pending, err = r.judge(ctx); err != nil {
		return nil, err
	}
	if err := r.stale(ctx, pending); err != nil {
		return nil, err
	}
	if err := r.bind(ctx); err != nil {
		return nil, err
	}
	return pending, r.book(ctx)
}

// adopt waits for statements of killed runs that the server still works on. They are told by backend number and start.
func (r *runner) adopt(ctx context.Context) error {
	for i := range r.opts.Plan.Steps {
		st := r.hist.step(r.opts.Plan.Steps[i].ID)
		for _, row := range st.open {
			if row.PID == 0 {
				continue
			}
			t := doTask(r.opts.Plan, i)
			if err := r.awaitBackend(ctx, t, row.PID, row.Backend); err != nil {
				return r.partial(i, err)
			}
		}
	}
	return nil
}

// awaitBackend waits, within the build's budget, until a backend has ended or is idle, and tells how its build gets on.
func (r *runner) awaitBackend(ctx context.Context, t task, pid int32, started string) error {
	const busy = `SELECT a.state IS DISTINCT FROM 'idle' FROM pg_catalog.pg_stat_activity AS a
		WHERE a.pid = $1 AND ($2 = '' OR COALESCE(a.backend_start::pg_catalog.text = $2, true))`
	sup := newSupervision(r, t, pid)
	for {
		working, err := rows(ctx, r.watch, pgx.RowTo[bool], busy, pid, started)
		if err != nil {
			return fmt.Errorf("looking at backend %d of an earlier run: %w", pid, err)
		}
		if len(working) == 0 || !working[0] {
			return nil
		}
		if held := sup.look(ctx); held != nil {
			return held
		}
		if err := pause(ctx, r.opts.Build.Poll); err != nil {
			return err
		}
	}
}

// judge compares each chosen step's Done with the run log.
func (r *runner) judge(ctx context.Context) (pending map[int]bool, err error) {
	pending = map[int]bool{}
	var quarrels []string
	for i := range r.opts.Plan.Steps {
		if !r.chosen(i) {
			continue
		}
		s := &r.opts.Plan.Steps[i]
		st := r.hist.step(s.ID)
		done, err := isDone(ctx, r.watch, s.Done)
		if err != nil {
			return nil, fmt.Errorf("asking whether step %d, %s on %s, is done: %w", i+1, s.Kind, s.Object, err)
		}
		res := &r.res.Steps[i]
		res.Rows = st.rows
		switch {
		case done && st.state == stateEffected:
			res.Outcome = Before
		case done && len(st.open) > 0:
			res.Outcome = Adopted
		case done:
			res.Outcome = Already
		case st.state == stateEffected && len(s.Undo) == 0 && r.hist.undone[s.Table] > st.fence:
			*st, res.Rows = stepHistory{}, 0 // it went with a step that was taken back: a filled column with the column
			pending[i] = true
		case st.state == stateEffected && r.hist.opened[s.Table] < st.fence:
			quarrels = append(quarrels, fmt.Sprintf("step %d, %s on %s: the run log says it was done, the catalogue says it is not", i+1, s.Kind, s.Object))
		default:
			pending[i] = true
		}
	}
	if len(quarrels) > 0 {
		return nil, &IndeterminateError{Disagreements: quarrels}
	}
	return pending, nil
}

// isDone asks a step's Done, in a read-only transaction: it may come from a file. A query about an object that does not
// exist yet is a no.
func isDone(ctx context.Context, s *session, query string) (bool, error) {
	if err := s.exec(ctx, "BEGIN READ ONLY; SET LOCAL lock_timeout = '5s'"); err != nil {
		return false, err
	}
	defer s.rollback()
	return askDone(ctx, s, query)
}

// askDone asks a step's Done where s stands.
func askDone(ctx context.Context, s *session, query string) (bool, error) {
	var done *bool
	err := s.one(ctx, query, nil, &done)
	if undefined(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return done != nil && *done, nil
}

// stale refuses where an object of a pending step is neither as it was planned on nor as an earlier run of this plan left it.
func (r *runner) stale(ctx context.Context, pending map[int]bool) error {
	objects := r.allObjects()
	now, err := digests(ctx, r.watch, objects)
	if err != nil {
		return err
	}
	r.known = now
	if r.hist.bound {
		return r.staleSince(ctx, pending, now)
	}
	return r.staleFirst(ctx, pending)
}

func (r *runner) allObjects() []string {
	var all []string
	seen := map[string]bool{}
	for i := range r.opts.Plan.Steps {
		for _, o := range objectsOf(&r.opts.Plan.Steps[i]) {
			if !seen[o] {
				seen[o] = true
				all = append(all, o)
			}
		}
	}
	return all
}

// staleSince compares with what the last run left. How an adopted build left its objects nobody wrote down, nor, if the run
// was killed right after a COMMIT, how its last step changed what is beside it: these are taken as they are.
func (r *runner) staleSince(ctx context.Context, pending map[int]bool, now map[string]string) error {
	adopted := map[string]bool{}
	for i := range r.res.Steps {
		t := doTask(r.opts.Plan, i)
		if r.res.Steps[i].Outcome == Adopted {
			for _, o := range t.objects {
				adopted[o] = true
			}
		}
		if r.res.Steps[i].Outcome == Adopted || r.hist.last != nil && r.hist.last.Step == t.id && !r.hist.last.besideKnown() {
			beside, err := r.beside(ctx, t)
			if err != nil {
				return err
			}
			for _, o := range beside {
				adopted[o] = true
			}
		}
	}
	return r.collectStale(pending, func(_ *plan.Step, object string) string {
		want, known := r.hist.expected[object]
		if !known || want == now[object] || adopted[object] {
			return ""
		}
		return "changed since the last run"
	})
}

// staleFirst compares with the fingerprints of the plan, before its first run.
func (r *runner) staleFirst(ctx context.Context, pending map[int]bool) error {
	var bound []string
	seen := map[string]bool{}
	for i := range r.opts.Plan.Steps {
		for o := range r.opts.Plan.Steps[i].Before {
			if pending[i] && !seen[o] {
				seen[o] = true
				bound = append(bound, o)
			}
		}
	}
	if len(bound) == 0 {
		return nil
	}
	conn, err := openSession(ctx, r.opts.Connect, appName(r.id)+"/fingerprint")
	if err != nil {
		return err
	}
	defer conn.close()
	now, err := r.opts.Fingerprint(ctx, conn.conn, bound)
	if err != nil {
		return fmt.Errorf("comparing the database with the plan: %w", err)
	}
	return r.collectStale(pending, func(s *plan.Step, object string) string {
		want, isBound := s.Before[object]
		got, exists := now[object]
		switch {
		case !isBound || want == got || want == absent && !exists:
			return ""
		case !exists:
			return "it does not exist"
		case want == absent:
			return "it exists already, in another form"
		}
		return "changed since it was planned"
	})
}

// collectStale asks why of each object of each pending step.
func (r *runner) collectStale(pending map[int]bool, why func(s *plan.Step, object string) string) error {
	var found []StaleObject
	seen := map[string]bool{}
	for i := range r.opts.Plan.Steps {
		s := &r.opts.Plan.Steps[i]
		if !pending[i] {
			continue
		}
		for _, o := range objectsOf(s) {
			if seen[o] {
				continue
			}
			seen[o] = true
			if w := why(s, o); w != "" {
				found = append(found, StaleObject{Object: o, Step: s.ID, Why: w})
			}
		}
	}
	if len(found) > 0 {
		return &StaleError{Objects: found}
	}
	return nil
}

// bind writes down how the run found the objects, so that a later run can tell what changed in between.
func (r *runner) bind(ctx context.Context) error {
	err := r.watch.exec(ctx, "UPDATE ringfence.apply_run SET objects = $1::pg_catalog.jsonb WHERE run = $2", jsonText(r.known, false), r.id)
	if err != nil {
		return fmt.Errorf("writing the run log: %w", err)
	}
	return nil
}

// book writes down what reconciling found: steps in place before the plan, and builds that the server finished alone.
func (r *runner) book(ctx context.Context) error {
	for i := range r.res.Steps {
		if !r.chosen(i) {
			continue
		}
		st, t := r.hist.step(r.res.Steps[i].ID), doTask(r.opts.Plan, i)
		row := r.row(t, 0, stateAlready)
		switch {
		case r.res.Steps[i].Outcome == Already && st.state != stateAlready:
		case r.res.Steps[i].Outcome == Adopted:
			row.State, row.Objects = stateEffected, r.subset(t.objects)
		default:
			continue
		}
		if err := insertRow(ctx, r.watch, row, autocommit); err != nil {
			return err
		}
		r.copy.write(row)
		r.emit(t, Event{Kind: EventEnd, Outcome: r.res.Steps[i].Outcome})
	}
	return nil
}

// subset gives the known digests of some objects.
func (r *runner) subset(objects []string) map[string]string {
	out := map[string]string{}
	for _, o := range objects {
		if d, ok := r.known[o]; ok {
			out[o] = d
		}
	}
	return out
}

// unchanged fails where other hands changed an object of the unit since this run last looked.
func (r *runner) unchanged(ctx context.Context, u unit) error {
	for _, t := range u.tasks {
		now, err := digests(ctx, r.watch, t.objects)
		if err != nil {
			return err
		}
		var found []StaleObject
		for o, d := range now {
			if want, known := r.known[o]; known && want != d {
				found = append(found, StaleObject{Object: o, Step: t.id, Why: "changed by others during the run"})
			}
		}
		if len(found) > 0 {
			return &StaleError{Objects: found}
		}
	}
	return nil
}

// learn remembers how a task left its objects.
func (r *runner) learn(objects map[string]string) {
	for o, d := range objects {
		r.known[o] = d
	}
}

// sinceStart is how long a task has been going on, for reports.
func sinceStart(began time.Time) time.Duration { return time.Since(began).Round(time.Millisecond) }
