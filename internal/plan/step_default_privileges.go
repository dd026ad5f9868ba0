package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var defaultPrivileges = Kind{
	Name: "default_privileges",
	Doc: `make objects of the future closed as well

Default privileges hand every new table, sequence or function of an owner to a role or to PUBLIC at the moment it is made, before
anybody has thought of policies. They change nothing about what exists. Programs that create tables and use them as another role
must grant what they need.`,
	Wave: 7,

	Do: func(t Target) []string {
		return oneStatement("%s REVOKE %s ON %s FROM %s", t.alterDefaults(), t.privilegeList(), defaultObjects[t.ObjectType], grantee(t.Role))
	},
	Undo: func(t Target) []string {
		var out []string
		for _, g := range t.Was {
			out = append(out, fmt.Sprintf("%s GRANT %s ON %s TO %s%s", t.alterDefaults(), g.Privilege, defaultObjects[t.ObjectType], grantee(g.Grantee), withGrantOption(g)))
		}
		return out
	},
	Done: func(t Target) string {
		return fmt.Sprintf("SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_roles o CROSS JOIN pg_catalog.aclexplode(COALESCE("+
			"(SELECT d.defaclacl FROM pg_catalog.pg_default_acl d WHERE d.defaclrole = o.oid AND d.defaclobjtype = %[1]s AND d.defaclnamespace = %[2]s), %[3]s)) x"+
			" WHERE o.rolname = %[4]s AND %[5]s AND x.privilege_type = ANY (%[6]s))",
			lit(defaultLetters[t.ObjectType]), t.defaultSchema(), t.builtInDefault(), lit(t.Member), t.isGrantee(), textArray(t.Privileges))
	},
	Object: func(t Target) string {
		return "for role " + printedIdent(t.Member) + t.inSchema(printedIdent) + " on " + t.ObjectType + "s"
	},
}

// defaultObjects and defaultLetters are how ALTER DEFAULT PRIVILEGES and pg_default_acl call the kinds of object.
var (
	defaultObjects = map[string]string{"table": "TABLES", "sequence": "SEQUENCES", "function": "ROUTINES", "schema": "SCHEMAS", "type": "TYPES"}
	defaultLetters = map[string]string{"table": "r", "sequence": "S", "function": "f", "schema": "n", "type": "T"}
)

func (t Target) alterDefaults() string {
	return "ALTER DEFAULT PRIVILEGES FOR ROLE " + pg.Ident(t.Member) + t.inSchema(func(s string) string { return pg.Ident(s) })
}

func (t Target) inSchema(quote func(string) string) string {
	if t.Schema == "" {
		return ""
	}
	return " IN SCHEMA " + quote(t.Schema)
}

func (t Target) defaultSchema() string {
	if t.Schema == "" {
		return "0"
	}
	return "(SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = " + lit(t.Schema) + ")"
}

// builtInDefault is what holds where pg_default_acl says nothing: within a schema nothing is added, else PostgreSQL's own.
func (t Target) builtInDefault() string {
	if t.Schema != "" {
		return "NULL::pg_catalog.aclitem[]" // of which aclexplode makes no rows; of an empty array it makes an error
	}
	letter := map[string]string{"sequence": "s"}[t.ObjectType]
	if letter == "" {
		letter = defaultLetters[t.ObjectType]
	}
	return fmt.Sprintf("pg_catalog.acldefault(%s::pg_catalog.\"char\", o.oid)", lit(letter))
}

func (t Target) isGrantee() string {
	if t.Role == "" {
		return "x.grantee = 0"
	}
	return "x.grantee = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = " + lit(t.Role) + ")"
}
