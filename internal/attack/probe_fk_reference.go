package attack

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var fkReference = Probe{
	Name: "fk_reference",
	Doc: `point a row of one's own at another tenant's row

Row security does not bind the check of a foreign key. Where the key does not hold the tenant, a reference to another tenant's
row is accepted: it tells that the row exists, and keeps its owner from deleting it.`,
	Command: "SELECT", Kind: "inference", Writes: true,
	Ways: func(t *Target) []*Target {
		var out []*Target
		for _, k := range t.Table.Relation.Constraints {
			u := *t
			u.Actor, u.only = u.Other, k.Name
			if len(u.references()) > 0 {
				u.cell, u.Path = k.RefTable, Path{{"constraint", k.Name + " on " + t.Table.Relation.Identity()}}
				out = append(out, &u)
			}
		}
		return out
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		var last error
		for _, row := range t.references() {
			if n, err := t.exec(ctx, tx, t.insert(row)); err == nil && n > 0 {
				return true, nil
			} else if state(err) != foreignKeyViolation {
				last = err
			}
		}
		return false, last
	},
}

// references returns rows of the actor's own whose foreign keys point at the owner's parents, one for each key. The parent by
// which a child has its tenant is left out: such a row is a forged one, which another probe makes.
func (t *Target) references() []map[string]*string {
	mine := t.Ours
	if t.control() {
		mine = t.Spare
	}
	if mine == nil || t.vacate {
		return nil
	}
	var out []map[string]*string
	for _, k := range t.Table.Relation.Constraints {
		parent := t.Rows[k.RefTable][t.Owner.Name]
		if k.Kind != "foreign" || (t.only != "" && t.only != k.Name) || parent == nil || len(keyColumns(t.Table)) == 0 {
			continue
		}
		if row := t.lend(mine, parent, k); row != nil {
			out = append(out, row)
		}
	}
	return out
}

// lend returns a row of the actor's own with the key of the owner's parent in it, but for the tenant; nil where that key says
// nothing of whose parent it is: a NULL in it refers to nobody, and the actor may have a parent of the same.
func (t *Target) lend(mine, parent map[string]*string, k catalog.Constraint) map[string]*string {
	row, other := maps.Clone(mine), t.Rows[k.RefTable][t.Actor.Name]
	lent, differs := false, t.control() || other == nil
	for i, c := range k.Columns {
		if slices.Contains(t.tenantColumns(), c) || i >= len(k.RefColumns) {
			continue
		}
		v := parent[k.RefColumns[i]]
		if v == nil {
			return nil
		}
		own := other[k.RefColumns[i]]
		row[c], lent, differs = v, true, differs || own == nil || *own != *v
	}
	if !lent || !differs {
		return nil
	}
	return row
}
