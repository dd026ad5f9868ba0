package drift

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

const base = `CREATE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE doc (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, title text);
CREATE TABLE note (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, body text);
CREATE TABLE hatch (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, body text);
ALTER TABLE doc ENABLE ROW LEVEL SECURITY; ALTER TABLE doc FORCE ROW LEVEL SECURITY;
ALTER TABLE note ENABLE ROW LEVEL SECURITY; ALTER TABLE note FORCE ROW LEVEL SECURITY;
ALTER TABLE hatch ENABLE ROW LEVEL SECURITY; ALTER TABLE hatch FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON doc USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY p ON note USING (tenant_id = tenant());
CREATE POLICY p ON hatch USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR body = 'open');
CREATE TRIGGER stamp BEFORE INSERT ON doc FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE VIEW docs WITH (security_invoker = true) AS SELECT * FROM doc;
GRANT SELECT, INSERT, UPDATE ON doc TO {app}; GRANT SELECT ON note, hatch, docs TO {app};
ALTER TABLE doc OWNER TO {owner}; ALTER TABLE note OWNER TO {owner}; ALTER TABLE hatch OWNER TO {owner}; ALTER VIEW docs OWNER TO {owner};`

// TestCompare changes one thing of a database that isolates its tenants, and names what that comes to. A change is written
// "direction kind object"; every line of want must be there, and nothing more.
func TestCompare(t *testing.T) {
	cases := []struct {
		name, change string
		want         []string
	}{
		{"nothing", "", nil},
		{"rows and statistics", "INSERT INTO doc SELECT gen_random_uuid(), gen_random_uuid(), 'x' FROM generate_series(1, 500); ANALYZE doc", nil},
		{"policy widened", "ALTER POLICY p ON doc USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR true)", []string{"widened policy p on public.doc"}},
		{"policy narrowed", "ALTER POLICY p ON hatch USING (tenant_id = tenant())", []string{"narrowed policy p on public.hatch"}},
		{"policy of the same meaning", "DROP POLICY p ON doc; CREATE POLICY p ON doc USING (tenant() = tenant_id)", []string{"neutral policy p on public.doc"}},
		{"open policy still open", "ALTER POLICY p ON hatch USING (tenant_id = tenant() OR body LIKE 'open%')", []string{"unknown policy p on public.hatch"}},
		{"row security off", "ALTER TABLE note DISABLE ROW LEVEL SECURITY", []string{"widened row_security public.note"}},
		{"no longer forced", "ALTER TABLE note NO FORCE ROW LEVEL SECURITY", []string{"widened row_security public.note"}},
		{"new table without isolation", "CREATE TABLE bill (id uuid PRIMARY KEY, tenant_id uuid NOT NULL)", []string{"widened relation public.bill"}},
		{"new table with isolation", `CREATE TABLE bill (id uuid PRIMARY KEY, tenant_id uuid NOT NULL); ALTER TABLE bill ENABLE ROW LEVEL SECURITY; ALTER TABLE bill FORCE ROW LEVEL SECURITY;
ALTER TABLE bill OWNER TO {owner}; CREATE POLICY p ON bill USING (tenant_id = tenant()); GRANT SELECT ON bill TO {app}`, []string{"neutral relation public.bill"}},
		{"a role bypasses", "ALTER ROLE {app} BYPASSRLS", []string{"widened role {app}"}},
		{"a membership", "GRANT {owner} TO {app}", []string{"widened membership {owner} to {app}"}},
		{"a grant", "GRANT DELETE ON doc TO {app}", []string{"widened grant public.doc to {app} DELETE"}},
		{"a grant, and an index and a column beside it", "GRANT TRUNCATE ON doc TO {app}; CREATE INDEX ON doc (tenant_id, id); ALTER TABLE doc ADD COLUMN subtitle text",
			[]string{"widened grant public.doc to {app} TRUNCATE", "neutral column subtitle of public.doc", "neutral index public.doc_tenant_id_id_idx"}},
		{"a grant less", "REVOKE UPDATE ON doc FROM {app}", []string{"narrowed grant public.doc to {app} UPDATE"}},
		{"view runs as its owner", "ALTER VIEW docs SET (security_invoker = false)", []string{"widened relation public.docs"}},
		{"function returns anybody's", "CREATE OR REPLACE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT tenant_id FROM public.hatch LIMIT 1 $$", nil},
		{"function rewritten", "CREATE OR REPLACE FUNCTION tenant() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (nullif(current_setting('app.tenant_id', true), ''))::text::uuid $$", []string{"neutral function public.tenant()"}},
		{"owner", "ALTER TABLE note OWNER TO {app}", []string{"widened owner public.note"}},
		{"trigger disabled", "ALTER TABLE doc DISABLE TRIGGER stamp", []string{"widened trigger stamp on public.doc"}},
		{"publication", "CREATE PUBLICATION feed FOR TABLE doc", []string{"widened publication feed"}},
		{"default tenant", "ALTER ROLE {app} SET app.tenant_id = '00000000-0000-0000-0000-000000000001'", []string{"widened setting app.tenant_id to {app}"}},
		{"default privileges", "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {app}", []string{"widened grant default privileges of {owner} on each table in public to {app} SELECT"}},
		{"another column", "ALTER TABLE doc ADD COLUMN subtitle text", []string{"neutral column subtitle of public.doc"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			db := pgtest.Alone(t)
			app, owner := db.Role(t, "app", "LOGIN"), db.Role(t, "owner", "")
			fill := strings.NewReplacer("{app}", app, "{owner}", owner)
			pgtest.LoadSQL(t, db, fill.Replace(base))
			accepted := model(t, db, app)
			if c.change != "" {
				pgtest.LoadSQL(t, db, fill.Replace(c.change))
			}
			result := Compare(accepted, model(t, db, app))
			var got []string
			for _, x := range result.Changes {
				if mine(x, app, owner) {
					got = append(got, said(x))
				}
			}
			var want []string
			for _, line := range c.want {
				want = append(want, fill.Replace(line))
			}
			if c.name == "function returns anybody's" {
				if result.Clean() {
					t.Errorf("a function that gives anybody's tenant is clean: %v", got)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
				for _, x := range result.Changes {
					t.Logf("%+v", x)
				}
			}
		})
	}
}

// TestCompareGuesses does not call it wider that a role has to guess at what it could read before.
func TestCompareGuesses(t *testing.T) {
	db := pgtest.Alone(t)
	app, owner := db.Role(t, "app", "LOGIN"), db.Role(t, "owner", "")
	pgtest.LoadSQL(t, db, strings.NewReplacer("{app}", app, "{owner}", owner).Replace(base))
	pgtest.LoadSQL(t, db, "ALTER TABLE doc DISABLE ROW LEVEL SECURITY; ALTER TABLE doc ADD COLUMN word text UNIQUE")
	accepted := model(t, db, app)
	pgtest.LoadSQL(t, db, "ALTER TABLE doc ENABLE ROW LEVEL SECURITY")
	closed := model(t, db, app)
	if n := Compare(accepted, closed).Count(); n[Widened] != 0 || n[Narrowed] == 0 {
		t.Errorf("row security came on, and it counts %v", n)
	}
	pgtest.LoadSQL(t, db, "ALTER TABLE doc ADD COLUMN code text UNIQUE")
	if n := Compare(closed, model(t, db, app)).Count(); n[Widened] == 0 {
		t.Errorf("a key that tells of others came to a closed table, and it counts %v", n)
	}
}

// mine leaves out roles that other tests make on the shared server meanwhile.
func mine(c Change, app, owner string) bool {
	return c.Kind != "role" && c.Kind != "membership" || c.Role == app || c.Role == owner
}

func said(c Change) string {
	out := string(c.Direction) + " " + c.Kind + " " + c.Object
	if c.Role != "" && c.Kind != "role" {
		out += " to " + c.Role
	}
	if c.Command != "" {
		out += " " + c.Command
	}
	return out
}

func model(t *testing.T, db *pgtest.Database, app string) *tenancy.Model {
	t.Helper()
	s, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(s, tenancy.Options{AppRoles: []string{app}, TenantColumns: []string{"tenant_id"}, Context: "app.tenant_id"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLock gives the same bytes whatever rows and statistics do, other bytes after a change, and reads back to the same state.
func TestLock(t *testing.T) {
	db := pgtest.Server(t, 0).DB(t)
	app, owner := db.Role(t, "app", "LOGIN"), db.Role(t, "owner", "")
	fill := strings.NewReplacer("{app}", app, "{owner}", owner)
	pgtest.LoadSQL(t, db, fill.Replace(base))
	lock := func() []byte {
		raw, err := Lock(model(t, db, app).Snapshot)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	first := lock()
	db.Exec(t, "INSERT INTO doc SELECT gen_random_uuid(), gen_random_uuid(), 'x' FROM generate_series(1, 5000)")
	db.Exec(t, "ANALYZE doc")
	if second := lock(); !bytes.Equal(first, second) {
		t.Errorf("rows and statistics change the lock:\n%s", cmp.Diff(string(first), string(second)))
	}
	back, err := catalog.ReadJSON(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := back.Fingerprint(), model(t, db, app).Snapshot.Fingerprint(); got != want {
		t.Errorf("the lock has fingerprint %s, the database %s", got, want)
	}
	db.Exec(t, "ALTER TABLE doc DISABLE ROW LEVEL SECURITY")
	if bytes.Equal(first, lock()) {
		t.Error("row security off does not change the lock")
	}
}

// TestCompareUnreadable takes what the session may not read any more for unknown.
func TestCompareUnreadable(t *testing.T) {
	db := pgtest.Server(t, 0).DB(t)
	app, owner := db.Role(t, "app", "LOGIN"), db.Role(t, "owner", "")
	pgtest.LoadSQL(t, db, strings.NewReplacer("{app}", app, "{owner}", owner).Replace(base))
	accepted, present := model(t, db, app), model(t, db, app)
	present.Snapshot.Server.Unreadable = []string{"pg_subscription"}
	var got []string
	for _, c := range Compare(accepted, present).Changes {
		got = append(got, said(c))
	}
	if diff := cmp.Diff([]string{"unknown unreadable pg_subscription"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
