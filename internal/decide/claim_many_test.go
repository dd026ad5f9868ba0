package decide

import (
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A person belongs to each tenant that has a membership of his, whether both sides of the reference are of one type or one is the
// text of the other. A policy that only asks for some membership of the tenant's is open.
func TestManyParents(t *testing.T) {
	const context = "(SELECT NULLIF(current_setting('app.org', true), '')::uuid)"
	for name, c := range map[string]struct {
		userType, policy string
		want             Verdict
	}{
		"one type":                           {"uuid", "m.who = person.id AND m.org_id = " + context, Proved},
		"two types":                          {"text", "m.who = person.id::text AND m.org_id = " + context, Proved},
		"the membership is not the person's": {"uuid", "m.org_id = " + context, Leak},
		"the membership's own policy binds the tenant": {"uuid", "m.who = person.id", Proved},
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.DB(t)
			app := db.Role(t, "app", "LOGIN")
			db.Exec(t, strings.NewReplacer("USERTYPE", c.userType, "PREDICATE", c.policy, "CONTEXT", context, "APP", app).Replace(`
				CREATE TABLE org (id uuid PRIMARY KEY);
				CREATE TABLE person (id uuid PRIMARY KEY, email text);
				CREATE TABLE member (org_id uuid NOT NULL REFERENCES org, who USERTYPE NOT NULL, PRIMARY KEY (org_id, who));
				ALTER TABLE member ENABLE ROW LEVEL SECURITY;
				CREATE POLICY p ON member USING (org_id = CONTEXT);
				ALTER TABLE person ENABLE ROW LEVEL SECURITY;
				CREATE POLICY p ON person USING (EXISTS (SELECT FROM member m WHERE PREDICATE));
				GRANT SELECT ON person, member TO APP`))
			snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}, TenantColumns: []string{"org_id"}, Context: "app.org",
				Config: &tenancy.Config{Tables: map[string]tenancy.TableConfig{"public.person": {Class: tenancy.Child, Parent: "id -> public.member(who)"}}}})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range reach.WaysTo(m, snap.Relation("public.person")) {
				if w.Command == reach.Select && w.Variant == "" && len(w.Path) == 0 {
					if d := New(m).Decide(w); d.Verdict != c.want {
						t.Errorf("%s (%s), want %s", d.Verdict, d.Why, c.want)
					}
					return
				}
			}
			t.Fatal("there is no way to read person")
		})
	}
}
