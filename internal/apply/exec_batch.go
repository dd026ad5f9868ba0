package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// backfill runs a batched step: the same statement, a bounded number of rows a transaction, until it finds none. The run
// log's row count is written in each batch's transaction, so that it says at any time how far the step came.
func (r *runner) backfill(ctx context.Context, t task) error {
	st := &r.res.Steps[t.index]
	earlier := r.hist.step(t.id).rows
	st.Attempts++
	row := r.row(t, st.Attempts, stateExecuting)
	if err := insertRow(ctx, r.watch, row, autocommit); err != nil {
		return err
	}
	clock := &lockClock{policy: r.opts.Locks, deadlock: r.facts.deadlock, began: time.Now()}
	inARow := map[string]int{}
	for {
		n, err := r.batch(ctx, t, row, clock)
		switch {
		case err == nil && n == 0:
			return r.finishBatches(ctx, t, row, earlier)
		case err == nil:
			clock.tries, clock.began, inARow = 0, time.Now(), map[string]int{}
			st.Rows = earlier + row.Rows
			r.emit(t, Event{Kind: EventProgress, Attempt: st.Attempts, Done: st.Rows, Message: "rows"})
			if err := r.yield(ctx); err != nil {
				return r.endBatches(ctx, row, stateHeld, err)
			}
			continue
		}
		clock.tries++
		if !r.again(ctx, err, inARow) {
			return r.endBatches(ctx, row, stateFailed, err)
		}
		if why := clock.spent(time.Now()); why != "" {
			return r.endBatches(ctx, row, stateHeld,
				&HeldError{Why: why, Tries: clock.tries, Waited: sinceStart(clock.began), Blockers: st.Blockers, Err: err})
		}
		r.emit(t, Event{Kind: EventRetry, Attempt: st.Attempts, Blockers: st.Blockers, Message: err.Error()})
		rest := clock.rest(time.Now())
		if errors.Is(err, errConnection) {
			rest = r.opts.Locks.Min
		}
		if err := pause(ctx, rest); err != nil {
			return r.endBatches(ctx, row, stateFailed, err)
		}
	}
}

// batch is one transaction of a back-fill. n is how many rows it changed.
func (r *runner) batch(ctx context.Context, t task, row *logRow, clock *lockClock) (n int64, err error) {
	w, err := r.worker(ctx)
	if err != nil {
		return 0, errors.Join(errConnection, err)
	}
	timeout := clock.timeout()
	stop := r.watchBlockers(ctx, unit{tasks: []task{t}}, w.pid, timeout)
	next := *row
	n, traced, err := r.batchStatements(ctx, w, t, &next, timeout)
	stop()
	if err != nil {
		if !w.alive() || ctx.Err() != nil {
			w.close()
			r.endBackend(ctx, w)
			return 0, errors.Join(errConnection, err)
		}
		w.rollback()
		return 0, err
	}
	if err := r.commitBatch(ctx, w, &next); err != nil {
		return 0, err
	}
	traced()
	*row = next
	return n, nil
}

func (r *runner) batchStatements(ctx context.Context, w *session, t task, row *logRow, timeout time.Duration) (n int64, traced func(), err error) {
	if err := w.beginWork(ctx, r.taskName(t, row.Attempt), timeout, 0); err != nil {
		return 0, nil, err
	}
	if err := checkFence(ctx, w, r.lease.fence); err != nil {
		return 0, nil, err
	}
	locks, traced, err := r.trace(ctx, w, []task{t})
	if err != nil {
		return 0, nil, err
	}
	tag, err := w.execTag(ctx, t.sql[0], t.batch)
	if err != nil {
		return 0, nil, err
	}
	n = tag.RowsAffected()
	row.Rows += n
	if err := w.one(ctx, "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text", nil, &row.XID); err != nil {
		return 0, nil, err
	}
	return n, traced, errors.Join(locks(), endRow(ctx, w, row))
}

// commitBatch commits a batch. Where the answer is lost, the rows counted in the run log tell whether it was: they are
// written in the same transaction, and by nobody else.
func (r *runner) commitBatch(ctx context.Context, w *session, row *logRow) error {
	committing, done := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer done()
	err := w.exec(committing, "COMMIT")
	if err == nil {
		return nil
	}
	if !fatal(err) {
		w.rollback()
		return fmt.Errorf("committing: %w", err)
	}
	w.close()
	r.endBackend(ctx, w)
	var counted int64
	for {
		if rerr := r.rewatch(committing); rerr == nil {
			var status string
			if status, rerr = r.xactStatus(committing, row.XID); rerr == nil && status != "in progress" {
				break
			}
		}
		if perr := pause(committing, 200*time.Millisecond); perr != nil {
			return &IndeterminateError{Disagreements: []string{"the answer to COMMIT of a batch was lost, and its fate could not be had"}}
		}
	}
	const count = "SELECT row_count FROM ringfence.apply_step WHERE run = $1 AND ordinal = $2 AND direction = $3 AND attempt = $4"
	if err := r.watch.one(committing, count, []any{row.Run, row.Ordinal, row.Direction, row.Attempt}, &counted); err != nil {
		return fmt.Errorf("reading the run log: %w", err)
	}
	if counted == row.Rows {
		return nil
	}
	return errors.Join(errConnection, fmt.Errorf("committing a batch: %w", err))
}

// yield leaves room between two batches, and more of it while a replica lags.
func (r *runner) yield(ctx context.Context) error {
	const lag = `SELECT COALESCE(EXTRACT(epoch FROM pg_catalog.max(replay_lag)), 0)::pg_catalog.float8 FROM pg_catalog.pg_stat_replication`
	began := time.Now()
	for {
		if err := pause(ctx, r.opts.Batch.Pause); err != nil {
			return err
		}
		if err := r.rewatch(ctx); err != nil {
			return err
		}
		var behind float64
		if err := r.watch.one(ctx, lag, nil, &behind); err != nil {
			return fmt.Errorf("reading the replicas' lag: %w", err)
		}
		if time.Duration(behind*float64(time.Second)) <= r.opts.Batch.Lag {
			return nil
		}
		if time.Since(began) > r.opts.Locks.Budget {
			return &HeldError{Why: "a replica lags", Waited: sinceStart(began)}
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// finishBatches proves that nothing is left to fill, and writes the step's end.
func (r *runner) finishBatches(ctx context.Context, t task, row *logRow, earlier int64) error {
	done, err := isDone(ctx, r.watch, t.check)
	if err == nil && !done {
		err = errors.New("no row is left that its statement would change, but its own question says that it is not done")
	}
	if err != nil {
		return r.endBatches(ctx, row, stateFailed, err)
	}
	if row.Objects, err = digests(ctx, r.watch, t.objects); err != nil {
		return r.endBatches(ctx, row, stateFailed, err)
	}
	row.State = stateEffected
	if err := endRow(ctx, r.watch, row); err != nil {
		return err
	}
	r.settle(t, row)
	r.res.Steps[t.index].Rows = earlier + row.Rows
	return nil
}

// endBatches writes down that a back-fill stopped; what its batches did stays, and the next run goes on from there.
func (r *runner) endBatches(ctx context.Context, row *logRow, state string, cause error) error {
	booking, done := detached(ctx)
	defer done()
	if err := r.rewatch(booking); err != nil {
		return errors.Join(cause, err)
	}
	row.State = state
	if e := pg.ServerError(cause); e != nil {
		row.SQLState = e.Code
	}
	return errors.Join(cause, endRow(booking, r.watch, row))
}
