package pgtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestDatabasesAreSeparate(t *testing.T) {
	a, b := pgtest.DB(t), pgtest.DB(t)
	const mine = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'mine'"
	a.Exec(t, "CREATE TABLE public.mine (id int)")
	got := []int64{pgtest.Value[int64](t, a.Super, mine), pgtest.Value[int64](t, b.Super, mine)}
	if diff := cmp.Diff([]int64{1, 0}, got); diff != "" {
		t.Errorf("tables seen (-want +got):\n%s", diff)
	}
}

// TestNothingIsLeft uses all that outlives a session, and looks from another
// database afterwards.
func TestNothingIsLeft(t *testing.T) {
	outside := pgtest.DB(t)
	var database, role, other string
	left := func() [][]string {
		return outside.Query(t, `SELECT 'database', datname FROM pg_database WHERE datname = $1
			UNION ALL SELECT 'role', rolname FROM pg_roles WHERE rolname IN ($2, $3)
			UNION ALL SELECT 'slot', slot_name::text FROM pg_replication_slots WHERE database = $1
			UNION ALL SELECT 'prepared', gid FROM pg_prepared_xacts WHERE database = $1
			ORDER BY 1, 2`, database, role, other)
	}
	t.Run("use", func(t *testing.T) {
		db := pgtest.DB(t)
		database = db.Name
		role = db.Role(t, `ha'rd "name" %s `+strings.Repeat("ü", 40), "LOGIN CREATEROLE")
		other = db.Role(t, "other", "")
		db.Exec(t, "GRANT "+pg.Ident(other)+" TO "+pg.Ident(role)+" WITH ADMIN OPTION")
		db.Exec(t, "ALTER ROLE "+pg.Ident(role)+" SET work_mem = '7MB'")
		db.Exec(t, "CREATE SCHEMA s AUTHORIZATION "+pg.Ident(role))
		db.Exec(t, "ALTER DEFAULT PRIVILEGES FOR ROLE "+pg.Ident(role)+" GRANT SELECT ON TABLES TO "+pg.Ident(other))
		db.Exec(t, "GRANT CONNECT ON DATABASE "+pg.Ident(database)+" TO "+pg.Ident(role))
		conn := db.Conn(t, role)
		if got := pgtest.Value[string](t, conn, "SELECT current_user::text"); got != role {
			t.Errorf("connected as %s, want %s", got, role)
		}
		slot := strings.ReplaceAll(database, "-", "_")
		db.Exec(t, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", slot)
		db.Exec(t, "CREATE TABLE s.t (id int)")
		pgtest.LoadSQL(t, db, "BEGIN; INSERT INTO s.t VALUES (1); PREPARE TRANSACTION 'it''s "+database+"'")
		if len(left()) != 5 {
			t.Fatalf("in use there is %v: this tests nothing", left())
		}
	})
	if got := left(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestQueryGivesText(t *testing.T) {
	db := pgtest.DB(t)
	got := db.Query(t, "SELECT n, CASE WHEN n = 2 THEN NULL ELSE ARRAY[n, $1] END, '' FROM generate_series(1, 2) n ORDER BY n", 7)
	if diff := cmp.Diff([][]string{{"1", "{1,7}", ""}, {"2", "NULL", ""}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// failing records what a helper tells of a failure, in place of failing.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.said = strings.TrimSpace(fmt.Sprintf(format, args...))
	panic(f)
}

// failure runs fn and gives what it failed with, "" where it did not.
func failure(t *testing.T, fn func(testing.TB)) (said string) {
	t.Helper()
	f := &failing{TB: t}
	defer func() {
		if r := recover(); r != nil && r != any(f) {
			panic(r)
		}
		said = f.said
	}()
	fn(f)
	return ""
}

func TestFailuresNameTheStatement(t *testing.T) {
	db := pgtest.DB(t)
	script := strings.Repeat("SELECT 1;\n", 40) + "SELECT nothing_here;\n" + strings.Repeat("SELECT 2;\n", 40)
	cases := map[string]struct {
		fn   func(testing.TB)
		want string
	}{
		"Exec":    {func(t testing.TB) { db.Exec(t, "CREATE NONSENSE") }, "CREATE NONSENSE"},
		"Query":   {func(t testing.TB) { db.Query(t, "SELECT 1 / 0") }, "SELECT 1 / 0"},
		"Value":   {func(t testing.TB) { pgtest.Value[int](t, db.Super, "SELECT 1 WHERE false") }, "SELECT 1 WHERE false"},
		"LoadSQL": {func(t testing.TB) { pgtest.LoadSQL(t, db, script) }, "SELECT nothing_here"},
		"Conn":    {func(t testing.TB) { db.Conn(t, "nobody here") }, "nobody here"},
		"Reset":   {func(t testing.TB) { db.Server.Reset(t) }, "share"},
	}
	for name, c := range cases {
		if said := failure(t, c.fn); !strings.Contains(said, c.want) {
			t.Errorf("%s said %q, want %q in it", name, said, c.want)
		}
	}
}

// TestPSQL runs what attack scripts do: change the role, set variables, start
// programs, and go on after an error.
func TestPSQL(t *testing.T) {
	server := pgtest.Server(t, 0)
	db := server.DB(t)
	role := db.Role(t, "actor", "LOGIN")
	file := filepath.Join(t.TempDir(), "script.sql")
	script := `\set QUIET on
\pset tuples_only on
\pset format unaligned
SELECT current_user AS su \gset
\c - ` + role + `
SELECT 'as ' || current_user;
CREATE TABLE pg_catalog.refused ();
\c - :su
\echo again :su
\! psql -X -At -c "SELECT 'from a child as ' || current_user"
`
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	out := pgtest.PSQL(t, db, file)
	for _, want := range []string{"as " + role, "ERROR:", "again postgres", "from a child as postgres"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if _, err := pgtest.RunPSQL(t, db, file, "-v", "ON_ERROR_STOP=1"); err == nil {
		t.Error("with ON_ERROR_STOP the error was passed over")
	}
}

// TestDSNIsReadByLibpqToo compares pgx's reading with psql's.
func TestDSNIsReadByLibpqToo(t *testing.T) {
	db := pgtest.DB(t)
	role := db.Role(t, `a+b c%20&d=e'f"ü`, "LOGIN")
	got := pgtest.Query(t, db.Conn(t, role), "SELECT current_user")[0][0]
	out, err := exec.CommandContext(t.Context(), "psql", "-X", "-At", "-c", "SELECT current_user", db.DSN(role)).CombinedOutput()
	if psql := strings.TrimSpace(string(out)); err != nil || psql != role || got != role {
		t.Errorf("pgx became %q, psql %q (%v), want %q", got, psql, err, role)
	}
}

func TestReset(t *testing.T) {
	server := pgtest.Server(t, 0)
	const fixed = "CREATE ROLE app LOGIN; CREATE ROLE owner; GRANT owner TO app; CREATE SCHEMA s AUTHORIZATION owner"
	for range 2 { // the second time fails unless the first left nothing
		db := server.DB(t)
		pgtest.LoadSQL(t, db, fixed)
		server.Reset(t)
	}
}
