package attack

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var returning = Probe{
	Name: "returning",
	Doc: `have a write hand out another tenant's row

UPDATE and DELETE with RETURNING read the rows they touch: the SELECT policies must bind them too.`,
	Command: "UPDATE", Kind: "isolation", Writes: true, Blind: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		set, err := t.harmless(ctx, tx)
		if err != nil {
			return false, err
		}
		var columns []string
		for _, c := range t.Key {
			columns = append(columns, pg.Ident(c))
		}
		rows, err := t.query(ctx, tx, "UPDATE "+t.Relation+" SET "+set+" RETURNING "+strings.Join(columns, ", "))
		for _, row := range rows {
			if same(row, t.Key, t.Row) {
				return true, nil
			}
		}
		return false, err
	},
}
