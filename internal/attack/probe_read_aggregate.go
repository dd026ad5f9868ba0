package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var readAggregate = Probe{
	Name: "read_aggregate",
	Doc: `count another tenant's rows

A total tells as much as the rows: how many there are, and by asking twice what is in them.`,
	Command: "SELECT", Kind: "isolation",
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		rows, err := t.query(ctx, tx, "SELECT count(*) FROM "+t.Relation+" WHERE "+t.where())
		return err == nil && len(rows) == 1 && *rows[0][0] != "0", err
	},
}
