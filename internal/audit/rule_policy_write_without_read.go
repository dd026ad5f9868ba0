package audit

import (
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var policyWriteWithoutRead = tableFault(Rule{
	ID:       "POL023",
	Name:     "policy-write-without-read",
	Title:    "rows may be changed, and none can be seen",
	Severity: Low,
	Source:   "56",
	Doc: `There are policies for UPDATE or DELETE and none that lets the role SELECT. Every statement with a WHERE finds nothing; one without a WHERE changes all
that its policy lets through, unseen.

Write a policy for SELECT, with the same comparison.`,
}, func(_ *Input, t *tenancy.Table) (string, string) {
	if !t.Relation.RowSecurity {
		return "", ""
	}
	writes := ""
	for i := range t.Relation.Policies {
		p := &t.Relation.Policies[i]
		if !p.Permissive {
			continue
		}
		switch p.Command {
		case "ALL", "SELECT":
			return "", ""
		case "UPDATE", "DELETE":
			writes = p.Command
		}
	}
	if writes == "" {
		return "", ""
	}
	return "There is a policy for " + writes + ".", ""
})
