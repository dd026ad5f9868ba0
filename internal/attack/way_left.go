package attack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/reach"
)

// A leaving is something that a client can leave on a connection and that the next client of the same connection finds: a way by
// which one tenant's requests reach into another's, whatever the policies.
type leaving struct {
	probe string
	what  string
	leave string // %s is a name of this run's own
	found string // an SQL condition
	clean string
}

// leavings are what is tried. Each has a name of this run's own, holds no row, and is taken away again.
var leavings = []leaving{
	{"setting_left", "a setting made for the session", "SELECT set_config('ringfence.%s', 'x', false)",
		"coalesce(current_setting('ringfence.%s', true), '') = 'x'", "SELECT set_config('ringfence.%s', '', false)"},
	{"statement_left", "a prepared statement, which its maker may define anew", "PREPARE %s AS SELECT 1",
		"EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE name = '%s')", "DEALLOCATE %s"},
	{"cursor_hold", "a cursor WITH HOLD and its rows", "DECLARE %s CURSOR WITH HOLD FOR SELECT 1",
		"EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE name = '%s')", "CLOSE %s"},
	{"advisory_lock_left", "an advisory lock of the session", "SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('%s', 0))",
		"EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND " +
			"(classid::bigint << 32 | objid::bigint) = pg_catalog.hashtextextended('%s', 0))",
		"SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('%s', 0))"},
	{"channel_left", "a channel that is listened on", "LISTEN %s",
		"EXISTS (SELECT FROM pg_catalog.pg_listening_channels() c WHERE c = '%s')", "UNLISTEN %s"},
}

// leavingRounds is how often the second client looks, and how often what was left is sought to be taken away: a pooler may hand
// out any of its connections.
const leavingRounds = 40

// leave has one client leave things behind and the other look for them. What is left is the connection's, not a table's: the
// entries bear on every table and are told with the first.
func (w *wayRunner) leave(ctx context.Context, table string) {
	for _, l := range leavings {
		e := w.left(ctx, l)
		e.Role, e.Table, e.Command, e.Kind, e.Path = w.role, table, string(reach.Select), reach.Isolation, Path{}
		e.Probe, e.Informational = w.way+"_"+l.probe, true
		w.entries = append(w.entries, e)
	}
}

// left tries one thing.
func (w *wayRunner) left(ctx context.Context, l leaving) Entry {
	raw := make([]byte, 8)
	_, _ = rand.Read(raw) // never fails, by its documentation
	name := "ringfence_" + hex.EncodeToString(raw)
	leave, found, clean := fmt.Sprintf(l.leave, name), "SELECT "+fmt.Sprintf(l.found, name), fmt.Sprintf(l.clean, name)
	e := Entry{Outcome: Inconclusive, Code: Failed, Statement: leave + "; " + found}
	if err := w.run(ctx, w.clients[0], leave); err != nil {
		e.SQLState, e.Why = state(err), "the connection does not let "+l.what+" be left: "+describe(err)
		return e
	}
	defer w.takeAway(ctx, found, clean)
	seen, err := w.meet(ctx, w.clients[1], found)
	switch {
	case err != nil:
		e.SQLState, e.Why = state(err), "looking for "+l.what+" ended in "+describe(err)
	case seen:
		e.Outcome, e.Code = Leaked, ""
		e.Why = l.what + " of one client is found by another: the pooler does not clear a connection between clients"
	default:
		e.Outcome, e.Code, e.Why = Held, "", l.what+" of one client is not found by another"
	}
	return e
}

// meet reports whether a client ever finds what was left.
func (w *wayRunner) meet(ctx context.Context, conn *pgx.Conn, found string) (bool, error) {
	for range leavingRounds {
		seen, err := w.ask(ctx, conn, found)
		if seen || err != nil {
			return seen, err
		}
	}
	return false, nil
}

// takeAway clears what was left, on whichever connection it stands; what is not met again goes with its connection.
func (w *wayRunner) takeAway(ctx context.Context, found, clean string) {
	ctx = context.WithoutCancel(ctx)
	for range leavingRounds {
		for _, conn := range w.clients {
			tx, err := conn.Begin(ctx)
			if err != nil {
				return
			}
			rows, err := query(ctx, tx, found)
			if err != nil || len(rows) != 1 || rows[0][0] == nil || *rows[0][0] != "t" {
				rollback(ctx, tx)
				continue
			}
			_, err = query(ctx, tx, clean)
			if err == nil && tx.Commit(ctx) == nil {
				return
			}
			rollback(ctx, tx)
		}
	}
	w.notes = append(w.notes, w.way+": something of Ringfence's own, without any row in it, may stay on a connection until it is closed")
}

// run runs one statement in a transaction of its own and commits it.
func (w *wayRunner) run(ctx context.Context, conn *pgx.Conn, sql string) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return preparing(err)
	}
	defer rollback(ctx, tx)
	if _, err := query(ctx, tx, sql); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// ask runs one question in a transaction of its own.
func (w *wayRunner) ask(ctx context.Context, conn *pgx.Conn, sql string) (bool, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return false, preparing(err)
	}
	defer rollback(ctx, tx)
	rows, err := query(ctx, tx, sql)
	return err == nil && len(rows) == 1 && rows[0][0] != nil && *rows[0][0] == "t", err
}
