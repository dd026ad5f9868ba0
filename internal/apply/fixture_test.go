package apply

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// shop is a database with the tables that the tests' plans are about; its owner has no special attribute.
type shop struct {
	*pgtest.Database
	owner string
}

const shopSQL = `
CREATE SCHEMA shop AUTHORIZATION %[1]s;
SET ROLE %[1]s;
CREATE TABLE shop.invoice (id bigint PRIMARY KEY, org uuid NOT NULL, amount int);
CREATE TABLE shop."Line ""Item""" (id bigint PRIMARY KEY, invoice bigint, org uuid);
INSERT INTO shop.invoice SELECT i, ('00000000-0000-0000-0000-00000000000' || i %% 3)::uuid, i FROM generate_series(1, 500) i;
INSERT INTO shop."Line ""Item""" SELECT i, i FROM generate_series(1, 500) i;
CREATE FUNCTION shop.total() RETURNS bigint LANGUAGE sql AS 'SELECT sum(amount) FROM shop.invoice';
RESET ROLE;`

func newShop(t testing.TB) *shop {
	t.Helper()
	return shopOn(t, pgtest.DB(t))
}

// shopOn makes the tables in a database.
func shopOn(t testing.TB, db *pgtest.Database) *shop {
	t.Helper()
	owner := db.Role(t, "shop_owner", "LOGIN BYPASSRLS")
	db.Exec(t, "GRANT CREATE ON DATABASE "+pg.Ident(db.Name)+" TO "+pg.Ident(owner))
	db.Exec(t, "GRANT pg_read_all_stats TO "+pg.Ident(owner))
	pgtest.LoadSQL(t, db, fmt.Sprintf(shopSQL, pg.Ident(owner)))
	return &shop{db, owner}
}

// connect opens connections as the owner.
func (s *shop) connect(ctx context.Context) (*pgx.Conn, error) {
	return pg.Connect(ctx, s.DSN(s.owner), pg.Options{})
}

// options are quick ones, so that what must be waited for in a test is short.
func (s *shop) options(p *plan.Plan) Options {
	return Options{Connect: s.connect, Plan: p,
		Locks: LockPolicy{Max: 150 * time.Millisecond, Tries: 3, Budget: 20 * time.Second},
		Build: BuildPolicy{Poll: 20 * time.Millisecond, Wait: 20 * time.Second},
		Lease: LeasePolicy{Heartbeat: 200 * time.Millisecond, Expiry: 3 * time.Second}}
}

const lineItem = `shop."Line ""Item"""`

