package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var onConflictUpdate = Probe{
	Name: "on_conflict_update",
	Doc: `change or take another tenant's row with an upsert

A key that does not hold the tenant lets an INSERT meet another tenant's row; what DO UPDATE may then do, the UPDATE and SELECT
policies say.`,
	Command: "INSERT", Variant: "on_conflict", Kind: "isolation", Writes: true, Applies: conflicting,
	Try: tryUpsert,
}

// tryUpsert meets the target by each key that it can be met in, and changes or takes it, through the relation that is asked.
func tryUpsert(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
	var sets []string
	if set, err := t.harmless(ctx, tx); err == nil {
		sets = append(sets, set)
	}
	if take := t.shown(t.belongings(t.actors())); len(take) > 0 {
		sets = append(sets, assignments(take))
	}
	var last error
	meetings, err := t.meetings(ctx, tx)
	if err != nil {
		return false, err
	}
	for _, c := range meetings {
		for _, set := range sets {
			reached, err := t.changed(ctx, tx, func() error {
				_, err := t.exec(ctx, tx, t.insert(t.shown(c.row))+" ON CONFLICT "+c.target+" DO UPDATE SET "+set)
				return err
			})
			if reached {
				return true, nil
			}
			last = err
		}
	}
	return false, last
}
