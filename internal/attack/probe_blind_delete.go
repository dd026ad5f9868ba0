package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var blindDelete = Probe{
	Name: "blind_delete",
	Doc: `destroy another tenant's row without reading any column

A DELETE with neither WHERE nor RETURNING reads no column, so that SELECT policies do not bind it: only the DELETE policy does.`,
	Command: "DELETE", Variant: "blind", Kind: "isolation", Writes: true, Blind: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		return t.changed(ctx, tx, func() error {
			_, err := t.exec(ctx, tx, "DELETE FROM "+t.Relation)
			return err
		})
	},
}
