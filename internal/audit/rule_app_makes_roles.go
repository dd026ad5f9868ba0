package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var appMakesRoles = roleFault(Rule{
	ID:       "ROL005",
	Name:     "app-makes-roles",
	Title:    "the application can make and change roles",
	Severity: High,
	Fix:      "role_attribute",
	Source:   "123",
	Doc: `Before PostgreSQL 16 a role with CREATEROLE can grant itself membership in any role that is not a superuser, the tables' owner and the
file roles among them. Since 16 it can do so only for roles it has ADMIN OPTION on, such as those it made.

Take the attribute from the application's role.`,
}, func(r *catalog.Role) bool { return r.CreateRole && !r.Superuser },
	func(r *catalog.Role) string { return fmt.Sprintf("ALTER ROLE %s NOCREATEROLE", pg.Ident(r.Name)) })
