package audit

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// fileRoles are the predefined roles that reach the server's files or programs, and so every table's.
var fileRoles = []string{"pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"}

var appServerFiles = roleFault(Rule{
	ID:       "ROL004",
	Name:     "app-server-files",
	Title:    "the application can read the server's files or run its programs",
	Severity: Critical,
	Fix:      "revoke_membership",
	Source:   "124",
	Doc: `A member of pg_read_server_files, pg_write_server_files or pg_execute_server_program reaches the files in which the tables are kept,
below all privileges and policies.

Revoke the membership.`,
}, func(r *catalog.Role) bool { return slices.Contains(fileRoles, r.Name) },
	func(r *catalog.Role) string { return fmt.Sprintf("REVOKE %s FROM CURRENT_USER", r.Name) })
