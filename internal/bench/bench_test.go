package bench_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestSum(t *testing.T) {
	ms := func(all ...int) (out []time.Duration) {
		for _, v := range all {
			out = append(out, time.Duration(v)*time.Millisecond)
		}
		return out
	}
	for name, c := range map[string]struct {
		in   []time.Duration
		want *bench.Timing
	}{
		"none": {nil, nil},
		"one":  {ms(7), &bench.Timing{Runs: 1, Median: 7, Min: 7, P95: 7}},
		"odd":  {ms(5, 1, 100), &bench.Timing{Runs: 3, Median: 5, Min: 1, P95: 100, MAD: 4}},
		"even": {ms(4, 1, 2, 3), &bench.Timing{Runs: 4, Median: 2.5, Min: 1, P95: 4, MAD: 1}},
		"p95 leaves one of twenty out": {ms(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9, 99),
			&bench.Timing{Runs: 20, Median: 1, Min: 1, P95: 9}},
	} {
		in := slices.Clone(c.in)
		if diff := cmp.Diff(c.want, bench.Sum(c.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !slices.Equal(in, c.in) {
			t.Errorf("%s: the samples were changed", name)
		}
	}
}

const world = `CREATE TABLE orders (id int PRIMARY KEY, tenant_id int NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE slow (id int PRIMARY KEY, tenant_id int NOT NULL);
CREATE TABLE empty (id int PRIMARY KEY, tenant_id int NOT NULL);
INSERT INTO orders SELECT n, n % 50 FROM generate_series(1, 5000) n;
INSERT INTO slow SELECT n, n % 50 FROM generate_series(1, 5000) n;
CREATE INDEX orders_tenant ON orders (tenant_id);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE slow ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON orders USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::int));
CREATE FUNCTION mine(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
  FOR i IN 1..100 LOOP PERFORM current_setting('app.tenant_id'); END LOOP;
  RETURN $1 = current_setting('app.tenant_id')::int; END $$;
CREATE POLICY p ON slow USING (mine(tenant_id));
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app_role;
ANALYZE`

func targets(role string) []bench.Target {
	one := func(name, recent string) bench.Target {
		return bench.Target{Table: "public." + name, Schema: "public", Name: name, Key: "tenant_id", Type: "integer", ID: []string{"id"}, Types: []string{"integer"},
			Recent: recent, Role: role, Policy: true}
	}
	return []bench.Target{one("orders", "created_at"), one("slow", ""), one("empty", "")}
}

func open(t *testing.T) (*pgtest.Database, string) {
	t.Helper()
	db := pgtest.DB(t)
	role := db.Role(t, "app", "LOGIN")
	pgtest.LoadSQL(t, db, replace(world, role))
	return db, role
}

func TestRun(t *testing.T) {
	db, role := open(t)
	d, err := bench.Run(t.Context(), bench.Options{Conn: db.Super, Targets: targets(role), Runs: 5, WarmUp: 1,
		Enter: func(tenant string) map[string]string { return map[string]string{"app.tenant_id": tenant} }})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		query, unknown string
		worse          bool
		index          []string
		rows           float64
	}
	got := map[string]row{}
	for _, c := range d.Bench {
		r := row{query: c.Query, unknown: c.Unknown, worse: c.Worse}
		if c.Plan != nil {
			r.index, r.rows = c.Plan.Indexes, c.Plan.Rows
			if c.With.Runs != 5 || c.Without.Runs != 5 || c.With.Min <= 0 || c.With.Min > c.With.Median || c.With.Median > c.With.P95 {
				t.Errorf("%s %s: %+v", c.Table, c.Query, c.With)
			}
		}
		got[c.Table+" "+c.Query] = r
	}
	if r := got["public.orders count"]; !slices.Contains(r.index, "orders_tenant") || r.rows != 1 || r.unknown != "" {
		t.Errorf("orders count: %+v", r)
	}
	if r := got["public.orders recent"]; r.rows != 20 {
		t.Errorf("orders recent: %+v", r)
	}
	if r := got["public.orders key_lookup"]; r.rows != 1 || !slices.Contains(r.index, "orders_pkey") {
		t.Errorf("orders key_lookup: %+v", r)
	}
	if r := got["public.slow count"]; !r.worse || len(r.index) != 0 {
		t.Errorf("a policy that works hard for each row is not worse: %+v", r)
	}
	if r := got["public.empty count"]; r.unknown != "the table holds no row of any tenant" {
		t.Errorf("empty count: %+v", r)
	}
	want := bench.Summary{Cases: 10, Unknown: 3}
	want.Worse, want.NoIndex = d.Summary.Worse, d.Summary.NoIndex
	if diff := cmp.Diff(want, d.Summary); diff != "" || d.Summary.Worse == 0 || d.Summary.NoIndex == 0 {
		t.Errorf("summary %+v (-want +got):\n%s", d.Summary, diff)
	}
}

// A session that row security filters has no "without": that is unknown, not fast.
func TestFilteredSession(t *testing.T) {
	db, role := open(t)
	d, err := bench.Run(t.Context(), bench.Options{Conn: db.Conn(t, role), Targets: targets(role)[:1], Runs: 1,
		Enter: func(tenant string) map[string]string { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Bench {
		if c.Unknown == "" || c.With != nil {
			t.Errorf("%s: %+v", c.Query, c)
		}
	}
	if d.Summary.Unknown != 4 {
		t.Errorf("%+v", d.Summary)
	}
}

func TestAgainst(t *testing.T) {
	then := &bench.Document{Bench: []bench.Case{
		{Table: "a", Query: "count", With: &bench.Timing{Median: 10, MAD: 0.1}, Without: &bench.Timing{Median: 10}},
		{Table: "b", Query: "count", With: &bench.Timing{Median: 10, MAD: 0.1}, Without: &bench.Timing{Median: 10}, Plan: &bench.Plan{Indexes: []string{"i"}}},
		{Table: "noisy", Query: "count", With: &bench.Timing{Median: 10, MAD: 3}, Without: &bench.Timing{Median: 10}},
	}}
	now := &bench.Document{Bench: []bench.Case{
		{Table: "a", Query: "count", With: &bench.Timing{Median: 1}, Without: &bench.Timing{Median: 1}},
		{Table: "b", Query: "count", With: &bench.Timing{Median: 13}, Without: &bench.Timing{Median: 13}},
		{Table: "noisy", Query: "count", With: &bench.Timing{Median: 13, MAD: 3}, Without: &bench.Timing{Median: 13}},
		{Table: "new", Query: "count", With: &bench.Timing{Median: 13}, Without: &bench.Timing{Median: 13}},
	}}
	now.Against(then)
	got := map[string]any{}
	for _, c := range now.Bench {
		got[c.Table] = nil
		if c.Before != nil {
			got[c.Table] = []any{c.Before.Ratio, c.Before.Index, c.Worse}
		}
	}
	want := map[string]any{"a": []any{0.1, "", false}, "b": []any{1.3, "i", true}, "noisy": []any{1.3, "", false}, "new": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What hangs is stopped by the statement's limit and called unknown; what the caller ends, ends.
func TestLimits(t *testing.T) {
	db, role := open(t)
	o := bench.Options{Conn: db.Super, Targets: targets(role)[1:2], Runs: 1, Statement: time.Millisecond,
		Enter: func(tenant string) map[string]string { return map[string]string{"app.tenant_id": tenant} }}
	d, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	stopped := slices.ContainsFunc(d.Bench, func(c bench.Case) bool { return c.Unknown == "a statement took longer than allowed" })
	if !stopped {
		t.Errorf("nothing was stopped: %+v", d.Summary)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bench.Run(ctx, o); err == nil {
		t.Error("it went on after its caller had ended it")
	}
}

func replace(sql, role string) string { return strings.ReplaceAll(sql, "app_role", role) }
