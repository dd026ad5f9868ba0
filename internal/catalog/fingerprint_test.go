package catalog_test

import (
	"bytes"
	"maps"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// restore copies a database by pg_dump into a new one whose OIDs are others.
func restore(t *testing.T, from *pgtest.Database) *pgtest.Database {
	t.Helper()
	to := from.Server.DB(t)
	pgtest.LoadSQL(t, to, `CREATE TABLE filler (id serial PRIMARY KEY); DROP TABLE filler; CREATE TYPE filler AS ENUM ('a', 'b', 'c'); DROP TYPE filler`)
	dump := exec.CommandContext(t.Context(), "pg_dump", "-h", from.Server.SocketDir(), "-p", strconv.Itoa(from.Server.Port()), "-U", "postgres", from.Name)
	load := exec.CommandContext(t.Context(), "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", to.Server.SocketDir(), "-p", strconv.Itoa(to.Server.Port()), "-U", "postgres", to.Name)
	var script, said bytes.Buffer
	dump.Stdout, dump.Stderr, load.Stdin, load.Stderr = &script, &said, &script, &said
	for _, cmd := range []*exec.Cmd{dump, load} {
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd.Path, err, said.String())
		}
	}
	return to
}

func TestFingerprintSurvivesRestore(t *testing.T) {
	db := everything(t, 0)
	copied := restore(t, db)
	a, b := read(t, db.Super), read(t, copied.Super)
	if a.Relation("public.org").OID == b.Relation("public.org").OID {
		t.Fatal("the positive control failed: the OIDs are the same")
	}
	if diff := cmp.Diff(a.Fingerprints(), b.Fingerprints()); diff != "" {
		t.Errorf("fingerprints differ (-original +restored):\n%s", diff)
	}
	if a.Fingerprint() != b.Fingerprint() || a.SchemaFingerprint() != b.SchemaFingerprint() {
		t.Error("the whole fingerprint differs")
	}
	again := restore(t, copied)
	if diff := cmp.Diff(a.Fingerprints(), read(t, again.Super).Fingerprints()); diff != "" {
		t.Errorf("fingerprints differ (-original +restored twice):\n%s", diff)
	}
}

func TestFingerprintIgnores(t *testing.T) {
	db := everything(t, 0)
	before := read(t, db.Super)
	pgtest.LoadSQL(t, db, `
		INSERT INTO org (name) SELECT 'a' FROM generate_series(1, 1000); ANALYZE;
		COMMENT ON TABLE org IS 'other words';
		CREATE SCHEMA ringfence; CREATE TABLE ringfence.run (id int); CREATE FUNCTION ringfence.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE ROLE stranger LOGIN`)
	after := read(t, db.Super)
	if after.Relation("public.org").Tuples != 1000 {
		t.Fatal("the positive control failed: the statistics did not change")
	}
	if diff := cmp.Diff(before.Fingerprints(), after.Fingerprints()); diff != "" {
		t.Errorf("fingerprints differ (-before +after):\n%s", diff)
	}
}

