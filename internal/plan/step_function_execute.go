package plan

import "fmt"

var functionExecute = Kind{
	Name: "function_execute",
	Doc: `let only those call a function who are meant to

PostgreSQL lets everybody call a new function. One that runs with its owner's rights is a way past the policies for all who can log
in. Here PUBLIC loses the right and the roles that need it get it by name, in one transaction.`,
	Wave: 7,

	Do: func(t Target) []string {
		out := oneStatement("REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC", routine(t.Name, t.Arguments))
		if len(t.Roles) > 0 {
			out = append(out, fmt.Sprintf("GRANT EXECUTE ON ROUTINE %s TO %s", routine(t.Name, t.Arguments), idents(t.Roles)))
		}
		return out
	},
	Undo: func(t Target) []string {
		out := oneStatement("GRANT EXECUTE ON ROUTINE %s TO PUBLIC", routine(t.Name, t.Arguments))
		if len(t.Roles) > 0 {
			out = append(out, fmt.Sprintf("REVOKE EXECUTE ON ROUTINE %s FROM %s", routine(t.Name, t.Arguments), idents(t.Roles)))
		}
		return out
	},
	Done: func(t Target) string {
		return exists(ofRoutine(t), calledOnlyBy(t.Roles)...)
	},
	Object: func(t Target) string { return routineIdentity(t.Name, t.Arguments) },
}

// calledOnlyBy are the conditions that PUBLIC may not call a routine f, and each of the roles may.
func calledOnlyBy(roles []string) []string {
	const acl = "pg_catalog.aclexplode(COALESCE(f.proacl, pg_catalog.acldefault('f', f.proowner))) x"
	and := []string{"NOT EXISTS (SELECT FROM " + acl + " WHERE x.grantee = 0)"}
	for _, role := range roles {
		and = append(and, fmt.Sprintf("EXISTS (SELECT FROM %s JOIN pg_catalog.pg_roles r ON r.oid = x.grantee WHERE r.rolname = %s)", acl, lit(role)))
	}
	return and
}
