package attack

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var copyFrom = Probe{
	Name: "copy_from",
	Doc: `load a row that belongs to another tenant with COPY FROM

PostgreSQL refuses COPY FROM where row security binds the role; where triggers or checks do the work instead, COPY has to meet
them too.`,
	Command: "INSERT", Variant: "copy", Kind: "isolation", Writes: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if t.Spare == nil {
			return false, errNoRow
		}
		names := sortedKeys(t.Spare)
		var columns []string
		for _, c := range names {
			columns = append(columns, pg.Ident(c))
		}
		sql := "COPY " + t.Relation + " (" + strings.Join(columns, ", ") + ") FROM STDIN"
		t.s.statements = append(t.s.statements, sql)
		err := within(ctx, tx, func(sp pgx.Tx) error {
			_, err := sp.Conn().PgConn().CopyFrom(ctx, strings.NewReader(copyLine(names, t.Spare)+"\n"), sql)
			return err
		})
		if state(err) == featureNotSupported {
			return false, nil // row security is on: COPY FROM is refused to everyone
		}
		if err != nil {
			return false, err
		}
		return t.stands(ctx, tx, t.Spare)
	},
}
