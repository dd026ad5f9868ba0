package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var appBypasses = roleFault(Rule{
	ID:       "ROL002",
	Name:     "app-bypasses",
	Title:    "the application has, or can take, BYPASSRLS",
	Severity: Critical,
	Fix:      "role_attribute",
	Source:   "118, 119, 121",
	Doc: `A role with BYPASSRLS is bound by no policy, forced or not. The attribute is not inherited, but it is there as soon as the application
connects as the role or takes it by SET ROLE.

Take the attribute from the role, or the membership from the application. Back-ups and data jobs that need it get a role of their
own that the application cannot become.`,
}, func(r *catalog.Role) bool { return r.BypassRLS && !r.Superuser },
	func(r *catalog.Role) string { return fmt.Sprintf("ALTER ROLE %s NOBYPASSRLS", pg.Ident(r.Name)) })
