package attack

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var cursorLeft = Probe{
	Name: "cursor_left",
	Doc: `go on reading a cursor that its owner left open

A connection is handed on with a cursor still open. Where the policy's context was worked out once at the first FETCH, or an
index was entered with it, the rest of the rows are the former tenant's. CLOSE ALL between clients prevents it.`,
	Command: "SELECT", Kind: "isolation", Writes: true, Blind: true, Informational: true,
	Applies: func(t *Target) bool { return !t.vacate && t.Spare != nil && len(t.Key) > 0 },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if err := t.s.setContext(ctx, tx, t.Owner); err != nil {
			return false, err
		}
		if _, err := t.exec(ctx, tx, t.insert(t.Spare)); err != nil {
			return false, err
		}
		const name = "ringfence_left"
		columns := pg.Ident(t.Key[0])
		for _, c := range t.Key[1:] {
			columns += ", " + pg.Ident(c)
		}
		if _, err := t.exec(ctx, tx, "DECLARE "+name+" CURSOR FOR SELECT "+columns+" FROM "+t.Relation); err != nil {
			return false, err
		}
		for { // up to the owner's first row: the second is then still to come
			rows, err := t.query(ctx, tx, "FETCH 1 FROM "+name)
			if err != nil || len(rows) == 0 {
				return false, err
			}
			if same(rows[0], t.Key, t.Row) {
				break
			}
		}
		if err := t.s.setContext(ctx, tx, t.Actor); err != nil {
			return false, err
		}
		rows, err := t.query(ctx, tx, "FETCH ALL FROM "+name)
		for _, row := range rows {
			if same(row, t.Key, t.Spare) {
				return true, nil
			}
		}
		return false, err
	},
}

// same reports whether a result row holds a row's values in these columns, blank padding aside.
func same(result []*string, columns []string, row map[string]*string) bool {
	for i, c := range columns {
		v := row[c]
		if i >= len(result) || (v == nil) != (result[i] == nil) || (v != nil && strings.TrimRight(*v, " ") != strings.TrimRight(*result[i], " ")) {
			return false
		}
	}
	return true
}
