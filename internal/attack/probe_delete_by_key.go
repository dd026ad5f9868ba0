package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var deleteByKey = Probe{
	Name: "delete_by_key",
	Doc: `destroy another tenant's row by its key

A foreign key that refuses the deletion proves as much as the deletion: it is asked only once row security has let the row go.`,
	Command: "DELETE", Kind: "isolation", Writes: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		gone, err := t.changed(ctx, tx, func() error {
			_, err := t.exec(ctx, tx, "DELETE FROM "+t.Relation+" WHERE "+t.where())
			return err
		})
		if state(err) == foreignKeyViolation {
			return true, nil
		}
		return gone, err
	},
}
