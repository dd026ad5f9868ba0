package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var policyWithoutGrant = writtenFault(Rule{
	ID:       "POL022",
	Name:     "policy-without-grant",
	Title:    "the policy is for roles that may not use the table",
	Severity: Low,
	Source:   "54",
	Doc: `The policy names roles, and none of them has a privilege for its command: it is never asked. Either the grant was forgotten, or the policy outlived it.

Grant what is meant, or drop the policy.`,
}, func(in *Input, t *tenancy.Table, p *catalog.Policy) (string, string) {
	commands := []string{p.Command}
	if p.Command == "ALL" {
		commands = []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	}
	for _, r := range p.Roles {
		for _, c := range commands {
			if in.granted(t.Relation, r, c) {
				return "", ""
			}
		}
	}
	if len(p.Roles) == 0 {
		return "", ""
	}
	return list(p.Roles) + " may not " + p.Command + " here.", drop(p, t.Relation)
})

// granted reports whether a role, or a member of it, holds a privilege on the relation.
func (in *Input) granted(rel *catalog.Relation, role, privilege string) bool {
	if in.Model.Rights.Relation(role, rel, privilege).Held {
		return true
	}
	for _, m := range in.Model.Snapshot.Memberships {
		if m.Role == role && in.Model.Rights.Relation(m.Member, rel, privilege).Held {
			return true
		}
	}
	return false
}
