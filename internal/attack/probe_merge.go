package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var merge = Probe{
	Name: "merge",
	Doc: `change another tenant's row with MERGE

MERGE takes its policies from the actions it holds, and reads the row to match it.`,
	Command: "MERGE", Kind: "isolation", Writes: true,
	Applies: func(t *Target) bool { return t.s.version >= 150000 },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		set, err := t.harmless(ctx, tx)
		if err != nil {
			return false, err
		}
		return t.changed(ctx, tx, func() error {
			_, err := t.exec(ctx, tx, "MERGE INTO "+t.Relation+" USING (SELECT 1) AS ringfence_source ON "+t.where()+
				" WHEN MATCHED THEN UPDATE SET "+set)
			return err
		})
	},
}
