package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// retriesInARow bounds how often a deadlock, a lost connection or a concurrent catalogue update is answered by trying again.
const retriesInARow = 3

// idleLimit ends our own transaction where this process is stopped between two statements while it holds locks.
const idleLimit = 30 * time.Second

// transact runs the tasks of a unit in one transaction, with the lock policy around it.
func (r *runner) transact(ctx context.Context, u unit) (err error) {
	clock := &lockClock{policy: r.opts.Locks, deadlock: r.facts.deadlock, began: time.Now()}
	first := &r.res.Steps[u.tasks[0].index]
	inARow := map[string]int{}
	var last error
	for {
		if why := clock.spent(time.Now()); why != "" {
			return r.hold(ctx, u, clock, why, last)
		}
		next, err := r.turn(ctx, u, clock)
		if err != nil {
			return err
		}
		if !next.try {
			r.emit(u.tasks[0], Event{Kind: EventWaiting, Attempt: clock.tries, Blockers: first.Blockers, Message: next.why})
		} else {
			clock.tries++
			first.Attempts++
			if err = r.attempt(ctx, u, first.Attempts, next.timeout); err == nil {
				return nil
			}
			last = err
			if again := r.again(ctx, err, inARow); !again {
				return r.giveUp(ctx, u, clock, err)
			}
			if err := r.record(ctx, u.tasks[0], first.Attempts, stateRetry, err); err != nil {
				return err
			}
			r.emit(u.tasks[0], Event{Kind: EventRetry, Attempt: first.Attempts, Blockers: first.Blockers, Message: err.Error()})
		}
		rest := clock.rest(time.Now())
		if errors.Is(last, errConnection) {
			rest = r.opts.Locks.Min // nobody is to be let pass
		}
		if err := pause(ctx, rest); err != nil {
			return err
		}
		first.Waited += rest
	}
}

// turn looks at who holds the tables of the unit, without queueing, and decides.
func (r *runner) turn(ctx context.Context, u unit, clock *lockClock) (turn, error) {
	if err := r.rewatch(ctx); err != nil {
		return turn{}, err
	}
	var held []Blocker
	for table, locks := range u.locks() {
		n, ok := parseRel(table)
		if !ok {
			continue
		}
		for lock := range locks {
			found, err := holders(ctx, r.watch, n, lock, r.watch.pid)
			if err != nil {
				return turn{}, err
			}
			held = append(held, found...)
		}
	}
	if len(held) > 0 {
		r.res.Steps[u.tasks[0].index].Blockers = held
	}
	return clock.next(held), nil
}

// again decides whether an attempt's error is one that another attempt may not meet.
func (r *runner) again(ctx context.Context, err error, inARow map[string]int) bool {
	if ctx.Err() != nil || errors.Is(err, ErrLeaseLost) || errors.As(err, new(*IndeterminateError)) {
		return false
	}
	kind := ""
	switch state := pg.SQLState(err); {
	case state == stateLockTimeout:
		return true // bounded by the clock
	case state == stateDeadlock, state == stateSerialization:
		kind = state
	case concurrentTuple(err):
		kind = "tuple"
	case errors.Is(err, errConnection):
		kind = "connection"
	default:
		return false
	}
	inARow[kind]++
	return inARow[kind] < retriesInARow
}

// errConnection is in the chain of an attempt's error whose connection was lost before COMMIT was sent: nothing was done.
var errConnection = errors.New("the connection was lost")

// attempt is one try: a transaction with everything pinned, the lease's fence locked, the statements, the proof that they
// took effect, the run log's rows, and COMMIT. An error means that nothing was done, or it is an *IndeterminateError.
func (r *runner) attempt(ctx context.Context, u unit, number int, lockTimeout time.Duration) error {
	w, err := r.worker(ctx)
	if err != nil {
		return errors.Join(errConnection, err)
	}
	stopWatching := r.watchBlockers(ctx, u, w.pid, lockTimeout)
	written, traced, err := r.statements(ctx, w, u, number, lockTimeout)
	stopWatching()
	if err != nil {
		if ctx.Err() != nil {
			w.close() // a late cancel request may still be on its way to this connection
			return err
		}
		if !w.alive() {
			w.close()
			r.endBackend(ctx, w)
			return errors.Join(errConnection, err)
		}
		w.rollback()
		return err
	}
	if err := r.commit(ctx, w, written); err != nil {
		return err
	}
	traced()
	for i, t := range u.tasks {
		r.settle(t, written[i])
	}
	return nil
}

