package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var read = Probe{
	Name: "read",
	Doc: `read another tenant's row

The plainest question: the row is asked for by its key.`,
	Command: "SELECT", Kind: "isolation",
	Try: tryRead,
}

// tryRead asks for the row by its key.
func tryRead(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
	rows, err := t.query(ctx, tx, "SELECT 1 FROM "+t.Relation+" WHERE "+t.where())
	return len(rows) > 0, err
}
