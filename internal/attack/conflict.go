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
	columns []string // that the key speaks of
	row     map[string]*string
	target  string // how ON CONFLICT names the key
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
		if !x.Unique || !x.Valid || (t.only != "" && t.only != x.Name) {
			continue
		}
		if slices.ContainsFunc(x.Keys, func(k catalog.IndexKey) bool { return k.Expression == nil && t.Row[k.Column] == nil }) {
			continue // NULL meets nothing
		}
		if c, ok := t.conflict(mine, indexed(t.Table.Relation, x)); ok {
			c.target = inference(x)
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

// indexed returns the columns that an index speaks of, in its keys first, then in its predicate; for a generated column those
// that it is made of.
func indexed(rel *catalog.Relation, x catalog.Index) []string {
	var out []string
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	speaks := func(text string) {
		for _, c := range rel.Columns {
			if c.Generated == "" && mentions(text, c.Name) {
				add(c.Name)
			}
		}
	}
	for _, k := range x.Keys {
		c := rel.ColumnByName(k.Column)
		switch {
		case k.Expression != nil:
			speaks(k.Expression.Text)
		case c != nil && c.Generated != "" && c.Default != nil:
			speaks(c.Default.Text)
		default:
			add(k.Column)
		}
	}
	if x.Predicate != nil {
		speaks(x.Predicate.Text)
	}
	return out
}

// inference names an index as ON CONFLICT does: by its keys and predicate, as PostgreSQL writes them.
func inference(x catalog.Index) string {
	var keys []string
	for _, k := range x.Keys {
		if k.Expression != nil {
			keys = append(keys, "("+k.Expression.Text+")")
			continue
		}
		keys = append(keys, pg.Ident(k.Column))
	}
	out := "(" + strings.Join(keys, ", ") + ")"
	if x.Predicate != nil {
		out += " WHERE " + x.Predicate.Text
	}
	return out
}

// conflict lends a row the target's values in the key's columns, but for those that say whose the row is: a key that holds
// the tenant is not met. False where the key holds nothing else.
func (t *Target) conflict(mine map[string]*string, columns []string) (conflict, bool) {
	row := map[string]*string{}
	for c, v := range mine {
		row[c] = v
	}
	lent := false
	for _, c := range columns {
		if !slices.Contains(t.tenantColumns(), c) {
			row[c], lent = t.Row[c], true
		}
	}
	return conflict{columns: columns, row: row}, lent
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
		if conflicting(&u) && !t.unguessable(indexed(t.Table.Relation, x)) {
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
