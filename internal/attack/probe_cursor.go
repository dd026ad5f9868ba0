package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var cursor = Probe{
	Name: "cursor",
	Doc: `read another tenant's row through a cursor

A cursor is planned with the policies of the moment it is declared.`,
	Command: "SELECT", Kind: "isolation",
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		const name = "ringfence_cursor"
		if _, err := t.exec(ctx, tx, "DECLARE "+name+" CURSOR FOR SELECT 1 FROM "+t.Relation+" WHERE "+t.where()); err != nil {
			return false, err
		}
		rows, err := t.query(ctx, tx, "FETCH ALL FROM "+name)
		return len(rows) > 0, err
	},
}
