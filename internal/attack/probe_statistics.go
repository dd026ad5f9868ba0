package attack

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var statistics = Probe{
	Name: "statistics",
	Doc: `read another tenant's values in the planner's statistics

pg_stats holds the commonest values and a histogram of every column. It hides tables whose row security binds the reader, and
no others: partitions and children have statistics of their own.`,
	Command: "SELECT", Kind: "inference", Writes: true, Clone: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if err := t.asOutside(ctx, tx, t.Table.Relation.Owner, "ANALYZE "+t.base); err != nil {
			return false, err
		}
		names := []string{t.Table.Relation.Name}
		if t.stored != nil && t.stored != t.Table.Relation {
			names = append(names, t.stored.Name)
		}
		var in []string
		for _, n := range names {
			in = append(in, pg.Literal(n))
		}
		sql := "SELECT pg_catalog.concat(most_common_vals::text, histogram_bounds::text) FROM pg_catalog.pg_stats WHERE schemaname = " +
			pg.Literal(t.Table.Relation.Schema) + " AND tablename IN (" + strings.Join(in, ", ") + ")"
		ask := t.query
		if t.control() { // what is asked for is there
			ask = func(ctx context.Context, tx pgx.Tx, sql string) ([][]*string, error) {
				return t.s.see(ctx, tx, t.Table.Relation.Owner, sql)
			}
		}
		rows, err := ask(ctx, tx, sql)
		return t.tells(flat(rows)) || strings.Contains(flat(rows), t.Owner.Value), err
	},
}
