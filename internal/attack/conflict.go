package attack

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// A conflict is a row of the actor's own that a unique key cannot hold beside the target.
type conflict struct {
	columns []string
	row     map[string]*string
}

// conflicts returns one conflict for each unique key by whose columns the target may be met.
func (t *Target) conflicts() []conflict {
	mine := t.Ours
	if t.control() {
		mine = t.Spare
	}
	if mine == nil {
		return nil
	}
	var out []conflict
	for _, x := range t.Table.Relation.Indexes {
		if !x.Unique || x.Predicate != nil || !x.Valid || (t.only != "" && t.only != x.Name) {
			continue
		}
		if c, ok := t.conflict(mine, keyNames(x)); ok {
			out = append(out, c)
		}
	}
	return out
}

// meetings returns the conflicts that the target alone can cause: where a key holds the tenant, a row of the actor's own may
// stand in its place, and would be met instead.
func (t *Target) meetings(ctx context.Context, tx pgx.Tx) ([]conflict, error) {
	var out []conflict
	for _, c := range t.conflicts() {
		holds := slices.ContainsFunc(c.columns, func(n string) bool { return slices.Contains(t.tenantColumns(), n) })
		if holds && !t.control() {
			if own, err := t.exists(ctx, tx, c.columns, c.row); err != nil || own {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// keyNames returns an index's columns, or nil where a key is an expression.
func keyNames(x catalog.Index) []string {
	var out []string
	for _, k := range x.Keys {
		if k.Expression != nil {
			return nil
		}
		out = append(out, k.Column)
	}
	return out
}

// conflict lends a row the target's values in the key's columns, but for those that say whose the row is: a key that holds
// the tenant is not met. False where the key holds nothing else, or NULL.
func (t *Target) conflict(mine map[string]*string, columns []string) (conflict, bool) {
	row := map[string]*string{}
	for c, v := range mine {
		row[c] = v
	}
	lent := false
	for _, c := range columns {
		if t.Row[c] == nil {
			return conflict{}, false
		}
		if !slices.Contains(t.tenantColumns(), c) {
			row[c], lent = t.Row[c], true
		}
	}
	return conflict{columns, row}, lent
}

// target writes the ON CONFLICT target.
func (c conflict) target() string {
	var out []string
	for _, n := range c.columns {
		out = append(out, pg.Ident(n))
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// conflicting reports whether a stranger's row can meet the target in a unique key at all.
func conflicting(t *Target) bool {
	u := *t
	u.Actor = u.Other
	return !t.vacate && len(u.conflicts()) > 0
}

// keyWays returns the target once for each unique key that can be guessed and in which a stranger's row may meet it: what such
// a key tells is a cell of its own.
func keyWays(t *Target) []*Target {
	var out []*Target
	for _, x := range t.Table.Relation.Indexes {
		u := *t
		u.only = x.Name
		if conflicting(&u) && !t.unguessable(keyNames(x)) {
			u.Path = Path{{"constraint", x.Name + " on " + t.Table.Relation.Identity()}}
			out = append(out, &u)
		}
	}
	return out
}

// unguessable reports whether every column of a key, those of the tenant aside, is a UUID or drawn by the server.
func (t *Target) unguessable(columns []string) bool {
	return !slices.ContainsFunc(columns, func(name string) bool {
		c := t.Table.Relation.ColumnByName(name)
		if c == nil || slices.Contains(t.tenantColumns(), name) {
			return false
		}
		base, _ := t.s.baseType(c.TypeOID, c.TypeMod)
		return c.Identity != "always" && (base == nil || base.Name != "uuid")
	})
}
