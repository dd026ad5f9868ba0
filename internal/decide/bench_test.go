package decide

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// benchModel is a database of n tables, each with a tenant column and a policy written by policy; roles application roles
// may do everything but TRUNCATE.
func benchModel(b *testing.B, n, roles int, policy func(i int) string) *tenancy.Model {
	b.Helper()
	db := pgtest.DB(b)
	var apps []string
	for i := range roles {
		apps = append(apps, db.Role(b, fmt.Sprintf("app%d", i), "LOGIN"))
	}
	db.Exec(b, "CREATE SCHEMA s")
	for from := 0; from < n; from += 100 {
		sql := ""
		for i := from; i < min(n, from+100); i++ {
			sql += fmt.Sprintf("CREATE TABLE s.t%d (id int, tenant_id uuid NOT NULL, body text); ALTER TABLE s.t%[1]d ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s.t%[1]d USING (%s);\n", i, policy(i))
		}
		db.Exec(b, sql)
	}
	for _, a := range apps {
		db.Exec(b, fmt.Sprintf("GRANT USAGE ON SCHEMA s TO %s; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA s TO %[1]s", a))
	}
	snap, err := catalog.Read(b.Context(), db.Super, catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: apps, TenantColumns: []string{"tenant_id"}, Context: "app.tid"})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// cpu reports the processor's time beside the clock's, which on a machine that is shared says little.
func cpu(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	begin := used()
	return func() { b.ReportMetric(float64((used()-begin).Milliseconds())/float64(b.N), "processor-ms") }
}

// BenchmarkProver measures what deciding takes, after the snapshot was read.
func BenchmarkProver(b *testing.B) {
	b.Run("1,000_tables,_4_commands,_3_roles", benchTables)
	b.Run("10,000_policies", benchPolicies)
}

// elapsed reports the time of one run in milliseconds; it is for defer.
func elapsed(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "elapsed-ms")
	b.ReportMetric(0, "ns/op")
}

// benchTables decides 1,000 tables × 4 commands × 3 roles, with the blind and other variants of each command; the aim
// is 0.3 s.
func benchTables(b *testing.B) {
	m := benchModel(b, 1000, 3, func(int) string { return "tenant_id = NULLIF(current_setting('app.tid', true), '')::uuid" })
	ways := reach.Ways(m)
	defer cpu(b)()
	defer elapsed(b)
	for b.Loop() {
		d := New(m)
		for i := range ways {
			if x := d.Decide(ways[i]); x.Verdict != Proved {
				b.Fatal(ways[i].Command, ways[i].Variant, x)
			}
		}
	}
}

// benchPolicies decides 10,000 policies of as many shapes; the aim is 2 s.
func benchPolicies(b *testing.B) {
	m := benchModel(b, 2500, 1, func(i int) string {
		tenant := "tenant_id = NULLIF(current_setting('app.tid', true), '')::uuid"
		return fmt.Sprintf("%s AND (body <> 'v%[3]d' OR id > %[3]d)); CREATE POLICY q ON s.t%[3]d FOR SELECT USING (%[1]s AND id = %[3]d); "+
			"CREATE POLICY r ON s.t%[3]d FOR INSERT WITH CHECK (%[1]s AND id = %[3]d); CREATE POLICY s ON s.t%[3]d FOR DELETE USING (%[1]s AND body = 'x%[3]d'%[2]s", tenant, "", i)
	})
	var preds []oraclePredicate
	for i := range m.Snapshot.Relations {
		rel := &m.Snapshot.Relations[i]
		for k := range rel.Policies {
			for _, tree := range []*catalog.Tree{rel.Policies[k].Using, rel.Policies[k].Check} {
				if e, err := m.Reader.Expression(tree, rel); err == nil && e != nil {
					preds = append(preds, oraclePredicate{key: rel.Identity(), expr: e})
				}
			}
		}
	}
	if len(preds) != 10000 {
		b.Fatalf("%d policies", len(preds))
	}
	app := m.Applications()[0]
	defer cpu(b)()
	defer elapsed(b)
	for b.Loop() {
		d := New(m)
		for _, p := range preds {
			way := reach.Way{Role: app, As: app, CurrentUser: app, Relation: m.Snapshot.Relation(p.key), Command: reach.Select, Privileged: true, Old: p.expr}
			if x := d.Decide(way); x.Verdict != Proved {
				b.Fatal(p.key, x)
			}
		}
	}
}

// BenchmarkRandom decides the oracle's predicates, which are stranger than people's.
func BenchmarkRandom(b *testing.B) {
	o := newOracle(b)
	all := o.generate(b, 500, *oracleSeed, map[string]int{})
	for b.Loop() {
		d := New(o.model)
		for _, p := range all {
			o.decide(d, p)
		}
	}
}
