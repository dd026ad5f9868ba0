package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var roleAttribute = Kind{
	Name: "role_attribute",
	Doc: `take BYPASSRLS, or another attribute that passes by policies, from the application's role

While a role has it every policy is decoration for that role. From this step on its sessions see their tenant's rows only; jobs that
relied on seeing all need a role of their own. Roles belong to the whole cluster: staging on the same cluster changes too. It
needs a superuser, or from 16 on a role with CREATEROLE and the attribute itself.`,
	Wave: 7,

	Do: func(t Target) []string {
		return oneStatement("ALTER ROLE %s NO%s", pg.Ident(t.Role), roleAttributes[t.Value].word)
	},
	Undo: func(t Target) []string {
		return oneStatement("ALTER ROLE %s %s", pg.Ident(t.Role), roleAttributes[t.Value].word)
	},
	Done: func(t Target) string {
		return fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = %s AND NOT r.%s)", lit(t.Role), roleAttributes[t.Value].column)
	},
	Object: func(t Target) string { return printedIdent(t.Role) },
}

// roleAttributes are the attributes that the step can take away, by name, with pg_roles' column.
var roleAttributes = map[string]struct{ word, column string }{
	"BYPASSRLS":   {"BYPASSRLS", "rolbypassrls"},
	"SUPERUSER":   {"SUPERUSER", "rolsuper"},
	"REPLICATION": {"REPLICATION", "rolreplication"},
	"CREATEROLE":  {"CREATEROLE", "rolcreaterole"},
	"CREATEDB":    {"CREATEDB", "rolcreatedb"},
}