// settle takes a committed task into the result.
func (r *runner) settle(t task, row *logRow) {
	r.learn(row.Objects)
	r.copy.write(row)
	st := &r.res.Steps[t.index]
	st.Outcome = Did
	if t.direction != dirDo {
		st.Outcome = Undone
	}
	st.Attempts = max(st.Attempts, 1)
}

// statements runs everything of a transaction but its COMMIT, after which traced is to be called.
func (r *runner) statements(ctx context.Context, w *session, u unit, number int, lockTimeout time.Duration) (written []*logRow, traced func(), err error) {
	name := r.taskName(u.tasks[0], number)
	if err := w.beginWork(ctx, name, lockTimeout, r.statementLimit(u, lockTimeout)); err != nil {
		return nil, nil, &taskError{u.tasks[0].index, err}
	}
	if err := checkFence(ctx, w, r.lease.fence); err != nil {
		return nil, nil, &taskError{u.tasks[0].index, err}
	}
	locks, traced, err := r.trace(ctx, w, u.tasks)
	if err != nil {
		return nil, nil, &taskError{u.tasks[0].index, err}
	}
	for _, t := range u.tasks {
		row, err := r.effect(ctx, w, t, number)
		if err != nil {
			return nil, nil, &taskError{t.index, err}
		}
		written = append(written, row)
	}
	return written, traced, locks()
}

// effect runs one task's statements in the transaction at hand, proves them, and writes the run log's row.
func (r *runner) effect(ctx context.Context, w *session, t task, number int) (*logRow, error) {
	for i, sql := range t.sql {
		if err := w.exec(ctx, sql); err != nil {
			if len(t.sql) > 1 {
				return nil, fmt.Errorf("statement %d of %d: %w", i+1, len(t.sql), err)
			}
			return nil, err
		}
	}
	if err := prove(ctx, w, t); err != nil {
		return nil, err
	}
	now, err := digests(ctx, w, t.objects)
	if err != nil {
		return nil, err
	}
	state := stateEffected
	if t.direction == dirUndo {
		state = stateUndone
	}
	row := r.row(t, number, state)
	row.PID, row.Backend, row.Objects = w.pid, w.started, now
	return row, insertRow(ctx, w, row, insideTx)
}

// prove asks the catalogue whether a task took effect.
func prove(ctx context.Context, w *session, t task) error {
	if t.check == "" {
		return nil
	}
	done, err := askProof(ctx, w, t)
	if err != nil {
		return fmt.Errorf("asking whether it is done: %w", err)
	}
	if done == t.want {
		return nil
	}
	if t.want {
		return errors.New("its statements ran, but the catalogue does not say that it is done; nothing was kept")
	}
	return errors.New("its statements ran, but the catalogue says that it is still in place; nothing was kept")
}

// askProof asks a task's check inside a transaction, where the error about an object that is gone must not end it.
func askProof(ctx context.Context, w *session, t task) (bool, error) {
	if err := w.exec(ctx, "SAVEPOINT ringfence_proof"); err != nil {
		return false, err
	}
	var done *bool
	err := w.one(ctx, t.check, nil, &done)
	if err != nil && !undefined(err) {
		return false, err
	}
	back := w.exec(ctx, "ROLLBACK TO SAVEPOINT ringfence_proof; RELEASE SAVEPOINT ringfence_proof")
	return err == nil && done != nil && *done, back
}

// statementLimit bounds statements that stop writers; others may take the time they need.
func (r *runner) statementLimit(u unit, lockTimeout time.Duration) time.Duration {
	for _, t := range u.tasks {
		if blocksWriters(t.lock) {
			return r.opts.Locks.Statement + lockTimeout
		}
	}
	return 0
}

