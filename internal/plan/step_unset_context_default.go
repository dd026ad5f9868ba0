package plan

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var unsetContextDefault = Kind{
	Name: "unset_context_default",
	Doc: `take away a tenant that every session starts with

A default of the tenant setting on a role or a database makes each session that forgot to say its tenant work as that tenant, instead
of seeing nothing. Sessions that begin after this step have no tenant until they say one; those that are open keep theirs.`,
	Wave: 7,

	Do: func(t Target) []string { return oneStatement("%s RESET %s", t.alterSetting(), settingName(t.Setting)) },
	Undo: func(t Target) []string {
		return oneStatement("%s SET %s = %s", t.alterSetting(), settingName(t.Setting), lit(t.Value))
	},
	Done: func(t Target) string {
		return fmt.Sprintf("SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase"+
			" LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole CROSS JOIN pg_catalog.unnest(s.setconfig) entry"+
			" WHERE COALESCE(d.datname, '') = %s AND COALESCE(r.rolname, '') = %s AND pg_catalog.lower(pg_catalog.split_part(entry, '=', 1)) = %s)",
			lit(t.Database), lit(t.Role), lit(strings.ToLower(t.Setting)))
	},
	Object: func(t Target) string {
		if t.Role != "" {
			return printedIdent(t.Role)
		}
		return printedIdent(t.Database)
	},
}

func (t Target) alterSetting() string {
	switch {
	case t.Role == "" && t.Database == "":
		return "ALTER ROLE ALL"
	case t.Role == "":
		return "ALTER DATABASE " + pg.Ident(t.Database)
	case t.Database == "":
		return "ALTER ROLE " + pg.Ident(t.Role)
	default:
		return "ALTER ROLE " + pg.Ident(t.Role) + " IN DATABASE " + pg.Ident(t.Database)
	}
}

// settingName quotes each part of a setting's name.
func settingName(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = pg.Ident(p)
	}
	return strings.Join(parts, ".")
}
