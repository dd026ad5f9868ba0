package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var readJoin = Probe{
	Name: "read_join",
	Doc: `read another tenant's row through a join

Planners move conditions about; a row that a plain query hides has to stay hidden from each side of a join.`,
	Command: "SELECT", Kind: "isolation",
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		one := "(SELECT * FROM " + t.Relation + " WHERE " + t.where() + ")"
		rows, err := t.query(ctx, tx, "SELECT 1 FROM (SELECT 1 AS k) x LEFT JOIN (SELECT 1 AS k, y.* FROM "+one+" y) z USING (k) WHERE z.k IS NOT NULL AND EXISTS "+one)
		return len(rows) > 0, err
	},
}
