package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var moveRow = Probe{
	Name: "move_row",
	Doc: `give one's own row to another tenant

Where the check of an UPDATE is weaker than its USING, a row of one's own ends up among another tenant's.`,
	Command: "UPDATE", Variant: "move", Kind: "isolation", Writes: true,
	Applies: owned,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		row := t.Mine
		if t.Actor.Name == t.Owner.Name {
			row = t.Row // the control writes its own row's belongings anew
		}
		return t.reassign(ctx, tx, row, t.Row, t.match(t.Key, row))
	},
}
