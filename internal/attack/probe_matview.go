package attack

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var matview = Probe{
	Name: "matview",
	Doc: `read another tenant's row in a materialized view

A materialized view keeps what its owner read, and has no row security of its own.`,
	Command: "SELECT", Kind: "isolation", Quiet: true, Writes: true, DDL: true, Clone: true,
	Ways: func(t *Target) []*Target { return t.over(catalog.MatView) },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		return t.depends(ctx, tx, func(sp pgx.Tx) ([][]*string, error) {
			for _, m := range t.kept() {
				if err := t.asOutside(ctx, sp, m.Owner, "REFRESH MATERIALIZED VIEW "+tableName(m)); err != nil {
					return nil, err
				}
			}
			return t.query(ctx, sp, "SELECT md5(string_agg(v::text, ',' ORDER BY v::text)) FROM "+t.Relation+" AS v")
		})
	},
}
