package impact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Options bound what measuring may cost. The zero value is a default.
type Options struct {
	Tenants   int           // sampled for each table; 3
	Statement time.Duration // limit of one count; 10 s. A table that takes longer is sampled instead.
	Pages     int64         // tables of more pages are sampled at once; 262,144 (2 GiB)
	Sample    int64         // pages of a sample; 4,096
	// Table is told which table comes next; nil for silence.
	Table func(done, total int, table string)
}

func (o Options) withDefaults() Options {
	o.Tenants, o.Statement = cmp.Or(o.Tenants, 3), cmp.Or(o.Statement, 10*time.Second)
	o.Pages, o.Sample = cmp.Or(o.Pages, 262_144), cmp.Or(o.Sample, 4096)
	if o.Table == nil {
		o.Table = func(int, int, string) {}
	}
	return o
}

// Measure says who loses what: by logic, and counted on conn for a few tenants of each table whose row security the plan still has to
// change. It only reads, a transaction for each table, and each statement is bounded. The role of conn has to see all rows: where
// row security would filter its reading, the table is unknown. The error is a connection's; what concerns one table is its Unknown.
func Measure(ctx context.Context, conn *pgx.Conn, m *tenancy.Model, p *plan.Plan, o Options) (*Document, error) {
	o = o.withDefaults()
	all := slices.DeleteFunc(changes(m, p), (*change).done)
	effects, err := effectsOf(m, p, all)
	if err != nil {
		return nil, fmt.Errorf("judging the plan's effects: %w", err)
	}
	doc, root := of(p), tenantsTable(m)
	for i, c := range all {
		o.Table(i, len(all), c.rel.Identity())
		counted := *c
		counted.shape = unsigned(c.shape)
		q := &counter{m: m, c: &counted, root: root, opts: o, settled: settingsOf(m, counted.shape)}
		t, err := q.table(ctx, conn)
		if err != nil {
			return nil, err
		}
		t.Effects = effects[c]
		if t.Effects == nil {
			t.Effects = []Effect{}
		}
		t.accept(m.Accepted, time.Now())
		doc.Impact = append(doc.Impact, t)
	}
	doc.Summary = summarize(doc.Impact)
	return doc, nil
}

// table counts one table, all of it where that is cheap enough, else a part.
func (q *counter) table(ctx context.Context, conn *pgx.Conn) (Table, error) {
	t := Table{Table: q.c.rel.Identity(), Losses: []Loss{}, Tenants: []Tenant{}}
	if q.c.rel.Kind == catalog.Foreign {
		t.Unknown = "a foreign table is not read"
		return t, nil
	}
	views, why := q.c.views(q.m)
	if why != "" {
		t.Unknown = why
		return t, nil
	}
	if q.c.shape != nil && q.c.shape.Rows.Every || !q.loses(views) {
		t.Counted.Exact = true
		return t, nil
	}
	q.share = q.part()
	err := q.measure(ctx, conn, views, &t)
	if pg.SQLState(err) == "57014" && q.share == 1 && ctx.Err() == nil {
		t.Losses, t.Tenants = []Loss{}, []Tenant{}
		q.share = min(1, float64(q.opts.Sample)/float64(max(q.c.rel.Pages, q.opts.Sample*2)))
		err = q.measure(ctx, conn, views, &t)
	}
	var refused interface{ SQLState() string }
	switch {
	case err == nil:
		t.Counted.Exact, t.Counted.Share = q.share == 1, q.share
		return t, nil
	case errors.As(err, &refused) && ctx.Err() == nil:
		t.Losses, t.Tenants = []Loss{}, []Tenant{}
		t.Unknown = unknownFor(pg.SQLState(err))
		return t, nil
	}
	return t, fmt.Errorf("counting the rows of %s: %w", t.Table, err)
}

// loses reports whether any role may see less than before.
func (q *counter) loses(views map[string]view) bool {
	for _, v := range views {
		if v.before != "false" && v.before != v.after && v.after != "true" {
			return true
		}
	}
	return false
}

// part is the share of the table that is looked at first.
func (q *counter) part() float64 {
	if q.c.rel.Pages <= q.opts.Pages {
		return 1
	}
	return float64(q.opts.Sample) / float64(q.c.rel.Pages)
}

// unknownFor says in words why the server gave no count; its own text may hold a row's values.
func unknownFor(state string) string {
	switch state {
	case "42501":
		return "this role does not see all rows of it: counting needs the owner of a table that is not forced, or a role with BYPASSRLS"
	case "57014":
		return "counting its rows took longer than allowed"
	case "55P03":
		return "it was locked by somebody else"
	}
	return "counting its rows was refused with SQLSTATE " + state
}

// measure fills in what the sampled tenants lose.
func (q *counter) measure(ctx context.Context, conn *pgx.Conn, views map[string]view, t *Table) error {
	return pg.InCatalogTx(ctx, conn, func(tx pgx.Tx) error {
		if err := limits(ctx, tx, q.opts.Statement); err != nil {
			return err
		}
		tenants, err := q.sampled(ctx, tx)
		if err != nil {
			return err
		}
		most := map[Cause]int64{}
		for _, role := range slices.Sorted(maps.Keys(views)) {
			for _, tenant := range tenants {
				n, err := q.count(ctx, tx, views[role], tenant)
				if err != nil {
					return err
				}
				t.note(role, tenant, n)
				n.into(most, tenant)
			}
			if n, ok, err := q.countWithout(ctx, tx, views[role]); err != nil {
				return err
			} else if ok {
				t.note(role, "", n)
				n.into(most, "")
			}
		}
		t.Losses = losses(most)
		return nil
	})
}

// note writes down what a tenant sees.
func (t *Table) note(role, tenant string, n counts) {
	t.Counted.Rows = n.rows
	t.Tenants = append(t.Tenants, Tenant{Tenant: tenant, Role: role, Own: n.own, Before: n.before, After: n.after, Lost: n.lostOwn})
}

// into keeps the most that any tenant loses for each cause.
func (n counts) into(most map[Cause]int64, tenant string) {
	for cause, rows := range map[Cause]int64{OwnRow: n.lostOwn, NullKey: n.null, SentinelKey: n.sentinel, OrphanKey: n.orphan, Foreign: n.foreign - n.orphan} {
		if tenant == "" {
			if cause == Foreign {
				cause = NoContext
			} else if cause == OwnRow {
				continue
			}
		}
		most[cause] = max(most[cause], rows)
	}
}

func losses(most map[Cause]int64) []Loss {
	out := []Loss{}
	for _, cause := range []Cause{OwnRow, NullKey, SentinelKey, OrphanKey, Foreign, NoContext} {
		if most[cause] > 0 {
			fix, bad := unexpected[cause]
			out = append(out, Loss{Cause: cause, Rows: most[cause], Unexpected: bad, Fix: fix})
		}
	}
	return out
}
