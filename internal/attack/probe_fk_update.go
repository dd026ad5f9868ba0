package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var fkUpdate = Probe{
	Name: "fk_update",
	Doc: `change another tenant's row by changing the key of a parent of one's own

ON UPDATE CASCADE and ON UPDATE SET NULL are not bound by row security. Where a foreign key does not hold the tenant, a row may
hang on another tenant's parent, and is rewritten when that parent's key is.`,
	Command: "UPDATE", Kind: "isolation", Writes: true,
	Ways: func(t *Target) []*Target {
		return slices.DeleteFunc(t.cascading(onUpdate), func(u *Target) bool {
			return !slices.ContainsFunc(u.cascades(onUpdate), func(k catalog.Constraint) bool { return u.rekey(k) != "" })
		})
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		return t.cascade(ctx, tx, onUpdate, func(k catalog.Constraint, parent, where string) string {
			set := t.rekey(k)
			if set == "" {
				return ""
			}
			return "UPDATE " + parent + " SET " + set + " WHERE " + where
		})
	},
}

// onUpdate is what a foreign key does when the parent's key changes.
func onUpdate(k catalog.Constraint) string { return k.OnUpdate }

// rekey is an assignment that gives the parent another key; "" where no column of it can be set by itself.
func (t *Target) rekey(k catalog.Constraint) string {
	parent := t.s.snap.Relation(k.RefTable)
	if parent == nil {
		return ""
	}
	for i, name := range k.RefColumns {
		c := parent.ColumnByName(name)
		if c == nil || i >= len(k.Columns) || slices.Contains(t.tenantColumns(), k.Columns[i]) || c.Generated != "" || c.Identity == "always" {
			continue
		}
		base, _ := t.s.baseType(c.TypeOID, c.TypeMod)
		if base == nil || !base.System {
			continue
		}
		switch base.Name {
		case "int2", "int4", "int8", "numeric":
			return pg.Ident(name) + " = - " + pg.Ident(name) + " - 1"
		case "uuid":
			return pg.Ident(name) + " = pg_catalog.gen_random_uuid()"
		case "text", "varchar":
			return pg.Ident(name) + " = pg_catalog.reverse(" + pg.Ident(name) + ")"
		}
	}
	return ""
}
