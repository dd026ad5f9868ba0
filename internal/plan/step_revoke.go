package plan

import "fmt"

var revoke = Kind{
	Name: "revoke",
	Doc: `take away a privilege that no tenant's request needs

TRUNCATE destroys every tenant's rows past all policies, REFERENCES and TRIGGER let a role watch other people's writes, and what PUBLIC
holds everybody holds. A materialized view has no policies at all, and reference data is not the tenants' to write. Statements
that used the privilege fail from this step on.`,
	Wave: 7,

	Do: func(t Target) []string {
		return oneStatement("REVOKE %s ON %s FROM %s", t.privilegeList(), t.onObject(), grantee(t.Role))
	},
	Undo:   func(t Target) []string { return t.regrant() },
	Done:   func(t Target) string { return fmt.Sprintf("SELECT NOT EXISTS (SELECT %s)", t.aclEntries()) },
	Object: func(t Target) string { return t.objectIdentity() },
}
