package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// errNoColumn says that the table has no column that the role may set without breaking a key.
var errNoColumn = errors.New("no column can be set without touching a key")

// harmless returns a column that the role may set, that no key, unique index or exclusion holds, and an assignment that
// changes it on this row or at least writes it anew.
func (t *Target) harmless(ctx context.Context, tx pgx.Tx) (string, error) {
	var names []string
	for _, c := range t.Table.Relation.Columns {
		shown := t.seen == nil || t.seen.ColumnByName(c.Name) != nil
		if shown && c.Generated == "" && c.Identity == "" && !t.keyed(c.Name) {
			names = append(names, c.Name)
		}
	}
	allowed, err := t.may(ctx, tx, names, "UPDATE")
	if err != nil {
		return "", err
	}
	if len(allowed) == 0 {
		return "", errNoColumn
	}
	name := allowed[0]
	for _, n := range allowed { // the marker's column, where there is one: nothing depends on it
		if v := t.Row[n]; v != nil && t.Marker != "" && *v == t.Marker {
			back := []rune(*v)
			slices.Reverse(back)
			return pg.Ident(n) + " = " + pg.Literal(string(back)), nil
		}
	}
	return pg.Ident(name) + " = " + literal(t.Row[name]), nil
}

// keyed reports whether a column is part of what tells rows or tenants apart, or refers to another table.
func (t *Target) keyed(column string) bool {
	for _, k := range t.Table.Relation.Constraints {
		if k.Kind != "check" && k.Kind != "not_null" && slices.Contains(k.Columns, column) {
			return true
		}
	}
	for _, x := range t.Table.Relation.Indexes {
		for _, k := range x.Keys {
			if x.Unique && (k.Column == column || (k.Expression != nil && mentions(k.Expression.Text, column))) {
				return true
			}
		}
	}
	return slices.Contains(t.tenantColumns(), column)
}

// tenantColumns are the columns by which a row belongs to its tenant: the key, or the reference to the parent.
func (t *Target) tenantColumns() []string {
	if k := keyColumns(t.Table); len(k) > 0 {
		return k
	}
	if t.Table.Parent != nil {
		return t.Table.Parent.Columns
	}
	return nil
}

// owned reports whether rows of the target's table belong to tenants by columns of their own.
func owned(t *Target) bool { return len(t.tenantColumns()) > 0 }

// may returns those of the columns that the acting role has a privilege on.
func (t *Target) may(ctx context.Context, tx pgx.Tx, columns []string, privilege string) ([]string, error) {
	if len(columns) == 0 {
		return nil, nil
	}
	role := t.Role
	if t.Actor.Role != "" {
		role = t.Actor.Role
	}
	var parts []string
	for _, c := range columns {
		parts = append(parts, fmt.Sprintf("has_column_privilege(%s, %s::regclass, %s, %s)",
			pg.Literal(role), pg.Literal(t.Relation), pg.Literal(c), pg.Literal(privilege)))
	}
	rows, err := t.s.see(ctx, tx, "", "SELECT "+strings.Join(parts, ", "))
	if err != nil {
		return nil, fmt.Errorf("reading column privileges: %w", err)
	}
	var out []string
	for i, c := range columns {
		if v := rows[0][i]; v != nil && *v == "t" {
			out = append(out, c)
		}
	}
	return out, nil
}

// belongings are the assignments that make a row belong where another row belongs: the tenant columns, and every reference
// that is set there.
func (t *Target) belongings(to map[string]*string) map[string]*string {
	out := map[string]*string{}
	for _, c := range t.tenantColumns() {
		out[c] = to[c]
	}
	for _, k := range t.Table.Relation.Constraints {
		if k.Kind != "foreign" || k.RefTable == t.Table.Relation.Identity() {
			continue
		}
		for _, c := range k.Columns {
			if to[c] != nil && t.assignable(c) {
				out[c] = to[c]
			}
		}
	}
	return out
}

// assignable reports whether an UPDATE may name the column at all.
func (t *Target) assignable(column string) bool {
	c := t.Table.Relation.ColumnByName(column)
	return c != nil && c.Generated == "" && c.Identity != "always"
}

// assignments writes the SET list.
func assignments(values map[string]*string) string {
	var parts []string
	for _, c := range sortedKeys(values) {
		parts = append(parts, pg.Ident(c)+" = "+literal(values[c]))
	}
	return strings.Join(parts, ", ")
}

// reassign runs an UPDATE that gives the picked row new belongings, and reports whether that row was written and now
// stands where the values say, seen from outside.
func (t *Target) reassign(ctx context.Context, tx pgx.Tx, row, to map[string]*string, where string) (bool, error) {
	set := t.belongings(to)
	if len(set) == 0 {
		return false, errNoColumn
	}
	after := map[string]*string{}
	for _, c := range t.Key {
		after[c] = row[c]
	}
	for c, v := range set {
		after[c] = v
	}
	sql := "UPDATE " + t.Relation + " SET " + assignments(set)
	if where != "" {
		sql += " WHERE " + where
	}
	before, err := t.versionOf(ctx, tx, row)
	if err != nil {
		return false, err
	}
	if n, err := t.exec(ctx, tx, sql); err != nil || n == 0 {
		return false, err
	}
	if now, err := t.versionOf(ctx, tx, row); err != nil || now == before {
		return false, err
	}
	return t.exists(ctx, tx, sortedKeys(after), after)
}
