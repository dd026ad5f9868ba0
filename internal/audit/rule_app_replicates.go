package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var appReplicates = roleFault(Rule{
	ID:       "ROL003",
	Name:     "app-replicates",
	Title:    "the application can read the stream of all changes",
	Severity: High,
	Fix:      "role_attribute",
	Source:   "122",
	Doc: `A role with REPLICATION can open a replication slot and decode every change of every table: neither grants nor policies are asked.

Take the attribute from the application's role.`,
}, func(r *catalog.Role) bool { return r.Replication && !r.Superuser },
	func(r *catalog.Role) string { return fmt.Sprintf("ALTER ROLE %s NOREPLICATION", pg.Ident(r.Name)) })
