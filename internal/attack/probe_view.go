package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var view = Probe{
	Name: "view",
	Doc: `read another tenant's row through a view

A view reads its tables as its owner, unless it is a security_invoker one: an owner whom row security does not bind hands
everything on.`,
	Command: "SELECT", Kind: "isolation", Quiet: true, Writes: true,
	Ways: func(t *Target) []*Target { return t.over(catalog.View) },
	Try:  tryView,
}

// tryView asks a view for the row by its key where the view shows it, else asks whether what it shows depends on the row.
func tryView(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
	if !slices.ContainsFunc(t.Key, func(c string) bool { return t.seen.ColumnByName(c) == nil }) {
		return tryRead(ctx, tx, t)
	}
	return t.depends(ctx, tx, func(sp pgx.Tx) ([][]*string, error) {
		return t.query(ctx, sp, "SELECT md5(string_agg(v::text, ',' ORDER BY v::text)) FROM "+t.Relation+" AS v")
	})
}
