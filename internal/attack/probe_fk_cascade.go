package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var fkCascade = Probe{
	Name: "fk_cascade",
	Doc: `destroy another tenant's row by deleting a parent of one's own

Cascades are not bound by row security. Where a foreign key does not hold the tenant, a row may hang on another tenant's
parent, and goes when that parent goes.`,
	Command: "DELETE", Kind: "isolation", Writes: true,
	Ways: func(t *Target) []*Target { return t.cascading(onDelete) },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		return t.cascade(ctx, tx, onDelete, func(_ catalog.Constraint, parent, where string) string {
			return "DELETE FROM " + parent + " WHERE " + where
		})
	},
}

// onDelete is what a foreign key does when the parent goes.
func onDelete(k catalog.Constraint) string { return k.OnDelete }

// cascading returns one way for each foreign key that acts.
func (t *Target) cascading(action func(catalog.Constraint) string) []*Target {
	var out []*Target
	for _, k := range t.cascades(action) {
		u := *t
		u.only, u.Path = k.Name, Path{{"constraint", k.Name + " on " + t.Table.Relation.Identity()}}
		out = append(out, &u)
	}
	return out
}

// cascade hangs the owner's row on a parent of the actor's, where the foreign key lets it, and reports whether what the actor
// then does to the parent changes the row.
func (t *Target) cascade(ctx context.Context, tx pgx.Tx, action func(catalog.Constraint) string, act func(k catalog.Constraint, parent, where string) string) (bool, error) {
	for _, k := range t.cascades(action) {
		parent := t.Rows[k.RefTable][t.Actor.Name]
		set, where := map[string]*string{}, map[string]*string{}
		for i, c := range k.Columns {
			if !slices.Contains(t.tenantColumns(), c) {
				set[c] = parent[k.RefColumns[i]]
			}
			where[k.RefColumns[i]] = parent[k.RefColumns[i]]
		}
		err := t.asOutside(ctx, tx, t.Table.Relation.Owner, "UPDATE "+t.base+" SET "+assignments(set)+" WHERE "+t.where())
		if state(err) == foreignKeyViolation {
			continue // the key holds the tenant: the rows cannot be crossed
		}
		if err != nil {
			return false, err
		}
		sql := act(k, tableName(t.s.snap.Relation(k.RefTable)), plainMatch(where))
		if sql == "" {
			continue
		}
		reached, err := t.changed(ctx, tx, func() error { _, err := t.exec(ctx, tx, sql); return err })
		if reached || err != nil {
			return reached, err
		}
	}
	return false, nil
}

// cascades returns the foreign keys that let go of, or change, a row when action befalls its parent, where both tenants have a parent and
// the row is not its tenant's by that parent.
func (t *Target) cascades(action func(catalog.Constraint) string) []catalog.Constraint {
	var out []catalog.Constraint
	for _, k := range t.Table.Relation.Constraints {
		parents := t.Rows[k.RefTable]
		acts := slices.Contains([]string{"cascade", "set null", "set default"}, action(k))
		own := slices.ContainsFunc(k.Columns, func(c string) bool { return !slices.Contains(t.tenantColumns(), c) })
		if k.Kind == "foreign" && (t.only == "" || t.only == k.Name) && acts && own && len(keyColumns(t.Table)) > 0 && parents[t.Owner.Name] != nil && parents[t.Other.Name] != nil {
			out = append(out, k)
		}
	}
	return out
}

// plainMatch picks a row by columns that have an equality, as referenced ones do.
func plainMatch(row map[string]*string) string {
	out := ""
	for _, c := range sortedKeys(row) {
		if out != "" {
			out += " AND "
		}
		out += pg.Ident(c) + " = " + literal(row[c])
	}
	return out
}
