package apply

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// A Traced is what steps that ran together really locked. Steps are their indexes in the plan.
type Traced struct {
	Steps []int
	// Locks are the strongest table lock on each relation that was there before, by identity; nil: they ran outside of a transaction.
	Locks map[string]plan.Lock
	// Held is how long, from the transaction's BEGIN until the answer to its COMMIT.
	Held time.Duration
	// Concurrent: each statement outside of a transaction builds or drops an index CONCURRENTLY.
	Concurrent bool
}

// locked are the tables that a transaction locks, which pg_locks shows to itself. before are the relations that were there when it began.
const lockedSQL = `SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), l.mode FROM pg_catalog.pg_locks AS l
	JOIN pg_catalog.pg_class AS c ON c.oid = l.relation JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
	WHERE l.pid = pg_catalog.pg_backend_pid() AND l.granted AND c.oid = ANY ($1::pg_catalog.oid[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
	AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'ringfence')`

type lockedTable struct{ Table, Mode string }

const relationsSQL = `SELECT pg_catalog.array_agg(oid)::pg_catalog.text FROM pg_catalog.pg_class`

// trace begins to look at what a transaction locks. end reads it, and told gives it to whoever asked once the transaction is committed.
// Both do nothing where nobody asks.
func (r *runner) trace(ctx context.Context, w *session, tasks []task) (end func() error, told func(), err error) {
	if r.opts.Trace == nil {
		return func() error { return nil }, func() {}, nil
	}
	began, seen := time.Now(), Traced{Locks: map[string]plan.Lock{}}
	for _, t := range tasks {
		seen.Steps = append(seen.Steps, t.index)
	}
	var before string
	if err := w.one(ctx, relationsSQL, nil, &before); err != nil {
		return nil, nil, err
	}
	end = func() error {
		locks, err := rows(ctx, w, pgx.RowToStructByPos[lockedTable], lockedSQL, before)
		for _, l := range locks {
			seen.Locks[l.Table] = plan.Stronger(seen.Locks[l.Table], plan.Lock(l.Mode))
		}
		return err
	}
	return end, func() {
		seen.Held = time.Since(began)
		r.opts.Trace(seen)
	}, nil
}
