package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var escalate = Probe{
	Name: "escalate",
	Doc: `join another tenant by writing the table that policies trust

Where a policy looks up a user's tenants in a table, whoever may write that table chooses them.`,
	Command: "SELECT", Kind: "isolation", Writes: true,
	Applies: func(t *Target) bool { return len(t.trust()) > 0 },
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if t.control() {
			return tryRead(ctx, tx, t)
		}
		for _, rel := range t.trust() {
			forged := t.forgedMembership(ctx, tx, rel)
			if forged == nil {
				continue
			}
			set := map[string]*string{}
			for _, c := range t.s.keysOf(rel) {
				set[c] = forged[c]
			}
			mine := t.Rows[rel.Identity()][t.Actor.Name]
			where := map[string]*string{}
			for _, c := range keyOf(rel, mine) {
				where[c] = mine[c]
			}
			for _, sql := range []string{insertSQL(tableName(rel), forged),
				"UPDATE " + tableName(rel) + " SET " + assignments(set) + " WHERE " + plainMatch(where)} {
				if _, err := t.exec(ctx, tx, sql); err != nil {
					continue // refused one way or another: the next is tried
				}
				if reached, err := tryRead(ctx, tx, t); reached || err != nil {
					return reached, err
				}
			}
		}
		return false, nil
	},
}

// trust returns the other tables in which policies look tenants up and in which both tenants have a row.
func (t *Target) trust() []*catalog.Relation {
	return slices.DeleteFunc(slices.Clone(t.trusted), func(r *catalog.Relation) bool {
		rows := t.Rows[r.Identity()]
		return r.OID == t.Table.Relation.OID || rows["A"] == nil || rows["B"] == nil
	})
}

// forgedMembership is a row that puts the actor's user into the owner's tenant: a fresh row of the owner's, with the values by
// which the actor is known in place of the owner's. Nil where none could be drafted.
func (t *Target) forgedMembership(ctx context.Context, tx pgx.Tx, rel *catalog.Relation) map[string]*string {
	mine, theirs := t.Rows[rel.Identity()][t.Actor.Name], t.Rows[rel.Identity()][t.Owner.Name]
	row, err := t.make(ctx, tx, rel, t.Owner)
	if err != nil {
		row = map[string]*string{}
		for c, v := range theirs {
			row[c] = v
		}
	}
	for _, c := range rel.Columns {
		if v := mine[c.Name]; v != nil && t.Actor.knows(*v) && *v != t.Actor.Value {
			row[c.Name] = v
		}
	}
	for _, c := range t.s.keysOf(rel) {
		row[c] = theirs[c]
	}
	return row
}

// knows reports whether a value stands in the tenant's context: its user, or its session's token.
func (a Tenant) knows(v string) bool {
	for _, c := range a.Context {
		if c == v || (len(v) >= 8 && len(c) > len(v) && c[0] == '{' && slices.Contains(identifiers(c), v)) {
			return true
		}
	}
	return false
}

// temporary is the statement that makes a table of the session's own with one row.
func temporary(rel *catalog.Relation, row map[string]*string) string {
	out := ""
	for _, c := range rel.Columns {
		if out != "" {
			out += ", "
		}
		out += "CAST(" + literal(row[c.Name]) + " AS " + c.Type + ") AS " + pg.Ident(c.Name)
	}
	return "CREATE TEMPORARY TABLE " + pg.Ident(rel.Name) + " AS SELECT " + out
}
