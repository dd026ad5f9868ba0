package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var ddl = Probe{
	Name: "ddl",
	Doc: `take row security off the table

Whoever owns a table, or may become its owner, can take its row security off with one statement, FORCE or not.`,
	Command: "SELECT", Kind: "isolation", Writes: true, DDL: true, Clone: true,
	Ways: func(t *Target) []*Target {
		var out []*Target
		owner := Hop{"owner", t.Table.Relation.Owner}
		for _, role := range append([]string{t.Role}, t.s.settable(t.Role)...) {
			u := *t
			u.named, u.Path = role, Path{{"set_role", role}, owner}
			if role == t.Role {
				u.Path = Path{owner}
			}
			if t.Table.Relation.RowSecurity && t.s.ownerRights(role, t.Table.Relation.Owner) {
				out = append(out, &u)
			}
		}
		return out
	},
	Try: func(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
		if t.control() {
			return tryRead(ctx, tx, t)
		}
		sql := "ALTER TABLE " + t.base + " DISABLE ROW LEVEL SECURITY"
		if t.named != t.Role || t.Actor.Role != "" {
			sql = "SET LOCAL ROLE " + pg.Ident(t.named) + "; " + sql
		}
		if _, err := t.query(ctx, tx, sql); err != nil {
			return false, err
		}
		if err := t.switchTo(ctx, tx, t.Actor); err != nil {
			return false, err
		}
		return tryRead(ctx, tx, t)
	},
}

// ownerRights reports whether a role has an owner's rights, or may have: it is the owner, a member of it, or a superuser.
func (s *session) ownerRights(role, owner string) bool {
	r := s.snap.Role(role)
	return role == owner || (r != nil && r.Superuser) || slices.Contains(s.settable(role), owner)
}
