package clone

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// source has what pg_dump writes and what it leaves out: roles, memberships, settings, privileges of the database.
const source = `
CREATE SCHEMA "ti ll"; GRANT USAGE ON SCHEMA "ti ll" TO {app};
ALTER ROLE {app} SET app.tenant_id = '7';
ALTER ROLE {app} SET search_path = "ti ll", public;
ALTER DATABASE {db} SET app.other = 'x''y';
REVOKE CONNECT ON DATABASE {db} FROM PUBLIC; GRANT CONNECT ON DATABASE {db} TO {app};
GRANT {team} TO {app}; GRANT pg_read_all_stats TO {team} WITH ADMIN OPTION;
CREATE TYPE "ti ll".mood AS ENUM ('good', 'bad');
CREATE FUNCTION "ti ll".tenant() RETURNS int LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT NULLIF(current_setting('app.tenant_id', true), '')::int $$;
CREATE TABLE "ti ll"."sa""le" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id int NOT NULL, mood "ti ll".mood);
ALTER TABLE "ti ll"."sa""le" ENABLE ROW LEVEL SECURITY; ALTER TABLE "ti ll"."sa""le" FORCE ROW LEVEL SECURITY;
CREATE POLICY "it's mine" ON "ti ll"."sa""le" TO {team} USING (tenant_id = (SELECT "ti ll".tenant()));
GRANT SELECT, INSERT (tenant_id, mood) ON "ti ll"."sa""le" TO {team};
CREATE VIEW "ti ll".seen WITH (security_invoker) AS SELECT * FROM "ti ll"."sa""le";
ALTER DEFAULT PRIVILEGES IN SCHEMA "ti ll" GRANT SELECT ON TABLES TO {team};
INSERT INTO "ti ll"."sa""le" (tenant_id, mood) VALUES (7, 'good');
`

func prepared(t *testing.T, extra string) (*pgtest.Database, *catalog.Snapshot) {
	t.Helper()
	db := pgtest.DB(t)
	names := strings.NewReplacer("{app}", pg.Ident(db.Role(t, `ap"p`, "LOGIN PASSWORD 'not to be seen'")), "{team}", pg.Ident(db.Role(t, "the team", "NOLOGIN")),
		"{db}", pg.Ident(db.Name))
	pgtest.LoadSQL(t, db, names.Replace(source+extra))
	return db, snapshotOf(t, db)
}

func snapshotOf(t *testing.T, db *pgtest.Database) *catalog.Snapshot {
	t.Helper()
	s, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func made(t *testing.T, db *pgtest.Database, s *catalog.Snapshot) *Clone {
	t.Helper()
	c, err := Make(t.Context(), Source{DSN: db.DSN(""), Snapshot: s})
	if err != nil {
		t.Fatal(err, pg.Hint(err))
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestMake holds the copy to the source: the same fingerprint of everything, no row, no password.
func TestMake(t *testing.T) {
	db, s := prepared(t, "")
	c := made(t, db, s)
	if diff := cmp.Diff(prints(s), prints(c.Snapshot)); diff != "" || len(c.Missing) > 0 {
		t.Errorf("missing %q; fingerprints differ:\n%s", c.Missing, diff)
	}
	if diff := cmp.Diff(roles(s), roles(c.Snapshot)); diff != "" {
		t.Error(diff)
	}
	conn, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if n := pgtest.Value[int](t, conn, `SELECT count(*)::int FROM "ti ll"."sa""le"`); n != 0 {
		t.Errorf("the copy has %d rows", n)
	}
	if n := pgtest.Value[int](t, conn, `SELECT count(*)::int FROM pg_authid WHERE rolpassword IS NOT NULL AND rolname <> 'postgres'`); n != 0 {
		t.Errorf("%d roles of the copy have a password", n)
	}
}

// roles are the test's two roles and what they are members of, numbers and grantors left out.
func roles(s *catalog.Snapshot) (out []any) {
	for _, r := range s.Roles {
		if strings.HasPrefix(r.Name, `ap"p`) || strings.HasPrefix(r.Name, "the team") {
			r.OID = 0
			out = append(out, r)
		}
	}
	for _, m := range s.Memberships {
		if strings.HasPrefix(m.Member, `ap"p`) || strings.HasPrefix(m.Member, "the team") {
			m.Grantor = ""
			out = append(out, m)
		}
	}
	return out
}

// prints are the fingerprints that a copy must share, those of other tests' roles on the same server left out.
func prints(s *catalog.Snapshot) map[string]string {
	out := map[string]string{}
	for k, v := range s.Fingerprints() {
		if !strings.HasPrefix(k, "role ") && !strings.HasPrefix(k, "parameter ") {
			out[k] = v
		}
	}
	return out
}

// TestMissing names what the copy differs in.
func TestMissing(t *testing.T) {
	db, s := prepared(t, "CREATE TABLE \"ti ll\".gone (tenant_id int);")
	pgtest.LoadSQL(t, db, `DROP TABLE "ti ll".gone; ALTER TABLE "ti ll"."sa""le" NO FORCE ROW LEVEL SECURITY`)
	c := made(t, db, s)
	if want := []string{`"ti ll"."sa""le"`, `"ti ll".gone`}; !slices.Equal(c.Missing, want) {
		t.Errorf("missing %q, want %q", c.Missing, want)
	}
}

// TestWithoutPassword keeps passwords out of the programs' arguments.
func TestWithoutPassword(t *testing.T) {
	cases := []struct{ dsn, target, password string }{
		{"postgres://u:s%20ecret@h/db?sslmode=disable", "postgres://u@h/db?sslmode=disable", "s ecret"},
		{"postgres:///db?host=/tmp&password=secret", "postgres:///db?host=%2Ftmp", "secret"},
		{`host=/tmp user=u password='se\'c ret' dbname=db`, "host=/tmp user=u dbname=db", "se'c ret"},
		{"host=/tmp dbname=db", "host=/tmp dbname=db", ""},
	}
	for _, c := range cases {
		target, password, err := withoutPassword(c.dsn)
		if got := [2]string{strings.Join(strings.Fields(target), " "), password}; err != nil || got != [2]string{c.target, c.password} {
			t.Errorf("withoutPassword(%q) = %q, %v; want %q", c.dsn, got, err, [2]string{c.target, c.password})
		}
	}
}
