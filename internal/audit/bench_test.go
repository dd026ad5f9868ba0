package audit

import (
	"fmt"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/catalog/catalogtest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// BenchmarkAudit measures ways and decisions (read) and the rules (run) apart; the cost of a table has to stay flat.
func BenchmarkAudit(b *testing.B) {
	for _, tables := range []int{40, 1000, 2000} {
		b.Run(fmt.Sprint(tables), func(b *testing.B) {
			db := pgtest.DB(b)
			catalogtest.Load(b, db, tables)
			app := db.Role(b, "app", "")
			for _, schema := range pgtest.Query(b, db.Super, "SELECT quote_ident(nspname) FROM pg_namespace WHERE oid >= 16384") {
				db.Exec(b, "GRANT USAGE ON SCHEMA "+schema[0]+" TO "+app)
				db.Exec(b, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+schema[0]+" TO "+app)
			}
			snap, err := catalog.Read(b.Context(), db.Super, catalog.Options{})
			if err != nil {
				b.Fatal(err)
			}
			var m *tenancy.Model
			b.Run("infer", func(b *testing.B) {
				for b.Loop() {
					if m, err = tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}}); err != nil {
						b.Fatal(err)
					}
				}
			})
			var in *Input
			b.Run("read", func(b *testing.B) {
				for b.Loop() {
					in = Read(m)
				}
			})
			b.Run("run", func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(float64(len(Run(in, Rules(), time.Now()).Findings)), "findings")
				}
			})
			slowest(b, in)
		})
	}
}

// slowest logs the rules that took longest, once.
func slowest(b *testing.B, in *Input) {
	for _, r := range Rules() {
		began := time.Now()
		Run(in, []Rule{r}, began)
		if took := time.Since(began); took > 5*time.Millisecond {
			b.Logf("%s %s: %v", r.ID, r.Name, took)
		}
	}
}
