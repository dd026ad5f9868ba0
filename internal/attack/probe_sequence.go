package attack

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var sequence = Probe{
	Name: "sequence",
	Doc: `count another tenant's rows by the sequence they share

The value a sequence has come to, and its gaps, tell how many rows all tenants made together.`,
	Command: "SELECT", Kind: "inference", Quiet: true, Informational: true,
	Ways: func(t *Target) []*Target {
		var out []*Target
		for i := range t.s.snap.Relations {
			if r := &t.s.snap.Relations[i]; r.Kind == catalog.Sequence && strings.HasPrefix(r.OwnedBy, t.Table.Relation.Identity()+".") {
				u := *t
				u.seen, u.Path = r, Path{{"default", r.Identity()}}
				out = append(out, &u)
			}
		}
		return out
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		sql := "SELECT last_value FROM " + tableName(t.seen)
		if t.control() { // what is asked for is there
			rows, err := t.s.see(ctx, tx, t.seen.Owner, sql)
			return len(rows) > 0, err
		}
		rows, err := t.query(ctx, tx, sql)
		return len(rows) > 0, err
	},
}
