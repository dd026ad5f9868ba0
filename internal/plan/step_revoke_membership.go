package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var revokeMembership = Kind{
	Name: "revoke_membership",
	Doc: `let the application's role no longer become a stronger one

A member of the owner, or of a role that bypasses row level security, can take that role with SET ROLE and is then not bound by any
policy. What the application did by that right fails from this step on. Roles belong to the whole cluster.`,
	Wave: 7,

	Do: func(t Target) []string {
		return oneStatement("REVOKE %s FROM %s", pg.Ident(t.Role), pg.Ident(t.Member))
	},
	Undo: func(t Target) []string {
		return oneStatement("GRANT %s TO %s%s", pg.Ident(t.Role), pg.Ident(t.Member), t.membershipOptions())
	},
	Done: func(t Target) string {
		return fmt.Sprintf("SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid"+
			" JOIN pg_catalog.pg_roles r ON r.oid = m.member WHERE g.rolname = %s AND r.rolname = %s)", lit(t.Role), lit(t.Member))
	},
	Object: func(t Target) string {
		return "membership of " + printedIdent(t.Member) + " in " + printedIdent(t.Role)
	},
}

// membershipOptions are those the membership had, which Options names: ADMIN, and from 16 on INHERIT and SET.
func (t Target) membershipOptions() string {
	has := map[string]bool{}
	for _, p := range t.Options {
		has[p] = true
	}
	if t.Version < 160000 {
		if has["ADMIN"] {
			return " WITH ADMIN OPTION"
		}
		return ""
	}
	return fmt.Sprintf(" WITH ADMIN %t, INHERIT %t, SET %t", has["ADMIN"], has["INHERIT"], has["SET"])
}
