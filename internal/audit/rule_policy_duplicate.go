package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var policyDuplicate = writtenFault(Rule{
	ID:       "POL019",
	Name:     "policy-duplicate",
	Title:    "a policy says what another one says",
	Severity: Info,
	Fix:      "drop_policy",
	Source:   "47, 48",
	Doc: `Two permissive policies have the same expressions, and one is for every command and role that the other is for. Whoever tightens one of them leaves the
other open.

Drop one of them.`,
}, func(_ *Input, t *tenancy.Table, p *catalog.Policy) (string, string) {
	for i := range t.Relation.Policies {
		q := &t.Relation.Policies[i]
		if q == p || q.Permissive != p.Permissive || !sameTree(p.Using, q.Using) || !sameTree(p.Check, q.Check) || !covers(q, p) {
			continue
		}
		if covers(p, q) && q.Name > p.Name {
			continue // each pair is told once
		}
		return q.Name + " says the same for as many commands and roles.", drop(p, t.Relation)
	}
	return "", ""
})
