package attack

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var uniqueOracle = Probe{
	Name: "unique_oracle",
	Doc: `learn from a unique key that another tenant has a value, or take it first

Row security does not bind the check of a unique key. Where the key does not hold the tenant, its error tells that the value
exists; and a value that one tenant took no other can use.`,
	Command: "SELECT", Kind: "inference", Writes: true, Ways: keyWays,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		meetings, err := t.meetings(ctx, tx)
		if err != nil {
			return false, err
		}
		for _, c := range meetings {
			_, err := t.exec(ctx, tx, t.insert(c.row))
			if e := pg.ServerError(err); e != nil && e.Code == uniqueViolation {
				return e.ConstraintName == t.only || t.Table.Relation.PartitionBy != nil, nil // a partition's key has a name of its own
			}
			if err != nil {
				return false, err
			}
		}
		return false, nil
	},
}