// shopPlan has every way of running a step: concurrent builds, columns, a batched back-fill, functions, groups.
func shopPlan() *plan.Plan {
	rls := func(table, column string) string {
		return fmt.Sprintf("SELECT %s FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s)", column, pg.Literal(table))
	}
	policy := func(table, name string) string {
		return fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = pg_catalog.to_regclass(%s) AND polname = %s)", pg.Literal(table), pg.Literal(name))
	}
	index := func(name string) string {
		return fmt.Sprintf("SELECT COALESCE((SELECT indisvalid AND pg_catalog.pg_get_indexdef(indexrelid, 1, false) = 'org' FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass(%s)), false)", pg.Literal(name))
	}
	step := func(s plan.Step) plan.Step {
		s.Why, s.Danger = []string{}, []string{}
		if s.Transaction == "" {
			s.Transaction = "own"
		}
		return s
	}
	ax := plan.AccessExclusive
	return &plan.Plan{Schema: plan.SchemaVersion, Steps: []plan.Step{
		step(plan.Step{ID: "index:invoice", Kind: "tenant_index", Object: "shop.invoice_org_idx", Table: "shop.invoice", Lock: plan.ShareUpdateExclusive, Transaction: "none",
			Do:   []string{`CREATE INDEX CONCURRENTLY "invoice_org_idx" ON "shop"."invoice" ("org")`},
			Done: index(`shop.invoice_org_idx`), Undo: []string{`DROP INDEX CONCURRENTLY IF EXISTS "shop"."invoice_org_idx"`}, UndoLock: plan.ShareUpdateExclusive}),
		step(plan.Step{ID: "column:item", Kind: "updated_at", Object: lineItem, Table: lineItem, Lock: ax,
			Do:   []string{`ALTER TABLE "shop"."Line ""Item""" ADD COLUMN "seen" timestamptz`},
			Done: fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass(%s) AND attname = 'seen' AND NOT attisdropped)", pg.Literal(lineItem)),
			Undo: []string{`ALTER TABLE "shop"."Line ""Item""" DROP COLUMN "seen"`}, UndoLock: ax}),
		step(plan.Step{ID: "fill:item", Kind: "backfill", Object: lineItem, Table: lineItem, Lock: plan.NoLock, Batch: 120,
			Do: []string{`UPDATE "shop"."Line ""Item""" AS t SET org = i.org FROM "shop"."invoice" AS i
				WHERE i.id = t.invoice AND t.id IN (SELECT id FROM "shop"."Line ""Item""" WHERE org IS NULL ORDER BY id LIMIT $1)`},
			Done: `SELECT NOT EXISTS (SELECT FROM "shop"."Line ""Item""" WHERE org IS NULL)`, NoUndo: "rows that were filled stay filled"}),
		step(plan.Step{ID: "function:total", Kind: "function_search_path", Object: "shop.total()",
			Do:   []string{`ALTER FUNCTION "shop"."total"() SET search_path = pg_catalog`},
			Done: `SELECT proconfig @> ARRAY['search_path=pg_catalog'] FROM pg_catalog.pg_proc WHERE proname = 'total' AND pronamespace = 'shop'::pg_catalog.regnamespace`,
			Undo: []string{`ALTER FUNCTION "shop"."total"() RESET search_path`}}),
		step(plan.Step{ID: "policy:invoice", Kind: "policy", Object: "own on shop.invoice", Table: "shop.invoice", Lock: ax, Transaction: "group 1",
			Do:   []string{`CREATE POLICY "own" ON "shop"."invoice" USING (org = (SELECT NULLIF(pg_catalog.current_setting('app.org', true), '')::uuid))`},
			Done: policy("shop.invoice", "own"), Undo: []string{`DROP POLICY "own" ON "shop"."invoice"`}, UndoLock: ax}),
		step(plan.Step{ID: "enable:invoice", Kind: "enable_rls", Object: "shop.invoice", Table: "shop.invoice", Lock: ax, Transaction: "group 1",
			Do:   []string{`ALTER TABLE "shop"."invoice" ENABLE ROW LEVEL SECURITY`},
			Done: rls("shop.invoice", "relrowsecurity"), Undo: []string{`ALTER TABLE "shop"."invoice" DISABLE ROW LEVEL SECURITY`}, UndoLock: ax}),
		step(plan.Step{ID: "force:invoice", Kind: "force_rls", Object: "shop.invoice", Table: "shop.invoice", Lock: ax,
			Do:   []string{`ALTER TABLE "shop"."invoice" FORCE ROW LEVEL SECURITY`},
			Done: rls("shop.invoice", "relforcerowsecurity"), Undo: []string{`ALTER TABLE "shop"."invoice" NO FORCE ROW LEVEL SECURITY`}, UndoLock: ax}),
	}}
}

// state is the whole of what shopPlan changes, as text: for comparing databases.
func (s *shop) state(t testing.TB) [][]string {
	t.Helper()
	return append(s.Query(t, `SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
		(SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull, ', ' ORDER BY attname) FROM pg_attribute
		 WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
		(SELECT string_agg(pg_get_indexdef(indexrelid) || ' ' || indisvalid || ' ' || indisready, ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = c.oid),
		(SELECT string_agg(polname || ' ' || pg_get_expr(polqual, polrelid), ', ') FROM pg_policy WHERE polrelid = c.oid)
		FROM pg_class AS c WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1`),
		s.Query(t, `SELECT (SELECT proconfig FROM pg_proc WHERE proname = 'total'), (SELECT count(*) FROM shop."Line ""Item""" WHERE org IS NULL)`)...)
}

// outcomes gives the outcome of each step.
func outcomes(r *Result) []Outcome {
	var all []Outcome
	for _, s := range r.Steps {
		all = append(all, s.Outcome)
	}
	return all
}
