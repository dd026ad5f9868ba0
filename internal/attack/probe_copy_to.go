package attack

import (
	"bytes"
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var copyTo = Probe{
	Name: "copy_to",
	Doc: `export another tenant's row with COPY TO

COPY of a table is turned into a query where row security is on, and is filtered like one.`,
	Command: "SELECT", Variant: "copy", Kind: "isolation", Blind: true,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		var columns []string
		for _, c := range t.Key {
			columns = append(columns, pg.Ident(c))
		}
		sql := "COPY " + t.Relation + " (" + strings.Join(columns, ", ") + ") TO STDOUT"
		t.s.statements = append(t.s.statements, sql)
		var out bytes.Buffer
		err := within(ctx, tx, func(sp pgx.Tx) error {
			_, err := sp.Conn().PgConn().CopyTo(ctx, &out, sql)
			return err
		})
		if err != nil {
			return false, err
		}
		for line := range strings.Lines(out.String()) {
			if strings.TrimSuffix(line, "\n") == copyLine(t.Key, t.Row) {
				return true, nil
			}
		}
		return false, nil
	},
}

// copyLine writes values as COPY's text format does.
func copyLine(columns []string, row map[string]*string) string {
	escape := strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\b", `\b`, "\f", `\f`, "\v", `\v`)
	var out []string
	for _, c := range columns {
		if row[c] == nil {
			out = append(out, `\N`)
			continue
		}
		out = append(out, escape.Replace(*row[c]))
	}
	return strings.Join(out, "\t")
}
