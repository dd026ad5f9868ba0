package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var appSuperuser = roleFault(Rule{
	ID:       "ROL001",
	Name:     "app-superuser",
	Title:    "the application is, or can become, a superuser",
	Severity: Critical,
	Fix:      "role_attribute",
	Source:   "120, 121",
	Doc: `Row level security, forced or not, never binds a superuser, and a superuser can change anything. An application that connects as one,
or may SET ROLE to one, has no isolation at all.

Give the application a role of its own with the privileges it uses and nothing else.`,
}, func(r *catalog.Role) bool { return r.Superuser },
	func(r *catalog.Role) string { return fmt.Sprintf("ALTER ROLE %s NOSUPERUSER", pg.Ident(r.Name)) })
