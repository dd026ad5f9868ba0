package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var policyForBypassing = writtenFault(Rule{
	ID:       "POL021",
	Name:     "policy-for-bypassing",
	Title:    "the policy is for a role that no policy binds",
	Severity: Low,
	Source:   "53",
	Doc: `The policy is TO a superuser or a role with BYPASSRLS, which never asks it. Somebody believed that it limits the role.

Take the attribute from the role, or drop the policy.`,
}, func(in *Input, t *tenancy.Table, p *catalog.Policy) (string, string) {
	for _, r := range p.Roles {
		if in.Model.Rights.Bypass(r) {
			return r + " is bound by no policy.", drop(p, t.Relation)
		}
	}
	return "", ""
})
