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

// What hangs on a person belongs to each tenant that the person has a membership of: the reference is followed over both rows.
func TestManyParentsFartherOff(t *testing.T) {
	const context = "(SELECT NULLIF(current_setting('app.org', true), '')::uuid)"
	for name, c := range map[string]struct {
		policy string
		want   Verdict
	}{
		"over the person":            {"EXISTS (SELECT FROM person p WHERE p.id = secret.person_id AND EXISTS (SELECT FROM member m WHERE m.who = p.id AND m.org_id = CONTEXT))", Proved},
		"another person's":           {"EXISTS (SELECT FROM person p WHERE EXISTS (SELECT FROM member m WHERE m.who = p.id AND m.org_id = CONTEXT))", Leak},
		"another one's membership":   {"EXISTS (SELECT FROM person p WHERE p.id = secret.person_id AND EXISTS (SELECT FROM member m WHERE m.org_id = CONTEXT))", Leak},
		"a membership in any tenant": {"EXISTS (SELECT FROM person p WHERE p.id = secret.person_id AND EXISTS (SELECT FROM member m WHERE m.who = p.id AND m.org_id IS NOT NULL))", Leak},
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.DB(t)
			app := db.Role(t, "app", "LOGIN")
			db.Exec(t, strings.NewReplacer("PREDICATE", strings.ReplaceAll(c.policy, "CONTEXT", context), "CONTEXT", context, "APP", app).Replace(`
				CREATE TABLE org (id uuid PRIMARY KEY);
				CREATE TABLE person (id uuid PRIMARY KEY, email text);
				CREATE TABLE member (org_id uuid NOT NULL REFERENCES org, who uuid NOT NULL REFERENCES person, PRIMARY KEY (org_id, who));
				CREATE TABLE secret (id uuid PRIMARY KEY, person_id uuid NOT NULL REFERENCES person, hash text);
				CREATE TABLE note (org_id uuid NOT NULL REFERENCES org, body text);
				ALTER TABLE note ENABLE ROW LEVEL SECURITY;
				CREATE POLICY p ON note USING (org_id = CONTEXT);
				ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
				CREATE POLICY p ON secret USING (PREDICATE);
				GRANT SELECT ON person, member, secret, note TO APP`))
			snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}, TenantColumns: []string{"org_id"}, Context: "app.org",
				Config: &tenancy.Config{Tables: map[string]tenancy.TableConfig{
					"public.person": {Class: tenancy.Child, Parent: "id -> public.member(who)"},
					"public.secret": {Class: tenancy.Child, Parent: "person_id -> public.person(id)"}}}})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range reach.WaysTo(m, snap.Relation("public.secret")) {
				if w.Command == reach.Select && w.Variant == "" && len(w.Path) == 0 {
					if d := New(m).Decide(w); d.Verdict != c.want {
						t.Errorf("%s (%s), want %s", d.Verdict, d.Why, c.want)
					}
					return
				}
			}
			t.Fatal("there is no way to read secret")
		})
	}
}
