package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var onConflictNothing = Probe{
	Name: "on_conflict_nothing",
	Doc: `learn with DO NOTHING that another tenant has a value

An INSERT that does nothing tells, without any error, that the value is taken in a key that does not hold the tenant.`,
	Command: "SELECT", Kind: "inference", Writes: true, Ways: keyWays,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		meetings, err := t.meetings(ctx, tx)
		if err != nil {
			return false, err
		}
		for _, c := range meetings {
			n, err := t.exec(ctx, tx, t.insert(c.row)+" ON CONFLICT "+c.target+" DO NOTHING")
			if err != nil || n == 0 {
				return err == nil, err
			}
		}
		return false, nil
	},
}
