package ringfence_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// benchSchema is a hundred thousand rows of a thousand tenants, twice: with a policy, and without.
const benchSchema = `
INSERT INTO doc SELECT ('00000000-0000-4000-8000-' || lpad((i % 1000)::text, 12, '0'))::uuid, i, repeat('x', 40) FROM generate_series(1001, 101000) i;
CREATE TABLE bare (LIKE doc INCLUDING ALL);
INSERT INTO bare SELECT * FROM doc;
ANALYZE doc; ANALYZE bare;
GRANT SELECT ON bare TO {app};`

const (
	benchTenant = "00000000-0000-4000-8000-000000000007"
	benchID     = 50007
	onePolicy   = "SELECT body FROM doc WHERE id = $1"
	oneWhere    = "SELECT body FROM bare WHERE org = $1 AND id = $2"
)

func benchApp(b *testing.B, db *pgtest.Database) *app {
	a := newAppOn(b, db)
	pgtest.LoadSQL(b, a.Database, replaceApp(benchSchema, a.role))
	return a
}

// way is one way to read a tenant's row.
type way struct {
	name string
	read func() error
}

// ways are those compared: no isolation at all, the usual recipe, and ours.
func ways(b *testing.B, a *app, dsn string) []way {
	b.Helper()
	ctx := as(context.Background(), benchTenant)
	bare, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		b.Fatal(err)
	}
	explicit := a.open(b, func(c *ringfence.Config) { c.DSN = dsn })
	implicit := a.open(b, func(c *ringfence.Config) { c.DSN, c.Transaction = dsn, ringfence.Implicit })
	bare.ConnConfig.DefaultQueryExecMode = explicit.Mode() // what pgx's documents say for the path
	pool, err := pgxpool.NewWithConfig(ctx, bare)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	var body string
	return []way{
		{"plain", func() error { return pool.QueryRow(ctx, oneWhere, benchTenant, benchID).Scan(&body) }},
		{"recipe", func() error { return recipe(ctx, pool, &body) }},
		{"explicit", func() error { return explicit.QueryRow(ctx, onePolicy, benchID).Scan(&body) }},
		{"implicit", func() error { return implicit.QueryRow(ctx, onePolicy, benchID).Scan(&body) }},
	}
}

// recipe is BEGIN, set_config, the query and COMMIT, one after the other, as PostgreSQL's and pgx's documents show.
func recipe(ctx context.Context, pool *pgxpool.Pool, body *string) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select set_config('"+setting+"', $1, true)", benchTenant); err != nil {
			return err
		}
		return tx.QueryRow(ctx, onePolicy, benchID).Scan(body)
	})
}

// compare measures the ways in turn, so that all meet the same load of the machine, and reports each one's median.
func compare(b *testing.B, all []way) {
	b.Helper()
	for range 20 {
		for _, w := range all {
			if err := w.read(); err != nil {
				b.Fatalf("%s: %v", w.name, err)
			}
		}
	}
	times := make([][]time.Duration, len(all))
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		for _, i := range r.Perm(len(all)) { // each one comes after each other one: what ran before is still warm
			w := all[i]
			start := time.Now()
			if err := w.read(); err != nil {
				b.Fatalf("%s: %v", w.name, err)
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	b.ReportMetric(0, "ns/op") // of all ways together: says nothing
	for i, w := range all {
		slices.Sort(times[i])
		b.ReportMetric(float64(times[i][len(times[i])/2].Nanoseconds())/1000, w.name+"-µs")
	}
}

// BenchmarkContext compares what a tenant context costs, without a pooler. Through PgBouncer: the tag system.
func BenchmarkContext(b *testing.B) {
	a := benchApp(b, pgtest.DB(b))
	b.Run("direct", func(b *testing.B) { compare(b, ways(b, a, a.dsn)) })
	delayed := newWire(b, "unix", a.socket(), time.Millisecond)
	b.Run("direct+1ms", func(b *testing.B) { compare(b, ways(b, a, a.through(delayed))) })
	b.Run("allocations", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(0, "ns/op")
		for _, w := range ways(b, a, a.dsn) {
			b.ReportMetric(allocations(b, w), w.name+"-allocs")
		}
	})
	b.Run("policy", func(b *testing.B) { compare(b, policyWays(b, a)) })
}

func allocations(t testing.TB, w way) float64 {
	t.Helper()
	return testing.AllocsPerRun(200, func() {
		if err := w.read(); err != nil {
			t.Fatal(err)
		}
	})
}

// policyWays read all of a tenant's rows by its index: with a WHERE by hand, and by the policy.
func policyWays(b *testing.B, a *app) []way {
	conn, err := pg.Connect(b.Context(), a.dsn, pg.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	ctx := context.Background()
	if _, err := conn.Exec(ctx, "select set_config('"+setting+"', $1, false)", benchTenant); err != nil {
		b.Fatal(err)
	}
	var n, length int64
	return []way{
		{"plain", func() error {
			return conn.QueryRow(ctx, "SELECT count(*), sum(length(body)) FROM bare WHERE org = $1", benchTenant).Scan(&n, &length)
		}},
		{"policy", func() error {
			return conn.QueryRow(ctx, "SELECT count(*), sum(length(body)) FROM doc").Scan(&n, &length)
		}},
	}
}

// TestAllocations holds a warm read to ten allocations more than pgx's own.
func TestAllocations(t *testing.T) {
	a := newApp(t)
	p := a.open(t)
	plain, err := pgxpool.New(t.Context(), a.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	ctx := as(context.Background(), tenantA)
	var body string
	const sql = "SELECT coalesce(min(body), '') FROM doc WHERE id = $1"
	own := allocations(t, way{"plain", func() error { return plain.QueryRow(ctx, sql, 2).Scan(&body) }})
	ours := allocations(t, way{"ours", func() error { return p.QueryRow(ctx, sql, 2).Scan(&body) }})
	if ours > own+10 {
		t.Errorf("%v allocations, and pgx alone makes %v", ours, own)
	}
}
