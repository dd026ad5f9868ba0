// Package catalogtest makes databases of any size for tests and benchmarks of what reads a catalogue.
//
// To widen the mixture, add a case to table: it is given the table's number and decides by it, so that the same number of
// tables is always the same database.
package catalogtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// Load makes n tables with 1.5 n policies in a database, two or three indexes each, foreign keys to a root and to each
// other, and for some a view, a trigger, a check, a default that calls a function, or column grants. Roles are left alone.
func Load(t testing.TB, db *pgtest.Database, n int) {
	t.Helper()
	pgtest.LoadSQL(t, db, prelude)
	for from := 1; from <= n; from += batch {
		var b strings.Builder
		for i := from; i < from+batch && i <= n; i++ {
			table(&b, i)
		}
		pgtest.LoadSQL(t, db, b.String())
	}
}

// batch is how many tables one transaction makes: each holds locks until its end.
const batch = 100

const prelude = `
CREATE SCHEMA app; CREATE SCHEMA "other app";
CREATE TYPE app.status AS ENUM ('open', 'closed', 'lost');
CREATE DOMAIN app.email AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE app.organization (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL UNIQUE);
CREATE FUNCTION app.current_org() RETURNS uuid LANGUAGE sql STABLE AS $$SELECT NULLIF(current_setting('app.org', true), '')::uuid$$;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN new.updated_at := now(); RETURN new; END$$;
`

func table(b *strings.Builder, i int) {
	schema := "app"
	if i%7 == 0 {
		schema = `"other app"`
	}
	name := fmt.Sprintf("%s.table_%04d", schema, i)
	fmt.Fprintf(b, `
CREATE TABLE %s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organization_id uuid NOT NULL REFERENCES app.organization (id) ON DELETE CASCADE,
	title varchar(200) NOT NULL, status app.status DEFAULT 'open', contact app.email, amount numeric(12,2) DEFAULT 0 CHECK (amount >= 0), data jsonb DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz, parent_id bigint%s);
CREATE INDEX ON %s (organization_id, created_at DESC);
ALTER TABLE %s ENABLE ROW LEVEL SECURITY;
`, name, self(i, name), name, name)
	policies(b, i, name)
	if i%3 == 0 {
		fmt.Fprintf(b, "CREATE INDEX ON %s (lower(title)) WHERE status <> 'closed';\n", name)
	}
	if i%4 == 0 {
		fmt.Fprintf(b, "CREATE TRIGGER touch BEFORE UPDATE ON %s FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION app.touch();\n", name)
	}
	if i%10 == 0 {
		fmt.Fprintf(b, "CREATE VIEW %s_open AS SELECT t.id, t.title, o.name FROM %s t JOIN app.organization o ON o.id = t.organization_id WHERE t.status = 'open';\n", name, name)
	}
	if i%5 == 0 {
		fmt.Fprintf(b, "GRANT SELECT (id, title), UPDATE (title) ON %s TO PUBLIC;\n", name)
	} else {
		fmt.Fprintf(b, "GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO PUBLIC;\n", name)
	}
}

func self(i int, name string) string {
	if i%2 == 0 {
		return " REFERENCES " + name + " (id)"
	}
	return ""
}

// policies makes one policy for odd tables and two for even ones, of the usual forms.
func policies(b *strings.Builder, i int, name string) {
	using := []string{
		"organization_id = app.current_org()",
		"organization_id = NULLIF(current_setting('app.org', true), '')::uuid",
		"organization_id = (SELECT app.current_org()) OR current_setting('app.admin', true) = 'on'",
		"EXISTS (SELECT 1 FROM app.organization o WHERE o.id = organization_id AND o.id = app.current_org())",
	}[i/2%4]
	fmt.Fprintf(b, "CREATE POLICY tenant ON %s USING (%s) WITH CHECK (%s);\n", name, using, using)
	if i%2 == 0 {
		fmt.Fprintf(b, "CREATE POLICY closed ON %s AS RESTRICTIVE FOR DELETE USING (status IN ('closed', 'lost'));\n", name)
	}
}