// beginWork begins a step's transaction and makes sure that what it pins holds.
func (s *session) beginWork(ctx context.Context, name string, lockTimeout, statement time.Duration) error {
	pins := fmt.Sprintf(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL row_security = off; SET LOCAL search_path = pg_catalog;
		SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d;
		SET LOCAL application_name = %s`, lockTimeout.Milliseconds(), statement.Milliseconds(), idleLimit.Milliseconds(), quote(name))
	if s.version() >= 17 {
		pins += "; SET LOCAL transaction_timeout = 0"
	}
	if err := s.exec(ctx, pins); err != nil {
		return fmt.Errorf("beginning its transaction: %w", err)
	}
	var path, rls, lock, stmt string
	const shown = `SELECT pg_catalog.current_setting('search_path'), pg_catalog.current_setting('row_security'),
		(SELECT setting FROM pg_catalog.pg_settings WHERE name = 'lock_timeout'),
		(SELECT setting FROM pg_catalog.pg_settings WHERE name = 'statement_timeout')`
	if err := s.one(ctx, shown, nil, &path, &rls, &lock, &stmt); err != nil {
		return fmt.Errorf("reading its settings back: %w", err)
	}
	want := fmt.Sprintf("pg_catalog off %d %d", lockTimeout.Milliseconds(), statement.Milliseconds())
	if got := path + " " + rls + " " + lock + " " + stmt; got != want {
		return fmt.Errorf("pinning its settings: the server has %q, not %q", got, want)
	}
	return nil
}

// watchBlockers samples, while an attempt waits, who stands in its way. The returned func ends it.
func (r *runner) watchBlockers(ctx context.Context, u unit, pid int32, lockTimeout time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var seen []Blocker
	go func() {
		defer close(done)
		for pause(ctx, max(lockTimeout/3, 10*time.Millisecond)) == nil {
			// A sample taken must not be cut off: that would close the session.
			looking, enough := detached(ctx)
			found, err := blocking(looking, r.watch, pid)
			enough()
			if err == nil && len(found) > 0 {
				seen = found
			}
		}
	}()
	return func() {
		cancel()
		<-done
		if len(seen) > 0 {
			r.res.Steps[u.tasks[0].index].Blockers = seen
		}
	}
}

// record writes an attempt that changed nothing into the run log.
func (r *runner) record(ctx context.Context, t task, number int, state string, cause error) error {
	booking, done := detached(ctx)
	defer done()
	if err := r.rewatch(booking); err != nil {
		return err
	}
	row := r.row(t, number, state)
	row.SQLState, row.Blockers = pg.SQLState(cause), r.res.Steps[t.index].Blockers
	if err := insertRow(booking, r.watch, row, autocommit); err != nil {
		return err
	}
	r.copy.write(row)
	return nil
}

// giveUp ends a unit on an error that another attempt would meet again.
func (r *runner) giveUp(ctx context.Context, u unit, clock *lockClock, err error) error {
	switch pg.SQLState(err) {
	case stateDeadlock, stateSerialization:
		return r.hold(ctx, u, clock, "deadlocks in a row", err)
	case stateDiskFull:
		return r.hold(ctx, u, clock, "the server has no room on its disk", err)
	}
	number := r.res.Steps[u.tasks[0].index].Attempts
	if errors.As(err, new(*IndeterminateError)) || errors.Is(err, ErrLeaseLost) {
		return err
	}
	return errors.Join(err, r.record(ctx, u.tasks[0], number, stateFailed, err))
}

// hold ends a unit that waited long enough.
func (r *runner) hold(ctx context.Context, u unit, clock *lockClock, why string, cause error) error {
	st := &r.res.Steps[u.tasks[0].index]
	held := &HeldError{Why: why, Tries: clock.tries, Waited: sinceStart(clock.began), Blockers: st.Blockers, Err: cause}
	var at *taskError
	if errors.As(cause, &at) {
		held.Err = at.err
	}
	st.Attempts++
	if err := r.record(ctx, u.tasks[0], st.Attempts, stateHeld, cause); err != nil {
		return errors.Join(held, err)
	}
	return held
}
