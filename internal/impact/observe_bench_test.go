package impact_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

const busyShop = `CREATE TABLE tenant (id uuid PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid NOT NULL, total int NOT NULL DEFAULT 0);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO $app;
INSERT INTO tenant VALUES ('00000000-0000-0000-0000-0000000000a1'), ('00000000-0000-0000-0000-0000000000b2');
INSERT INTO orders SELECT n, (CASE WHEN n % 100 = 0 THEN '00000000-0000-0000-0000-0000000000a1' ELSE '00000000-0000-0000-0000-0000000000b2' END)::uuid FROM generate_series(1, 10000) n;
CREATE INDEX ON orders (tenant_id);
ANALYZE orders`

// BenchmarkObserve times the same statements, in turns, on a table as it was, on one that is observed, and on one where the plan is
// enforced, as the application in a tenant's context.
func BenchmarkObserve(b *testing.B) {
	ways := []string{"plain", "observed", "enforced"}
	conns := make([]*pgx.Conn, len(ways))
	for i, way := range ways {
		conns[i] = busy(b, way)
	}
	for _, c := range []struct{ name, sql string }{
		{"one_row_by_its_key", "SELECT total FROM orders WHERE id = 700 AND tenant_id = '" + tenantA + "'"},
		{"100_of_10,000_rows_by_an_index", "SELECT sum(total) FROM orders WHERE tenant_id = '" + tenantA + "'"},
		{"100_of_10,000_rows_scanned", "SELECT sum(total) FROM orders WHERE tenant_id::text = '" + tenantA + "'"},
	} {
		b.Run(c.name, func(b *testing.B) {
			took := make([][]time.Duration, len(ways))
			for n := 0; b.Loop(); n++ {
				for i := range ways {
					w := (i + n) % len(ways)
					begin := time.Now()
					if err := conns[w].QueryRow(b.Context(), c.sql).Scan(new(any)); err != nil {
						b.Fatal(err)
					}
					took[w] = append(took[w], time.Since(begin))
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, way := range ways {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/1000, way+"-µs")
			}
		})
	}
}

// busy makes a shop in the state that way names, and returns a session of its application in a tenant's context.
func busy(b *testing.B, way string) *pgx.Conn {
	b.Helper()
	db, names := loadInto(b, pgtest.DB(b), busyShop)
	o := observe(b, db, names)
	switch way {
	case "observed":
		o.install(b)
	case "enforced":
		run := o.options()
		run.Plan = o.plan
		if _, err := apply.Run(b.Context(), run); err != nil {
			b.Fatal(err)
		}
	}
	conn, err := pg.Connect(b.Context(), db.DSN(names.Replace("$app")), pg.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(b.Context()) })
	if _, err := conn.Exec(b.Context(), "SELECT set_config('app.tenant_id', $1, false)", tenantA); err != nil {
		b.Fatal(err)
	}
	return conn
}
