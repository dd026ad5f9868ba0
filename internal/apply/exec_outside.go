package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// outside runs a task whose statements cannot stand in a transaction: concurrent index builds and drops. What it intends
// is written down first, so that whatever a killed run leaves is known to be ours.
func (r *runner) outside(ctx context.Context, t task) error {
	st := &r.res.Steps[t.index]
	if err := r.foreignIndexes(ctx, t); err != nil {
		return err
	}
	inARow := map[string]int{}
	began := time.Now()
	for {
		st.Attempts++
		row, err := r.outsideOnce(ctx, t, st.Attempts)
		if err == nil {
			r.settle(t, row)
			return nil
		}
		state, final := r.outsideEnd(ctx, err, inARow, began)
		if row != nil {
			row.State, row.SQLState, row.Blockers = state, pg.SQLState(err), st.Blockers
			if berr := r.bookEnd(ctx, row); berr != nil {
				return errors.Join(final, err, berr)
			}
		}
		if final != nil {
			return final
		}
		r.emit(t, Event{Kind: EventRetry, Attempt: st.Attempts, Blockers: st.Blockers, Message: err.Error()})
		if err := pause(ctx, pauseFactor*r.opts.Locks.Min); err != nil {
			return err
		}
	}
}

// outsideEnd decides what an attempt's error means: the state for the run log, and the error to end with, nil to try again.
func (r *runner) outsideEnd(ctx context.Context, err error, inARow map[string]int, began time.Time) (string, error) {
	var held *HeldError
	switch {
	case errors.As(err, &held):
		return stateHeld, err
	case ctx.Err() != nil:
		return stateFailed, err
	case r.again(ctx, err, inARow) && time.Since(began) < r.opts.Locks.Budget:
		return stateRetry, nil
	}
	switch pg.SQLState(err) {
	case stateDiskFull:
		return stateHeld, &HeldError{Why: "the server has no room on its disk", Tries: 1, Waited: sinceStart(began), Err: err}
	case stateDeadlock, stateLockTimeout, stateCanceled:
		return stateHeld, &HeldError{Why: "the build was ended by the server or by somebody else", Tries: retriesInARow, Waited: sinceStart(began), Err: err}
	}
	return stateFailed, err
}

// outsideOnce is one attempt: intent, each statement under supervision, proof, end.
func (r *runner) outsideOnce(ctx context.Context, t task, number int) (*logRow, error) {
	w, err := r.worker(ctx)
	if err != nil {
		return nil, errors.Join(errConnection, err)
	}
	if err := w.exec(ctx, "SET application_name = "+quote(r.taskName(t, number))); err != nil {
		return nil, errors.Join(errConnection, err)
	}
	row := r.row(t, number, stateExecuting)
	row.PID, row.Backend = w.pid, w.started
	if err := insertRow(ctx, r.watch, row, autocommit); err != nil {
		return nil, err
	}
	r.copy.write(row)
	defer func() { r.hist.step(t.id).tried = true }()
	for i, sql := range t.sql {
		if err := r.outsideStatement(ctx, t, sql); err != nil {
			if len(t.sql) > 1 {
				err = fmt.Errorf("statement %d of %d: %w", i+1, len(t.sql), err)
			}
			return row, err
		}
	}
	if err := r.rewatch(ctx); err != nil {
		return row, err
	}
	done, err := isDone(ctx, r.watch, t.check)
	if err != nil {
		return row, fmt.Errorf("asking whether it is done: %w", err)
	}
	if done != t.want {
		return row, errors.New("its statements ran, but the catalogue does not say that it took effect")
	}
	if row.Objects, err = digests(ctx, r.watch, t.objects); err != nil {
		return row, err
	}
	row.State = stateEffected
	if t.direction == dirUndo {
		row.State = stateUndone
	}
	if r.opts.Trace != nil {
		r.opts.Trace(Traced{Steps: []int{t.index}, Concurrent: concurrently(t.sql)})
	}
	return row, endRow(ctx, r.watch, row)
}

// concurrently reports whether every statement builds or drops an index CONCURRENTLY.
func concurrently(statements []string) bool {
	return !slices.ContainsFunc(statements, func(sql string) bool { _, is := parseIndexStatement(sql); return !is })
}

// bookEnd writes an attempt's end even when ctx has ended.
func (r *runner) bookEnd(ctx context.Context, row *logRow) error {
	booking, done := detached(ctx)
	defer done()
	if err := r.rewatch(booking); err != nil {
		return err
	}
	r.copy.write(row)
	return endRow(booking, r.watch, row)
}

// outsideStatement runs one statement, when its index needs it, and cleans up after one that failed.
func (r *runner) outsideStatement(ctx context.Context, t task, sql string) error {
	ix, isIndex := parseIndexStatement(sql)
	if !isIndex {
		return r.supervised(ctx, t, sql)
	}
	needed, err := r.clearWay(ctx, t, ix)
	if err != nil || !needed {
		return err
	}
	if err := r.awaitOld(ctx, t, ix); err != nil {
		return err
	}
	if err := r.supervised(ctx, t, sql); err != nil {
		return r.afterFailure(ctx, t, ix, err)
	}
	return nil
}

// supervised runs one statement on the working session while the watching one looks at its progress and at whom it waits
// for. When a budget is spent, or ctx ends, the server is asked to cancel and its answer is awaited.
func (r *runner) supervised(ctx context.Context, t task, sql string) error {
	w, err := r.worker(ctx)
	if err != nil {
		return errors.Join(errConnection, err)
	}
	if err := checkFence(ctx, w, r.lease.fence); err != nil {
		return err
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() { ended <- w.exec(running, sql) }()
	sup := newSupervision(r, t, w.pid)
	tick := time.NewTicker(r.opts.Build.Poll)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return r.statementEnd(ctx, w, t, err)
		case <-tick.C:
			looking, done := detached(ctx)
			held := sup.look(looking)
			done()
			if held != nil {
				cancel(held)
				err := <-ended
				if err == nil {
					return nil // it got through in the last moment
				}
				held.Err = serverCause(err)
				return held
			}
		}
	}
}

// serverCause keeps the server's words of a joined error.
func serverCause(err error) error {
	if e := pg.ServerError(err); e != nil {
		return e
	}
	return nil
}

// statementEnd deals with a connection that was lost meanwhile: the server goes on with the statement, so it is waited for.
func (r *runner) statementEnd(ctx context.Context, w *session, t task, err error) error {
	if err == nil || w.alive() {
		return err
	}
	if ctx.Err() != nil {
		return err
	}
	if rerr := r.rewatch(ctx); rerr != nil {
		return errors.Join(errConnection, err, rerr)
	}
	if werr := r.awaitBackend(ctx, t, w.pid, w.started); werr != nil {
		return errors.Join(err, werr)
	}
	return errors.Join(errConnection, err)
}
