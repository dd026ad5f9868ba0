package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var stealRow = Probe{
	Name: "steal_row",
	Doc: `take another tenant's row for one's own

An UPDATE policy with a strict check and a wide USING refuses to leave the row where it is, and lets it be taken.`,
	Command: "UPDATE", Kind: "isolation", Writes: true,
	Applies: owned,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		return t.reassign(ctx, tx, t.Row, t.actors(), t.where())
	},
}

// actors is the row whose belongings are the actor's.
func (t *Target) actors() map[string]*string {
	if t.Actor.Name == t.Owner.Name {
		return t.Row
	}
	return t.Mine
}
