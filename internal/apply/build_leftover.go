package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// indexState is what stands under an index's name.
type indexState struct {
	Exists, IsIndex, Valid, Ready, Unique bool
	Builder                               int32 // backend that builds it at this moment; 0 for none
}

func readIndex(ctx context.Context, s *session, n relName) (indexState, error) {
	const read = `SELECT true, i.indexrelid IS NOT NULL, COALESCE(i.indisvalid, false), COALESCE(i.indisready, false), COALESCE(i.indisunique, false),
		COALESCE((SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid LIMIT 1), 0)
		FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
		LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid WHERE n.nspname = $1 AND c.relname = $2`
	found, err := rows(ctx, s, pgx.RowToStructByPos[indexState], read, n.schema, n.name)
	if err != nil {
		return indexState{}, fmt.Errorf("looking at the index %s: %w", n.quoted(), err)
	}
	if len(found) == 0 {
		return indexState{}, nil
	}
	return found[0], nil
}

// foreignIndexes refuses, before any intent is written, to touch an index that stands in the way and is not this plan's:
// a valid one is a clash of names, an invalid one is somebody's unfinished work.
func (r *runner) foreignIndexes(ctx context.Context, t task) error {
	if t.direction != dirDo || r.hist.step(t.id).tried {
		return nil
	}
	dropped := map[relName]bool{}
	for _, sql := range t.sql {
		ix, ok := parseIndexStatement(sql)
		if !ok {
			continue
		}
		if !ix.create {
			dropped[ix.index] = !ix.reindex
			continue
		}
		if dropped[ix.index] {
			continue
		}
		switch found, err := readIndex(ctx, r.watch, ix.index); {
		case err != nil:
			return err
		case !found.Exists:
		case found.IsIndex && !found.Valid && found.Builder == 0:
			return &HeldError{Why: "an invalid index of the name " + ix.index.quoted() + " is there, and this plan did not make it: look at it, and DROP INDEX CONCURRENTLY it"}
		case found.IsIndex && !found.Valid:
			return &HeldError{Why: fmt.Sprintf("backend %d, not of this plan, is building an index of the name %s", found.Builder, ix.index.quoted())}
		default:
			return fmt.Errorf("the name %s is taken by something else, which is left alone", ix.index.quoted())
		}
	}
	return nil
}

// clearWay looks at the index that a statement is about: waits for a build of it that is under way, drops what a stopped
// build of ours left, and tells whether the statement is still needed.
func (r *runner) clearWay(ctx context.Context, t task, ix indexStatement) (needed bool, err error) {
	if err := r.rewatch(ctx); err != nil {
		return false, err
	}
	if ix.reindex {
		return true, r.sweepCopies(ctx, t, ix.index)
	}
	for {
		found, err := readIndex(ctx, r.watch, ix.index)
		switch {
		case err != nil:
			return false, err
		case !found.Exists:
			return ix.create, nil
		case !ix.create:
			return true, nil
		case found.Valid:
			return false, nil // an earlier attempt made it; the step's own question decides whether it is right
		case found.Builder != 0:
			if err := r.awaitBackend(ctx, t, found.Builder, ""); err != nil {
				return false, err
			}
		default:
			if err := r.dropLeftover(ctx, t, ix.index); err != nil {
				return false, err
			}
		}
	}
}

// dropLeftover drops an invalid index of ours, under supervision.
func (r *runner) dropLeftover(ctx context.Context, t task, index relName) error {
	r.emit(t, Event{Kind: EventNote, Message: "dropping the invalid index " + index.quoted() + " that a stopped build left"})
	if err := r.supervised(ctx, t, "DROP INDEX CONCURRENTLY IF EXISTS "+index.quoted()); err != nil {
		return fmt.Errorf("dropping the invalid index %s: %w", index.quoted(), err)
	}
	return nil
}

// sweepCopies drops the invalid copies (NAME_ccnew, NAME_ccold) that a stopped REINDEX CONCURRENTLY of ours left. Before
// this plan's first attempt there are none of ours, and others' are left alone.
func (r *runner) sweepCopies(ctx context.Context, t task, index relName) error {
	if !r.hist.step(t.id).tried {
		return nil
	}
	// A name is cut to 63 bytes with its suffix, so the copy's stem may be shorter than the name.
	const copies = `SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM pg_catalog.pg_class AS o
		JOIN pg_catalog.pg_namespace AS n ON n.oid = o.relnamespace JOIN pg_catalog.pg_index AS i ON i.indexrelid = o.oid
		JOIN pg_catalog.pg_index AS k ON k.indrelid = i.indrelid AND NOT k.indisvalid JOIN pg_catalog.pg_class AS c ON c.oid = k.indexrelid,
		LATERAL pg_catalog.regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '') AS stem
		WHERE n.nspname = $1 AND o.relname = $2 AND c.oid <> o.oid AND stem <> c.relname
		AND (stem = o.relname OR pg_catalog.octet_length(c.relname::pg_catalog.text) >= 60 AND pg_catalog.starts_with(o.relname::pg_catalog.text, stem))
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.relid = i.indrelid AND p.datid = (
		  SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()))`
	found, err := rows(ctx, r.watch, func(row pgx.CollectableRow) (n relName, err error) {
		err = row.Scan(&n.schema, &n.name)
		return n, err
	}, copies, index.schema, index.name)
	if err != nil {
		return fmt.Errorf("looking for what a stopped rebuild of %s left: %w", index.quoted(), err)
	}
	for _, n := range found {
		if err := r.dropLeftover(ctx, t, n); err != nil {
			return err
		}
	}
	return nil
}

// afterFailure cleans up behind a build that did not get through and gives the error to go on with. Where the cleaning is
// blocked too, the leftover is named and the next start repairs it.
func (r *runner) afterFailure(ctx context.Context, t task, ix indexStatement, cause error) error {
	cleaning, done := context.WithTimeoutCause(context.WithoutCancel(ctx), r.opts.Build.Clean, errors.New("cleaning up took too long"))
	defer done()
	if err := r.rewatch(cleaning); err != nil {
		return errors.Join(cause, err)
	}
	if ix.reindex {
		if err := r.sweepCopies(cleaning, t, ix.index); err != nil {
			return fmt.Errorf("%w; the copies of %s that it began were left, and are dropped at the next start", cause, ix.index.quoted())
		}
		return cause
	}
	found, err := readIndex(cleaning, r.watch, ix.index)
	if err != nil {
		return errors.Join(cause, err)
	}
	if !ix.create || !found.Exists || !found.IsIndex {
		return cause
	}
	if found.Valid {
		return nil // it was finished in spite of the error, which the connection met and not the build
	}
	if err := r.dropLeftover(cleaning, t, ix.index); err == nil {
		return cause
	}
	var held *HeldError
	if errors.As(cause, &held) {
		held.Leftover = ix.index.quoted()
		return cause
	}
	return fmt.Errorf("%w; the invalid index %s was left, and is repaired at the next start%s", cause, ix.index.quoted(), rejecting(found))
}

// rejecting warns of a leftover that is more than a waste of room.
func rejecting(found indexState) string {
	if found.Ready && found.Unique {
		return "; until then it already rejects duplicate rows"
	}
	return ""
}
