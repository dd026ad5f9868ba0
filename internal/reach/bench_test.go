package reach_test

import (
	"fmt"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// many is a snapshot of n tables like the one of the fixture "many", with a policy each, and three application roles.
func many(b *testing.B, n int) *catalog.Snapshot {
	b.Helper()
	f := load(b, "testdata/direct.txtar")
	snap, err := catalog.Read(b.Context(), f.DB.Super, catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var table catalog.Relation
	for i := range snap.Relations {
		if snap.Relations[i].Schema == "s" && snap.Relations[i].Kind == catalog.Table {
			table = snap.Relations[i]
		}
	}
	app := f.Role("app")
	for k := range 2 {
		r := *snap.Role(app)
		r.Name, r.OID = fmt.Sprintf("%s_%d", app, k), r.OID+100000+uint32(k)
		snap.Roles = append(snap.Roles, r)
		for i := range snap.Schemas {
			snap.Schemas[i].Grants = again(snap.Schemas[i].Grants, app, r.Name)
		}
		table.Grants = again(table.Grants, app, r.Name)
	}
	for i := range n {
		t := table
		t.Name, t.OID = fmt.Sprintf("t%04d", i), table.OID+200000+uint32(i)
		t.Policies = append([]catalog.Policy(nil), table.Policies...)
		snap.Relations = append(snap.Relations, t)
	}
	snap.Reindex()
	return snap
}

func again(grants []catalog.Grant, from, to string) []catalog.Grant {
	out := grants
	for _, g := range grants {
		if g.Grantee == from {
			g.Grantee = to
			out = append(out, g)
		}
	}
	return out
}

// BenchmarkWays lists the ways of three roles to a thousand tables. The aim is well under 100 ms.
func BenchmarkWays(b *testing.B) {
	m, err := tenancy.Infer(many(b, 1000), tenancy.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if got := len(m.Applications()); got != 3 {
		b.Fatalf("%d application roles, want 3", got)
	}
	n := len(reach.Ways(m)) // trees are read once in a model's life
	b.ReportAllocs()
	for b.Loop() {
		reach.Ways(m)
	}
	b.ReportMetric(float64(n), "ways")
}

// BenchmarkInfer reads a thousand tables as a model.
func BenchmarkInfer(b *testing.B) {
	snap := many(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tenancy.Infer(snap, tenancy.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
