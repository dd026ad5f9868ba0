//go:build system

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// wide is a schema of n tables that nothing protects.
func wide(n int) system {
	return system{
		name: "wide", owner: pg.Superuser, clean: "high", writer: "UPDATE wide.t0001 SET note = note",
		config: "tenant_columns: [tenant_id]\ncontext: app.tenant_id\nroles: {application: [wide_app]}\n",
		load: func(t testing.TB, db *pgtest.Database) {
			t.Helper()
			pgtest.LoadSQL(t, db, `CREATE SCHEMA wide;
				DO $$ BEGIN CREATE ROLE wide_app; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
				GRANT USAGE ON SCHEMA wide TO wide_app; CREATE TABLE wide.tenant (id uuid PRIMARY KEY);`)
			for from := 1; from <= n; from += 100 { // a transaction holds the locks of all it makes
				var b strings.Builder
				for i := from; i < from+100 && i <= n; i++ {
					fmt.Fprintf(&b, "CREATE TABLE wide.t%04d (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL REFERENCES wide.tenant, note text);\n", i)
				}
				pgtest.LoadSQL(t, db, b.String())
			}
			pgtest.LoadSQL(t, db, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA wide TO wide_app")
		},
	}
}

// TestSystemKilledInWideSchema applies a plan over very many tables, kills the program early, amid the indexes, amid the policies and
// at the last step, and starts it again: each ends in the catalogue of an uninterrupted run. At full size these are 1,000 tables.
func TestSystemKilledInWideSchema(t *testing.T) {
	tables := 60
	if long() {
		tables = 1000
	}
	g := prepare(t, wide(tables))
	if len(g.steps) < 4*tables {
		t.Errorf("the plan over %d tables has %d steps", tables, len(g.steps))
	}
	g.killAll(t, spread(g.points(), 4))
}
