package audit

import (
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var policiesPermissiveMany = tableFault(Rule{
	ID:       "POL020",
	Name:     "policies-permissive-many",
	Title:    "several permissive policies hold for the same command",
	Severity: Info,
	Source:   "49",
	Doc: `Permissive policies are joined by OR: each one opens more, and each is computed for every row. What the table lets through is what all of them
together let through, which nobody reads in any of them.

Join them into one policy a command.`,
}, func(_ *Input, t *tenancy.Table) (string, string) {
	if !t.Relation.RowSecurity {
		return "", ""
	}
	for _, command := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
		var names []string
		for i := range t.Relation.Policies {
			p := &t.Relation.Policies[i]
			if p.Permissive && len(p.Roles) == 0 && (p.Command == "ALL" || p.Command == command) {
				names = append(names, p.Name)
			}
		}
		if len(names) > 1 {
			return "For " + command + ": " + list(names) + ".", ""
		}
	}
	return "", ""
})
