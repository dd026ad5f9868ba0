package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var truncate = Probe{
	Name: "truncate",
	Doc: `destroy every tenant's rows with TRUNCATE

Row security does not bind TRUNCATE: the privilege alone is enough, on the table or on the partition that holds the row.`,
	Command: "TRUNCATE", Kind: "isolation", Writes: true, Clone: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		return t.changed(ctx, tx, func() error {
			_, err := t.exec(ctx, tx, "TRUNCATE "+t.Relation+" CASCADE")
			if refused(err) && t.stored != nil && t.stored != t.Table.Relation {
				_, err = t.exec(ctx, tx, "TRUNCATE "+tableName(t.stored)+" CASCADE")
			}
			return err
		})
	},
}
