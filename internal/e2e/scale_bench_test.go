package e2e

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/catalog/catalogtest"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	steps "github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// BenchmarkScale measures a snapshot, an audit and a plan of ever more tables, and the whole program's audit. A value is the least of
// the runs, which is what the machine's other work disturbs least; allocations are the last run's.
func BenchmarkScale(b *testing.B) {
	for _, tables := range []int{40, 1000, 2000} {
		b.Run(fmt.Sprintf("%d tables", tables), func(b *testing.B) { scale(b, tables) })
	}
}

func scale(b *testing.B, tables int) {
	db := pgtest.DB(b)
	catalogtest.Load(b, db, tables)
	app := db.Role(b, "app", "")
	for _, schema := range pgtest.Query(b, db.Super, "SELECT quote_ident(nspname) FROM pg_namespace WHERE oid >= 16384") {
		db.Exec(b, "GRANT USAGE ON SCHEMA "+schema[0]+" TO "+app)
		db.Exec(b, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+schema[0]+" TO "+app)
	}
	dir := b.TempDir()
	least, allocs := map[string]time.Duration{}, map[string]uint64{}
	measure := func(name string, do func() error) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		err := do()
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if err != nil {
			b.Fatal(err)
		}
		if old, ok := least[name]; !ok || took < old {
			least[name] = took
		}
		allocs[name] = after.Mallocs - before.Mallocs
	}
	for b.Loop() {
		var snap *catalog.Snapshot
		var m *tenancy.Model
		measure("snapshot", func() (err error) {
			snap, err = catalog.Read(b.Context(), db.Super, catalog.Options{})
			return err
		})
		measure("audit", func() (err error) {
			if m, err = tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}}); err == nil {
				audit.Run(audit.Read(m), audit.Rules(), time.Now())
			}
			return err
		})
		measure("plan", func() error {
			_, err := harden.Plan(m, steps.Options{})
			return err
		})
		measure("program", func() error {
			run(b, 3, dir, "audit", db.DSN(""), "--app-role", app, "--quiet", "-o", "out.txt")
			return nil
		})
	}
	for name, took := range least {
		b.ReportMetric(float64(took.Microseconds())/1000, name+"-ms")
		if name != "program" {
			b.ReportMetric(float64(allocs[name])/float64(tables), name+"-allocs/table")
		}
	}
	b.ReportMetric(0, "ns/op")
}
