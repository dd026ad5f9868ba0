package prove

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// PgTAP writes the probes of a schema as a pgTAP suite, which runs without Ringfence (by pg_prove or psql), as a superuser, in one
// transaction that is rolled back. It works on two tenants' rows that are there, and fails where there are none: an empty table
// proves nothing. Each table's own tenant is the control. Tables that reach their tenant through a parent, and contexts that are
// not one plain setting, are named in it as not covered.
func PgTAP(m *tenancy.Model) (string, error) {
	setting := plainSetting(m)
	if setting == "" {
		return "", errors.New("writing the pgTAP suite: the tenant context is no plain setting, which is all that a suite can set")
	}
	s := &suite{m: m, setting: setting}
	for _, t := range m.TenantTables() {
		if len(t.Key) != 1 || t.Relation.Kind == catalog.Foreign {
			s.printf("-- not covered: %s has no tenant key of its own\n", line(t.Relation.Identity()))
			continue
		}
		for _, app := range m.Applications() {
			s.table(app, t)
		}
	}
	return fmt.Sprintf(`-- Tenant isolation, as ringfence prove --pgtap wrote it. Run it as a superuser on a database with rows of two tenants.
BEGIN;
SELECT plan(%d);
%sSELECT * FROM finish();
ROLLBACK;
`, s.tests, s.b.String()), nil
}

func plainSetting(m *tenancy.Model) string {
	for _, c := range m.Contexts {
		if c.Kind == "setting" && !c.Signed && !c.Principal {
			return c.Name
		}
	}
	return ""
}

// line keeps a name within its comment.
func line(s string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(s) }

// A suite collects tests and counts them.
type suite struct {
	m       *tenancy.Model
	setting string
	b       strings.Builder
	tests   int
}

func (s *suite) printf(format string, args ...any) { fmt.Fprintf(&s.b, format, args...) }

// table writes the tests of one role on one table: the two tenants are found first, and what the role does is counted as the
// role and judged outside.
func (s *suite) table(app string, t *tenancy.Table) {
	table, key, name := tableName(t.Relation), pg.Ident(t.Key[0]), t.Relation.Identity()
	holds := func(privilege string) bool { return s.m.Rights.Relation(app, t.Relation, privilege).Held }
	if !slices.ContainsFunc([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, holds) {
		return
	}
	s.printf("\n-- %s as %s\n", line(name), line(app))
	for i, tenant := range []string{"a", "b"} {
		s.printf("SELECT set_config('ringfence_tap.%s', COALESCE((SELECT DISTINCT %s::text FROM %s WHERE %s IS NOT NULL ORDER BY 1 OFFSET %d LIMIT 1), ''), true);\n",
			tenant, key, table, key, i)
	}
	s.test("current_setting('ringfence_tap.b') <> ''", "%s has rows of two tenants", name)
	s.test(fmt.Sprintf("NOT has_table_privilege(%s, %s, 'TRUNCATE')", pg.Literal(app), pg.Literal(table)), "%s may not empty %s", app, name)
	row := func(tenant string) string { return key + "::text = current_setting('ringfence_tap." + tenant + "')" }
	if holds("SELECT") {
		s.counted(app, "a", "SELECT 1 FROM "+table+" WHERE "+row("a"), "> 0", "%s reads %s: the tenant's own rows", app, name)
		s.counted(app, "a", "SELECT 1 FROM "+table+" WHERE NOT COALESCE("+row("a")+", false)", "= 0", "%s reads %s: no other rows", app, name)
		s.counted(app, "", "SELECT 1 FROM "+table, "= 0", "%s reads %s: nothing without a context", app, name)
	}
	if holds("UPDATE") && holds("SELECT") {
		update := "UPDATE " + table + " SET " + key + " = " + key + " WHERE "
		s.counted(app, "a", update+row("a")+" RETURNING 1", "> 0", "%s changes %s: the tenant's own rows", app, name)
		s.counted(app, "a", update+row("b")+" RETURNING 1", "= 0", "%s changes %s: no other rows", app, name)
		s.refused(app, "UPDATE "+table+" SET "+key+" = "+s.value(t, "b")+" WHERE "+row("a"), "%s moves no row of %s to another tenant", app, name)
	}
	if holds("DELETE") && holds("SELECT") {
		s.counted(app, "a", "DELETE FROM "+table+" WHERE "+row("b")+" RETURNING 1", "= 0", "%s deletes from %s: no other rows", app, name)
	}
	if holds("INSERT") && holds("SELECT") {
		s.refused(app, s.forged(t, table, row("a")), "%s makes no row of another tenant in %s", app, name)
	}
}

// value is a tenant as a value of the key's type.
func (s *suite) value(t *tenancy.Table, tenant string) string {
	return "current_setting('ringfence_tap." + tenant + "')::" + t.Relation.ColumnByName(t.Key[0]).Type
}

// forged copies a row of the tenant's own with another tenant's key: the policy is asked before any constraint.
func (s *suite) forged(t *tenancy.Table, table, own string) string {
	var into, from []string
	for _, c := range t.Relation.Columns {
		if c.Generated != "" {
			continue
		}
		into = append(into, pg.Ident(c.Name))
		if c.Name == t.Key[0] {
			from = append(from, s.value(t, "b"))
			continue
		}
		from = append(from, pg.Ident(c.Name))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s WHERE %s LIMIT 1", table,
		strings.Join(into, ", "), strings.Join(from, ", "), table, own)
}

func (s *suite) test(condition, what string, args ...any) {
	s.tests++
	s.printf("SELECT ok(%s, %s);\n", condition, pg.Literal(fmt.Sprintf(what, args...)))
}

// become are the statements that make the session the role's in a tenant's context; "" is none.
func (s *suite) become(app, tenant string) string {
	value := "''"
	if tenant != "" {
		value = "current_setting('ringfence_tap." + tenant + "')"
	}
	return fmt.Sprintf("SELECT set_config(%s, %s, true); SET LOCAL ROLE %s; ", pg.Literal(s.setting), value, pg.Ident(app))
}

// counted runs a statement as the role and judges how many rows it reached.
func (s *suite) counted(app, tenant, sql, want, what string, args ...any) {
	s.printf("%s\nWITH reached AS (%s) SELECT count(*) AS reached FROM reached \\gset\nRESET ROLE;\n", s.become(app, tenant), sql)
	s.test(":reached "+want, what, args...)
}

// refused wants the database to refuse a statement of the role by its policy.
func (s *suite) refused(app, sql, what string, args ...any) {
	s.tests++
	s.printf("SELECT throws_ok(%s, '42501', NULL, %s);\nRESET ROLE;\n", pg.Literal(s.become(app, "a")+sql), pg.Literal(fmt.Sprintf(what, args...)))
}
