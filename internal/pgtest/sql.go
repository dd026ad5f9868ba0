package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// Exec runs one statement as the superuser; the test fails, with the statement,
// where the server refuses it.
func (db *Database) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Super.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%v\nin: %s", err, sql)
	}
}

// Query runs one query as the superuser and gives its rows as text, NULL as
// "NULL": for comparing whole results.
func (db *Database) Query(t testing.TB, sql string, args ...any) [][]string {
	t.Helper()
	return Query(t, db.Super, sql, args...)
}

// Query runs one query on any connection and gives its rows as text, NULL as
// "NULL".
func Query(t testing.TB, conn *pgx.Conn, sql string, args ...any) [][]string {
	t.Helper()
	// The simple protocol gives every type in its text form.
	rows, err := conn.Query(t.Context(), sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
	if err != nil {
		t.Fatalf("%v\nin: %s", err, sql)
	}
	result, err := pgx.CollectRows(rows, textRow)
	if err != nil {
		t.Fatalf("%v\nin: %s", err, sql)
	}
	return result
}

// textRow copies a row as the server sent it.
func textRow(row pgx.CollectableRow) ([]string, error) {
	var texts []string
	for _, raw := range row.RawValues() {
		if raw == nil {
			texts = append(texts, "NULL")
			continue
		}
		texts = append(texts, string(raw))
	}
	return texts, nil
}

// Value runs a query that gives one row of one column.
func Value[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%v\nin: %s", err, sql)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%v\nin: %s", err, sql)
	}
	return v
}

// LoadSQL runs a script of many statements as the superuser, by the simple
// protocol: outside explicit transactions all of it is one transaction. psql's
// own commands do not work here; see PSQL.
func LoadSQL(t testing.TB, db *Database, script string) {
	t.Helper()
	if _, err := db.Super.PgConn().Exec(t.Context(), script).ReadAll(); err != nil {
		t.Fatalf("%v\nin the script:\n%s", err, excerpt(script, err))
	}
}
