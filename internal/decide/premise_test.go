package decide

import (
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// trusting is a table whose policy looks the session's tenants up in another one, and what that one refers to.
const trusting = `
CREATE SCHEMA k; GRANT USAGE ON SCHEMA k TO <app>;
CREATE TABLE k.tenants (id uuid PRIMARY KEY);
CREATE TABLE k.colours (code text PRIMARY KEY);
CREATE TABLE k.persons (id uuid PRIMARY KEY);
CREATE TABLE k.members (user_id uuid NOT NULL REFERENCES k.persons <persons>, tenant_id uuid NOT NULL REFERENCES k.tenants, colour text REFERENCES k.colours <colours>,
  nick text, shout text GENERATED ALWAYS AS (upper(nick)) STORED, PRIMARY KEY (user_id, tenant_id));
CREATE TABLE k.docs (id int PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES k.tenants, body text);
ALTER TABLE k.docs ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON ALL TABLES IN SCHEMA k TO <app>;
GRANT INSERT, UPDATE, DELETE ON k.docs TO <app>;
CREATE POLICY p ON k.docs USING (EXISTS (SELECT FROM k.members m WHERE m.tenant_id = docs.tenant_id AND m.user_id = NULLIF(current_setting('app.user_id', true), '')::uuid <and>));
`

// TestTrustedColumns: who changes a column that a policy does not look at changes nothing of what it trusts, by a right to a column or by
// a foreign key's action; a column that it does look at, itself or through a generated one or a trigger, is another matter.
func TestTrustedColumns(t *testing.T) {
	const trigger = `CREATE FUNCTION k.move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.tenant_id := (SELECT id FROM k.tenants ORDER BY id LIMIT 1); RETURN NEW; END $$;
CREATE TRIGGER t BEFORE UPDATE ON k.members FOR EACH ROW EXECUTE FUNCTION k.move();`
	const policies = `ALTER TABLE k.members ENABLE ROW LEVEL SECURITY; GRANT INSERT, UPDATE, DELETE ON k.members TO <app>;
CREATE POLICY s ON k.members FOR SELECT USING (true); CREATE POLICY i ON k.members FOR INSERT WITH CHECK (false); `
	const beside = `GRANT INSERT ON k.members TO <app>; DROP POLICY p ON k.docs; CREATE POLICY p ON k.docs USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid `
	tests := []struct{ name, persons, colours, and, ddl, want string }{
		{"nothing is written", "", "", "", "", "SELECT proved"},
		{"a nickname", "", "", "", "GRANT UPDATE (nick) ON k.members TO <app>", "SELECT proved"},
		{"a membership that goes", "", "", "", "GRANT DELETE ON k.members TO <app>", "SELECT proved"},
		{"a nickname and a trigger", "", "", "", "GRANT UPDATE (nick) ON k.members TO <app>; " + trigger, "SELECT leak self_asserted"},
		{"a nickname that the policy asks for", "", "", "AND m.nick = 'boss'", "GRANT UPDATE (nick) ON k.members TO <app>", "SELECT leak self_asserted"},
		{"a nickname that a column is made of", "", "", "AND m.shout = 'BOSS'", "GRANT UPDATE (nick) ON k.members TO <app>", "SELECT leak self_asserted"},
		{"the tenant", "", "", "", "GRANT UPDATE (tenant_id) ON k.members TO <app>", "SELECT leak self_asserted"},
		{"a colour that goes", "", "ON DELETE SET NULL", "", "GRANT DELETE ON k.colours TO <app>", "SELECT proved"},
		{"a colour that changes", "", "ON UPDATE CASCADE", "", "GRANT UPDATE ON k.colours TO <app>", "SELECT proved"},
		{"a colour that the policy asks for", "", "ON UPDATE CASCADE", "AND m.colour = 'red'", "GRANT UPDATE ON k.colours TO <app>", "SELECT leak self_asserted"},
		{"a person who becomes another", "ON UPDATE CASCADE", "", "", "GRANT UPDATE ON k.persons TO <app>", "SELECT leak self_asserted"},
		{"a membership that may be made, beside the key", "", "", "", beside + "AND EXISTS (SELECT FROM k.members m WHERE m.tenant_id = docs.tenant_id))", "SELECT proved"},
		{"a membership that may be made, by a view, beside the key", "", "", "", "CREATE VIEW k.bosses AS SELECT * FROM k.members WHERE nick = 'boss'; GRANT SELECT ON k.bosses TO <app>; " + beside + "AND EXISTS (SELECT FROM k.bosses m WHERE m.tenant_id = docs.tenant_id))", "SELECT proved"},
		{"a membership that may be made, or the key", "", "", "", beside + "OR EXISTS (SELECT FROM k.members m WHERE m.tenant_id = docs.tenant_id AND m.user_id = NULLIF(current_setting('app.user_id', true), '')::uuid))", "SELECT leak self_asserted"},
		{"nobody's table that nobody writes", "", "", "", policies, "SELECT proved"},
		{"nobody's table that is updated", "", "", "", policies + "CREATE POLICY u ON k.members FOR UPDATE USING (true)", "SELECT leak self_asserted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.DB(t)
			app := db.Role(t, "app", "LOGIN")
			db.Exec(t, strings.NewReplacer("<app>", app, "<persons>", tt.persons, "<colours>", tt.colours, "<and>", tt.and).Replace(trusting)+strings.ReplaceAll(tt.ddl, "<app>", app))
			snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}})
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(tt.name, "nobody's") {
				m.Table("k.members").Class = tenancy.Unclassified
			}
			d, ways := New(m), reach.WaysTo(m, snap.Relation("k.docs"))
			if got := verdicts(d, ways, tt.want); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
				for _, w := range ways {
					if x := d.Decide(w); len(w.Path) == 0 && w.Command == reach.Select {
						t.Logf("%s: %s %s", x.Verdict, x.Reason, x.Why)
					}
				}
			}
		})
	}
}
