package plan

import "github.com/ringfencehq/ringfence/internal/pg"

var applicationRole = Kind{
	Name: "application_role",
	Doc: `make a role for the application that is not the owner

Policies do not bind a table's owner, a superuser, or a role with BYPASSRLS; an application that connects as one of these has no
isolation, whatever its policies say. The new role is none of them, and holds only what the steps after it grant. It is made
without a password: setting one is a person's task, and so is changing the application's connection. Roles belong to the whole
cluster, also to its other databases.`,
	Wave:   3,
	Danger: []string{"application_role"},

	Do: func(t Target) []string {
		return oneStatement("CREATE ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS", pg.Ident(t.Role))
	},
	Undo: func(t Target) []string { return oneStatement("DROP ROLE %s", pg.Ident(t.Role)) },
	Done: func(t Target) string {
		return "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = " + lit(t.Role) +
			" AND r.rolcanlogin AND NOT r.rolsuper AND NOT r.rolbypassrls AND NOT r.rolcreaterole AND NOT r.rolcreatedb AND NOT r.rolreplication)"
	},
	Object: func(t Target) string { return printedIdent(t.Role) },
}
