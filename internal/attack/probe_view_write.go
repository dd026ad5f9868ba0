package attack

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var viewWrite = Probe{
	Name: "view_write",
	Doc: `change or destroy another tenant's row through a view

A simple view can be written to, and writes as its owner does.`,
	Command: "UPDATE", Kind: "isolation", Quiet: true, Writes: true,
	Ways: func(t *Target) []*Target {
		return slices.DeleteFunc(t.over(catalog.View), func(v *Target) bool {
			return slices.ContainsFunc(t.Key, func(c string) bool { return v.seen.ColumnByName(c) == nil })
		})
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		set, err := t.harmless(ctx, tx)
		if err != nil && !errors.Is(err, errNoColumn) {
			return false, err
		}
		for _, sql := range []string{"UPDATE " + t.Relation + " SET " + set, "DELETE FROM " + t.Relation} {
			if err != nil && sql[0] == 'U' {
				continue
			}
			reached, failed := t.changed(ctx, tx, func() error {
				_, err := t.exec(ctx, tx, sql+" WHERE "+t.where())
				return err
			})
			if reached || failed != nil {
				return reached, failed
			}
		}
		return false, nil
	},
}
