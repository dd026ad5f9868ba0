package apply

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/english"
)

// A supervision looks, from a second connection, at a statement that runs outside of transactions: how far it is, whom it
// waits for, and whether its budget is spent.
type supervision struct {
	r      *runner
	t      task
	pid    int32
	began  time.Time
	last   time.Time
	waited time.Duration
}

// progress is what pg_stat_progress_create_index says of a backend.
type progress struct {
	Phase                     string
	BlocksDone, BlocksTotal   int64
	TuplesDone, TuplesTotal   int64
	LockersDone, LockersTotal int64
}

func newSupervision(r *runner, t task, pid int32) *supervision {
	now := time.Now()
	return &supervision{r: r, t: t, pid: pid, began: now, last: now}
}

// waiting tells whether the build stands still for others.
func (p progress) waiting() bool { return strings.HasPrefix(p.Phase, "waiting") }

// amount gives the phase's done and total: blocks where it scans, tuples where it loads, lockers where it waits.
func (p progress) amount() (done, total int64) {
	switch {
	case p.waiting():
		return p.LockersDone, p.LockersTotal
	case p.BlocksTotal > 0:
		return p.BlocksDone, p.BlocksTotal
	}
	return p.TuplesDone, p.TuplesTotal
}

// look reads the progress once and tells the caller. It gives an error when a budget is spent. Looking may fail without
// harm: the statement itself is not touched.
func (s *supervision) look(ctx context.Context) *HeldError {
	now := time.Now()
	step := now.Sub(s.last)
	s.last = now
	const read = `SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total, lockers_done, lockers_total
		FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1`
	if s.r.rewatch(ctx) != nil {
		return s.spent(now)
	}
	found, err := rows(ctx, s.r.watch, pgx.RowToStructByPos[progress], read, s.pid)
	var culprits []Blocker
	if err == nil {
		culprits, err = blocking(ctx, s.r.watch, s.pid)
	}
	if err == nil {
		s.tell(found, culprits)
		if len(culprits) > 0 {
			s.waited += step
		}
	}
	return s.spent(now)
}

// spent gives an error when a budget is spent.
func (s *supervision) spent(now time.Time) *HeldError {
	b := s.r.opts.Build
	st := &s.r.res.Steps[s.t.index]
	switch {
	case s.waited > b.Wait:
		return &HeldError{Why: "other transactions did not end within " + b.Wait.String(), Tries: st.Attempts, Waited: sinceStart(s.began), Blockers: st.Blockers}
	case now.Sub(s.began) > b.Total:
		return &HeldError{Why: "the build did not end within " + b.Total.String(), Tries: st.Attempts, Waited: sinceStart(s.began)}
	}
	return nil
}

// tell reports what moved.
func (s *supervision) tell(found []progress, culprits []Blocker) {
	st := &s.r.res.Steps[s.t.index]
	e := Event{Kind: EventProgress, Attempt: st.Attempts}
	if len(found) == 1 {
		e.Phase = found[0].Phase
		e.Done, e.Total = found[0].amount()
	}
	if len(culprits) > 0 {
		st.Blockers = culprits
		e.Kind, e.Blockers = EventWaiting, culprits
		e.Message = "waiting for " + english.Count(len(culprits), "transaction")
	}
	s.r.emit(s.t, e)
}

// awaitOld waits, before a build or a drop begins, for transactions that it would have to wait for in the middle.
func (r *runner) awaitOld(ctx context.Context, t task, ix indexStatement) error {
	began := time.Now()
	for {
		old, err := oldTransactions(ctx, r.watch, ix.table, r.opts.Build.OldTransaction)
		if err != nil || len(old) == 0 {
			return err
		}
		st := &r.res.Steps[t.index]
		st.Blockers = old
		if time.Since(began) > r.opts.Build.Wait {
			return &HeldError{Why: "old transactions would stop the build, and did not end", Tries: 0, Waited: sinceStart(began), Blockers: old}
		}
		r.emit(t, Event{Kind: EventWaiting, Attempt: st.Attempts, Blockers: old, Message: "waiting for old transactions before it begins"})
		if err := pause(ctx, r.opts.Build.Poll); err != nil {
			return err
		}
		st.Waited += r.opts.Build.Poll
	}
}
