package plan

import "fmt"

var grant = Kind{
	Name: "grant",
	Doc: `give the application's role what it uses

Exactly the privileges named here, on this object, to this role: what the application needs once it no longer connects as the
owner. Rows are the policies' matter. It widens access, and is planned only together with a role that was asked for by name.`,
	Wave:   7,
	Danger: []string{"application_role"},

	Do: func(t Target) []string {
		return oneStatement("GRANT %s ON %s TO %s", t.privilegeList(), t.onObject(), grantee(t.Role))
	},
	Undo: func(t Target) []string {
		return oneStatement("REVOKE %s ON %s FROM %s", t.privilegeList(), t.onObject(), grantee(t.Role))
	},
	Done: func(t Target) string {
		want := len(t.Privileges) * max(1, len(t.Columns))
		return fmt.Sprintf("SELECT (SELECT pg_catalog.count(*) FROM (SELECT DISTINCT %s, x.privilege_type %s) granted) = %d", t.columnOrNothing(), t.aclEntries(), want)
	},
	Object: func(t Target) string { return t.objectIdentity() },
}

func (t Target) columnOrNothing() string {
	if len(t.Columns) > 0 {
		return "a.attnum"
	}
	return "0"
}
