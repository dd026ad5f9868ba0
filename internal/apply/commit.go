package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// commitLimit bounds how long COMMIT may take to be answered (a synchronous standby may be slow), and then how long its
// fate is looked for.
const commitLimit = time.Minute

// commit commits, whatever has become of ctx meanwhile: a COMMIT is never cut off. Where its answer is lost the server is
// asked for the transaction's fate; nil means that it was committed.
func (r *runner) commit(ctx context.Context, w *session, written []*logRow) error {
	committing, done := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer done()
	tag, err := w.execTag(committing, "COMMIT")
	if err == nil && tag.String() == "COMMIT" {
		return nil
	}
	if err == nil {
		return fmt.Errorf("committing: the server answered %s", tag)
	}
	if !fatal(err) {
		w.rollback()
		return fmt.Errorf("committing: %w", err) // the server says that it rolled back
	}
	w.close()
	fate, ferr := r.fate(ctx, w, written[0])
	if ferr != nil {
		return ferr
	}
	if fate == committed {
		return nil
	}
	return errors.Join(errConnection, fmt.Errorf("committing: %w", err))
}

// fate is what became of a transaction whose COMMIT was not answered.
type fate int

const (
	rolledBack fate = iota
	committed
)

// fate decides by the transaction's status and the run log, on a new connection; where they disagree, or the server
// cannot say, it is indeterminate.
func (r *runner) fate(ctx context.Context, w *session, row *logRow) (fate, error) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer done()
	var status string
	for ended := false; ; {
		var err error
		status, err = r.xactStatus(ctx, row.XID)
		if err == nil && status != "in progress" {
			break
		}
		if err == nil && !ended {
			ended = true
			r.endBackend(ctx, w)
		}
		if perr := pause(ctx, 200*time.Millisecond); perr != nil {
			return rolledBack, &IndeterminateError{Disagreements: []string{fmt.Sprintf(
				"the answer to COMMIT of transaction %s was lost, and its fate could not be had: %v", row.XID, errors.Join(perr, err))}}
		}
	}
	var logged bool
	const find = "SELECT EXISTS (SELECT FROM ringfence.apply_step WHERE run = $1 AND ordinal = $2 AND direction = $3 AND attempt = $4 AND xid = $5::pg_catalog.xid8)"
	if err := r.watch.one(ctx, find, []any{row.Run, row.Ordinal, row.Direction, row.Attempt, row.XID}, &logged); err != nil {
		return rolledBack, fmt.Errorf("reading the run log: %w", err)
	}
	switch {
	case status == "committed" && logged, status == "" && logged:
		return committed, nil
	case status == "aborted" && !logged, status == "" && !logged:
		return rolledBack, nil
	}
	return rolledBack, &IndeterminateError{Disagreements: []string{fmt.Sprintf(
		"the server says that transaction %s was %s, the run log says otherwise", row.XID, status)}}
}

// xactStatus asks for a transaction's status: "" where the server is too old or too young to know it (it failed over).
func (r *runner) xactStatus(ctx context.Context, xid string) (string, error) {
	if err := r.rewatch(ctx); err != nil {
		return "", err
	}
	var status *string
	err := r.watch.one(ctx, "SELECT pg_catalog.pg_xact_status($1::pg_catalog.xid8)", []any{xid}, &status)
	if pg.SQLState(err) == "22023" { // the transaction is in the future of this server
		return "", nil
	}
	if err != nil || status == nil {
		return "", err
	}
	return *status, nil
}

// endBackend ends a backend of ours whose connection was lost, so that it does not sit on its locks; it is told by number
// and start, so nobody else's is hit.
func (r *runner) endBackend(ctx context.Context, w *session) {
	ctx, done := detached(ctx)
	defer done()
	if r.rewatch(ctx) != nil {
		return
	}
	// The answer does not matter: a backend that is gone needs no end.
	_, _ = rows(ctx, r.watch, pgx.RowTo[bool], `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
		WHERE pid = $1 AND backend_start::pg_catalog.text = $2`, w.pid, w.started)
}
