package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

const locksQuery = `
SELECT n.nspname, c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE l.granted AND l.pid = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'ringfence')`

// run runs the statements as apply would, and returns the strongest lock held on each relation.
func run(t *testing.T, db *pgtest.Database, conn *pgx.Conn, s Step, statements []string) map[string]Lock {
	t.Helper()
	held := map[string]Lock{}
	if s.Batch > 0 && len(statements) == 1 && strings.Contains(statements[0], "$1") {
		runBatches(t, conn, s, statements[0], held)
		return held
	}
	if s.Transaction == "none" {
		for _, statement := range statements {
			runAlone(t, db, conn, s, statement, held)
		}
		return held
	}
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%v\nin %s on %s: %s", err, s.Kind, s.Object, statement)
		}
	}
	collectLocks(t, tx.Conn(), conn.PgConn().PID(), held)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return held
}

// runBatches runs a back-fill two rows a time until it changes none, so that the loop is really taken.
func runBatches(t *testing.T, conn *pgx.Conn, s Step, statement string, held map[string]Lock) {
	t.Helper()
	batches := 0
	for changed := int64(1); changed > 0; batches++ {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tag, err := tx.Exec(t.Context(), statement, 2)
		if err != nil {
			t.Fatalf("%v\nin %s: %s", err, s.Kind, statement)
		}
		if changed = tag.RowsAffected(); changed > 2 {
			t.Errorf("%s changed %d rows where 2 were asked for", s.Kind, changed)
		}
		collectLocks(t, conn, conn.PgConn().PID(), held)
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if batches < 3 {
		t.Errorf("%s ended after %d batches: the fixture has too few rows", s.Kind, batches)
	}
}

// runAlone runs a statement that cannot stand in a transaction while a writer of the table keeps it waiting, long enough to
// read its locks.
func runAlone(t *testing.T, db *pgtest.Database, conn *pgx.Conn, s Step, statement string, held map[string]Lock) {
	t.Helper()
	writer := db.Conn(t, pg.Superuser)
	tx, err := writer.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE "+s.Table+" IN ROW EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), statement)
		ended <- err
	}()
	waitUntilWaiting(t, db, conn.PgConn().PID(), ended)
	collectLocks(t, db.Super, conn.PgConn().PID(), held)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatalf("%v\nin %s on %s: %s", err, s.Kind, s.Object, statement)
	}
}

func waitUntilWaiting(t *testing.T, db *pgtest.Database, pid uint32, ended chan error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case err := <-ended:
			ended <- err
			return
		default:
		}
		if pgtest.Value[bool](t, db.Super, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = $1)", int(pid)) {
			return
		}
	}
	t.Fatal("the statement neither waited nor ended")
}

func collectLocks(t *testing.T, conn *pgx.Conn, pid uint32, held map[string]Lock) {
	t.Helper()
	rows, err := conn.Query(t.Context(), locksQuery, int(pid))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var schema, name, mode string
		if err := rows.Scan(&schema, &name, &mode); err != nil {
			t.Fatal(err)
		}
		identity := catalog.QuoteIdent(schema) + "." + catalog.QuoteIdent(name)
		held[identity] = Stronger(held[identity], Lock(mode))
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
}

// checkLocks compares the locks held with what the step says. A share of another table that only keeps it from being dropped
// is nobody's concern; nor is one of the table of a step that says it takes none (18 takes it for GRANT).
func checkLocks(t *testing.T, s Step, direction string, want Lock, held map[string]Lock) {
	t.Helper()
	for identity, lock := range held {
		expected := s.Also[identity]
		if identity == s.Table {
			expected = want
		}
		if direction == "undo" && identity != s.Table || lock == AccessShare && expected == NoLock {
			continue
		}
		if lock != expected {
			t.Errorf("%s of %s takes %s on %s; the step says %q", direction, s.Kind, lock, identity, expected)
		}
	}
	if _, ok := held[s.Table]; !ok && want != NoLock {
		t.Errorf("%s of %s takes no lock on %q; the step says %s", direction, s.Kind, s.Table, want)
	}
	for identity, lock := range s.Also {
		if direction == "do" && held[identity] != lock {
			t.Errorf("do of %s takes %q on %s; the step says %s", s.Kind, held[identity], identity, lock)
		}
	}
}
