package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

var exclusion = Probe{
	Name: "exclusion",
	Doc: `learn from an exclusion constraint what another tenant holds

Row security does not bind exclusion constraints. Where none of its columns is the tenant, a booking that is refused tells of
another tenant's.`,
	Command: "SELECT", Kind: "inference", Writes: true,
	Ways: func(t *Target) []*Target {
		var out []*Target
		for _, k := range t.Table.Relation.Constraints {
			u := *t
			u.Actor, u.only = u.Other, k.Name
			if k.Kind == "exclusion" && len(u.exclusions()) > 0 {
				u.Path = Path{{"constraint", k.Name + " on " + t.Table.Relation.Identity()}}
				out = append(out, &u)
			}
		}
		return out
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		for _, c := range t.exclusions() {
			_, err := t.exec(ctx, tx, t.insert(c.row))
			if state(err) == exclusionViolation {
				return true, nil
			}
			if err != nil {
				return false, err
			}
		}
		return false, nil
	},
}

// exclusions returns rows of the actor's own that exclusion constraints may refuse because of the target. Unlike a unique
// key, one that holds the tenant is still tried: it holds when it is compared for equality, and its operator may be another.
func (t *Target) exclusions() []conflict {
	mine := t.Ours
	if t.control() {
		mine = t.Spare
	}
	if mine == nil || t.vacate {
		return nil
	}
	var out []conflict
	for _, k := range t.Table.Relation.Constraints {
		if k.Kind != "exclusion" || (t.only != "" && t.only != k.Name) {
			continue
		}
		row := map[string]*string{}
		for c, v := range mine {
			row[c] = v
		}
		for _, c := range k.Columns {
			if c != "" && !slices.Contains(t.tenantColumns(), c) { // no name: an expression
				row[c] = t.Row[c]
			}
		}
		out = append(out, conflict{columns: k.Columns, row: row})
	}
	return out
}
