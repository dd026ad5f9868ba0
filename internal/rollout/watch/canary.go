package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// canaryBound is how many rows of a tenant are counted at most, so that a large one costs no more.
const canaryBound = 1000

// canaries counts the rows of two tenants on each table that was applied, as they are and as the application sees them.
func (e *eyes) canaries(ctx context.Context, r *Reading) {
	tables := slices.DeleteFunc(slices.Clone(e.canary), func(b bench.Target) bool { return !slices.Contains(e.tables, b.Table) })
	if len(tables) == 0 {
		if len(e.tables) > 0 {
			r.unknown(needCanaries, "no table that was applied carries its tenant in one column that the application may read")
		}
		return
	}
	err := e.chooseTenants(ctx, tables)
	switch {
	case err != nil:
		r.unknown(needCanaries, "tenants cannot be chosen by a role that sees all rows: %s", pg.SQLState(err))
		return
	case len(e.tenants) < 2:
		r.unknown(needCanaries, "two tenants with rows are not known: name them as canaries in rollout.yaml")
		return
	}
	for _, tenant := range e.tenants {
		there, err := e.there(ctx, tables, tenant)
		if err != nil {
			r.unknown(needCanaries, "the rows of a tenant cannot be counted by a role that sees all: %s", pg.SQLState(err))
			return
		}
		seen, err := e.seen(ctx, tables, tenant)
		if err != nil {
			r.unknown(needCanaries, "the application cannot count a tenant's rows: %s", pg.SQLState(err))
			return
		}
		if slices.ContainsFunc(tables, func(b bench.Target) bool { return seen[b.Table][0] < there[b.Table] }) { // rows may have gone meanwhile
			after, err := e.there(ctx, tables, tenant)
			if err != nil {
				r.unknown(needCanaries, "the rows of a tenant cannot be counted by a role that sees all: %s", pg.SQLState(err))
				return
			}
			for table, n := range after {
				there[table] = min(n, there[table])
			}
		}
		for _, b := range tables {
			if c, ok := seen[b.Table]; ok {
				r.Canaries = append(r.Canaries, Canary{Tenant: tenant, Table: b.Table, Role: b.Role, There: there[b.Table], Seen: c[0], Foreign: c[1]})
			}
		}
	}
}

// chooseTenants takes the tenants that were named, or two that have rows on the tables.
func (e *eyes) chooseTenants(ctx context.Context, tables []bench.Target) error {
	if e.tenants = slices.Clone(e.rules.Canaries); len(e.tenants) >= 2 {
		return nil
	}
	for _, b := range tables {
		err := reading(ctx, e.conn, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, fmt.Sprintf("SELECT k::text FROM (SELECT %s AS k FROM %s LIMIT 10000) AS first WHERE k IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 2",
				pg.Ident(b.Key), pg.Ident(b.Schema, b.Name)), pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				return err
			}
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if len(found) == 2 {
				e.tenants = found
			}
			return err
		})
		if err != nil || len(e.tenants) >= 2 {
			return err
		}
	}
	return nil
}

// there counts a tenant's rows on each table, to a bound, by a role that row security does not filter: where it would, the server says
// so.
func (e *eyes) there(ctx context.Context, tables []bench.Target, tenant string) (map[string]int64, error) {
	out := map[string]int64{}
	err := reading(ctx, e.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", patience.Milliseconds()), pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		var parts []string
		for i, b := range tables {
			parts = append(parts, fmt.Sprintf("SELECT %d, (SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s = %s::%s LIMIT %d) AS %s)", i, pg.Ident(b.Schema, b.Name), pg.Ident(b.Key), pg.Literal(tenant), b.Type, canaryBound, mark))
		}
		rows, err := tx.Query(ctx, strings.Join(parts, " UNION ALL "), pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		var i int
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&i, &n}, func() error { out[tables[i].Table] = n; return nil })
		return err
	})
	return out, err
}

// seen counts what the application sees in the tenant's context: through its own DSN where it is given, else by taking its role.
func (e *eyes) seen(ctx context.Context, tables []bench.Target, tenant string) (map[string][2]int64, error) {
	out := map[string][2]int64{}
	for _, role := range rolesOf(tables) {
		conn, own, err := e.as(ctx)
		if err != nil {
			return nil, err
		}
		tx, err := conn.Begin(ctx)
		if err != nil {
			return nil, err
		}
		err = e.count(ctx, tx, slices.DeleteFunc(slices.Clone(tables), func(b bench.Target) bool { return b.Role != role }), tenant, role, own, out)
		if err != nil {
			_ = tx.Rollback(context.WithoutCancel(ctx))
			return nil, err
		}
		if err := tx.Commit(ctx); err != nil { // nothing was written; a rollback would count among the application's
			return nil, err
		}
	}
	return out, nil
}

func rolesOf(tables []bench.Target) []string {
	var out []string
	for _, b := range tables {
		if !slices.Contains(out, b.Role) {
			out = append(out, b.Role)
		}
	}
	return out
}

// as gives the session that stands for the application, and whether it is its own.
func (e *eyes) as(ctx context.Context) (*pgx.Conn, bool, error) {
	if e.t.AppDial == nil {
		return e.conn, false, nil
	}
	if e.app == nil || e.app.IsClosed() {
		var err error
		if e.app, err = e.t.AppDial(ctx); err != nil {
			return nil, true, err
		}
	}
	return e.app, true, nil
}

func (e *eyes) count(ctx context.Context, tx pgx.Tx, tables []bench.Target, tenant, role string, own bool, out map[string][2]int64) error {
	set := []string{fmt.Sprintf("SET LOCAL statement_timeout = %d", patience.Milliseconds())}
	for name, value := range harden.EnterContext(e.model, "")(tenant) {
		set = append(set, fmt.Sprintf("SELECT pg_catalog.set_config(%s, %s, true)", pg.Literal(name), pg.Literal(value)))
	}
	if !own {
		set = append(set, "SET LOCAL ROLE "+pg.Ident(role))
	}
	if _, err := tx.Exec(ctx, strings.Join(set, "; "), pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	var parts []string
	for i, b := range tables {
		from := pg.Ident(b.Schema, b.Name)
		parts = append(parts, fmt.Sprintf("SELECT %[1]d, (SELECT count(*) FROM (SELECT 1 FROM %[2]s LIMIT %[3]d) AS %[4]s), (SELECT count(*) FROM (SELECT %[5]s AS k FROM %[2]s LIMIT %[3]d) AS %[4]s WHERE k IS DISTINCT FROM %[6]s::%[7]s)",
			i, from, canaryBound, mark, pg.Ident(b.Key), pg.Literal(tenant), b.Type))
	}
	rows, err := tx.Query(ctx, strings.Join(parts, " UNION ALL "), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	var i int
	var seen, foreign int64
	_, err = pgx.ForEachRow(rows, []any{&i, &seen, &foreign}, func() error { out[tables[i].Table] = [2]int64{seen, foreign}; return nil })
	return err
}
