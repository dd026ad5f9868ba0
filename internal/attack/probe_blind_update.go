package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var blindUpdate = Probe{
	Name: "blind_update",
	Doc: `change another tenant's row without reading any column

An UPDATE with neither WHERE nor RETURNING reads no column, so that SELECT policies do not bind it: only the UPDATE policy does.`,
	Command: "UPDATE", Variant: "blind", Kind: "isolation", Writes: true, Blind: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		set, err := t.harmless(ctx, tx)
		if err != nil {
			return false, err
		}
		return t.changed(ctx, tx, func() error {
			_, err := t.exec(ctx, tx, "UPDATE "+t.Relation+" SET "+set)
			return err
		})
	},
}
