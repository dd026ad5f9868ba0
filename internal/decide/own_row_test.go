package decide

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// ownRows are tables in which the session looks its tenants up, without any setting that names a tenant.
const ownRows = `
CREATE SCHEMA k; GRANT USAGE ON SCHEMA k TO <app>;
CREATE FUNCTION k.uid() RETURNS uuid LANGUAGE sql STABLE RETURN (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
CREATE TABLE k.accounts (id uuid PRIMARY KEY, owner_user_id uuid NOT NULL, referrer_user_id uuid);
CREATE TABLE k.account_user (account_id uuid NOT NULL REFERENCES k.accounts, user_id uuid NOT NULL, invited_by_user uuid, part text, PRIMARY KEY (account_id, user_id));
CREATE FUNCTION k.has_part(account_id uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM k.account_user u WHERE u.user_id = k.uid() AND u.account_id = has_part.account_id) $$;
CREATE TABLE k.bills (id int PRIMARY KEY, account_id uuid NOT NULL REFERENCES k.accounts, kind text);
CREATE FUNCTION k.check_kind(kind text) RETURNS boolean LANGUAGE sql STABLE SET search_path = k AS $$ SELECT EXISTS (SELECT 1 FROM bills WHERE bills.kind = $1) $$;
ALTER TABLE k.bills ADD CHECK (k.check_kind(kind));
ALTER TABLE k.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE k.account_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE k.bills ENABLE ROW LEVEL SECURITY;
CREATE POLICY s ON k.bills FOR SELECT USING (k.has_part(account_id));
CREATE POLICY s ON k.accounts FOR SELECT USING (k.has_part(id));
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA k TO <app>;
`

// TestOwnRows: a membership says itself whose it is, and so does a tenant that names its owner; who was invited by somebody, or
// referred by him, is not therefore his. A membership that anybody makes for himself is a hole all the same, and a CHECK
// that calls a function is no premise.
func TestOwnRows(t *testing.T) {
	tests := []struct{ name, ddl, table, want string }{
		{"own membership", `CREATE POLICY p ON k.account_user FOR SELECT USING (user_id = k.uid())`, "k.account_user", "SELECT proved"},
		{"own membership left", `CREATE POLICY p ON k.account_user FOR DELETE USING (user_id = k.uid())`, "k.account_user", "DELETE/blind proved"},
		{"own membership made", `CREATE POLICY p ON k.account_user FOR INSERT WITH CHECK (user_id = k.uid())`, "k.account_user", "INSERT leak other_setting"},
		{"own membership moved", `CREATE POLICY p ON k.account_user FOR UPDATE USING (user_id = k.uid())`, "k.account_user", "UPDATE/blind leak other_setting"},
		{"invitations made", `CREATE POLICY p ON k.account_user FOR SELECT USING (invited_by_user = k.uid())`, "k.account_user", "SELECT leak other_setting"},
		{"a tenant's owner", `CREATE POLICY p ON k.accounts FOR SELECT USING (owner_user_id = k.uid())`, "k.accounts", "SELECT proved"},
		{"a tenant's referrer", `CREATE POLICY p ON k.accounts FOR SELECT USING (referrer_user_id = k.uid())`, "k.accounts", "SELECT leak other_setting"},
		{"a check's function", ``, "k.bills", "SELECT proved"},
		{"everybody's", `CREATE POLICY p ON k.account_user FOR SELECT USING (user_id IS NOT NULL)`, "k.account_user", "SELECT leak foreign_row"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.DB(t)
			app := db.Role(t, "app", "LOGIN")
			db.Exec(t, strings.ReplaceAll(ownRows, "<app>", app)+tt.ddl)
			snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}})
			if err != nil {
				t.Fatal(err)
			}
			d, ways := New(m), reach.WaysTo(m, snap.Relation(tt.table))
			if diff := gocmp.Diff(tt.want, verdicts(d, ways, tt.want)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.ddl, diff)
				for _, w := range ways {
					if x := d.Decide(w); len(w.Path) == 0 && w.Privileged && strings.HasPrefix(tt.want, string(w.Command)) {
						t.Logf("%s %s: %s %s %s %s", w.Command, w.Variant, x.Verdict, x.Reason, x.Why, witness(x.Witness))
					}
				}
			}
		})
	}
}
