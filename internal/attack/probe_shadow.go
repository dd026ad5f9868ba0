package attack

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var shadow = Probe{
	Name: "shadow",
	Doc: `hide the table that a policy's function looks in behind a temporary one

Temporary tables come first in every search_path that does not say otherwise. A function that names its table without a schema
then reads what the session itself wrote.`,
	Command: "SELECT", Kind: "isolation", Writes: true, DDL: true,
	Applies: func(t *Target) bool { return len(t.trust()) > 0 },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if t.control() {
			return tryRead(ctx, tx, t)
		}
		for _, rel := range t.trust() {
			forged := map[string]*string{}
			for c, v := range t.Rows[rel.Identity()][t.Actor.Name] {
				forged[c] = v
			}
			for _, c := range t.s.keysOf(rel) {
				forged[c] = t.Rows[rel.Identity()][t.Owner.Name][c]
			}
			sql := temporary(rel, forged) + "; GRANT SELECT ON pg_temp." + pg.Ident(rel.Name) + " TO PUBLIC"
			if _, err := t.query(ctx, tx, sql); err != nil {
				return false, err
			}
			if reached, err := tryRead(ctx, tx, t); reached || err != nil {
				return reached, err
			}
		}
		return false, nil
	},
}
