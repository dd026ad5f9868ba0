package apply

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// leaseGrace is how long a newcomer waits for the connection of a holder that has just died to be noticed as gone.
const leaseGrace = time.Second

// A lease is the right to change the target, held by one run at a time. The fence is what makes it safe: every step's
// transaction locks the row with its own fence, so a run that was paused and lost the lease cannot write any more.
type lease struct {
	run    string
	holder string
	fence  int64
	policy LeasePolicy

	connect func(context.Context) (*session, error)
	s       *session // used by beat's goroutine only, once that runs
	lose    context.CancelCauseFunc
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// leaseRow is the lease as the target has it.
type leaseRow struct {
	Holder, Run string
	Fence       int64
	Expires     time.Time
	PID         *int32
	Expired     bool
	Gone        bool // the holder's connection is gone, so its process is, or is cut off
}

const leaseRead = `SELECT COALESCE(holder, ''), COALESCE(run, ''), fence, COALESCE(NULLIF(expires, '-infinity'), 'epoch'), backend_pid,
	COALESCE(expires <= pg_catalog.clock_timestamp(), true),
	NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a WHERE a.pid = backend_pid
	            AND COALESCE(a.backend_start::pg_catalog.text = l.backend_start, true))
	FROM ringfence.apply_lease AS l WHERE name = 'apply'`

// takeLease takes the lease, or says with a *LeaseError who has it. A lease whose holder's connection is gone is free at
// once: what that holder may still have under way is fenced off.
func takeLease(ctx context.Context, l *lease) error {
	const row = `INSERT INTO ringfence.apply_lease (name, fence, expires) VALUES ('apply', 0, '-infinity') ON CONFLICT DO NOTHING`
	if err := l.s.exec(ctx, row); err != nil {
		return fmt.Errorf("taking the lease: %w", err)
	}
	deadline := time.Now().Add(leaseGrace)
	for {
		held, err := l.try(ctx)
		if err != nil || held == nil {
			return err
		}
		if time.Now().After(deadline) {
			return held
		}
		if err := pause(ctx, leaseGrace/10); err != nil {
			return err
		}
	}
}

// try takes the lease in one transaction. held is why it could not.
func (l *lease) try(ctx context.Context) (held *LeaseError, err error) {
	var old leaseRow
	err = l.s.inTx(ctx, func() error {
		if err := l.s.exec(ctx, "SET LOCAL lock_timeout = '300ms'"); err != nil {
			return err
		}
		if err := l.read(ctx, leaseRead+" FOR UPDATE", &old); err != nil {
			return err
		}
		if !old.Expired && !old.Gone {
			held = old.error()
			return nil
		}
		l.fence = old.Fence + 1
		return l.s.exec(ctx, `UPDATE ringfence.apply_lease SET fence = $1, run = $2, holder = $3, backend_pid = $4, backend_start = $5,
			heartbeat = pg_catalog.clock_timestamp(), expires = pg_catalog.clock_timestamp() + $6::pg_catalog.interval WHERE name = 'apply'`,
			l.fence, l.run, l.holder, l.s.pid, l.s.started, seconds(l.policy.Expiry))
	})
	if pg.SQLState(err) == stateLockTimeout {
		return l.evict(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("taking the lease: %w", err)
	}
	return held, nil
}

func (l *lease) read(ctx context.Context, sql string, row *leaseRow) error {
	return l.s.one(ctx, sql, nil, &row.Holder, &row.Run, &row.Fence, &row.Expires, &row.PID, &row.Expired, &row.Gone)
}

func (r *leaseRow) error() *LeaseError {
	e := &LeaseError{Holder: r.Holder, Run: r.Run, Expires: r.Expires}
	if r.PID != nil {
		e.PID = *r.PID
	}
	return e
}

// evict ends what a dead holder left at the server: a transaction of one of its steps, which nobody will commit. It is
// told by its application name and by standing on the lease; ending it rolls it back.
func (l *lease) evict(ctx context.Context) (*LeaseError, error) {
	var old leaseRow
	if err := l.read(ctx, leaseRead, &old); err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	if !old.Expired && !old.Gone {
		return old.error(), nil
	}
	const end = `SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
		WHERE l.relation = 'ringfence.apply_lease'::pg_catalog.regclass AND l.granted AND l.mode = 'RowShareLock'
		AND pg_catalog.starts_with(a.application_name, $1)`
	if _, err := rows(ctx, l.s, pgx.RowTo[bool], end, appName(old.Run)+"/"); err != nil {
		return nil, fmt.Errorf("ending the transaction of run %s: %w", old.Run, err)
	}
	return old.error(), nil
}

// keep renews the lease until release, and calls lose when another run has it or it cannot be renewed in time.
func (l *lease) keep(ctx context.Context, lose context.CancelCauseFunc) {
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop, l.lose = stop, lose
	l.stopped.Add(1)
	go func() {
		defer l.stopped.Done()
		renewed := time.Now()
		for pause(beating, l.policy.Heartbeat) == nil {
			switch mine, err := l.beat(beating); {
			case err == nil && !mine:
				l.lose(ErrLeaseLost)
				return
			case err == nil:
				renewed = time.Now()
			case time.Since(renewed) > l.policy.Expiry:
				l.lose(fmt.Errorf("renewing the lease: %w", err))
				return
			}
		}
	}()
}

// beat renews the lease once, on a new connection where the old one is lost.
func (l *lease) beat(ctx context.Context) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.policy.Expiry/2)
	defer cancel()
	if !l.s.alive() {
		if l.s, err = l.connect(ctx); err != nil {
			return false, err
		}
	}
	tag, err := l.s.execTag(ctx, `UPDATE ringfence.apply_lease SET heartbeat = pg_catalog.clock_timestamp(),
		expires = pg_catalog.clock_timestamp() + $1::pg_catalog.interval, backend_pid = $2, backend_start = $3
		WHERE name = 'apply' AND fence = $4`, seconds(l.policy.Expiry), l.s.pid, l.s.started, l.fence)
	return tag.RowsAffected() == 1, err
}

// release gives the lease back; where that fails it expires, and is free at once since the connection closes.
func (l *lease) release() {
	l.stop()
	l.stopped.Wait()
	if l.s.alive() {
		ctx, cancel := context.WithTimeout(context.Background(), bookLimit)
		defer cancel()
		_ = l.s.exec(ctx, "UPDATE ringfence.apply_lease SET expires = '-infinity' WHERE name = 'apply' AND fence = $1", l.fence)
	}
	l.s.close()
}

// checkFence fails with ErrLeaseLost where another run has the lease. In a transaction it also keeps every other run
// from taking it until the transaction ends.
func checkFence(ctx context.Context, s *session, fence int64) error {
	tag, err := s.execTag(ctx, "SELECT 1 FROM ringfence.apply_lease WHERE name = 'apply' AND fence = $1 FOR KEY SHARE", fence)
	if err != nil {
		return fmt.Errorf("checking the lease: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return ErrLeaseLost
	}
	return nil
}

// seconds writes a duration as an interval.
func seconds(d time.Duration) string { return fmt.Sprintf("%d milliseconds", d.Milliseconds()) }

// pause waits, or ends with ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// appName is what the sessions of a run are called in pg_stat_activity.
func appName(run string) string { return "ringfence/" + run }
