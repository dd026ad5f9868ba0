package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var updateByKey = Probe{
	Name: "update_by_key",
	Doc: `change another tenant's row by its key

Policies are written per command. One that lets every tenant read a row, a shared price list say, is easily copied to UPDATE.`,
	Command: "UPDATE", Kind: "isolation", Writes: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		set, err := t.harmless(ctx, tx)
		if err != nil {
			return false, err
		}
		return t.changed(ctx, tx, func() error {
			_, err := t.exec(ctx, tx, "UPDATE "+t.Relation+" SET "+set+" WHERE "+t.where())
			return err
		})
	},
}
