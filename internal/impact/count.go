package impact

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A counter counts one table. All of a tenant's counts come from one query over the table.
type counter struct {
	m       *tenancy.Model
	c       *change
	root    *tenancy.Table // nil: not known
	opts    Options
	share   float64 // of the pages that are read; 1: all
	settled []setting
}

// A setting is a context of the model.
type setting struct {
	name string
	path []string
}

// settingsOf lists what has to be set for a session to be a tenant's.
func settingsOf(m *tenancy.Model, shape *plan.PolicyShape) []setting {
	var out []setting
	add := func(s setting) {
		if !slices.ContainsFunc(out, func(o setting) bool { return strings.EqualFold(o.name, s.name) && slices.Equal(o.path, s.path) }) {
			out = append(out, s)
		}
	}
	if shape != nil {
		rows := shape.Rows
		for rows.Parent != nil {
			rows = rows.Parent.Rows
		}
		if rows.Key != nil {
			add(setting{rows.Key.Setting, rows.Key.Path})
		}
	}
	for _, c := range m.Contexts {
		if (c.Kind == "setting" || c.Kind == "claim") && !c.Principal && !c.Signed {
			add(setting{c.Name, c.Path})
		}
	}
	return out
}

// value is what the setting holds for a tenant; a claim's is a document that says the same at each of its paths.
func value(all []setting, name, tenant string) string {
	var doc map[string]any
	for _, s := range all {
		if !strings.EqualFold(s.name, name) {
			continue
		}
		if len(s.path) == 0 || tenant == "" {
			return tenant
		}
		if doc == nil {
			doc = map[string]any{}
		}
		at := doc
		for _, key := range s.path[:len(s.path)-1] {
			next, ok := at[key].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[key] = next
			}
			at = next
		}
		at[s.path[len(s.path)-1]] = tenant
	}
	text, _ := json.Marshal(doc)
	return string(text)
}

// enter makes the transaction's session a tenant's; "" is one without a tenant.
func (q *counter) enter(ctx context.Context, tx pgx.Tx, tenant string) error {
	for _, s := range q.settled {
		if _, err := tx.Exec(ctx, "SELECT pg_catalog.set_config($1, $2, true)", s.name, value(q.settled, s.name, tenant)); err != nil {
			return fmt.Errorf("setting %s: %w", s.name, err)
		}
	}
	return nil
}

// from is the table, or a part of its pages: always the same part, so that a second look sees what the first saw.
func (q *counter) from() string {
	from := pg.Ident(q.c.rel.Schema, q.c.rel.Name)
	if q.share < 1 {
		from += fmt.Sprintf(" TABLESAMPLE SYSTEM (%.6f) REPEATABLE (1)", q.share*100)
	}
	return from
}

// A counts is what one tenant sees.
type counts struct {
	rows, own, before, after, lostOwn, null, sentinel, orphan, foreign int64
}

// countSQL asks all of it in one pass. $1 is the tenant, $2 the sentinels. A row belongs to the tenants in k, or, where it has no key
// of its own, to those in up.
func (q *counter) countSQL(v view) string {
	orphan := "false"
	if q.root != nil && q.root.Relation != q.c.rel {
		orphan = fmt.Sprintf("NOT EXISTS (SELECT FROM %s AS ringfence_root WHERE %s::pg_catalog.text = ANY (x.k))",
			pg.Ident(q.root.Relation.Schema, q.root.Relation.Name), pg.Ident("ringfence_root", q.root.Key[0]))
	}
	return fmt.Sprintf(`SELECT count(*), count(*) FILTER (WHERE own), count(*) FILTER (WHERE b), count(*) FILTER (WHERE a),
 count(*) FILTER (WHERE lost AND own),
 count(*) FILTER (WHERE lost AND NOT own AND none),
 count(*) FILTER (WHERE lost AND NOT own AND NOT none AND sentinel),
 count(*) FILTER (WHERE lost AND NOT own AND NOT none AND NOT sentinel AND %s),
 count(*) FILTER (WHERE lost AND NOT own AND NOT none AND NOT sentinel)
FROM (SELECT b, a, b AND NOT a AS lost, k,
   COALESCE($1 = ANY (k), false) OR COALESCE($1 = ANY (up), false) AS own,
   COALESCE(cardinality(array_remove(k, NULL)), 0) = 0 AS none,
   COALESCE(k && $2, false) AS sentinel
  FROM (SELECT (%s) IS TRUE AS b, (%s) IS TRUE AS a, %s AS k, %s AS up FROM %s) AS r) AS x`,
		orphan, v.before, v.after, q.c.keysSQL(), q.c.adoptedSQL(q.m), q.from())
}

func (q *counter) count(ctx context.Context, tx pgx.Tx, v view, tenant string) (counts, error) {
	if err := q.enter(ctx, tx, tenant); err != nil {
		return counts{}, err
	}
	var n counts
	row := tx.QueryRow(ctx, q.countSQL(v), tenant, sentinels(q.m))
	err := row.Scan(&n.rows, &n.own, &n.before, &n.after, &n.lostOwn, &n.null, &n.sentinel, &n.orphan, &n.foreign)
	return n, err
}

// countWithout counts for a session without a tenant. A policy of today that raises an error there shows it nothing: ok is false,
// and nothing can be lost.
func (q *counter) countWithout(ctx context.Context, tx pgx.Tx, v view) (n counts, ok bool, err error) {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return n, false, fmt.Errorf("setting a savepoint: %w", err)
	}
	n, failed := q.count(ctx, inner, v, "")
	if err := inner.Rollback(ctx); err != nil {
		return n, false, fmt.Errorf("returning to a savepoint: %w", err)
	}
	switch state := pg.SQLState(failed); {
	case failed == nil:
		return n, true, nil
	case strings.HasPrefix(state, "22") || state == "42704": // a value that cannot be cast, a setting that is not there
		return n, false, nil
	}
	return n, false, failed
}

// sampled chooses tenants: those with most rows among the first of the table.
func (q *counter) sampled(ctx context.Context, tx pgx.Tx) ([]string, error) {
	sql := fmt.Sprintf(`SELECT k FROM (SELECT unnest(%s) AS k FROM %s LIMIT 5000) AS x WHERE k IS NOT NULL AND NOT k = ANY ($1)
GROUP BY k ORDER BY count(*) DESC, k LIMIT $2`, q.c.keysSQL(), q.from())
	rows, err := tx.Query(ctx, sql, sentinels(q.m), q.opts.Tenants)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// limits bound what a count may cost the database: each statement, and its wait for a lock.
func limits(ctx context.Context, tx pgx.Tx, statement time.Duration) error {
	_, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = 1000", statement.Milliseconds()), pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fmt.Errorf("setting time limits: %w", err)
	}
	return nil
}