// Each change must change the fingerprint of exactly these objects.
func TestFingerprintSees(t *testing.T) {
	db := everything(t, 0)
	for _, c := range []struct {
		name, sql string
		want      []string
	}{
		{"policy_text", `ALTER POLICY "for" ON org USING (state = 'sad')`, []string{"public.org"}},
		{"enum_literal_only", `ALTER POLICY "for" ON org USING (state = 'ok' AND true)`, []string{"public.org"}},
		{"no_force", `ALTER TABLE "We ird"."Ta%b""le" NO FORCE ROW LEVEL SECURITY`, []string{`"We ird"."Ta%b""le"`}},
		{"grant", `GRANT DELETE ON child TO app`, []string{"public.child"}},
		{"column_grant", `GRANT UPDATE (id) ON child TO app`, []string{"public.child"}},
		{"function_body", `CREATE OR REPLACE FUNCTION current_org() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT NULL::uuid'`, []string{"public.current_org()"}},
		{"function_owner", `ALTER FUNCTION atomic() OWNER TO "own""er"`, []string{"public.atomic()"}},
		{"role_bypass", `ALTER ROLE app BYPASSRLS`, []string{"role app"}},
		{"membership", `GRANT "select" TO app`, []string{"role app", `role "select"`}},
		{"default_privileges", `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app`, []string{"default privilege postgres public table"}},
		{"trigger_disabled", `ALTER TABLE org DISABLE TRIGGER tr2`, []string{"public.org"}},
		{"view_option", `ALTER VIEW v2 SET (security_barrier)`, []string{"public.v2"}},
		{"view_column_origin", `CREATE OR REPLACE VIEW overdropped AS SELECT x.c, x.d FROM dropped x JOIN dropped y USING (a) WHERE x.d > 1`, []string{"public.overdropped"}},
		{"domain_check", `ALTER DOMAIN pos DROP CONSTRAINT pos_check`, []string{"type public.pos"}},
		{"setting", `ALTER ROLE app SET row_security = off`, []string{`setting app false row_security`}},
		{"dropped_index", `DROP INDEX "We ird".ix`, []string{`"We ird"."Ta%b""le"`}},
		{"schema_grant", `GRANT CREATE ON SCHEMA public TO app`, []string{"schema public"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := read(t, db.Super).Fingerprints()
			pgtest.LoadSQL(t, db, c.sql)
			s := read(t, db.Super)
			got := map[string]bool{}
			for k, v := range s.Fingerprints() {
				if before[k] != v {
					got[k] = true
				}
				delete(before, k)
			}
			for k := range before {
				got[k] = true
			}
			want := map[string]bool{}
			for _, k := range c.want {
				want[k] = true
			}
			if !maps.Equal(got, want) {
				t.Errorf("changed: %v, want %v", got, want)
			}
		})
	}
}

// Two policies that print alike and call different operators have different fingerprints.
func TestFingerprintSeesShadowedOperator(t *testing.T) {
	var prints, texts []string
	for _, path := range []string{"pg_catalog", "evil, pg_catalog"} {
		db := pgtest.DB(t)
		pgtest.LoadSQL(t, db, `
			CREATE SCHEMA evil; CREATE TABLE public.t (id uuid); ALTER TABLE public.t OWNER TO CURRENT_USER;
			CREATE FUNCTION evil.yes(uuid, uuid) RETURNS bool LANGUAGE sql AS 'SELECT true';
			CREATE OPERATOR evil.= (leftarg = uuid, rightarg = uuid, function = evil.yes);
			SET search_path = `+path+`;
			CREATE POLICY p ON public.t USING (id = 'a0000000-0000-0000-0000-000000000000');`)
		text := pgtest.Value[string](t, db.Super, "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy")
		texts = append(texts, text)
		prints = append(prints, read(t, db.Super).ObjectFingerprint("public.t"))
	}
	if texts[0] != texts[1] {
		t.Fatalf("the positive control failed: they print differently: %q", texts)
	}
	if prints[0] == prints[1] || prints[0] == "" {
		t.Errorf("a shadowed operator does not change the fingerprint: %q", prints)
	}
}

func TestObjectFingerprint(t *testing.T) {
	s := read(t, everything(t, 0).Super)
	all := s.Fingerprints()
	for identity, key := range map[string]string{
		"public.org": "public.org", "public.current_org()": "public.current_org()", "public.ueq(uuid,text)": "public.ueq(pg_catalog.uuid,text)", "app": "role app",
	} {
		if strings.HasPrefix(key, "public.ueq") {
			key = "public.ueq(pg_catalog.uuid,pg_catalog.text)"
		}
		if got := s.ObjectFingerprint(identity); got == "" || got != all[key] {
			t.Errorf("%s: %q, want %q", identity, got, all[key])
		}
	}
	if got := s.ObjectFingerprint("public.nothing"); got != "" {
		t.Errorf("what is not there has fingerprint %q", got)
	}
	var _ *catalog.Snapshot = s
}
