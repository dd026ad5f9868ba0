package attack

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var ddl = Probe{
	Name: "ddl",
	Doc: `take row security off the table

Whoever owns a table, or may become its owner, can take its row security off with one statement, FORCE or not.`,
	Command: "SELECT", Kind: "isolation", Writes: true, DDL: true, Clone: true,
	Applies: func(t *Target) bool { return t.Table.Relation.RowSecurity },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if t.control() {
			return tryRead(ctx, tx, t)
		}
		for _, role := range append([]string{t.Role}, t.s.settable(t.Role)...) {
			sql := "SET LOCAL ROLE " + pg.Ident(role) + "; ALTER TABLE " + t.base + " DISABLE ROW LEVEL SECURITY; SET LOCAL ROLE NONE"
			if t.Actor.Role == "" && role == t.Role {
				sql = "ALTER TABLE " + t.base + " DISABLE ROW LEVEL SECURITY"
			}
			if _, err := t.query(ctx, tx, sql); err != nil {
				continue
			}
			if !t.s.superuser {
				if err := t.s.become(ctx, tx, t.Role, t.Actor); err != nil {
					return false, err
				}
			}
			if reached, err := tryRead(ctx, tx, t); reached || err != nil {
				return reached, err
			}
		}
		return false, nil
	},
}
