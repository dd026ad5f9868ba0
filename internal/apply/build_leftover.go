package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// cleanLimit bounds the drop of a leftover after a stopped build: what stopped the build may stop the drop as well, and
// the next start drops it anyway.
const cleanLimit = 10 * time.Second

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
			dropped[ix.index] = true
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

// afterFailure cleans up behind a build that did not get through and gives the error to go on with. Where the cleaning is
// blocked too, the leftover is named and the next start repairs it.
func (r *runner) afterFailure(ctx context.Context, t task, ix indexStatement, cause error) error {
	cleaning, done := context.WithTimeoutCause(context.WithoutCancel(ctx), cleanLimit, errors.New("cleaning up took too long"))
	defer done()
	if err := r.rewatch(cleaning); err != nil {
		return errors.Join(cause, err)
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
