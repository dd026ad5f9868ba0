package catalog_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// everything is a database on a server of its own, with one of everything in it.
func everything(t *testing.T, version int) *pgtest.Database {
	t.Helper()
	db := pgtest.Server(t, version).DB(t)
	load(t, db, "testdata/everything.sql")
	if pgtest.Value[int](t, db.Super, "SELECT current_setting('server_version_num')::int") >= 150000 {
		load(t, db, "testdata/everything_15.sql")
	}
	return db
}

func load(t *testing.T, db *pgtest.Database, file string) {
	t.Helper()
	script, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pgtest.LoadSQL(t, db, string(script))
}

func read(t testing.TB, conn *pgx.Conn) *catalog.Snapshot {
	t.Helper()
	return readWith(t, conn, catalog.Options{})
}

func readWith(t testing.TB, conn *pgx.Conn, opts catalog.Options) *catalog.Snapshot {
	t.Helper()
	s, err := catalog.Read(t.Context(), conn, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
