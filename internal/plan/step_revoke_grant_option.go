package plan

import "fmt"

var revokeGrantOption = Kind{
	Name: "revoke_grant_option",
	Doc: `take away the right to hand a privilege on

The role keeps the privilege itself and loses WITH GRANT OPTION: only the owner grants from this step on. Where the role has handed
the privilege on already, the step fails and says so, since what depends on the option would go with it.`,
	Wave: 7,

	Do: func(t Target) []string {
		return oneStatement("REVOKE GRANT OPTION FOR %s ON %s FROM %s", t.privilegeList(), t.onObject(), grantee(t.Role))
	},
	Undo: func(t Target) []string {
		return oneStatement("GRANT %s ON %s TO %s WITH GRANT OPTION", t.privilegeList(), t.onObject(), grantee(t.Role))
	},
	Done: func(t Target) string {
		return fmt.Sprintf("SELECT NOT EXISTS (SELECT %s AND x.is_grantable)", t.aclEntries())
	},
	Object: func(t Target) string { return t.objectIdentity() },
}
