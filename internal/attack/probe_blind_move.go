package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var blindMove = Probe{
	Name: "blind_move",
	Doc: `take every tenant's rows without reading any column

An UPDATE that sets only the tenant key, with neither WHERE nor RETURNING, is bound by no SELECT policy; its check is met,
since each row it leaves is the stranger's.`,
	Command: "UPDATE", Variant: "blind", Kind: "isolation", Writes: true, Blind: true,
	Applies: owned,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		return t.reassign(ctx, tx, t.Row, t.actors(), "")
	},
}
