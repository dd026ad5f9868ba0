package ringfencetest

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// Database is a database of a test's own on a real PostgreSQL.
type Database struct{ db *pgtest.Database }

// Postgres makes one, and drops it when the test ends. The server is the machine's newest PostgreSQL, or a downloaded one; where
// none can be had the test fails.
func Postgres(t testing.TB) *Database {
	t.Helper()
	return &Database{pgtest.DB(t)}
}

// DSN is the connection string of a role; the empty role is the superuser, whom no policy holds.
func (d *Database) DSN(role string) string { return d.db.DSN(role) }

// Role makes a role with attributes such as "LOGIN", and returns its name, which begins with prefix and is the test's own.
func (d *Database) Role(t testing.TB, prefix, attributes string) string {
	t.Helper()
	return d.db.Role(t, prefix, attributes)
}

// Load runs a script as the superuser.
func (d *Database) Load(t testing.TB, script string) {
	t.Helper()
	pgtest.LoadSQL(t, d.db, script)
}
