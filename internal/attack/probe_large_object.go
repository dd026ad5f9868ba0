package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var largeObject = Probe{
	Name: "large_object",
	Doc: `read another tenant's large object

Large objects have an owner and grants, and no row security: tenants that share a role share every large object it made.`,
	Command: "SELECT", Kind: "isolation", Writes: true, Informational: true, Applies: usesLargeObjects,
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if err := t.switchTo(ctx, tx, t.Owner); err != nil {
			return false, err
		}
		made, err := t.query(ctx, tx, "SELECT pg_catalog.lo_from_bytea(0, 'ringfence')")
		if err != nil || len(made) != 1 || made[0][0] == nil {
			return false, err
		}
		if err := t.switchTo(ctx, tx, t.Actor); err != nil {
			return false, err
		}
		rows, err := t.query(ctx, tx, "SELECT pg_catalog.lo_get("+pg.Literal(*made[0][0])+")")
		return len(rows) == 1, err
	},
}

// usesLargeObjects reports whether the table seems to refer to large objects: a column of type lo or oid.
func usesLargeObjects(t *Target) bool {
	return slices.ContainsFunc(t.Table.Relation.Columns, func(c catalog.Column) bool {
		typ := t.s.snap.TypeByOID(c.TypeOID)
		return typ != nil && (typ.Name == "lo" || typ.Name == "oid")
	})
}

// switchTo makes the session another tenant's, as the next request on the same connection is.
func (t *Target) switchTo(ctx context.Context, tx pgx.Tx, to Tenant) error {
	if err := t.s.step(ctx, tx, ""); err != nil {
		return err
	}
	return t.s.become(ctx, tx, t.Role, to)
}
