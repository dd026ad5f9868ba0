package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// openPrivileges are the rights on tables that let rows be reached, or policies be passed by.
var openPrivileges = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"}

var defaultPrivilegesOpen = Rule{
	ID:       "GRT004",
	Name:     "default-privileges-open",
	Title:    "tables made later are open before anybody protects them",
	Severity: Medium,
	Fix:      "default_privileges",
	Source:   "128",
	Doc: `Default privileges give PUBLIC or the application rights on every table that a migration makes. Between CREATE TABLE and its policy, or for good
where the policy is forgotten, all tenants' rows are open.

Take the defaults back and grant on each table, in the migration that also protects it.`,

	Check: func(in *Input, report func(Finding)) {
		for _, d := range in.Model.Snapshot.DefaultPrivileges {
			if d.Object != "table" {
				continue
			}
			open := make(map[string][]string) // grantee → privileges
			for _, g := range d.Grants {
				if g.Grantee != d.Owner && slices.Contains(openPrivileges, g.Privilege) {
					open[g.Grantee] = append(open[g.Grantee], g.Privilege)
				}
			}
			for to, privileges := range open {
				app, path, ok := in.holder(to)
				if !ok {
					continue
				}
				slices.Sort(privileges)
				report(Finding{
					Object: defaultsOf(d), ObjectType: "default acl", Role: app, Path: path, Command: privileges[0],
					Detail: granted(privileges, " on new tables", catalog.Grant{Grantee: to}),
					Fix:    &Fix{SQL: revokeDefault(d, to, privileges), Why: "a new table is reached by nobody until it is granted"},
				})
			}
		}
	},
}

func defaultsOf(d catalog.DefaultPrivilege) string {
	s := "for role " + catalog.QuoteIdent(d.Owner)
	if d.Schema != "" {
		s += " in schema " + catalog.QuoteIdent(d.Schema)
	}
	return s + " on tables"
}

func revokeDefault(d catalog.DefaultPrivilege, to string, privileges []string) string {
	in, from := "", "PUBLIC"
	if d.Schema != "" {
		in = " IN SCHEMA " + pg.Ident(d.Schema)
	}
	if to != "" {
		from = pg.Ident(to)
	}
	return fmt.Sprintf("ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE %s ON TABLES FROM %s", pg.Ident(d.Owner), in, strings.Join(privileges, ", "), from)
}
