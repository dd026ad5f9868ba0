package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var readForUpdate = Probe{
	Name: "read_for_update",
	Doc: `lock another tenant's row

Whoever may lock a row reads it, and keeps its owner from changing it for as long as the transaction lasts.`,
	Command: "SELECT", Kind: "isolation", Writes: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		rows, err := t.query(ctx, tx, "SELECT 1 FROM "+t.Relation+" WHERE "+t.where()+" FOR UPDATE")
		return len(rows) > 0, err
	},
}
